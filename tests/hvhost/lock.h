/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock on a machine's directory. Every process of the machine, QEMU included, holds it until it
 * exits: once the lock is free, no process of the machine can write or remove files there. The lock
 * file identifies the processes, so that they can be killed in any state.
 */
#ifndef HVHOST_LOCK_H
#define HVHOST_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/* Opens the lock file without locking it, and creates it if @create. A descriptor or -errno. */
int lock_open(const char *directory, bool create);
/* Locks it. Returns false if another process still holds the lock after @milliseconds. */
bool lock_take(int fd, unsigned int milliseconds);
void lock_release(int fd);

/* The PID argument of kill(2) that addresses all holders of the lock; 0 if it is not known yet. */
int lock_write_target(int fd, pid_t target);
pid_t lock_read_target(int fd);

#endif /* HVHOST_LOCK_H */
