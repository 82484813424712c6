/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver, when its device is not there. */
#ifndef HVL_MODULE_H
#define HVL_MODULE_H

#include <stdbool.h>

#define MODULE_NAME "hv_logoff"

/* Whether the host offers what the driver is for. */
bool module_is_wanted(void);
/* Loads the driver. -errno after saying why it is of no use, or cannot be had. */
int module_load(void);

#endif /* HVL_MODULE_H */
