// SPDX-License-Identifier: GPL-2.0-or-later
#include "workers.h"

#include <stdlib.h>

static void *run(void *argument)
{
	struct workers *workers = argument;
	size_t index;

	while ((index = atomic_fetch_add(&workers->next, 1)) < workers->count)
		workers->work(workers->context, index);
	if (atomic_fetch_sub(&workers->active, 1) == 1)
		system_set(workers->done);
	return NULL;
}

static void start_threads(struct workers *workers, size_t wanted)
{
	/* One more, so that the first threads cannot report the end before the last is started. */
	atomic_init(&workers->active, 1);
	while (workers->thread_count < wanted) {
		atomic_fetch_add(&workers->active, 1);
		if (pthread_create(&workers->threads[workers->thread_count], NULL, run, workers) !=
		    0) {
			atomic_fetch_sub(&workers->active, 1);
			break;
		}
		workers->thread_count++;
	}
	if (atomic_fetch_sub(&workers->active, 1) == 1)
		system_set(workers->done);
}

bool workers_start(struct workers *workers, size_t count, size_t bound,
		   void (*work)(void *context, size_t index), void *context)
{
	size_t wanted = count < bound ? count : bound;

	*workers = (struct workers){.work = work, .context = context, .count = count};
	atomic_init(&workers->next, 0);
	workers->done = system_event();
	workers->threads = calloc(wanted + 1, sizeof(pthread_t));
	if (workers->done >= 0 && workers->threads)
		start_threads(workers, wanted);
	if (workers->thread_count || !count)
		return true;
	workers_join(workers);
	return false;
}

void workers_join(struct workers *workers)
{
	for (size_t i = 0; i < workers->thread_count; i++)
		pthread_join(workers->threads[i], NULL);
	free(workers->threads);
	system_close(&workers->done);
}
