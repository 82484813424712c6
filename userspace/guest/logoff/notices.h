/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notices to the users of a request: on the terminals of their sessions, and on those of programs
 * below their user managers, if the request ends these.
 */
#ifndef HVL_NOTICES_H
#define HVL_NOTICES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "outcome.h"

struct engine;
struct session;
struct notified_user;

struct notices {
	struct notified_user *items;
	size_t count;
};

void notices_done(struct notices *notices);

/* Tells the user of a session that the request ends. */
void notices_add_session(struct engine *engine, const struct session *session);
/*
 * Looks up the managers that the request ends, if programs below them have terminals. Called when
 * the sessions are known.
 */
void notices_find_managers(struct engine *engine);
/* The answer to look_up_manager(): an enum manager_state or -errno. */
void notices_manager_found(struct engine *engine, uid_t uid, int state);
/* Tells the users that the request does not continue. */
void notices_call_off(struct engine *engine);

/*
 * HV_LOGOFF_UNTOLD for a user with a session of whom no notice was accepted. Returns false for any
 * other user. @index is below the number of users.
 */
bool notices_get_outcome(const struct notices *notices, size_t index, struct outcome *outcome);

#endif /* HVL_NOTICES_H */
