/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * <linux/types.h> for kernel code that is compiled in user space: the kernel's own header also
 * defines bool, size_t, offsetof() and the attributes. The other headers that such code includes,
 * <linux/errno.h> and <linux/string.h>, exist in user space. Compare the kernel's tools/include.
 */
#ifndef HVL_SHIM_TYPES_H
#define HVL_SHIM_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#ifndef __packed
#define __packed __attribute__((packed))
#endif
#ifndef __aligned
#define __aligned(n) __attribute__((aligned(n)))
#endif

#endif /* HVL_SHIM_TYPES_H */
