/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The items of the request and of the answer in the pools: reports new requests, and restores the
 * answer if other programs change or drop it. It never blocks on a lock.
 */
#ifndef HVL_KVP_ITEMS_H
#define HVL_KVP_ITEMS_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "kvp_locks.h"
#include "kvp_pool.h"
#include "userspace/guest/system/directory_watch.h"
#include "userspace/shared/kvp_value.h"

struct kvp_items {
	struct kvp_pool pools[KVP_POOL_GUEST + 1];
	sd_event_source *timer;
	struct directory_watch watch;
	struct kvp_locks locks;
	void (*request)(void *userdata, const char *value);
	void *userdata;
	char seen[KVP_VALUE_SIZE + 1];      /* the last request that was reported */
	char answer[KVP_TEXT_MAX + 1];      /* empty: there must be no answer */
	int errors[KVP_POOL_GUEST + 1];     /* of each pool, as last logged */
	bool protected[KVP_POOL_GUEST + 1]; /* its protection has been logged */
};

/* Calls @request for each new value of the request's item. Returns 0 or -errno. */
int kvp_items_start(struct kvp_items *items, sd_event *event, const char *directory,
		    void (*request)(void *userdata, const char *value), void *userdata);
void kvp_items_publish(struct kvp_items *items, const char *answer);
/* Writes a pending answer, or, with @remove, removes the answer's item. */
void kvp_items_done(struct kvp_items *items, bool remove);
/* Removes the answer of a daemon that has exited. */
void kvp_items_remove_answer(const char *directory);

#endif /* HVL_KVP_ITEMS_H */
