/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices that the host offers. */
#ifndef HVL_VMBUS_H
#define HVL_VMBUS_H

#include <stdbool.h>

/* Classes of devices: the logoff component, the same as in driver/wire.h, and KVP. */
#define VMBUS_LOGOFF "{99fea0db-4880-499a-b6d8-73dff9bc91be}"
#define VMBUS_KVP    "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}"

/* @root is the directory with sys/, without a slash at the end: "" outside of tests. */
bool vmbus_exists(const char *root);
bool vmbus_offers(const char *root, const char *class);

#endif /* HVL_VMBUS_H */
