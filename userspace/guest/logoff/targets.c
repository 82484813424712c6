// SPDX-License-Identifier: GPL-2.0-or-later
#include "targets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "userspace/shared/util.h"

#define RETRY (1 * USEC_PER_SEC)

/* A session that is opened within this time after the end of another one may be a loop, */
#define REOPENED     (2 * USEC_PER_SEC)
/* and is one after so many of them. */
#define REOPENED_MAX 5

void targets_done(struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++)
		session_done(&targets->items[i].session);
	free(targets->items);
	*targets = (struct targets){0};
}

static bool was_reopened(const struct targets *targets, uid_t uid, uint64_t now)
{
	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = &targets->items[i];

		if (target->session.uid == uid && target->ended_at &&
		    target->ended_at + REOPENED > now)
			return true;
	}
	return false;
}

/* Sessions that were found at the same time count once. */
static unsigned int count_reopened(const struct targets *targets, uid_t uid)
{
	unsigned int count = 0;
	uint64_t last = 0;

	for (size_t i = 0; i < targets->count; i++) {
		const struct target *target = &targets->items[i];

		if (target->session.uid != uid || !target->reopened || target->reopened == last)
			continue;
		last = target->reopened;
		count++;
	}
	return count;
}

struct target *targets_add(struct targets *targets, struct session *session, uint64_t now)
{
	bool reopened = was_reopened(targets, session->uid, now);
	struct target *items;
	struct target *target;

	items = reallocarray(targets->items, targets->count + 1, sizeof(*items));
	if (!items)
		return NULL;
	targets->items = items;
	target = &items[targets->count++];
	*target = (struct target){.session = *session, .reopened = reopened ? now : 0};
	*session = (struct session){0};
	if (reopened && count_reopened(targets, target->session.uid) > REOPENED_MAX) {
		target->given_up = true;
		target->next = USEC_NEVER;
	}
	return target;
}

struct target *targets_find(const struct targets *targets, const char *id)
{
	for (size_t i = targets->count; i > 0; i--)
		if (!strcmp(targets->items[i - 1].session.id, id))
			return &targets->items[i - 1];
	return NULL;
}

bool targets_include(const struct targets *targets, const struct session *session)
{
	for (size_t i = 0; i < targets->count; i++)
		if (session_is_same(&targets->items[i].session, session))
			return true;
	return false;
}

struct target_counts targets_count(const struct targets *targets)
{
	struct target_counts counts = {.found = targets->count};

	for (size_t i = 0; i < targets->count; i++) {
		bool ended = targets->items[i].step == TARGET_ENDED;

		counts.ended += ended;
		counts.given_up += targets->items[i].given_up && !ended;
	}
	return counts;
}

void targets_list(const struct targets *targets, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < targets->count && used < size; i++) {
		const struct session *session = &targets->items[i].session;

		if (targets->items[i].step != TARGET_ENDED)
			used += snprintf(text + used, size - used, "%s%s (%s)", used ? ", " : "",
					 session->id, session->user);
	}
}

void target_end(struct target *target, uint64_t now)
{
	if (target->begun)
		target->ended_at = now;
	target->step = TARGET_ENDED;
	target->next = USEC_NEVER;
}

void target_retry(struct target *target, const struct steps_context *context)
{
	if (target->step == TARGET_STOPPED)
		target->step = TARGET_KILLED_BY_LOGIND;
	else if (target->step == TARGET_KILLED_BY_LOGIND)
		target->step = TARGET_KILLED;
	else if (target->step == TARGET_SIGNALED)
		target->step = TARGET_FOUND;
	else
		return;
	target->next = context->ops->now(context->userdata) + RETRY;
}

static void kill_session(struct target *target, const struct steps_context *context, int number)
{
	if (context->ops->kill_session(context->userdata, &target->session, number) < 0)
		target_retry(target, context);
}

/*
 * logind sends the signals if the processes of the scope are not accessible. Processes that cannot
 * handle signals are killed without a delay.
 */
static void signal_session(struct target *target, const struct steps_context *context)
{
	int r = context->ops->signal(context->userdata, &target->session);

	if (r == -EBUSY)
		target->next = context->ops->now(context->userdata);
	if (r > 0 || r == -EBUSY)
		return;
	kill_session(target, context, SIGTERM);
	kill_session(target, context, SIGHUP);
	kill_session(target, context, SIGCONT);
}

static void take_next_step(struct target *target, const struct steps_context *context)
{
	const struct engine_ops *ops = context->ops;
	const struct session *session = &target->session;

	if (target->step == TARGET_FOUND)
		ops->begin(context->userdata, session);
	target->begun = true;
	target->step++;
	target->next = ops->now(context->userdata) + context->escalate;
	if (target->step == TARGET_SIGNALED && context->force)
		target->step = TARGET_KILLED;
	if (target->step == TARGET_KILLED && ops->kill(context->userdata, session) < 0)
		target->step = TARGET_KILLED_BY_LOGIND;
	if (target->step == TARGET_SIGNALED) {
		signal_session(target, context);
	} else if (target->step == TARGET_KILLED_BY_LOGIND) {
		kill_session(target, context, SIGKILL);
	} else if (target->step == TARGET_STOPPED) {
		ops->stop_scope(context->userdata, session);
		target->next = USEC_NEVER;
	}
}

void targets_check_opening(struct targets *targets, uint64_t now)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].step == TARGET_FOUND && targets->items[i].wait_end)
			targets->items[i].next = now;
}

/*
 * The program that opens a session may handle no signal, and start the shell afterwards, which
 * would then only be killed. The wait leaves time for all steps.
 */
static bool waits_for_opening(struct target *target, const struct steps_context *context,
			      uint64_t deadline)
{
	uint64_t now = context->ops->now(context->userdata);

	if (target->step != TARGET_FOUND || context->force)
		return false;
	if (!target->wait_end && now + 2 * context->escalate < deadline)
		target->wait_end =
			earlier(now + context->escalate, deadline - 2 * context->escalate);
	if (target->wait_end <= now ||
	    !context->ops->is_opening(context->userdata, &target->session))
		return false;
	target->next = target->wait_end;
	return true;
}

/* A step may block, for example on a slow disk: the deadline is checked before each one. */
void targets_advance(struct targets *targets, const struct steps_context *context,
		     uint64_t deadline)
{
	for (size_t i = 0; i < targets->count; i++) {
		uint64_t now = context->ops->now(context->userdata);

		if (now >= deadline)
			return;
		if (targets->items[i].next <= now &&
		    !waits_for_opening(&targets->items[i], context, deadline))
			take_next_step(&targets->items[i], context);
	}
}

uint64_t targets_next(const struct targets *targets)
{
	uint64_t next = USEC_NEVER;

	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].next < next)
			next = targets->items[i].next;
	return next;
}
