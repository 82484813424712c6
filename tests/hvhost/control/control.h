/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: one JSON object per line, in both directions. The reply
 * to a command may come much later, after the client has disconnected: clients
 * are identified by numbers that are never reused.
 */
#ifndef HVHOST_CONTROL_H
#define HVHOST_CONTROL_H

#include <jansson.h>
#include <sys/queue.h>

#include "console.h"
#include "peer.h"
#include "tests/hvhost/loop.h"
#include "wait.h"
#include "watch.h"

struct vm;
struct client;

struct control {
	struct vm *vm;
	bool relayed; /* see vmm_run() */
	struct source listener;
	struct source change; /* eventfd, written by control_changed() */
	uint64_t last_client;
	size_t client_count;
	LIST_HEAD(clients, client) clients;
	struct console console;
	struct waits waits;
	struct watches watches;
};

int control_init(struct control *control, struct vm *vm, bool relayed);
int control_listen(struct control *control);
void control_done(struct control *control);

/* Checks what clients wait for or watch. May be called from any thread. */
void control_changed(struct control *control);

/* Both take ownership of @json. A command has any number of events, followed by one reply. */
void control_event(struct control *control, uint64_t client, json_t *json);
void control_reply(struct control *control, uint64_t client, json_t *json);
/* Replies without further members. */
void control_ok(struct control *control, uint64_t client);
void control_fail(struct control *control, uint64_t client, uint32_t hresult, const char *why);
void control_fail_no_memory(struct control *control, uint64_t client);
/* {"ok":false,...} and {"ok":true,"hresult":...,"name":...}, for the caller to extend. */
json_t *control_failure(uint32_t hresult, const char *why);
json_t *control_result(uint32_t hresult);
bool control_has_client(const struct control *control, uint64_t client);
enum permission control_permission(const struct control *control, uint64_t client);

/* commands.c: runs a command of @client, whose credentials are @peer. */
void command_run(struct vm *vm, uint64_t client, const struct peer *peer, const json_t *request);

#endif /* HVHOST_CONTROL_H */
