/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleanup at the end of a scope, the monotonic clock, and common macros. */
#ifndef HVL_UTIL_H
#define HVL_UTIL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define _cleanup_(f)     __attribute__((cleanup(f)))
#define _cleanup_free_   _cleanup_(freep)
#define _cleanup_close_  _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

/* The compiler of mingw-w64 checks "printf" for Windows' functions, which its library replaces. */
#ifdef __MINGW_PRINTF_FORMAT
#define _printf_(text, first) __attribute__((format(__MINGW_PRINTF_FORMAT, text, first)))
#else
#define _printf_(text, first) __attribute__((format(printf, text, first)))
#endif

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

static inline void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Microseconds of a clock that is never adjusted. */
static inline uint64_t monotonic_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

#endif /* HVL_UTIL_H */
