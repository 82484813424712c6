// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

/* A request without a list of sessions fails if logind does not answer within this time. */
#define LOGIND_TIMEOUT (10 * USEC_PER_SEC)
#define RETRY          (1 * USEC_PER_SEC)

/* Delay before the list after the last session has ended, to catch automatic logins. */
#define SETTLE (500 * USEC_PER_MSEC)

/* A request fails if more than this number of lists after the grace period have new sessions. */
#define ROUNDS_MAX 5

#define NO_ANSWER "systemd-logind does not answer; see the guest's journal."

#define PERCENT_GRACE  10
#define PERCENT_ENDING 99

/* The last step that was taken to end a session; each step is stronger than the previous one. */
enum step {
	STEP_FOUND,
	STEP_SIGNALED,
	STEP_KILLED,
	STEP_KILLED_BY_LOGIND,
	STEP_STOPPED,
	STEP_ENDED,
};

struct target {
	struct session session;
	enum step step;
	uint64_t next; /* when the next step is due */
};

struct counts {
	unsigned int found;
	unsigned int ended;
};

void engine_init(struct engine *engine, const struct engine_ops *ops, void *userdata,
		 const struct config *config)
{
	*engine = (struct engine){.ops = ops, .userdata = userdata, .config = config};
}

static uint64_t now(const struct engine *engine)
{
	return engine->ops->now(engine->userdata);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The process may have been stopped or frozen for any length of time before an event is handled. */
static bool expired(const struct engine *engine)
{
	return now(engine) >= engine->deadline;
}

static struct counts count(const struct engine *engine)
{
	struct counts counts = {.found = engine->target_count};

	for (size_t i = 0; i < engine->target_count; i++)
		counts.ended += engine->targets[i].step == STEP_ENDED;
	return counts;
}

static struct target *find(const struct engine *engine, const char *id)
{
	for (size_t i = 0; i < engine->target_count; i++)
		if (!strcmp(engine->targets[i].session.id, id))
			return &engine->targets[i];
	return NULL;
}

static struct managers_context managers_context(const struct engine *engine)
{
	return (struct managers_context){
		.ops = engine->ops,
		.userdata = engine->userdata,
		.escalate = engine->config->escalate * USEC_PER_SEC,
		.force = engine->request.flags & HV_LOGOFF_FORCE,
		.list_is_old = engine->list_is_old,
	};
}

static bool managers_left(struct engine *engine)
{
	struct managers_context context = managers_context(engine);

	return managers_are_left(&engine->managers, &context);
}

static void audit(const struct engine *engine, const struct session *session, const char *outcome,
		  const char *detail)
{
	engine->ops->audit(engine->userdata, engine->request.id, session, outcome, detail);
}

void engine_drop(struct engine *engine)
{
	if (engine->phase == ENGINE_IDLE)
		return;
	if (engine->no_logins)
		engine->ops->end_no_logins(engine->userdata);
	for (size_t i = 0; i < engine->target_count; i++)
		session_done(&engine->targets[i].session);
	free(engine->targets);
	session_list_done(&engine->others);
	managers_done(&engine->managers);
	engine->ops->wake(engine->userdata, USEC_NEVER);
	engine_init(engine, engine->ops, engine->userdata, engine->config);
}

/*
 * The grace period accounts for 0 to PERCENT_GRACE, the ended sessions for the rest. The percentage
 * never decreases. If the daemon was stopped at the end of the grace period, this may run before
 * engine_tick().
 */
static uint32_t percent(const struct engine *engine, struct counts counts)
{
	uint64_t value = 0;

	if (engine->phase == ENGINE_GRACE)
		value = PERCENT_GRACE *
			(earlier(now(engine), engine->grace_end) - engine->started) /
			(engine->grace_end - engine->started);
	else if (engine->phase == ENGINE_ENDING && counts.found > 0)
		value = PERCENT_GRACE +
			(uint64_t)(PERCENT_ENDING - PERCENT_GRACE) * counts.ended / counts.found;
	return value > engine->last.percent ? value : engine->last.percent;
}

__attribute__((format(printf, 3, 4))) static void
send_report(struct engine *engine, struct hv_logoff_report *report, const char *format, ...)
{
	char text[2 * HV_LOGOFF_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	report->header = (struct hv_logoff_header){
		.type = HV_LOGOFF_REPORT,
		.size = sizeof(*report),
	};
	text_clean_line(report->text, sizeof(report->text), text);
	engine->last = *report;
	if (engine->transport->report(engine->transport_data, report) == -ESTALE)
		engine_drop(engine);
}

static void report_outcome(const struct engine *engine, const struct session *session,
			   enum hv_logoff_outcome outcome)
{
	const struct outcome record = {
		.outcome = outcome,
		.uid = session->uid,
		.user = session->user,
		.session = session->id,
	};

	if (engine->transport->outcome)
		engine->transport->outcome(engine->transport_data, &record);
}

static void give_up(const struct engine *engine, const struct session *session)
{
	audit(engine, session, "failed", "has not ended");
	report_outcome(engine, session, HV_LOGOFF_FAILED);
}

/* Ends every request, except those whose transport does not wait for a result any more. */
__attribute__((format(printf, 3, 4))) static void finish(struct engine *engine, uint32_t result,
							 const char *format, ...)
{
	struct counts counts = count(engine);
	struct hv_logoff_report done = {
		.state = HV_LOGOFF_DONE,
		.percent = result == HV_LOGOFF_S_OK ? 100 : percent(engine, counts),
		.found = counts.found,
		.ended = counts.ended,
		.failed = engine->phase == ENGINE_ENDING ? counts.found - counts.ended : 0,
		.result = result,
	};
	char text[HV_LOGOFF_TEXT_SIZE];
	char outcome[16];
	va_list arguments;

	for (size_t i = 0; i < engine->target_count && done.failed > 0; i++)
		if (engine->targets[i].step != STEP_ENDED)
			give_up(engine, &engine->targets[i].session);
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(outcome, sizeof(outcome), "0x%08" PRIx32, result);
	audit(engine, NULL, outcome, text);
	send_report(engine, &done, "%s", text);
	engine_drop(engine);
}

/* The remaining sessions, as many as fit into @text. */
static void list_remaining(const struct engine *engine, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < engine->target_count && used < size; i++) {
		const struct session *session = &engine->targets[i].session;

		if (engine->targets[i].step != STEP_ENDED)
			used += snprintf(text + used, size - used, "%s%s (%s)", used ? ", " : "",
					 session->id, session->user);
	}
}

static void finish_with_success(struct engine *engine)
{
	char names[HV_LOGOFF_TEXT_SIZE];
	unsigned int lingering;

	lingering = managers_list(&engine->managers, true, names, sizeof(names));
	finish(engine, HV_LOGOFF_S_OK, "All %u sessions have ended.%s%s", count(engine).found,
	       lingering ? " Programs of lingering users still run: " : "", names);
}

static void finish_with_managers_left(struct engine *engine)
{
	char names[HV_LOGOFF_TEXT_SIZE];

	managers_list(&engine->managers, false, names, sizeof(names));
	finish(engine, HV_LOGOFF_E_TIMED_OUT,
	       "All %u sessions have ended, but programs of their users still run: %s",
	       count(engine).found, names);
}

static void finish_at_deadline(struct engine *engine)
{
	struct counts counts = count(engine);
	char names[HV_LOGOFF_TEXT_SIZE];

	list_remaining(engine, names, sizeof(names));
	if (engine->resolving)
		finish(engine, HV_LOGOFF_E_EXCEPTION,
		       "The guest's name service did not answer in time.");
	else if (engine->phase == ENGINE_STARTING)
		finish(engine, HV_LOGOFF_E_EXCEPTION, NO_ANSWER);
	else if (counts.ended == counts.found && managers_left(engine))
		finish_with_managers_left(engine);
	else if (counts.ended == counts.found)
		finish_with_success(engine);
	else if (engine->list_failed)
		finish(engine, HV_LOGOFF_E_EXCEPTION, "%u of %u sessions are left. " NO_ANSWER,
		       counts.found - counts.ended, counts.found);
	else
		finish(engine, HV_LOGOFF_E_TIMED_OUT, "%u of %u sessions are left: %s",
		       counts.found - counts.ended, counts.found, names);
}

static void report_progress(struct engine *engine)
{
	struct counts counts = count(engine);
	struct hv_logoff_report progress = {
		.state = engine->phase == ENGINE_GRACE ? HV_LOGOFF_GRACE : HV_LOGOFF_ENDING,
		.percent = percent(engine, counts),
		.found = counts.found,
		.ended = counts.ended,
	};

	if (progress.state == engine->last.state && progress.percent == engine->last.percent &&
	    progress.found == engine->last.found)
		return;
	if (engine->phase == ENGINE_GRACE)
		send_report(engine, &progress,
			    "Waiting for the users; %u of %u sessions have ended.", counts.ended,
			    counts.found);
	else if (counts.ended == counts.found && managers_left(engine))
		send_report(engine, &progress,
			    "All %u sessions have ended; waiting for programs of their users.",
			    counts.found);
	else
		send_report(engine, &progress, "%u of %u sessions have ended.", counts.ended,
			    counts.found);
}

/* The time at which the percentage of the grace period increases next. */
static uint64_t next_percent(const struct engine *engine)
{
	uint64_t grace = engine->grace_end - engine->started;
	uint64_t part = (now(engine) - engine->started) * PERCENT_GRACE / grace + 1;

	/* Rounded up, so that the percentage has increased at that time. */
	return engine->started + (part * grace + PERCENT_GRACE - 1) / PERCENT_GRACE;
}

static void schedule(struct engine *engine)
{
	uint64_t time = engine->deadline;

	if (!engine->listing)
		time = earlier(time, engine->list_at);
	if (engine->phase == ENGINE_GRACE)
		time = earlier(time, earlier(engine->grace_end, next_percent(engine)));
	if (engine->phase == ENGINE_ENDING)
		time = earlier(time, managers_next(&engine->managers));
	for (size_t i = 0; i < engine->target_count && engine->phase == ENGINE_ENDING; i++)
		time = earlier(time, engine->targets[i].next);
	engine->ops->wake(engine->userdata, time);
}

/* The request completes with a list, which must be requested once the last manager has stopped. */
static void advance_managers(struct engine *engine)
{
	struct managers_context context = managers_context(engine);
	struct counts counts = count(engine);
	bool wanted = managers_advance(&engine->managers, &context) && !engine->list_failed;

	if (counts.ended == counts.found && !engine->listing && engine->list_at == USEC_NEVER)
		wanted = wanted || !managers_are_left(&engine->managers, &context);
	if (wanted)
		engine->list_at = earlier(engine->list_at, now(engine));
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
	engine->list_failed = true;
	engine->list_is_old = true;
	engine->list_at = now(engine) + RETRY;
	if (engine->phase == ENGINE_STARTING &&
	    engine->list_at > engine->first_list + LOGIND_TIMEOUT)
		finish(engine, HV_LOGOFF_E_EXCEPTION, NO_ANSWER);
}

static void list(struct engine *engine)
{
	engine->listing = true;
	engine->list_is_old = false;
	engine->list_at = USEC_NEVER;
	if (engine->ops->list(engine->userdata) < 0)
		on_list_failed(engine);
}

static void mark_ended(struct engine *engine, struct target *target)
{
	target->step = STEP_ENDED;
	target->next = USEC_NEVER;
	managers_session_ended(&engine->managers, target->session.uid);
	audit(engine, &target->session,
	      engine->phase == ENGINE_ENDING ? "ended" : "ended-by-itself", "has ended");
}

/* Temporary failures: the session is still being opened, or the bus restarts. */
static void retry_step(const struct engine *engine, struct target *target)
{
	if (target->step == STEP_STOPPED)
		target->step = STEP_KILLED_BY_LOGIND;
	else if (target->step == STEP_KILLED_BY_LOGIND)
		target->step = STEP_KILLED;
	else if (target->step == STEP_SIGNALED)
		target->step = STEP_FOUND;
	else
		return;
	target->next = now(engine) + RETRY;
}

static void kill_session(const struct engine *engine, struct target *target, int number)
{
	if (engine->ops->kill_session(engine->userdata, &target->session, number) < 0)
		retry_step(engine, target);
}

/*
 * logind sends the signals if the processes of the scope are not accessible. Processes that cannot
 * handle signals are killed without a delay.
 */
static void signal_session(const struct engine *engine, struct target *target)
{
	int r = engine->ops->signal(engine->userdata, &target->session);

	if (r == -EBUSY)
		target->next = now(engine);
	if (r > 0 || r == -EBUSY)
		return;
	kill_session(engine, target, SIGTERM);
	kill_session(engine, target, SIGHUP);
	kill_session(engine, target, SIGCONT);
}

static void take_next_step(const struct engine *engine, struct target *target)
{
	const struct session *session = &target->session;

	if (target->step == STEP_FOUND)
		engine->ops->begin(engine->userdata, session);
	target->step++;
	target->next = now(engine) + engine->config->escalate * USEC_PER_SEC;
	if (target->step == STEP_SIGNALED && engine->request.flags & HV_LOGOFF_FORCE)
		target->step = STEP_KILLED;
	if (target->step == STEP_KILLED && engine->ops->kill(engine->userdata, session) < 0)
		target->step = STEP_KILLED_BY_LOGIND;
	if (target->step == STEP_SIGNALED) {
		signal_session(engine, target);
	} else if (target->step == STEP_KILLED_BY_LOGIND) {
		kill_session(engine, target, SIGKILL);
	} else if (target->step == STEP_STOPPED) {
		engine->ops->stop_scope(engine->userdata, session);
		target->next = USEC_NEVER;
	}
}

/* A step may block, for example on a slow disk: the deadline is checked before each one. */
static void take_next_steps(struct engine *engine)
{
	for (size_t i = 0; i < engine->target_count && !expired(engine); i++)
		if (engine->targets[i].next <= now(engine))
			take_next_step(engine, &engine->targets[i]);
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
		take_next_steps(engine);
}

static void notify_user(const struct engine *engine, const struct session *session)
{
	const char *message =
		engine->request.message[0] ? engine->request.message : engine->config->message;
	char text[HV_LOGOFF_MESSAGE_SIZE + 512];
	uint64_t time = now(engine);

	if (!engine->config->notice || engine->request.flags & HV_LOGOFF_DRY_RUN)
		return;
	if (time < engine->grace_end)
		snprintf(text, sizeof(text),
			 "%s\nYou will be logged off in %" PRIu64 " seconds. Save your work now.",
			 message, (engine->grace_end - time + USEC_PER_SEC / 2) / USEC_PER_SEC);
	else
		snprintf(text, sizeof(text), "%s\nYou are being logged off now.", message);
	engine->ops->notify(engine->userdata, session, text);
}

static int add_target(struct engine *engine, struct session *session)
{
	struct target *targets;

	if (managers_add(&engine->managers, session->uid, session->user) < 0)
		return -ENOMEM;
	targets = reallocarray(engine->targets, engine->target_count + 1, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	engine->targets = targets;
	targets[engine->target_count++] = (struct target){.session = *session};
	*session = (struct session){0};
	return 0;
}

/* From systemd 256 on, logind lists managers as sessions, but they do not mean a logged-on user. */
static bool is_manager(const struct session *session)
{
	return !strncmp(session->class, "manager", strlen("manager"));
}

static bool listed(const struct session_list *list, const char *id)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].id && !strcmp(list->items[i].id, id))
			return true;
	return false;
}

static bool selects_user(const struct engine *engine, const struct session *session)
{
	const char *user = engine->request.user;

	if (!user[0])
		return true;
	return engine->user_has_uid ? engine->uid == session->uid : !strcmp(user, session->user);
}

static bool selects(const struct engine *engine, const struct session *session)
{
	const char *id = engine->request.session;

	return selects_user(engine, session) && (!id[0] || !strcmp(id, session->id));
}

static void mark_missing(struct engine *engine, const struct session_list *list)
{
	for (size_t i = 0; i < engine->target_count; i++)
		if (engine->targets[i].step != STEP_ENDED &&
		    !listed(list, engine->targets[i].session.id))
			mark_ended(engine, &engine->targets[i]);
}

/* Adds new sessions and notifies their users. Returns the number of new sessions or -ENOMEM. */
static int add_new(struct engine *engine, struct session_list *list)
{
	int added = 0;

	engine->exempt = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (is_manager(&list->items[i]) || !selects(engine, &list->items[i]))
			continue;
		if (!session_is_eligible(&list->items[i], engine->config)) {
			engine->exempt++;
			continue;
		}
		if (find(engine, list->items[i].id))
			continue;
		if (add_target(engine, &list->items[i]) < 0)
			return -ENOMEM;
		notify_user(engine, &engine->targets[engine->target_count - 1].session);
		added++;
	}
	return added;
}

/* Keeps what add_new() left in @list. */
static void keep_others(struct engine *engine, struct session_list *list)
{
	session_list_done(&engine->others);
	engine->others = *list;
	*list = (struct session_list){0};
	managers_reset_sessions(&engine->managers);
	for (size_t i = 0; i < engine->target_count; i++)
		if (engine->targets[i].step != STEP_ENDED)
			managers_session_found(&engine->managers, engine->targets[i].session.uid);
	for (size_t i = 0; i < engine->others.count; i++) {
		const struct session *session = &engine->others.items[i];

		/* logind may still list a target that has ended. */
		if (session->id && !is_manager(session) && !find(engine, session->id))
			managers_session_found(&engine->managers, session->uid);
	}
}

static void drop_other(struct engine *engine, const char *id)
{
	for (size_t i = 0; i < engine->others.count; i++) {
		struct session *session = &engine->others.items[i];

		if (!session->id || strcmp(session->id, id) != 0)
			continue;
		if (!is_manager(session))
			managers_session_ended(&engine->managers, session->uid);
		session_done(session);
	}
}

static void finish_without_target(struct engine *engine)
{
	const char *user = engine->request.user;
	const char *session = engine->request.session;

	if (session[0] && engine->exempt > 0)
		finish(engine, HV_LOGOFF_E_NO_SESSION, "Session %s is exempt from logoffs.",
		       session);
	else if (engine->exempt > 0)
		finish(engine, HV_LOGOFF_E_NO_SESSION,
		       "User %s is only logged on in sessions that are exempt from logoffs.", user);
	else if (session[0] && user[0])
		finish(engine, HV_LOGOFF_E_NO_SESSION, "User %s has no session %s.", user, session);
	else if (session[0])
		finish(engine, HV_LOGOFF_E_NO_SESSION, "There is no session %s.", session);
	else
		finish(engine, HV_LOGOFF_E_NO_SESSION,
		       engine->user_has_uid ? "User %s is not logged on."
					    : "There is no user %s in the guest.",
		       user);
}

static void finish_without_sessions(struct engine *engine)
{
	const struct logoff_request *request = &engine->request;

	/* The previous daemon may have ended sessions. */
	if (request->flags & HV_LOGOFF_REDELIVERED && !(request->flags & HV_LOGOFF_DRY_RUN))
		finish(engine, HV_LOGOFF_S_OK, "All sessions have ended.");
	else if (request->user[0] || request->session[0])
		finish_without_target(engine);
	else if (engine->exempt > 0)
		finish(engine, HV_LOGOFF_E_NO_SESSION,
		       "Nobody is logged on, except in %u exempt sessions.", engine->exempt);
	else
		finish(engine, HV_LOGOFF_E_NO_SESSION, "Nobody is logged on.");
}

static void finish_dry_run(struct engine *engine)
{
	char names[HV_LOGOFF_TEXT_SIZE];

	for (size_t i = 0; i < engine->target_count; i++)
		report_outcome(engine, &engine->targets[i].session, HV_LOGOFF_SELECTED);
	list_remaining(engine, names, sizeof(names));
	finish(engine, HV_LOGOFF_S_OK, "%u sessions would be ended: %s", count(engine).found,
	       names);
}

static void finish_with_too_many(struct engine *engine)
{
	char names[HV_LOGOFF_TEXT_SIZE];

	list_remaining(engine, names, sizeof(names));
	finish(engine, HV_LOGOFF_E_EXCEPTION,
	       "Sessions are opened as fast as they end; check for automatic logins. Left: %s",
	       names);
}

/* The first list after the deadline only shows which sessions have ended. */
void engine_listed(struct engine *engine, struct session_list *list, int error)
{
	struct counts counts;
	int added;

	if (!engine->listing)
		return;
	if (error < 0) {
		on_list_failed(engine);
		update(engine);
		return;
	}
	engine->listing = false;
	engine->list_failed = false;
	mark_missing(engine, list);
	if (expired(engine)) {
		finish_at_deadline(engine);
		return;
	}
	added = add_new(engine, list);
	keep_others(engine, list);
	counts = count(engine);
	if (added < 0)
		finish(engine, HV_LOGOFF_E_EXCEPTION, "Out of memory.");
	else if (counts.found == 0)
		finish_without_sessions(engine);
	else if (engine->request.flags & HV_LOGOFF_DRY_RUN)
		finish_dry_run(engine);
	else if (counts.ended == counts.found && !managers_left(engine))
		finish_with_success(engine);
	else if (engine->phase == ENGINE_ENDING && added > 0 && ++engine->rounds > ROUNDS_MAX)
		finish_with_too_many(engine);
	else if (engine->phase == ENGINE_ENDING || now(engine) >= engine->grace_end ||
		 counts.ended == counts.found)
		begin_ending(engine);
	else
		engine->phase = ENGINE_GRACE;
	update(engine);
}

void engine_removed(struct engine *engine, const char *id)
{
	struct counts counts;
	struct target *target;

	if (engine->phase == ENGINE_IDLE)
		return;
	drop_other(engine, id);
	target = find(engine, id);
	if (!target || target->step == STEP_ENDED) {
		update(engine);
		return;
	}
	mark_ended(engine, target);
	counts = count(engine);
	if (counts.ended == counts.found)
		engine->list_at = earlier(engine->list_at, now(engine) + SETTLE);
	update(engine);
}

/* Users who log on during the grace period are notified. Later sessions are in the last list. */
void engine_opened(struct engine *engine)
{
	engine->list_is_old = true;
	if (engine->phase == ENGINE_GRACE)
		engine_resync(engine);
	else if (engine->phase != ENGINE_IDLE)
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

void engine_call_failed(struct engine *engine, const char *id, int error)
{
	struct target *target = find(engine, id);

	if (!target || target->step == STEP_ENDED)
		return;
	if (error == -ENOENT) {
		engine_removed(engine, id);
		return;
	}
	retry_step(engine, target);
	update(engine);
}

void engine_manager_found(struct engine *engine, uid_t uid, int state)
{
	struct managers_context context = managers_context(engine);

	if (engine->phase == ENGINE_ENDING && !expired(engine))
		managers_found(&engine->managers, &context, uid, state);
	if (engine->phase != ENGINE_IDLE)
		update(engine);
}

void engine_outside_found(struct engine *engine, const struct outside_user *users, size_t count)
{
	(void)engine;
	(void)users;
	(void)count;
}

void engine_tick(struct engine *engine)
{
	if (engine->phase == ENGINE_IDLE)
		return;
	if (expired(engine)) {
		finish_at_deadline(engine);
		return;
	}
	if (engine->phase == ENGINE_GRACE && now(engine) >= engine->grace_end)
		begin_ending(engine);
	else if (engine->phase == ENGINE_ENDING)
		take_next_steps(engine);
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
		finish(engine, HV_LOGOFF_E_EXCEPTION, "Cannot look up user %s in the guest: %s.",
		       name, strerror(-error));
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
	if (!engine->ops->begin_no_logins)
		return -EOPNOTSUPP;
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
	r = begin_no_logins(engine);
	if (r < 0)
		finish(engine, HV_LOGOFF_E_EXCEPTION, "Cannot refuse logons: %s.", strerror(-r));
	else
		resolve_users(engine);
	return 0;
}

static void cancel(struct engine *engine)
{
	if (engine->phase == ENGINE_GRACE && engine->config->notice)
		for (size_t i = 0; i < engine->target_count; i++)
			if (engine->targets[i].step != STEP_ENDED)
				engine->ops->notify(engine->userdata, &engine->targets[i].session,
						    "The logoff was cancelled.");
	finish(engine, HV_LOGOFF_E_CANCELLED, "Cancelled by the host; nobody was logged off.");
}

void engine_cancel(struct engine *engine, const struct logoff_transport *transport, uint32_t reason)
{
	if (!engine_serves(engine, transport))
		return;
	if (reason != HV_LOGOFF_CANCEL_HOST) {
		audit(engine, NULL, "abandoned",
		      reason == HV_LOGOFF_CANCEL_SUSPEND ? "The machine was suspended."
							 : "The request timed out.");
		engine_drop(engine);
		return;
	}
	/* Once sessions are being ended, the request continues and is reported as usual. */
	if (engine->phase != ENGINE_ENDING)
		cancel(engine);
}
