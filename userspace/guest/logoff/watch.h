/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracks all user sessions, even without a request, and reports the end of each session once, with
 * its kind.
 */
#ifndef HVL_WATCH_H
#define HVL_WATCH_H

#include <linux/hv_logoff.h>
#include <stdbool.h>
#include <stdint.h>

#include "session.h"
#include "userspace/guest/config.h"

/* What the watch needs from the daemon. */
struct watch_ops {
	/* Request a list of all sessions. Returns 0, and watch_listed() follows; or -errno. */
	int (*list)(void *userdata);
	/* Call watch_list() after some seconds. */
	void (*list_later)(void *userdata);
	/* The session has ended; @request is that of watch_claim(), or 0. */
	void (*ended)(void *userdata, const struct session *session, enum hv_logoff_kind kind,
		      uint64_t request);
};

struct watch {
	const struct watch_ops *ops;
	void *userdata;
	const struct config *config;
	struct watched *sessions;
	size_t count;
	unsigned int lists; /* number of lists requested so far */
};

void watch_init(struct watch *watch, const struct watch_ops *ops, void *userdata,
		const struct config *config);
void watch_done(struct watch *watch);

/* At the start, and when signals from logind may have been missed. */
void watch_list(struct watch *watch);
/* Must be called for every requested list: sessions found from now on may be missing in it. */
void watch_list_requested(struct watch *watch);
/* All sessions, or a negative @error. */
void watch_listed(struct watch *watch, const struct session_list *list, int error);

void watch_found(struct watch *watch, const struct session *session);
/* PID 1 was requested to stop its scope from within the guest. */
void watch_stopping(struct watch *watch, const char *id);
/* The request @request, which may be 0, starts to end it. */
void watch_claim(struct watch *watch, const char *id, uint64_t request);
void watch_removed(struct watch *watch, const char *id);
/* It has ended, but logind may still list it. */
void watch_ended(struct watch *watch, const char *id);

#endif /* HVL_WATCH_H */
