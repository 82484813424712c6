/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which sessions of users there are, whether or not there is a request, and how
 * each one ends: says so once for each, whoever has noticed it first.
 */
#ifndef HVL_WATCH_H
#define HVL_WATCH_H

#include <linux/hv_logoff.h>
#include <stdbool.h>
#include <stdint.h>

#include "session.h"
#include "userspace/guest/config.h"

/* The world outside; the tests have one of their own. */
struct watch_ops {
	/* Ask for all sessions; unless it fails, watch_listed() follows. 0 or -errno. */
	int (*list)(void *outside);
	/* Call watch_list() in some seconds. */
	void (*list_later)(void *outside);
	/* Has ended; @request as in watch_claim(), otherwise 0. */
	void (*ended)(void *outside, const struct session *session, enum hv_logoff_kind kind,
		      uint64_t request);
};

struct watch {
	const struct watch_ops *ops;
	void *outside;
	const struct config *config;
	struct watched *sessions;
	size_t count;
	unsigned int lists; /* that were asked for */
};

void watch_init(struct watch *watch, const struct watch_ops *ops, void *outside,
		const struct config *config);
void watch_done(struct watch *watch);

/* At the start, and when signals from logind may have been missed. */
void watch_list(struct watch *watch);
/* A list is being asked for, by whomever. Who is found from now on may not be in it. */
void watch_list_asked(struct watch *watch);
/* The sessions that there are, or a negative @error. */
void watch_listed(struct watch *watch, const struct session_list *list, int error);

/* There is a new session. */
void watch_found(struct watch *watch, const struct session *session);
/* Somebody in the guest has its scope stopped. */
void watch_stopping(struct watch *watch, const char *id);
/* It is being ended for @request, which may be 0. */
void watch_claim(struct watch *watch, const char *id, uint64_t request);
void watch_removed(struct watch *watch, const char *id);
/* There is nothing left of it, though logind may list it still. */
void watch_dead(struct watch *watch, const char *id);

#endif /* HVL_WATCH_H */
