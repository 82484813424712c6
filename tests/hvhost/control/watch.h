/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command "watch": reports sessions that end in the guest, until the client disconnects. */
#ifndef HVHOST_WATCH_H
#define HVHOST_WATCH_H

#include <jansson.h>
#include <stdint.h>
#include <sys/queue.h>

struct vm;
struct watcher;

struct watches {
	struct vm *vm;
	json_t *component; /* the last event about the logoff component */
	LIST_HEAD(watchers, watcher) list;
};

void watches_init(struct watches *watches, struct vm *vm);
void watches_done(struct watches *watches);
/* Sends an event if the state of the logoff component has changed. */
void watches_check(struct watches *watches);
void watches_notify(struct watches *watches, json_t *event);
void watch_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_WATCH_H */
