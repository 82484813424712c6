/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the format of KVP items needs of the kernel's <linux/hyperv.h>. */
#ifndef HVL_WINDOWS_HYPERV_H
#define HVL_WINDOWS_HYPERV_H

/* The longest value of an item in a Linux guest, in bytes. */
#define HV_KVP_EXCHANGE_MAX_VALUE_SIZE 2048

#endif /* HVL_WINDOWS_HYPERV_H */
