/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock on a machine's directory. Every process of the machine, QEMU included, holds it until it
 * exits: once the lock is free, nothing of the machine is left that could still write or remove
 * files there. The lock file names the processes, so that they can be killed in any state.
 */
#ifndef HVHOST_LOCK_H
#define HVHOST_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/* The lock file, close-on-exec and not locked; it is made if @create. A descriptor or -errno. */
int lock_open(const char *directory, bool create);
/* Locks it; false if it is still held by others after @milliseconds. */
bool lock_take(int fd, unsigned int milliseconds);
void lock_release(int fd);

/* Holders write the argument of kill(2) that ends them all; 0 if there is none yet. */
int lock_write_target(int fd, pid_t target);
pid_t lock_read_target(int fd);

#endif /* HVHOST_LOCK_H */
