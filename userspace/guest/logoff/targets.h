/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sessions that a request ends. Each is ended in steps. */
#ifndef HVL_TARGETS_H
#define HVL_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"
#include "steps.h"

/* The last step that was taken to end a session; each step is stronger than the previous one. */
enum target_step {
	TARGET_FOUND,
	TARGET_SIGNALED,
	TARGET_KILLED,
	TARGET_KILLED_BY_LOGIND,
	TARGET_STOPPED,
	TARGET_ENDED,
};

struct target {
	struct session session;
	enum target_step step;
	uint64_t next;     /* when the next step is due */
	uint64_t wait_end; /* the first step waits no longer for logind to open the session */
	bool begun;        /* a step was taken */
	uint64_t ended_at; /* if the request ended it; otherwise 0 */
	uint64_t reopened; /* when it was found, if that was soon after the end of another one */
	bool given_up;
};

struct targets {
	struct target *items;
	size_t count;
};

struct target_counts {
	unsigned int found;
	unsigned int ended;
	unsigned int given_up; /* of those that have not ended */
};

void targets_done(struct targets *targets);

/*
 * Takes ownership of the strings of @session. It is given up if its user's sessions are opened as
 * fast as the request ends them. Returns the target, or NULL if memory is exhausted.
 */
struct target *targets_add(struct targets *targets, struct session *session, uint64_t now);
/* The newest one with this id. */
struct target *targets_find(const struct targets *targets, const char *id);
bool targets_include(const struct targets *targets, const struct session *session);
struct target_counts targets_count(const struct targets *targets);
/* Lists those that have not ended, as many as fit into @text. */
void targets_list(const struct targets *targets, char *text, size_t size);

void target_end(struct target *target, uint64_t now);
/* Temporary failures: the session is still being opened, or the bus restarts. */
void target_retry(struct target *target, const struct steps_context *context);

/* Sessions that were being opened may be open: their first step is due again. */
void targets_check_opening(struct targets *targets, uint64_t now);
/* Takes the steps that are due, unless @deadline is over. */
void targets_advance(struct targets *targets, const struct steps_context *context,
		     uint64_t deadline);
/* The time at which targets_advance() must be called. */
uint64_t targets_next(const struct targets *targets);

#endif /* HVL_TARGETS_H */
