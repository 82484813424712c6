// SPDX-License-Identifier: GPL-2.0-or-later
#include "notices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "userspace/shared/util.h"

#define CALLED_OFF "The logoff was cancelled."

struct notified_user {
	uid_t uid;
	char *user;
	bool has_session; /* that the request ends */
	bool told;
	bool manager_known; /* it was looked up */
	bool manager_told;
};

void notices_done(struct notices *notices)
{
	for (size_t i = 0; i < notices->count; i++)
		free(notices->items[i].user);
	free(notices->items);
	*notices = (struct notices){0};
}

static struct notified_user *find(const struct notices *notices, uid_t uid)
{
	for (size_t i = 0; i < notices->count; i++)
		if (notices->items[i].uid == uid)
			return &notices->items[i];
	return NULL;
}

/* Returns NULL if memory is exhausted: the user is told all the same. */
static struct notified_user *find_or_add(struct notices *notices, uid_t uid, const char *name)
{
	struct notified_user *user = find(notices, uid);
	struct notified_user *items;
	char *copy;

	if (user)
		return user;
	items = reallocarray(notices->items, notices->count + 1, sizeof(*items));
	if (!items)
		return NULL;
	notices->items = items;
	copy = strdup(name);
	if (!copy)
		return NULL;
	user = &items[notices->count++];
	*user = (struct notified_user){.uid = uid, .user = copy};
	return user;
}

static bool are_wanted(const struct engine *engine)
{
	return engine->config->notice && !(engine->request.flags & HV_LOGOFF_DRY_RUN);
}

static void compose(char *text, size_t size, const struct engine *engine)
{
	const char *message =
		engine->request.message[0] ? engine->request.message : engine->config->message;
	uint64_t time = engine->ops->now(engine->userdata);

	if (engine->phase != ENGINE_ENDING && time < engine->grace_end)
		snprintf(text, size,
			 "%s\nYou will be logged off in %" PRIu64 " seconds. Save your work now.",
			 message, (engine->grace_end - time + USEC_PER_SEC / 2) / USEC_PER_SEC);
	else
		snprintf(text, size, "%s\nYou are being logged off now.", message);
}

void notices_add_session(struct engine *engine, const struct session *session)
{
	char text[HV_LOGOFF_MESSAGE_SIZE + 512];
	struct notified_user *user;
	bool told;

	if (!are_wanted(engine))
		return;
	compose(text, sizeof(text), engine);
	told = engine->ops->notify(engine->userdata, session, text);
	user = find_or_add(&engine->notices, session->uid, session->user);
	if (!user)
		return;
	user->has_session = true;
	user->told = user->told || told;
}

static bool has_other_session(const struct engine *engine, uid_t uid)
{
	for (size_t i = 0; i < engine->others.count; i++) {
		const struct session *session = &engine->others.items[i];

		if (session->id && session->uid == uid && !session_is_manager(session))
			return true;
	}
	return false;
}

void notices_find_managers(struct engine *engine)
{
	const struct managers *managers = &engine->managers;
	struct notified_user *user;
	const char *name;
	uid_t uid;

	if (!are_wanted(engine))
		return;
	for (size_t i = 0; i < managers->count; i++) {
		if (!managers_wants(managers, i, &uid, &name) || has_other_session(engine, uid))
			continue;
		user = find_or_add(&engine->notices, uid, name);
		if (user && !user->manager_known &&
		    engine->ops->manager_has_terminal(engine->userdata, uid))
			user->manager_known =
				engine->ops->look_up_manager(engine->userdata, uid) >= 0;
	}
}

void notices_manager_found(struct engine *engine, uid_t uid, int state)
{
	const struct steps_context context = engine_steps_context(engine);
	struct notified_user *user = find(&engine->notices, uid);
	char text[HV_LOGOFF_MESSAGE_SIZE + 512];

	if (!user || !user->manager_known || user->manager_told)
		return;
	if (state != MANAGER_ACTIVE && !(state == MANAGER_LINGERS && context.include_lingering))
		return;
	compose(text, sizeof(text), engine);
	user->manager_told = engine->ops->notify_manager(engine->userdata, uid, text);
	user->told = user->told || user->manager_told;
}

void notices_call_off(struct engine *engine)
{
	const struct notices *notices = &engine->notices;

	if (!are_wanted(engine))
		return;
	engine->ops->begin_notices(engine->userdata);
	for (size_t i = 0; i < engine->targets.count; i++)
		if (engine->targets.items[i].step != TARGET_ENDED)
			engine->ops->notify(engine->userdata, &engine->targets.items[i].session,
					    CALLED_OFF);
	for (size_t i = 0; i < notices->count; i++)
		if (notices->items[i].manager_told)
			engine->ops->notify_manager(engine->userdata, notices->items[i].uid,
						    CALLED_OFF);
}

bool notices_get_outcome(const struct notices *notices, size_t index, struct outcome *outcome)
{
	const struct notified_user *user = &notices->items[index];

	*outcome = (struct outcome){
		.outcome = HV_LOGOFF_UNTOLD,
		.uid = user->uid,
		.user = user->user,
		.session = "",
	};
	return user->has_session && !user->told;
}
