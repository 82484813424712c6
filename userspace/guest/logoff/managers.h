/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user managers (user@UID.service) of the users whose sessions a request ends, and all other
 * processes in the slices of these users. Once a user has no session left, the manager is stopped
 * in steps. logind would do that only UserStopDelaySec= later, and not if the user lingers: such a
 * manager is left running unless the request includes lingering users.
 */
#ifndef HVL_MANAGERS_H
#define HVL_MANAGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "outcome.h"
#include "steps.h"

/* The state of a user manager, as reported by PID 1 and logind. */
enum manager_state {
	MANAGER_INACTIVE,
	MANAGER_ACTIVE,
	MANAGER_LINGERS, /* active, even without a session */
};

/* A user whom logind lists: one with a session, one who lingers, or one whose manager stops. */
struct listed_user {
	uid_t uid;
	char *name;
	bool lingers;
};

struct manager;

struct managers {
	struct manager *items;
	size_t count;
};

void managers_done(struct managers *managers);

/* Adds the user's manager unless it has already been added. Returns 0 or -ENOMEM. */
int managers_add(struct managers *managers, uid_t uid, const char *user);
/* The same, for a user who may have no session. Unless @stop, the manager may stay. */
int managers_add_listed(struct managers *managers, const struct listed_user *user, bool stop);

/* Count a user's sessions. While there is one, the manager is not stopped. */
void managers_reset_sessions(struct managers *managers);
void managers_session_found(struct managers *managers, uid_t uid);
void managers_session_ended(struct managers *managers, uid_t uid);

/*
 * Whether the request stops the manager once its user has no session left. @index is below the
 * number of managers. *@user is valid until the next call of managers_add() or managers_done().
 */
bool managers_wants(const struct managers *managers, size_t index, uid_t *uid, const char **user);
/* Whether anything is left to stop. */
bool managers_are_left(struct managers *managers, const struct steps_context *context);
/* Whether any manager was stopped. */
bool managers_were_stopped(const struct managers *managers);
/* Takes the steps that are due. Returns whether one is delayed until the sessions are listed. */
bool managers_advance(struct managers *managers, const struct steps_context *context);
/* The answer to look_up_manager(): an enum manager_state or -errno. */
void managers_found(struct managers *managers, const struct steps_context *context, uid_t uid,
		    int state);
/* The time at which managers_advance() must be called. */
uint64_t managers_next(const struct managers *managers);

/*
 * What became of a manager, or what would become of a lingering user's: HV_LOGOFF_MANAGER_ENDED,
 * _MANAGER_FAILED, _MANAGER_SELECTED, or HV_LOGOFF_LINGERING. Returns false if that is nothing.
 * @index is below the number of managers.
 */
bool managers_get_outcome(const struct managers *managers, size_t index, struct outcome *outcome);
bool managers_get_prospect(const struct managers *managers, const struct steps_context *context,
			   size_t index, struct outcome *outcome);

#endif /* HVL_MANAGERS_H */
