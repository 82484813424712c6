/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command "watch": told of every session that ends in the guest, until its client leaves. */
#ifndef HVHOST_WATCH_H
#define HVHOST_WATCH_H

#include <jansson.h>
#include <stdint.h>
#include <sys/queue.h>

struct vm;
struct watcher;

struct watches {
	struct vm *vm;
	json_t *component; /* what the watchers were told of the logoff component last */
	LIST_HEAD(watchers, watcher) list;
};

void watches_init(struct watches *watches, struct vm *vm);
void watches_done(struct watches *watches);
/* Tells of the logoff component what is new. */
void watches_check(struct watches *watches);
void watches_tell(struct watches *watches, json_t *event);
void watch_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_WATCH_H */
