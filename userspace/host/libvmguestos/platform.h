/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks, the monotonic clock and random numbers of Linux and of Windows. */
#ifndef VMG_PLATFORM_H
#define VMG_PLATFORM_H

#include <stdint.h>
#include <stdlib.h>

#ifdef _WIN32

#include <windows.h>

#include <ntsecapi.h> /* RtlGenRandom() */

typedef SRWLOCK vmg_lock;

static inline void vmg_lock_init(vmg_lock *lock)
{
	InitializeSRWLock(lock);
}

static inline void vmg_lock_done(vmg_lock *lock)
{
	(void)lock;
}

static inline void vmg_lock_take(vmg_lock *lock)
{
	AcquireSRWLockExclusive(lock);
}

static inline void vmg_lock_give(vmg_lock *lock)
{
	ReleaseSRWLockExclusive(lock);
}

static inline int64_t vmg_now_ms(void)
{
	return (int64_t)GetTickCount64();
}

static inline int vmg_random(void *bytes, size_t size)
{
	return RtlGenRandom(bytes, (ULONG)size) ? 0 : -1;
}

#else

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#include "userspace/shared/util.h"

typedef pthread_mutex_t vmg_lock;

static inline void vmg_lock_init(vmg_lock *lock)
{
	pthread_mutex_init(lock, NULL);
}

static inline void vmg_lock_done(vmg_lock *lock)
{
	pthread_mutex_destroy(lock);
}

static inline void vmg_lock_take(vmg_lock *lock)
{
	pthread_mutex_lock(lock);
}

static inline void vmg_lock_give(vmg_lock *lock)
{
	pthread_mutex_unlock(lock);
}

/* Milliseconds of a clock that is never adjusted. */
static inline int64_t vmg_now_ms(void)
{
	return (int64_t)(monotonic_usec() / USEC_PER_MSEC);
}

/* Returns 0, or a negative value if there are no random numbers. @size is at most 256. */
static inline int vmg_random(void *bytes, size_t size)
{
	ssize_t got;

	do {
		got = getrandom(bytes, size, 0);
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)size ? 0 : -1;
}

#endif

#endif /* VMG_PLATFORM_H */
