/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the users with processes that belong to no session, such as those of users who were logged
 * on without pam_systemd, or while logind was not running. hv-logoffd(8) has the rule.
 */
#ifndef HVL_OUTSIDE_H
#define HVL_OUTSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "logind.h"
#include "userspace/guest/logoff/engine.h"

struct outside_ops {
	/* Ask PID 1 as logind_look_up_service(). outside_service_found() follows. */
	int (*look_up_service)(void *userdata, const char *unit, bool terminal);
	/* The result of outside_find(), ordered by uid. Only valid during the call. */
	void (*found)(void *userdata, const struct outside_user *users, size_t count);
};

struct outside {
	sd_event *event;
	const struct outside_ops *ops;
	void *userdata;
	struct outside_search *search; /* in progress, or NULL */
	/* These are different in tests. */
	const char *proc;
	const char *login_defs;
	uint64_t timeout;
};

void outside_init(struct outside *outside, sd_event *event, const struct outside_ops *ops,
		  void *userdata);
/* Cancels the search, if there is one. */
void outside_done(struct outside *outside);

/*
 * Replaces the previous search. SIGCHLD must be blocked. Returns 0, and found() follows, from the
 * event loop, within 2 s: if the search takes longer, without some users or names. Or -errno.
 */
int outside_find(struct outside *outside);

/* NULL: there is no such service, or PID 1 did not answer. */
void outside_service_found(struct outside *outside, const char *unit,
			   const struct service *service);

#endif /* HVL_OUTSIDE_H */
