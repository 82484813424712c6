/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks, threads, events, the monotonic clock and random numbers of Linux and of Windows. */
#ifndef VMG_PLATFORM_H
#define VMG_PLATFORM_H

#include <stdbool.h>
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

typedef HANDLE vmg_event;
#define VMG_NO_EVENT NULL

static inline vmg_event vmg_event_new(void)
{
	return CreateEventW(NULL, TRUE, FALSE, NULL);
}

static inline bool vmg_event_good(vmg_event event)
{
	return event;
}

static inline void vmg_event_free(vmg_event event)
{
	if (event)
		CloseHandle(event);
}

static inline void vmg_event_set(vmg_event event)
{
	SetEvent(event);
}

static inline void vmg_event_clear(vmg_event event)
{
	ResetEvent(event);
}

/* Handles have 32 significant bits. */
static inline int vmg_event_descriptor(vmg_event event)
{
	return HandleToLong(event);
}

/* Returns false at @deadline, a vmg_now_ms() or -1 for no limit. */
static inline bool vmg_event_wait(vmg_event event, int64_t deadline)
{
	int64_t left = deadline < 0 ? INFINITE : deadline - vmg_now_ms();

	if (deadline >= 0 && left < 0)
		left = 0;
	return WaitForSingleObject(event, (DWORD)left) == WAIT_OBJECT_0;
}

typedef HANDLE vmg_thread;
#define VMG_THREAD_RESULT DWORD WINAPI

static inline bool vmg_thread_start(vmg_thread *thread, DWORD(WINAPI *run)(void *), void *argument)
{
	*thread = CreateThread(NULL, 0, run, argument, 0, NULL);
	return *thread;
}

static inline void vmg_thread_join(vmg_thread thread)
{
	WaitForSingleObject(thread, INFINITE);
	CloseHandle(thread);
}

/* Of the calling thread, which nobody joins. */
static inline void vmg_thread_detach(vmg_thread thread)
{
	CloseHandle(thread);
}

#else

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
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

/* Once set, an event stays set until it is cleared. */
typedef int vmg_event;
#define VMG_NO_EVENT      (-1)

static inline vmg_event vmg_event_new(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static inline bool vmg_event_good(vmg_event event)
{
	return event >= 0;
}

static inline void vmg_event_free(vmg_event event)
{
	closep(&event);
}

static inline void vmg_event_set(vmg_event event)
{
	eventfd_write(event, 1);
}

static inline void vmg_event_clear(vmg_event event)
{
	eventfd_t value;

	eventfd_read(event, &value);
}

/* For poll(). */
static inline int vmg_event_descriptor(vmg_event event)
{
	return event;
}

/* The time for poll() until @deadline, a vmg_now_ms() or -1 for no limit. */
static inline int vmg_poll_time(int64_t deadline)
{
	int64_t left = deadline < 0 ? -1 : deadline - vmg_now_ms();

	if (deadline >= 0 && left < 0)
		left = 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Returns false at @deadline, as above. */
static inline bool vmg_event_wait(vmg_event event, int64_t deadline)
{
	struct pollfd ready = {.fd = event, .events = POLLIN};
	int ret;

	do {
		ret = poll(&ready, 1, vmg_poll_time(deadline));
	} while (ret < 0 && errno == EINTR);
	return ret > 0;
}

typedef pthread_t vmg_thread;
#define VMG_THREAD_RESULT void *

/* All signals are blocked in the thread, so that the program's own threads handle them. */
static inline bool vmg_thread_start(vmg_thread *thread, void *(*run)(void *), void *argument)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(thread, NULL, run, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret == 0;
}

static inline void vmg_thread_join(vmg_thread thread)
{
	pthread_join(thread, NULL);
}

/* Of the calling thread, which nobody joins. */
static inline void vmg_thread_detach(vmg_thread thread)
{
	pthread_detach(thread);
}

#endif

#endif /* VMG_PLATFORM_H */
