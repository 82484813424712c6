// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "returns.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

/* A request without a list of sessions fails if logind does not answer within this time. */
#define LOGIND_TIMEOUT (10 * USEC_PER_SEC)
#define RETRY          (1 * USEC_PER_SEC)

/* Delay before the list after the last session has ended, to catch automatic logins. */
#define SETTLE (500 * USEC_PER_MSEC)

/* The delay between lists for new sessions, unless a list takes longer. */
#define LIST_INTERVAL (500 * USEC_PER_MSEC)

/* How long a user may take to return. */
#define RETURN_TIME (3 * USEC_PER_SEC)

/* The search for processes without a session: how long it takes, and its result is used. */
#define OUTSIDE_TIMEOUT (3 * USEC_PER_SEC)
#define OUTSIDE_AGE     (1 * USEC_PER_SEC)

void engine_init(struct engine *engine, const struct engine_ops *ops, void *userdata,
		 const struct config *config)
{
	*engine = (struct engine){.ops = ops, .userdata = userdata, .config = config};
}

static uint64_t now(const struct engine *engine)
{
	return engine->ops->now(engine->userdata);
}

/* The process may have been stopped or frozen for any length of time before an event is handled. */
static bool expired(const struct engine *engine)
{
	return now(engine) >= engine->deadline;
}

struct steps_context engine_steps_context(const struct engine *engine)
{
	return (struct steps_context){
		.ops = engine->ops,
		.userdata = engine->userdata,
		.escalate = engine->config->escalate * USEC_PER_SEC,
		.force = engine->request.flags & HV_LOGOFF_FORCE,
		.include_lingering = engine->config->include_lingering ||
				     engine->request.flags & HV_LOGOFF_INCLUDE_LINGERING,
		.list_is_old = engine->list_is_old,
	};
}

static bool managers_left(struct engine *engine)
{
	const struct steps_context context = engine_steps_context(engine);

	return managers_are_left(&engine->managers, &context);
}

/* Whether there is nothing to wait for, except that managers may be left. */
static bool sessions_done(const struct engine *engine)
{
	struct target_counts counts = targets_count(&engine->targets);

	return counts.ended + counts.given_up == counts.found;
}

static void audit(const struct engine *engine, const struct session *session, const char *outcome,
		  const char *detail)
{
	engine->ops->audit(engine->userdata, engine->request.id, session, outcome, detail);
}

static void outside_users_done(struct outside_users *outside)
{
	for (size_t i = 0; i < outside->count; i++)
		free((char *)outside->items[i].user);
	free(outside->items);
	*outside = (struct outside_users){0};
}

void engine_drop(struct engine *engine)
{
	if (engine->phase == ENGINE_IDLE)
		return;
	if (engine->no_logins)
		engine->ops->end_no_logins(engine->userdata);
	targets_done(&engine->targets);
	session_list_done(&engine->others);
	managers_done(&engine->managers);
	notices_done(&engine->notices);
	outside_users_done(&engine->outside);
	engine->ops->wake(engine->userdata, USEC_NEVER);
	engine_init(engine, engine->ops, engine->userdata, engine->config);
	engine->ops->changed(engine->userdata);
}

__attribute__((format(printf, 2, 3))) static void fail(struct engine *engine, const char *format,
						       ...)
{
	char text[HV_LOGOFF_TEXT_SIZE];
	struct result result;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	result_set(&result, HV_LOGOFF_E_EXCEPTION, "%s", text);
	report_result(engine, &result);
}

static void finish_with(struct engine *engine,
			void (*describe)(struct result *result, const struct engine *engine))
{
	struct result result;

	describe(&result, engine);
	report_result(engine, &result);
}

static bool has_recent_outside(const struct engine *engine)
{
	return engine->outside_found && now(engine) < engine->outside_found + OUTSIDE_AGE;
}

/* A request for one session does not report other processes of its user. */
static void search_outside(struct engine *engine)
{
	if (engine->outside_searching || has_recent_outside(engine) || engine->request.session[0])
		return;
	engine->outside_searching = true;
	if (engine->ops->find_outside(engine->userdata) < 0)
		engine->outside_searching = false;
}

/* Finishes once the processes outside of sessions are known, too. */
static void conclude(struct engine *engine,
		     void (*describe)(struct result *result, const struct engine *engine))
{
	engine->conclusion = describe;
	engine->conclude_at = now(engine) + OUTSIDE_TIMEOUT;
	search_outside(engine);
	/* The search may have been answered already. */
	if (engine->conclusion && !engine->outside_searching)
		finish_with(engine, describe);
}

static void finish_at_deadline(struct engine *engine)
{
	if (engine->conclusion)
		finish_with(engine, engine->conclusion);
	else if (engine->resolving)
		fail(engine, "The guest's name service did not answer in time.");
	else if (engine->phase == ENGINE_STARTING)
		fail(engine, RESULT_NO_ANSWER);
	else if (sessions_done(engine) && targets_count(&engine->targets).given_up > 0)
		finish_with(engine, result_of_loop);
	else if (sessions_done(engine) && !managers_left(engine))
		finish_with(engine, result_of_success);
	else
		finish_with(engine, result_at_deadline);
}

/* A search that starts at this time is finished by the deadline. */
static uint64_t outside_due(const struct engine *engine)
{
	return engine->deadline - OUTSIDE_TIMEOUT;
}

static void schedule(struct engine *engine)
{
	uint64_t time = engine->deadline;

	if (!engine->listing)
		time = earlier(time, engine->list_at);
	if (engine->phase == ENGINE_GRACE)
		time = earlier(time, earlier(engine->grace_end, report_next(engine)));
	if (engine->conclusion)
		time = earlier(time, engine->conclude_at);
	if (engine->phase == ENGINE_ENDING) {
		time = earlier(time, managers_next(&engine->managers));
		time = earlier(time, targets_next(&engine->targets));
		if (now(engine) < outside_due(engine))
			time = earlier(time, outside_due(engine));
	}
	engine->ops->wake(engine->userdata, time);
}

/* The request completes with a list, which must be requested once the last manager has stopped. */
static void advance_managers(struct engine *engine)
{
	const struct steps_context context = engine_steps_context(engine);
	bool wanted = managers_advance(&engine->managers, &context) && !engine->list_failed;

	if (wanted)
		engine->list_at =
			earlier(engine->list_at, later(now(engine), engine->list_not_before));
	if (sessions_done(engine) && !engine->listing && engine->list_at == USEC_NEVER &&
	    !engine->conclusion && !managers_are_left(&engine->managers, &context))
		engine->list_at = now(engine);
}

/* Called at the end of every function that changes the state. */
static void update(struct engine *engine)
{
	if (engine->phase != ENGINE_IDLE && expired(engine)) {
		finish_at_deadline(engine);
		return;
	}
	if (engine->phase == ENGINE_ENDING)
		advance_managers(engine);
	if (engine->phase == ENGINE_GRACE || engine->phase == ENGINE_ENDING)
		report_progress(engine);
	if (engine->phase != ENGINE_IDLE)
		schedule(engine);
}

static void on_list_failed(struct engine *engine)
{
	engine->listing = false;
	engine->listing_users = false;
	engine->list_failed = true;
	engine->list_is_old = true;
	engine->list_at = now(engine) + RETRY;
	if (engine->phase == ENGINE_STARTING &&
	    engine->list_at > engine->first_list + LOGIND_TIMEOUT)
		fail(engine, RESULT_NO_ANSWER);
}

static bool needs_users(const struct engine *engine)
{
	const struct steps_context context = engine_steps_context(engine);

	return !engine->users_listed &&
	       (context.include_lingering ||
		engine->request.flags & (HV_LOGOFF_REDELIVERED | HV_LOGOFF_DRY_RUN));
}

static void list(struct engine *engine)
{
	int r;

	engine->listing = true;
	engine->listing_users = needs_users(engine);
	engine->list_is_old = false;
	engine->list_at = USEC_NEVER;
	engine->list_requested = now(engine);
	/* This may be the last list. */
	if (engine->phase == ENGINE_ENDING && sessions_done(engine))
		search_outside(engine);
	if (engine->listing_users)
		r = engine->ops->list_users(engine->userdata);
	else
		r = engine->ops->list(engine->userdata);
	if (r < 0)
		on_list_failed(engine);
}

static void mark_ended(struct engine *engine, struct target *target)
{
	target_end(target, now(engine));
	if (target->ended_at && returns_are_possible(&target->session))
		engine->returns_until = target->ended_at + RETURN_TIME;
	managers_session_ended(&engine->managers, target->session.uid);
	audit(engine, &target->session,
	      engine->phase == ENGINE_ENDING ? "ended" : "ended-by-itself", "has ended");
}

static void advance_targets(struct engine *engine)
{
	const struct steps_context context = engine_steps_context(engine);

	targets_advance(&engine->targets, &context, engine->deadline);
}

/*
 * The report comes first: after it, the request cannot be cancelled, whatever happens to this
 * daemon. If the transport no longer expects it, the request is dropped before any session is
 * ended.
 */
static void begin_ending(struct engine *engine)
{
	engine->phase = ENGINE_ENDING;
	report_progress(engine);
	if (engine->phase == ENGINE_ENDING)
		advance_targets(engine);
}

/* Returns 0 or -ENOMEM. */
static int add_target(struct engine *engine, struct session *session, uint64_t time)
{
	const struct target *target;

	if (managers_add(&engine->managers, session->uid, session->user) < 0)
		return -ENOMEM;
	target = targets_add(&engine->targets, session, time);
	if (!target)
		return -ENOMEM;
	notices_add_session(engine, &target->session);
	return 0;
}

static bool listed(const struct session_list *list, const struct session *session)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].id && session_is_same(&list->items[i], session))
			return true;
	return false;
}

static bool selects_user(const struct engine *engine, uid_t uid, const char *name)
{
	const char *user = engine->request.user;

	if (!user[0])
		return true;
	return engine->user_has_uid ? engine->uid == uid : !strcmp(user, name);
}

static bool selects(const struct engine *engine, const struct session *session)
{
	const char *id = engine->request.session;

	return selects_user(engine, session->uid, session->user) &&
	       (!id[0] || !strcmp(id, session->id));
}

static void mark_missing(struct engine *engine, const struct session_list *list)
{
	for (size_t i = 0; i < engine->targets.count; i++) {
		struct target *target = &engine->targets.items[i];

		if (target->step != TARGET_ENDED && !listed(list, &target->session))
			mark_ended(engine, target);
	}
}

/* Sessions that were listed after the first end, and not before, may be those of a return. */
static void mark_preceding(const struct engine *engine, struct session_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		list->items[i].precedes_end = engine->phase != ENGINE_ENDING;
	for (size_t i = 0; i < list->count && engine->phase == ENGINE_ENDING; i++)
		for (size_t j = 0; j < engine->others.count; j++) {
			const struct session *other = &engine->others.items[j];

			if (other->id && session_is_same(other, &list->items[i]))
				list->items[i].precedes_end = other->precedes_end;
		}
}

/* Adds new sessions and notifies their users. Returns 0 or -ENOMEM. */
static int add_new(struct engine *engine, struct session_list *list)
{
	uint64_t time = now(engine);
	int r = 0;

	engine->exempt = 0;
	for (size_t i = 0; i < list->count && r >= 0; i++) {
		struct session *session = &list->items[i];

		if (session_is_manager(session) || !selects(engine, session) ||
		    returns_with(&engine->targets, session))
			continue;
		if (!session_is_eligible(session, engine->config))
			engine->exempt++;
		else if (!targets_include(&engine->targets, session))
			r = add_target(engine, session, time);
	}
	return r;
}

/* In a dry run, the targets are the sessions that would be ended. */
static void count_sessions(struct engine *engine)
{
	const struct session_list *others = &engine->others;

	managers_reset_sessions(&engine->managers);
	for (size_t i = 0; i < engine->targets.count; i++) {
		const struct target *target = &engine->targets.items[i];

		if (target->step != TARGET_ENDED && !(engine->request.flags & HV_LOGOFF_DRY_RUN))
			managers_session_found(&engine->managers, target->session.uid);
	}
	for (size_t i = 0; i < others->count; i++)
		if (others->items[i].id && !session_is_manager(&others->items[i]))
			managers_session_found(&engine->managers, others->items[i].uid);
}

/* Keeps what add_new() left in @list, without the targets, which may have ended. */
static void keep_others(struct engine *engine, struct session_list *list)
{
	session_list_done(&engine->others);
	engine->others = *list;
	*list = (struct session_list){0};
	for (size_t i = 0; i < engine->others.count; i++) {
		struct session *session = &engine->others.items[i];

		if (session->id && targets_include(&engine->targets, session))
			session_done(session);
	}
	count_sessions(engine);
}

static void drop_other(struct engine *engine, const char *id)
{
	for (size_t i = 0; i < engine->others.count; i++) {
		struct session *session = &engine->others.items[i];

		if (!session->id || strcmp(session->id, id) != 0)
			continue;
		if (!session_is_manager(session))
			managers_session_ended(&engine->managers, session->uid);
		session_done(session);
	}
}

/* Limits the lists while many sessions are opened. */
static void list_new_sessions(struct engine *engine)
{
	if (engine->phase != ENGINE_GRACE && engine->phase != ENGINE_ENDING)
		return;
	engine->conclusion = NULL;
	engine->list_at = earlier(engine->list_at, later(now(engine), engine->list_not_before));
}

static bool waits_for_returns(const struct engine *engine)
{
	return now(engine) < engine->returns_until &&
	       returns_are_missing(&engine->targets, &engine->others);
}

/* All sessions have ended and all managers have been stopped. */
static void conclude_success(struct engine *engine)
{
	if (waits_for_returns(engine))
		engine->list_at = earlier(engine->list_at, engine->returns_until);
	else if (targets_count(&engine->targets).given_up > 0)
		conclude(engine, result_of_loop);
	else if (engine->targets.count == 0 && !managers_were_stopped(&engine->managers))
		conclude(engine, result_without_sessions);
	else
		conclude(engine, result_of_success);
}

/* The list of sessions is complete. */
static void decide(struct engine *engine)
{
	bool done = sessions_done(engine);

	if (engine->request.flags & HV_LOGOFF_DRY_RUN)
		conclude(engine, result_of_dry_run);
	else if (done && !managers_left(engine))
		conclude_success(engine);
	else if (done || engine->phase == ENGINE_ENDING || now(engine) >= engine->grace_end)
		begin_ending(engine);
	else
		engine->phase = ENGINE_GRACE;
}

/* Whether a list could be read; otherwise it is requested again. */
static bool is_answered(struct engine *engine, int error)
{
	if (error < 0) {
		on_list_failed(engine);
		update(engine);
		return false;
	}
	engine->listing = false;
	return true;
}

/* The first list after the deadline only shows which sessions have ended. */
void engine_listed(struct engine *engine, struct session_list *list, int error)
{
	if (!engine->listing || engine->listing_users || !is_answered(engine, error))
		return;
	engine->list_failed = false;
	engine->conclusion = NULL;
	engine->list_not_before =
		now(engine) + later(LIST_INTERVAL, now(engine) - engine->list_requested);
	mark_missing(engine, list);
	if (expired(engine)) {
		finish_at_deadline(engine);
		return;
	}
	mark_preceding(engine, list);
	if (add_new(engine, list) < 0) {
		fail(engine, "Out of memory.");
		return;
	}
	keep_others(engine, list);
	notices_find_managers(engine);
	decide(engine);
	if (engine->list_is_old)
		list_new_sessions(engine);
	update(engine);
}

/* Whose manager is stopped although the request ends no session of this user. */
static bool stops_manager(const struct engine *engine, const struct listed_user *user)
{
	const struct logoff_request *request = &engine->request;
	const struct steps_context context = engine_steps_context(engine);

	if (!selects_user(engine, user->uid, user->name) ||
	    config_exempts(engine->config, user->uid, user->name))
		return false;
	if (user->lingers)
		return context.include_lingering && !request->session[0];
	/* The previous daemon may have ended the sessions. */
	return request->flags & HV_LOGOFF_REDELIVERED && (!request->session[0] || request->user[0]);
}

void engine_users_listed(struct engine *engine, const struct listed_user *users, size_t count,
			 int error)
{
	if (!engine->listing_users || !is_answered(engine, error))
		return;
	engine->listing_users = false;
	engine->users_listed = true;
	for (size_t i = 0; i < count; i++)
		if (managers_add_listed(&engine->managers, &users[i],
					stops_manager(engine, &users[i])) < 0) {
			fail(engine, "Out of memory.");
			return;
		}
	engine->list_at = now(engine);
	engine_tick(engine);
}

void engine_removed(struct engine *engine, const char *id)
{
	struct target *target;

	if (engine->phase == ENGINE_IDLE)
		return;
	drop_other(engine, id);
	target = targets_find(&engine->targets, id);
	if (target && target->step != TARGET_ENDED) {
		mark_ended(engine, target);
		if (sessions_done(engine)) {
			engine->list_at = earlier(engine->list_at, now(engine) + SETTLE);
			search_outside(engine);
		}
	}
	update(engine);
}

/* engine_found() may not follow: logind may not answer, or the session ends at once. */
void engine_opened(struct engine *engine)
{
	if (engine->phase == ENGINE_IDLE)
		return;
	engine->list_is_old = true;
	list_new_sessions(engine);
	update(engine);
}

/* A session may even end before it is listed, with its user's manager. */
void engine_found(struct engine *engine, const struct session *session)
{
	struct session copy;

	if ((engine->phase != ENGINE_GRACE && engine->phase != ENGINE_ENDING) || expired(engine) ||
	    targets_include(&engine->targets, session) || session_is_manager(session) ||
	    !selects(engine, session) || !session_is_eligible(session, engine->config) ||
	    returns_with(&engine->targets, session))
		return;
	if (session_init(&copy, session->id, session->uid, session->user, session->class,
			 session->seat, session->tty, session->leader) < 0)
		return;
	if (add_target(engine, &copy, now(engine)) < 0)
		session_done(&copy);
	else
		managers_session_found(&engine->managers, session->uid);
	notices_find_managers(engine);
	engine->conclusion = NULL;
	if (engine->phase == ENGINE_ENDING)
		begin_ending(engine);
	update(engine);
}

void engine_resync(struct engine *engine)
{
	if (engine->phase == ENGINE_IDLE || engine->resolving)
		return;
	engine->list_is_old = true;
	engine->list_at = now(engine);
	update(engine);
}

void engine_states_changed(struct engine *engine)
{
	if (engine->phase != ENGINE_ENDING)
		return;
	targets_check_opening(&engine->targets, now(engine));
	engine_tick(engine);
}

void engine_call_failed(struct engine *engine, const char *id, int error)
{
	const struct steps_context context = engine_steps_context(engine);
	struct target *target = targets_find(&engine->targets, id);

	if (!target || target->step == TARGET_ENDED)
		return;
	if (error == -ENOENT) {
		engine_removed(engine, id);
		return;
	}
	target_retry(target, &context);
	update(engine);
}

void engine_manager_found(struct engine *engine, uid_t uid, int state)
{
	const struct steps_context context = engine_steps_context(engine);

	if (engine->phase != ENGINE_IDLE && !expired(engine))
		notices_manager_found(engine, uid, state);
	if (engine->phase == ENGINE_ENDING && !expired(engine))
		managers_found(&engine->managers, &context, uid, state);
	if (engine->phase != ENGINE_IDLE)
		update(engine);
}

static int add_outside(struct outside_users *outside, const struct outside_user *user)
{
	struct outside_user *items;
	char *name;

	items = reallocarray(outside->items, outside->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	outside->items = items;
	name = strdup(user->user);
	if (!name)
		return -ENOMEM;
	items[outside->count++] = (struct outside_user){
		.uid = user->uid,
		.user = name,
		.processes = user->processes,
	};
	return 0;
}

void engine_outside_found(struct engine *engine, const struct outside_user *users, size_t count)
{
	if (!engine->outside_searching)
		return;
	engine->outside_searching = false;
	engine->outside_found = now(engine);
	outside_users_done(&engine->outside);
	for (size_t i = 0; i < count; i++)
		if (selects_user(engine, users[i].uid, users[i].user) &&
		    !config_exempts(engine->config, users[i].uid, users[i].user) &&
		    add_outside(&engine->outside, &users[i]) < 0)
			break;
	if (engine->conclusion)
		finish_with(engine, engine->conclusion);
}

void engine_tick(struct engine *engine)
{
	if (engine->phase == ENGINE_IDLE)
		return;
	if (expired(engine)) {
		finish_at_deadline(engine);
		return;
	}
	if (engine->conclusion && now(engine) >= engine->conclude_at) {
		finish_with(engine, engine->conclusion);
		return;
	}
	if (engine->phase == ENGINE_GRACE && now(engine) >= engine->grace_end)
		begin_ending(engine);
	else if (engine->phase == ENGINE_ENDING)
		advance_targets(engine);
	if (engine->phase == ENGINE_ENDING && now(engine) >= outside_due(engine))
		search_outside(engine);
	/* The request may have been dropped by a report. */
	if (engine->phase != ENGINE_IDLE && !engine->listing && engine->list_at <= now(engine))
		list(engine);
	update(engine);
}

static void audit_request(const struct engine *engine)
{
	const struct logoff_request *request = &engine->request;
	char raw[sizeof(request->user) + sizeof(request->session) + sizeof(request->message) + 64];
	char text[sizeof(raw)];

	snprintf(raw, sizeof(raw), "%s%s%s%s%s%s%s",
		 request->flags & HV_LOGOFF_DRY_RUN ? "dry run: " : "",
		 request->user[0] ? "user " : "", request->user,
		 request->session[0] ? " session " : "", request->session,
		 request->user[0] || request->session[0] ? ": " : "",
		 request->message[0] ? request->message : "no message");
	text_clean_line(text, sizeof(text), raw);
	audit(engine, NULL, request->flags & HV_LOGOFF_REDELIVERED ? "redelivered" : "requested",
	      text);
}

bool engine_serves(const struct engine *engine, const struct logoff_transport *transport)
{
	return engine->phase != ENGINE_IDLE && engine->transport == transport;
}

void engine_resolved(struct engine *engine, const uid_t *uid)
{
	if (!engine->resolving)
		return;
	engine->resolving = false;
	engine->user_has_uid = uid;
	engine->uid = uid ? *uid : 0;
	engine->first_list = now(engine);
	engine->list_at = engine->first_list;
	engine_tick(engine);
}

void engine_resolve_failed(struct engine *engine, const char *name, int error)
{
	if (engine->resolving)
		fail(engine, "Cannot look up user %s in the guest: %s.", name, strerror(-error));
}

static void resolve_users(struct engine *engine)
{
	const char *user = engine->request.user;
	int r = 0;

	engine->resolving = true;
	if (user[0] || engine->config->exempt_users[0].name)
		r = engine->ops->resolve(engine->userdata, user);
	else
		engine_resolved(engine, NULL);
	if (r < 0)
		engine_resolve_failed(engine, user[0] ? user : engine->config->exempt_users[0].name,
				      r);
	update(engine);
}

/* The message is not empty, since users whose logon is refused must see a reason. */
static int begin_no_logins(struct engine *engine)
{
	const char *message = engine->request.message;
	int r;

	if (!(engine->request.flags & HV_LOGOFF_NO_LOGINS) ||
	    engine->request.flags & HV_LOGOFF_DRY_RUN)
		return 0;
	r = engine->ops->begin_no_logins(engine->userdata,
					 message[0] ? message : engine->config->message);
	engine->no_logins = r >= 0;
	return r;
}

int engine_request(struct engine *engine, const struct logoff_transport *transport, void *userdata,
		   const struct logoff_request *request)
{
	struct logoff_request *own = &engine->request;
	int r;

	if (engine->phase != ENGINE_IDLE)
		return -EBUSY;
	engine->phase = ENGINE_STARTING;
	engine->transport = transport;
	engine->transport_data = userdata;
	*own = *request;
	text_clean(own->message, sizeof(own->message), request->message, sizeof(request->message));
	engine->started = now(engine);
	engine->grace_end = engine->started + own->grace * USEC_PER_SEC;
	engine->deadline = engine->started + own->timeout * USEC_PER_SEC;
	engine->list_at = USEC_NEVER;
	audit_request(engine);
	engine->ops->begin_notices(engine->userdata);
	r = begin_no_logins(engine);
	if (r < 0)
		fail(engine, "Cannot refuse logons: %s.", strerror(-r));
	else
		resolve_users(engine);
	return 0;
}

static void cancel(struct engine *engine, const struct result *result)
{
	if (engine->phase == ENGINE_GRACE)
		notices_call_off(engine);
	report_result(engine, result);
}

void engine_cancel(struct engine *engine, const struct logoff_transport *transport, uint32_t reason)
{
	struct result result;

	if (!engine_serves(engine, transport))
		return;
	if (reason != HV_LOGOFF_CANCEL_HOST) {
		audit(engine, NULL, "abandoned",
		      reason == HV_LOGOFF_CANCEL_SUSPEND ? "The machine was suspended."
							 : "The request timed out.");
		if (engine->phase == ENGINE_GRACE)
			notices_call_off(engine);
		engine_drop(engine);
		return;
	}
	/* Once sessions are being ended, the request continues and is reported as usual. */
	if (engine->phase == ENGINE_ENDING)
		return;
	result_set(&result, HV_LOGOFF_E_CANCELLED, "Cancelled by the host; nobody was logged off.");
	cancel(engine, &result);
}

int engine_cancel_in_guest(struct engine *engine, uid_t uid)
{
	struct result result;

	if (engine->phase == ENGINE_IDLE)
		return -ESRCH;
	if (engine->phase == ENGINE_ENDING)
		return -EBUSY;
	result_set(&result, HV_LOGOFF_E_CANCELLED,
		   "Cancelled in the guest by UID %u; nobody was logged off.", (unsigned int)uid);
	cancel(engine, &result);
	return 0;
}
