/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types of <linux/hv_logoff.h>, which mingw-w64 does not have. */
#ifndef HVL_WINDOWS_TYPES_H
#define HVL_WINDOWS_TYPES_H

#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;

#endif /* HVL_WINDOWS_TYPES_H */
