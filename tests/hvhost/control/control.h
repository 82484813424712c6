/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: one JSON object a line, each way. A command may be
 * answered long after it came, and its client may be gone by then: clients are
 * known by a number that is never used again.
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
	char *path;
	bool relayed; /* see vmm_run() */
	struct source listener;
	struct source change; /* eventfd: see control_changed() */
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

/* What clients wait for may have come true. From any thread. */
void control_changed(struct control *control);

/* All of these take @json. A final reply ends the command; events come before it. */
void control_event(struct control *control, uint64_t client, json_t *json);
void control_reply(struct control *control, uint64_t client, json_t *json);
void control_fail(struct control *control, uint64_t client, uint32_t hresult, const char *why);
/* {"ok":false,...} and {"ok":true,"hresult":...,"name":...}, to be added to. */
json_t *control_failure(uint32_t hresult, const char *why);
json_t *control_result(uint32_t hresult);
bool control_has_client(const struct control *control, uint64_t client);
enum permission control_permission(const struct control *control, uint64_t client);

/* commands.c: what @peer, who is @client, asks for. */
void command_run(struct vm *vm, uint64_t client, const struct peer *peer, const json_t *request);

#endif /* HVHOST_CONTROL_H */
