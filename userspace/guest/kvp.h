/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way in by KVP: what becomes of each value that the host writes, and what the answer says.
 * A request is carried out at most once, whatever is restarted meanwhile: see docs/kvp.md.
 */
#ifndef HVL_KVP_H
#define HVL_KVP_H

#include <stdint.h>

#include "engine.h"
#include "kvp_journal.h"
#include "kvp_text.h"

struct kvp_ops {
	/* Seconds since 1970 by this machine's clock: now, and when it was started. */
	int64_t (*now)(void *outside);
	int64_t (*booted)(void *outside);
	/* Show this answer to the host from now on. */
	void (*publish)(void *outside, const char *value);
};

struct kvp {
	const struct kvp_ops *ops;
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
int kvp_init(struct kvp *kvp, const struct kvp_ops *ops, void *outside, struct engine *engine,
	     const char *folder, const char *boot);
/* The host has written a request. The same one may be given any number of times. */
void kvp_take(struct kvp *kvp, const char *value);
/* A request in flight gets its answer. Whether the host may still want to read one. */
bool kvp_done(struct kvp *kvp);

#endif /* HVL_KVP_H */
