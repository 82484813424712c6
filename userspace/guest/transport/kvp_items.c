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
/* The same after a write has failed: closing the file triggers our own inotify watch then, too. */
#define LONG_DELAY (2 * USEC_PER_SEC)
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

/*
 * Writes only if necessary: closing the file triggers our own inotify watch. If @wanted is empty,
 * the item is removed.
 */
static int write_item(struct kvp_pool *pool, const char *key, const char *wanted)
{
	char value[KVP_VALUE_SIZE + 1] = "";
	int r = kvp_pool_read(pool, key, value);

	if (r < 0 || (r == 0 && !wanted[0]) || (r > 0 && wanted[0] && !strcmp(value, wanted)))
		return r;
	return wanted[0] ? kvp_pool_write(pool, key, wanted) : kvp_pool_remove(pool, key);
}

static int write_sessions(struct kvp_items *items)
{
	char key[KVP_SESSIONS_KEY_SIZE];
	int r = 0;

	for (unsigned int i = 0; i < items->sessions.count && r >= 0; i++) {
		kvp_sessions_key(key, i + 1);
		r = write_item(&items->pools[KVP_POOL_GUEST], key, items->sessions.values[i]);
	}
	return r;
}

/* Whether a previous daemon has written @value for the request that is answered. */
static bool is_inherited(const struct kvp_items *items, const char *value)
{
	struct kvp_sessions_part part;

	return items->sessions.count == 0 && kvp_sessions_parse(&part, value, NULL, NULL) == 0 &&
	       !strcmp(part.id, items->id);
}

static int remove_sessions(struct kvp_items *items)
{
	struct kvp_pool *pool = &items->pools[KVP_POOL_GUEST];
	char value[KVP_VALUE_SIZE + 1];
	char key[KVP_SESSIONS_KEY_SIZE];
	int r = 0;

	for (unsigned int i = items->sessions.count; i < KVP_SESSIONS_MAX && r >= 0; i++) {
		kvp_sessions_key(key, i + 1);
		r = kvp_pool_read(pool, key, value);
		if (r > 0 && !is_inherited(items, value))
			r = kvp_pool_remove(pool, key);
	}
	return r;
}

/*
 * A host that reads an answer with a result finds the outcomes, since they are written before it,
 * and removed after it. The result is written even if they cannot be.
 */
static int write_items(struct kvp_items *items)
{
	int sessions = write_sessions(items);
	int r = sessions;

	if (r != -EAGAIN)
		r = write_item(&items->pools[KVP_POOL_GUEST], KVP_ANSWER_KEY, items->answer);
	if (r >= 0)
		r = remove_sessions(items);
	return r < 0 ? r : sessions;
}

/* There is no answer while pool 0 cannot be read: an answer means that requests are accepted. */
static int check(struct kvp_items *items)
{
	int r = read_request(items);

	if (r < 0 || !items->answer[0])
		return r;
	r = write_items(items);
	note_result(items, KVP_POOL_GUEST, r);
	return r;
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
		schedule(items, items->errors[KVP_POOL_GUEST] ? LONG_DELAY : DELAY);
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

void kvp_items_publish(struct kvp_items *items, const char *answer, const char *id,
		       const struct kvp_sessions *sessions)
{
	strncpy(items->answer, answer, sizeof(items->answer) - 1);
	strncpy(items->id, id, sizeof(items->id) - 1);
	items->sessions = *sessions;
	schedule(items, 0);
}

/* Blocks for a bounded time. */
static void write_last(struct kvp_items *items, bool remove)
{
	static const struct timespec delay = {.tv_nsec = LAST_DELAY * 1000};

	if (remove)
		items->answer[0] = items->id[0] = items->sessions.count = 0;
	else if (!items->answer[0])
		return;
	for (int i = 0; i < LAST_TRIES && write_items(items) == -EAGAIN; i++)
		nanosleep(&delay, NULL);
}

void kvp_items_done(struct kvp_items *items, bool remove)
{
	if (!items->timer)
		return;
	directory_watch_done(&items->watch);
	kvp_locks_done(&items->locks);
	items->timer = sd_event_source_disable_unref(items->timer);
	write_last(items, remove);
}

void kvp_items_remove_answer(const char *directory)
{
	struct kvp_items items = {
		.pools[KVP_POOL_GUEST] = {.directory = directory, .number = KVP_POOL_GUEST},
	};

	write_last(&items, true);
}
