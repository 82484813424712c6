/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way in by KVP: what becomes of each value that the host writes, and what the answer says.
 * A request is carried out at most once, whatever is restarted meanwhile: see docs/kvp.md.
 */
#ifndef HVL_KVP_REQUESTS_H
#define HVL_KVP_REQUESTS_H

#include <stdint.h>

#include "kvp_journal.h"
#include "userspace/guest/logoff/engine.h"
#include "userspace/shared/kvp_value.h"

struct kvp_requests_ops {
	/* Seconds since 1970 by this machine's clock: now, and when it was started. */
	int64_t (*now)(void *outside);
	int64_t (*booted)(void *outside);
	/* Show this answer to the host from now on. */
	void (*publish)(void *outside, const char *value);
};

struct kvp_requests {
	const struct kvp_requests_ops *ops;
	void *outside;
	struct engine *engine;
	char boot[KVP_ID_SIZE];
	struct kvp_journal journal;
	struct kvp_answer answer;
};

/*
 * Publishes the answer to what came before this daemon. -errno after saying what is wrong, and
 * then there is nothing to be done with.
 */
int kvp_requests_init(struct kvp_requests *kvp, const struct kvp_requests_ops *ops, void *outside,
		      struct engine *engine, const char *folder, const char *boot);
/* The host has written a request. The same one may be given any number of times. */
void kvp_requests_take(struct kvp_requests *kvp, const char *value);
/* A request in flight gets its answer. Whether the host may still want to read one. */
bool kvp_requests_done(struct kvp_requests *kvp);

#endif /* HVL_KVP_REQUESTS_H */
