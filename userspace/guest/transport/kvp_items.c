// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_items.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "userspace/guest/log.h"
#include "userspace/shared/util.h"

/* Delay before a lock is tried again, and before a change by another program is checked. */
#define DELAY      (50 * USEC_PER_MSEC)
/* Attempts to get the lock on exit, and the delay between them: longer than KVP_FLOCK_PATIENCE. */
#define LAST_TRIES 150
#define LAST_DELAY (10 * USEC_PER_MSEC)

/* A check that is due earlier is not delayed. */
static void schedule(struct kvp_items *items, uint64_t delay)
{
	if (delay > 0 && sd_event_source_get_enabled(items->timer, NULL) > 0)
		return;
	sd_event_source_set_time_relative(items->timer, delay);
	sd_event_source_set_enabled(items->timer, SD_EVENT_ONESHOT);
}

/* Logs each error only once. A pool that does not exist yet is not an error. */
static void note_result(struct kvp_items *items, enum hv_kvp_exchg_pool pool, int error)
{
	if (error == -EAGAIN)
		kvp_locks_busy(&items->locks, pool);
	if (error >= 0 || error == -EAGAIN || error == -ENOENT)
		error = 0;
	if (error < 0 && error != items->errors[pool])
		log_message(LOG_ERR, "The pool %s/%s %s", items->pools[pool].directory,
			    kvp_pool_name(pool), kvp_pool_explain(error));
	items->errors[pool] = error;
}

/* A user who can open a pool can lock it, and thereby stop hv_kvp_daemon and this transport. */
static void protect(struct kvp_items *items)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(items->pools); i++) {
		const struct kvp_pool *pool = &items->pools[i];

		if (kvp_pool_make_private(pool) <= 0 || items->protected[i])
			continue;
		items->protected[i] = true;
		log_message(LOG_NOTICE,
			    "Other users could open the pool %s/%s, and stop requests by KVP with "
			    "a lock on it. Only root has access to it now.",
			    pool->directory, kvp_pool_name(pool->number));
	}
}

static int read_request(struct kvp_items *items)
{
	char value[KVP_VALUE_SIZE + 1];
	int r = kvp_pool_read(&items->pools[KVP_POOL_EXTERNAL], KVP_REQUEST_KEY, value);

	note_result(items, KVP_POOL_EXTERNAL, r);
	if (r == 0)
		items->seen[0] = '\0';
	if (r <= 0 || !strcmp(value, items->seen))
		return r;
	memcpy(items->seen, value, sizeof(value));
	items->request(items->userdata, value);
	return r;
}

/* Writes only if necessary: closing the file triggers our own inotify watch. */
static int write_answer(struct kvp_items *items)
{
	char value[KVP_VALUE_SIZE + 1];
	struct kvp_pool *pool = &items->pools[KVP_POOL_GUEST];
	int r = kvp_pool_read(pool, KVP_ANSWER_KEY, value);

	if (r == 0 || (r > 0 && strcmp(value, items->answer) != 0))
		r = kvp_pool_write(pool, KVP_ANSWER_KEY, items->answer);
	note_result(items, KVP_POOL_GUEST, r);
	return r;
}

/* There is no answer while pool 0 cannot be read: an answer means that requests are accepted. */
static int check(struct kvp_items *items)
{
	int r = read_request(items);

	return r < 0 || !items->answer[0] ? r : write_answer(items);
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
	struct kvp_items *items = userdata;

	(void)source;
	(void)time;
	if (check(items) == -EAGAIN)
		schedule(items, DELAY);
	return 0;
}

static void on_change(void *userdata, const char *name)
{
	struct kvp_items *items = userdata;

	protect(items);
	if (!name || !strcmp(name, kvp_pool_name(KVP_POOL_EXTERNAL)))
		schedule(items, 0);
	else if (!strcmp(name, kvp_pool_name(KVP_POOL_GUEST)))
		schedule(items, DELAY);
}

int kvp_items_start(struct kvp_items *items, sd_event *event, const char *directory,
		    void (*request)(void *userdata, const char *value), void *userdata)
{
	int r;

	*items = (struct kvp_items){.request = request, .userdata = userdata};
	for (unsigned int i = 0; i < ARRAY_SIZE(items->pools); i++)
		items->pools[i] = (struct kvp_pool){.directory = directory, .number = i};
	r = sd_event_add_time_relative(event, &items->timer, CLOCK_MONOTONIC, 0, 10 * USEC_PER_MSEC,
				       on_time, items);
	if (r >= 0)
		r = kvp_locks_start(&items->locks, event, directory);
	/* Programs close the file, which releases the lock, when it is complete. */
	if (r >= 0)
		r = directory_watch_start(&items->watch, event, directory,
					  IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO, on_change,
					  items);
	if (r < 0) {
		kvp_locks_done(&items->locks);
		items->timer = sd_event_source_disable_unref(items->timer);
		return r;
	}
	protect(items);
	return r;
}

void kvp_items_publish(struct kvp_items *items, const char *answer)
{
	strncpy(items->answer, answer, sizeof(items->answer) - 1);
	schedule(items, 0);
}

static int write_last(struct kvp_pool *pool, const char *answer, bool remove)
{
	if (remove)
		return kvp_pool_remove(pool, KVP_ANSWER_KEY);
	return answer[0] ? kvp_pool_write(pool, KVP_ANSWER_KEY, answer) : 0;
}

/* Blocks for a bounded time. */
static void try_write_last(struct kvp_pool *pool, const char *answer, bool remove)
{
	static const struct timespec delay = {.tv_nsec = LAST_DELAY * 1000};

	for (int i = 0; i < LAST_TRIES && write_last(pool, answer, remove) == -EAGAIN; i++)
		nanosleep(&delay, NULL);
}

void kvp_items_done(struct kvp_items *items, bool remove)
{
	if (!items->timer)
		return;
	directory_watch_done(&items->watch);
	kvp_locks_done(&items->locks);
	items->timer = sd_event_source_disable_unref(items->timer);
	try_write_last(&items->pools[KVP_POOL_GUEST], items->answer, remove);
}

void kvp_items_remove_answer(const char *directory)
{
	struct kvp_pool pool = {.directory = directory, .number = KVP_POOL_GUEST};

	try_write_last(&pool, "", true);
}
