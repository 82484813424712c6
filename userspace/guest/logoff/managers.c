// SPDX-License-Identifier: GPL-2.0-or-later
#include "managers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "userspace/shared/util.h"

/* The interval at which the remaining processes are checked, which reads one file. */
#define POLL  (100 * USEC_PER_MSEC)
/* The delay after a failed call. */
#define RETRY (1 * USEC_PER_SEC)

/* The last step that was taken to stop a manager; each is stronger than the previous one. */
enum manager_step {
	STEP_NONE,
	STEP_STOPPED,
	STEP_KILLED,
	STEP_GONE,
	STEP_LINGERS,
};

struct manager {
	uid_t uid;
	char *user;
	unsigned int sessions;
	bool wanted;      /* the request stops it */
	bool lingers;     /* as listed at the start of the request */
	bool was_stopped; /* by the request */
	enum manager_step step;
	uint64_t next;        /* when to check it again; USEC_NEVER: waiting for an answer */
	uint64_t escalate_at; /* when the next step is due */
};

void managers_done(struct managers *managers)
{
	for (size_t i = 0; i < managers->count; i++)
		free(managers->items[i].user);
	free(managers->items);
	*managers = (struct managers){0};
}

static struct manager *find(const struct managers *managers, uid_t uid)
{
	for (size_t i = 0; i < managers->count; i++)
		if (managers->items[i].uid == uid)
			return &managers->items[i];
	return NULL;
}

/* Returns NULL if memory is exhausted. */
static struct manager *find_or_add(struct managers *managers, uid_t uid, const char *user)
{
	struct manager *manager = find(managers, uid);
	struct manager *items;
	char *name;

	if (manager)
		return manager;
	items = reallocarray(managers->items, managers->count + 1, sizeof(*items));
	if (!items)
		return NULL;
	managers->items = items;
	name = strdup(user);
	if (!name)
		return NULL;
	manager = &items[managers->count++];
	*manager = (struct manager){.uid = uid, .user = name};
	return manager;
}

int managers_add(struct managers *managers, uid_t uid, const char *user)
{
	struct manager *manager = find_or_add(managers, uid, user);

	if (!manager)
		return -ENOMEM;
	manager->wanted = true;
	return 0;
}

int managers_add_listed(struct managers *managers, const struct listed_user *user, bool stop)
{
	struct manager *manager = find_or_add(managers, user->uid, user->name);

	if (!manager)
		return -ENOMEM;
	manager->wanted = manager->wanted || stop;
	manager->lingers = user->lingers;
	return 0;
}

void managers_reset_sessions(struct managers *managers)
{
	for (size_t i = 0; i < managers->count; i++)
		managers->items[i].sessions = 0;
}

bool managers_wants(const struct managers *managers, size_t index, uid_t *uid, const char **user)
{
	const struct manager *manager = &managers->items[index];

	*uid = manager->uid;
	*user = manager->user;
	return manager->wanted;
}

/* The user has logged on again: start over with the first step. */
void managers_session_found(struct managers *managers, uid_t uid)
{
	struct manager *manager = find(managers, uid);

	if (!manager)
		return;
	manager->sessions++;
	manager->step = STEP_NONE;
	manager->next = 0;
}

void managers_session_ended(struct managers *managers, uid_t uid)
{
	struct manager *manager = find(managers, uid);

	if (manager && manager->sessions > 0)
		manager->sessions--;
}

static bool is_left(const struct manager *manager)
{
	return manager->wanted && manager->sessions == 0 && manager->step < STEP_GONE;
}

/*
 * Avoids calls to PID 1 and logind: most users without a session have no process either. Not while
 * such a call is in progress, since every end of a session leads here.
 */
static void skip_if_idle(struct manager *manager, const struct steps_context *context)
{
	if (manager->step == STEP_NONE && is_left(manager) && manager->next != USEC_NEVER &&
	    context->ops->user_runs(context->userdata, manager->uid) == 0)
		manager->step = STEP_GONE;
}

bool managers_are_left(struct managers *managers, const struct steps_context *context)
{
	bool left = false;

	for (size_t i = 0; i < managers->count; i++) {
		skip_if_idle(&managers->items[i], context);
		left = left || is_left(&managers->items[i]);
	}
	return left;
}

bool managers_were_stopped(const struct managers *managers)
{
	for (size_t i = 0; i < managers->count; i++)
		if (managers->items[i].was_stopped)
			return true;
	return false;
}

static void kill_user(struct manager *manager, const struct steps_context *context)
{
	manager->step = STEP_KILLED;
	context->ops->kill_user(context->userdata, manager->uid);
}

static void stop(struct manager *manager, const struct steps_context *context, uint64_t now)
{
	if (context->ops->stop_manager(context->userdata, manager->uid) < 0) {
		manager->next = now + RETRY;
		return;
	}
	manager->step = STEP_STOPPED;
	manager->was_stopped = true;
	manager->next = now + POLL;
	manager->escalate_at = now + context->escalate;
	if (context->force)
		kill_user(manager, context);
}

/* The slice becomes empty shortly before the manager's unit becomes inactive. */
static void advance(struct manager *manager, const struct steps_context *context, uint64_t now)
{
	bool stopping = manager->step != STEP_NONE;

	if (stopping && now >= manager->escalate_at) {
		manager->escalate_at = now + context->escalate;
		kill_user(manager, context);
	}
	manager->next = USEC_NEVER;
	if (stopping && context->ops->user_runs(context->userdata, manager->uid) > 0)
		manager->next = now + POLL;
	else if (context->ops->look_up_manager(context->userdata, manager->uid) < 0)
		manager->next = now + RETRY;
}

bool managers_advance(struct managers *managers, const struct steps_context *context)
{
	uint64_t now = context->ops->now(context->userdata);
	bool delayed = false;

	for (size_t i = 0; i < managers->count; i++) {
		struct manager *manager = &managers->items[i];

		skip_if_idle(manager, context);
		if (!is_left(manager) || manager->next > now)
			continue;
		if (context->list_is_old) {
			manager->next = now + POLL;
			delayed = true;
		} else {
			advance(manager, context, now);
		}
	}
	return delayed;
}

void managers_found(struct managers *managers, const struct steps_context *context, uid_t uid,
		    int state)
{
	struct manager *manager = find(managers, uid);
	uint64_t now = context->ops->now(context->userdata);

	if (!manager || !is_left(manager))
		return;
	manager->next = now + (state < 0 ? RETRY : POLL);
	if (state < 0)
		return;
	/* The slice may have processes that do not belong to the manager. */
	if (state == MANAGER_INACTIVE && context->ops->user_runs(context->userdata, uid) > 0)
		state = MANAGER_ACTIVE;
	if (state == MANAGER_INACTIVE) {
		if (manager->step == STEP_KILLED)
			context->ops->reset_manager(context->userdata, uid);
		manager->step = STEP_GONE;
	} else if (manager->step == STEP_NONE && state == MANAGER_LINGERS &&
		   !context->include_lingering) {
		manager->step = STEP_LINGERS;
	} else if (manager->step == STEP_NONE && context->list_is_old) {
		manager->next = now;
	} else if (manager->step == STEP_NONE) {
		stop(manager, context, now);
	}
}

uint64_t managers_next(const struct managers *managers)
{
	uint64_t next = USEC_NEVER;

	for (size_t i = 0; i < managers->count; i++)
		if (is_left(&managers->items[i]) && managers->items[i].next < next)
			next = managers->items[i].next;
	return next;
}

static void set_outcome(struct outcome *outcome, const struct manager *manager,
			enum hv_logoff_outcome value)
{
	*outcome = (struct outcome){
		.outcome = value,
		.uid = manager->uid,
		.user = manager->user,
		.session = "",
	};
}

bool managers_get_outcome(const struct managers *managers, size_t index, struct outcome *outcome)
{
	const struct manager *manager = &managers->items[index];

	if (manager->sessions > 0)
		return false;
	if (manager->step == STEP_LINGERS)
		set_outcome(outcome, manager, HV_LOGOFF_LINGERING);
	else if (is_left(manager))
		set_outcome(outcome, manager, HV_LOGOFF_MANAGER_FAILED);
	else if (manager->was_stopped)
		set_outcome(outcome, manager, HV_LOGOFF_MANAGER_ENDED);
	else
		return false;
	return true;
}

bool managers_get_prospect(const struct managers *managers, const struct steps_context *context,
			   size_t index, struct outcome *outcome)
{
	const struct manager *manager = &managers->items[index];

	if (manager->sessions > 0 || !manager->wanted || !manager->lingers ||
	    context->ops->user_runs(context->userdata, manager->uid) == 0)
		return false;
	set_outcome(outcome, manager,
		    context->include_lingering ? HV_LOGOFF_MANAGER_SELECTED : HV_LOGOFF_LINGERING);
	return true;
}
