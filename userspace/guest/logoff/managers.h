/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user managers (user@UID.service) of the users whose sessions a request ends, and all other
 * processes in the slices of these users. Once a user has no session left, the manager is stopped
 * in steps. logind would do that only UserStopDelaySec= later, and not if the user lingers: such a
 * manager is left running.
 */
#ifndef HVL_MANAGERS_H
#define HVL_MANAGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct engine_ops;

/* The state of a user manager, as reported by PID 1 and logind. */
enum manager_state {
	MANAGER_INACTIVE,
	MANAGER_ACTIVE,
	MANAGER_LINGERS, /* active, even without a session */
};

struct manager;

struct managers {
	struct manager *items;
	size_t count;
};

/* What the steps depend on. */
struct managers_context {
	const struct engine_ops *ops;
	void *userdata; /* of the ops */
	uint64_t escalate;
	bool force;
	/* Sessions may have been opened since the last list, so no manager is stopped. */
	bool list_is_old;
};

void managers_done(struct managers *managers);

/* Adds the user's manager unless it has already been added. Returns 0 or -ENOMEM. */
int managers_add(struct managers *managers, uid_t uid, const char *user);

/* Count a user's sessions. While there is one, the manager is not stopped. */
void managers_reset_sessions(struct managers *managers);
void managers_session_found(struct managers *managers, uid_t uid);
void managers_session_ended(struct managers *managers, uid_t uid);

/* Whether anything is left to stop. */
bool managers_are_left(struct managers *managers, const struct managers_context *context);
/* Takes the steps that are due. Returns whether one is delayed until the sessions are listed. */
bool managers_advance(struct managers *managers, const struct managers_context *context);
/* The answer to look_up_manager(): an enum manager_state or -errno. */
void managers_found(struct managers *managers, const struct managers_context *context, uid_t uid,
		    int state);
/* The time at which managers_advance() must be called. */
uint64_t managers_next(const struct managers *managers);

/* Lists the users, as many as fit, whose managers linger or are left. Returns their number. */
unsigned int managers_list(const struct managers *managers, bool lingering, char *text,
			   size_t size);

#endif /* HVL_MANAGERS_H */
