/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver, when its device is not there. */
#ifndef HVL_MODULE_H
#define HVL_MODULE_H

#define MODULE_NAME "hv_logoff"

/* Loads the driver. -errno after saying why it is of no use, or cannot be had. */
int module_load(void);

#endif /* HVL_MODULE_H */
