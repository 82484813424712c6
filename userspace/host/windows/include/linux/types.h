/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of <linux/hv_logoff.h> and of the driver's messages, which mingw-w64 does not have. */
#ifndef HVL_WINDOWS_TYPES_H
#define HVL_WINDOWS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;

/* What the kernel's headers define. */
#define __packed     __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))

#endif /* HVL_WINDOWS_TYPES_H */
