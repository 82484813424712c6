/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads that do the same for each of several things, a limited number at a time. */
#ifndef VMG_WORKERS_H
#define VMG_WORKERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "system.h"

struct workers {
	void (*work)(void *context, size_t index);
	void *context;
	size_t count, thread_count;
	atomic_size_t next, active;
	pthread_t *threads;
	waitable done; /* ready once there is nothing left to do */
};

/*
 * Calls @work with @context and each index below @count, in at most @bound threads at a time.
 * Returns false if not a single thread could be started.
 */
bool workers_start(struct workers *workers, size_t count, size_t bound,
		   void (*work)(void *context, size_t index), void *context);
/* Waits for the end, and frees everything. */
void workers_join(struct workers *workers);

#endif /* VMG_WORKERS_H */
