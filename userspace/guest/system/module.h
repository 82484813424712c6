/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading the driver. */
#ifndef HVL_MODULE_H
#define HVL_MODULE_H

#include <stdbool.h>

#define MODULE_NAME "hv_logoff"

/* Whether the host offers the VMBus device that the driver is for. */
bool module_has_device(void);
/* Loads the driver. Returns 0, or -errno after logging the reason. */
int module_load(void);

#endif /* HVL_MODULE_H */
