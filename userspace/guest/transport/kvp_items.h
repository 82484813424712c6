/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The request's item and the answer's, in the pools: tells when the one changes, and keeps the
 * other as it should be, whatever other programs do to the pools. Never waits for a lock.
 */
#ifndef HVL_KVP_ITEMS_H
#define HVL_KVP_ITEMS_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "kvp_pool.h"
#include "userspace/guest/system/directory_watch.h"
#include "userspace/shared/kvp_value.h"

struct kvp_items {
	const char *folder;
	sd_event_source *timer;
	struct directory_watch watch;
	void (*request)(void *userdata, const char *value);
	void *userdata;
	char seen[KVP_VALUE_SIZE + 1]; /* the request, as it was handed on last */
	char answer[KVP_TEXT_MAX + 1]; /* empty: none is to be shown */
	int errors[2];                 /* of each pool, as they were told last */
};

/* @request is called for each new value of the request's item. 0 or -errno. */
int kvp_items_start(struct kvp_items *items, sd_event *event, const char *folder,
		    void (*request)(void *userdata, const char *value), void *userdata);
void kvp_items_publish(struct kvp_items *items, const char *answer);
/* Writes what is still to be written; with @remove the answer's item goes. */
void kvp_items_done(struct kvp_items *items, bool remove);

#endif /* HVL_KVP_ITEMS_H */
