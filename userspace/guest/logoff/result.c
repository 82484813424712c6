// SPDX-License-Identifier: GPL-2.0-or-later
#include "result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "returns.h"

__attribute__((format(printf, 2, 0))) static void
append_arguments(struct result *result, const char *format, va_list arguments)
{
	size_t used = strlen(result->text);

	vsnprintf(result->text + used, sizeof(result->text) - used, format, arguments);
}

__attribute__((format(printf, 2, 3))) static void append(struct result *result, const char *format,
							 ...)
{
	va_list arguments;

	va_start(arguments, format);
	append_arguments(result, format, arguments);
	va_end(arguments);
}

void result_set(struct result *result, uint32_t code, const char *format, ...)
{
	va_list arguments;

	*result = (struct result){.code = code};
	va_start(arguments, format);
	append_arguments(result, format, arguments);
	va_end(arguments);
}

static bool is_dry_run(const struct engine *engine)
{
	return engine->request.flags & HV_LOGOFF_DRY_RUN;
}

static bool returned_before(const struct engine *engine, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (engine->others.items[i].uid == engine->others.items[index].uid &&
		    returns_with(&engine->targets, &engine->others.items[i]))
			return true;
	return false;
}

void result_for_each_user(const struct engine *engine,
			  void (*handle)(void *userdata, const struct outcome *outcome),
			  void *userdata)
{
	const struct steps_context context = engine_steps_context(engine);
	struct outcome outcome;

	/* Before, nobody has lost anything. */
	for (size_t i = 0; i < engine->notices.count && engine->phase == ENGINE_ENDING; i++)
		if (notices_get_outcome(&engine->notices, i, &outcome))
			handle(userdata, &outcome);
	for (size_t i = 0; i < engine->managers.count; i++)
		if (is_dry_run(engine)
			    ? managers_get_prospect(&engine->managers, &context, i, &outcome)
			    : managers_get_outcome(&engine->managers, i, &outcome))
			handle(userdata, &outcome);
	for (size_t i = 0; i < engine->others.count; i++) {
		const struct session *session = &engine->others.items[i];

		outcome = outcome_of(session, HV_LOGOFF_RETURNED);
		if (returns_with(&engine->targets, session) && !returned_before(engine, i))
			handle(userdata, &outcome);
	}
	for (size_t i = 0; i < engine->outside.count; i++) {
		outcome = (struct outcome){
			.outcome = HV_LOGOFF_OUTSIDE,
			.uid = engine->outside.items[i].uid,
			.user = engine->outside.items[i].user,
			.session = "",
			.processes = engine->outside.items[i].processes,
		};
		handle(userdata, &outcome);
	}
}

struct names {
	struct result *result;
	enum hv_logoff_outcome outcome;
	const char *title;
	unsigned int count;
};

static void append_name(void *userdata, const struct outcome *outcome)
{
	struct names *names = userdata;

	if (outcome->outcome != names->outcome)
		return;
	append(names->result, "%s", names->count++ ? ", " : names->title);
	if (outcome->user[0])
		append(names->result, "%s", outcome->user);
	else
		append(names->result, "UID %u", (unsigned int)outcome->uid);
	if (outcome->processes)
		append(names->result, " (%u)", outcome->processes);
}

/* A sentence with the users of this outcome, if there are any. */
static void append_users(struct result *result, const struct engine *engine,
			 enum hv_logoff_outcome outcome, const char *title)
{
	struct names names = {.result = result, .outcome = outcome, .title = title};

	result_for_each_user(engine, append_name, &names);
	if (names.count)
		append(result, ".");
}

static void append_all_users(struct result *result, const struct engine *engine)
{
	append_users(result, engine, HV_LOGOFF_UNTOLD, " Could not be notified: ");
	append_users(result, engine, HV_LOGOFF_MANAGER_SELECTED,
		     " Programs of lingering users would be ended: ");
	append_users(result, engine, HV_LOGOFF_RETURNED, " Returned: ");
	append_users(result, engine, HV_LOGOFF_LINGERING,
		     " Programs of lingering users still run: ");
	append_users(result, engine, HV_LOGOFF_OUTSIDE, " Processes without a session: ");
}

/* @rest: of the sentence. */
static void set_all_ended(struct result *result, uint32_t code, const struct engine *engine,
			  const char *rest)
{
	unsigned int found = targets_count(&engine->targets).found;

	if (found == 1)
		result_set(result, code, "The session has ended%s", rest);
	else
		result_set(result, code, "All %u sessions have ended%s", found, rest);
}

void result_of_success(struct result *result, const struct engine *engine)
{
	unsigned int found = targets_count(&engine->targets).found;

	if (found > 0)
		set_all_ended(result, HV_LOGOFF_S_OK, engine, ".");
	else if (engine->request.flags & HV_LOGOFF_REDELIVERED)
		result_set(result, HV_LOGOFF_S_OK, "All sessions have ended.");
	else
		result_set(result, HV_LOGOFF_S_OK, "Nobody was logged on.");
	if (found == 0)
		append_users(result, engine, HV_LOGOFF_MANAGER_ENDED, " Programs have ended: ");
	append_all_users(result, engine);
}

static void append_left(struct result *result, const struct engine *engine)
{
	char names[HV_LOGOFF_TEXT_SIZE];

	targets_list(&engine->targets, names, sizeof(names));
	append(result, "%s.", names);
}

void result_of_loop(struct result *result, const struct engine *engine)
{
	result_set(result, HV_LOGOFF_E_EXCEPTION,
		   "Sessions are opened as fast as they end; check for automatic logins. Left: ");
	append_left(result, engine);
	append_all_users(result, engine);
}

static void set_without_target(struct result *result, const struct engine *engine)
{
	const uint32_t code = HV_LOGOFF_E_NO_SESSION;
	const char *user = engine->request.user;
	const char *session = engine->request.session;

	if (session[0] && engine->exempt > 0)
		result_set(result, code, "Session %s is exempt from logoffs.", session);
	else if (engine->exempt > 0)
		result_set(result, code,
			   "User %s is only logged on in sessions that are exempt from logoffs.",
			   user);
	else if (session[0] && user[0])
		result_set(result, code, "User %s has no session %s.", user, session);
	else if (session[0])
		result_set(result, code, "There is no session %s.", session);
	else
		result_set(result, code,
			   engine->user_has_uid ? "User %s is not logged on."
						: "There is no user %s in the guest.",
			   user);
}

void result_without_sessions(struct result *result, const struct engine *engine)
{
	const struct logoff_request *request = &engine->request;

	/* The previous daemon may have ended sessions. */
	if (request->flags & HV_LOGOFF_REDELIVERED && !is_dry_run(engine))
		result_set(result, HV_LOGOFF_S_OK, "All sessions have ended.");
	else if (request->user[0] || request->session[0])
		set_without_target(result, engine);
	else if (engine->exempt > 0)
		result_set(result, HV_LOGOFF_E_NO_SESSION,
			   "Nobody is logged on, except in %u exempt sessions.", engine->exempt);
	else
		result_set(result, HV_LOGOFF_E_NO_SESSION, "Nobody is logged on.");
	append_all_users(result, engine);
}

static void count_selected(void *userdata, const struct outcome *outcome)
{
	unsigned int *count = userdata;

	*count += outcome->outcome == HV_LOGOFF_MANAGER_SELECTED;
}

void result_of_dry_run(struct result *result, const struct engine *engine)
{
	unsigned int found = targets_count(&engine->targets).found;
	unsigned int managers = 0;

	result_for_each_user(engine, count_selected, &managers);
	if (found == 0 && managers == 0) {
		result_without_sessions(result, engine);
		return;
	}
	result_set(result, HV_LOGOFF_S_OK, "%u %s would be ended%s", found,
		   found == 1 ? "session" : "sessions", found > 0 ? ": " : "");
	append_left(result, engine);
	append_all_users(result, engine);
}

static void set_managers_left(struct result *result, const struct engine *engine)
{
	if (targets_count(&engine->targets).found > 0)
		set_all_ended(result, HV_LOGOFF_E_TIMED_OUT, engine, ", but programs still run: ");
	else
		result_set(result, HV_LOGOFF_E_TIMED_OUT, "Programs still run: ");
	append_users(result, engine, HV_LOGOFF_MANAGER_FAILED, "");
}

void result_at_deadline(struct result *result, const struct engine *engine)
{
	struct target_counts counts = targets_count(&engine->targets);
	unsigned int left = counts.found - counts.ended;

	if (left == 0) {
		set_managers_left(result, engine);
	} else if (engine->list_failed) {
		result_set(result, HV_LOGOFF_E_EXCEPTION,
			   "%u of %u sessions are left. " RESULT_NO_ANSWER, left, counts.found);
	} else {
		result_set(result, HV_LOGOFF_E_TIMED_OUT, "%u of %u sessions are left: ", left,
			   counts.found);
		append_left(result, engine);
	}
	append_all_users(result, engine);
}
