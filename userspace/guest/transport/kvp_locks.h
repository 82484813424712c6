/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logs which process has had a pool locked for seconds. A lock on any pool stops hv_kvp_daemon, and
 * pools 2 to 4 can be opened, and therefore locked, by all users.
 */
#ifndef HVL_KVP_LOCKS_H
#define HVL_KVP_LOCKS_H

#include <linux/hyperv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/* A lock is logged if every check during this period finds it. */
#define KVP_LOCKS_PERIOD (3 * USEC_PER_SEC)

struct kvp_locks {
	const char *directory;
	sd_event_source *timer;
	struct {
		uint64_t since; /* when a lock was first seen, or 0 */
		bool busy;      /* an attempt to lock it has failed since the last check */
		bool logged;
		pid_t owner; /* as logged */
	} pools[KVP_POOL_COUNT];
};

int kvp_locks_start(struct kvp_locks *locks, sd_event *event, const char *directory);
/* An attempt to lock the pool has failed. */
void kvp_locks_busy(struct kvp_locks *locks, enum hv_kvp_exchg_pool pool);
void kvp_locks_done(struct kvp_locks *locks);

struct kvp_lock {
	pid_t pid;  /* 0: unknown, -1: it belongs to an open file, not to a process */
	bool flock; /* made by flock(), which hv_kvp_daemon does not use */
};
/* Finds a lock on a file in the open /proc/locks, preferably one that is not made by flock(). */
bool kvp_locks_find(struct kvp_lock *lock, FILE *table, dev_t device, ino_t inode);

#endif /* HVL_KVP_LOCKS_H */
