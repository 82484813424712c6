/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pidfd_open() and pidfd_send_signal(), which glibc has only since 2.36. */
#ifndef HVL_PIDFD_H
#define HVL_PIDFD_H

#if __has_include(<sys/pidfd.h>)
#include <sys/pidfd.h>
#else
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int pidfd_open(pid_t pid, unsigned int flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int pidfd_send_signal(int pidfd, int number, siginfo_t *info, unsigned int flags)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, number, info, flags);
}
#endif

#endif /* HVL_PIDFD_H */
