/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ownership that ends with the scope, and the macros that every program needs. */
#ifndef HVL_UTIL_H
#define HVL_UTIL_H

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)    __attribute__((cleanup(f)))
#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_NEVER    UINT64_MAX

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

/* Closes *@fd, unless it is negative, and sets it to -1. */
static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#endif /* HVL_UTIL_H */
