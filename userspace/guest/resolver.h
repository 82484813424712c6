/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks up the uids of a request's user and of the exempt users, for the engine. */
#ifndef HVL_RESOLVER_H
#define HVL_RESOLVER_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "config.h"
#include "userspace/guest/logoff/engine.h"

struct resolver {
	sd_event *event;
	struct config *config;
	struct engine *engine;
	uint64_t timeout;
	struct user_lookup *lookup; /* in progress, or NULL */
	bool has_user;              /* the first name is the request's user */
};

/* The uids of exempt users in @config are updated. SIGCHLD must be blocked. */
void resolver_init(struct resolver *resolver, sd_event *event, struct config *config,
		   struct engine *engine);
void resolver_done(struct resolver *resolver);

/*
 * The engine's operation resolve(). Cancels the previous lookup. It fails after some seconds if
 * the name service does not answer.
 */
int resolver_start(struct resolver *resolver, const char *user);

#endif /* HVL_RESOLVER_H */
