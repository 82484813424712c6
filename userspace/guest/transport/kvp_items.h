/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The items of the request, of the answer and of its outcomes in the pools: reports new requests,
 * and restores the others if other programs change or drop them. It never blocks on a lock.
 */
#ifndef HVL_KVP_ITEMS_H
#define HVL_KVP_ITEMS_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "kvp_locks.h"
#include "kvp_pool.h"
#include "userspace/guest/system/directory_watch.h"
#include "userspace/shared/kvp_sessions.h"
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
	char id[KVP_ID_SIZE];               /* of the request that is answered; or empty */
	struct kvp_sessions sessions;       /* its outcomes */
	int errors[KVP_POOL_GUEST + 1];     /* of each pool, as last logged */
	bool protected[KVP_POOL_GUEST + 1]; /* its protection has been logged */
};

/* Calls @request for each new value of the request's item. Returns 0 or -errno. */
int kvp_items_start(struct kvp_items *items, sd_event *event, const char *directory,
		    void (*request)(void *userdata, const char *value), void *userdata);
/*
 * The items of @sessions precede the answer. If there are none, those that another daemon has
 * written for the request @id are kept. All others are removed.
 */
void kvp_items_publish(struct kvp_items *items, const char *answer, const char *id,
		       const struct kvp_sessions *sessions);
/* Writes what is pending, or, with @remove, removes all items of the guest. */
void kvp_items_done(struct kvp_items *items, bool remove);
/* Removes the items of a daemon that has exited. */
void kvp_items_remove_answer(const char *directory);

#endif /* HVL_KVP_ITEMS_H */
