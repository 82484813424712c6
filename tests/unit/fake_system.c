// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_system.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

struct fake_system fake;

struct fake_session *add_session(const char *id, const char *user, enum ends_by ends_by)
{
	struct fake_session *target = &fake.sessions[fake.count++];

	assert_true(fake.count <= FAKE_SESSIONS_MAX);
	*target = (struct fake_session){
		.id = id,
		.user = user,
		.uid = 999 + fake.count,
		.class = "user",
		.seat = "",
		.tty = "pts/0",
		.ends_by = ends_by,
		.open = true,
	};
	return target;
}

void add_sessions(unsigned int count, const char *user, enum ends_by ends_by)
{
	static const char *const ids[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};

	assert_true(count <= ARRAY_SIZE(ids));
	for (unsigned int i = 0; i < count; i++)
		add_session(ids[i], user, ends_by);
}

struct fake_manager *add_manager(const struct fake_session *target, enum ends_by ends_by)
{
	struct fake_manager *manager = &fake.managers[fake.manager_count++];

	assert_true(fake.manager_count <= FAKE_MANAGERS_MAX);
	*manager = (struct fake_manager){
		.uid = target->uid,
		.user = target->user,
		.ends_by = ends_by,
		.runs = true,
		.active = true,
	};
	return manager;
}

struct fake_manager *add_lingering(uid_t uid, const char *user)
{
	const struct fake_session target = {.uid = uid, .user = user};
	struct fake_manager *manager = add_manager(&target, BY_SIGNAL);

	manager->lingers = true;
	return manager;
}

static struct fake_manager *manager_of(uid_t uid)
{
	for (size_t i = 0; i < fake.manager_count; i++)
		if (fake.managers[i].uid == uid)
			return &fake.managers[i];
	return NULL;
}

struct fake_session *fake_session_by_id(const char *id)
{
	for (size_t i = fake.count; i > 0; i--)
		if (!strcmp(fake.sessions[i - 1].id, id))
			return &fake.sessions[i - 1];
	fail_msg("there is no session %s", id);
	return NULL;
}

static struct fake_session *fake_session_of(const struct session *session)
{
	return fake_session_by_id(session->id);
}

unsigned int open_sessions(void)
{
	unsigned int open = 0;

	for (size_t i = 0; i < fake.count; i++)
		open += fake.sessions[i].open;
	return open;
}

unsigned int total_notices(void)
{
	unsigned int notices = 0;

	for (size_t i = 0; i < fake.count; i++)
		notices += fake.sessions[i].notices;
	return notices;
}

/* A getty starts again and logs the user on. */
static void return_later(const struct fake_session *target)
{
	static const char *const ids[] = {"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"};
	static unsigned int next;
	struct fake_session *returned = add_session(ids[next++ % 8], target->user, BY_SIGNAL);

	returned->uid = target->uid;
	returned->seat = target->seat;
	returned->tty = target->tty;
	returned->returns = target->returns - 1;
	returned->open = false;
	returned->opens_at = fake.time + 700 * USEC_PER_MSEC;
}

static void end(struct fake_session *target)
{
	static const char *const ids[] = {"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"};

	if (!target->open)
		return;
	target->open = false;
	target->removal_due = !target->removal_lost;
	if (target->returns > 0)
		return_later(target);
	if (fake.reopen > 0 && target->ends_by == BY_SIGNAL) {
		struct fake_session *next = add_session(ids[--fake.reopen], "auto", BY_SIGNAL);

		next->uid = target->uid;
		next->open = false;
		next->opens_at = fake.time;
	}
}

static uint64_t fake_now(void *userdata)
{
	return fake.time;
}

static void fake_wake(void *userdata, uint64_t time)
{
	fake.wake = time;
}

/* By default, no name has a uid, so that they are compared. */
static int fake_resolve(void *userdata, const char *user)
{
	fake.lookups++;
	if (fake.resolve_hangs)
		return 0;
	if (fake.resolve_error)
		return fake.resolve_error;
	engine_resolved(&fake.engine, user[0] && fake.user_has_uid ? &fake.uid : NULL);
	return 0;
}

static int fake_list_users(void *userdata)
{
	if (fake.time < fake.logind_down_until)
		return -ECONNREFUSED;
	fake.user_lists++;
	fake.users_due = true;
	return 0;
}

static int fake_find_outside(void *userdata)
{
	fake.searches++;
	fake.outside_due = !fake.outside_hangs;
	return fake.outside_error;
}

static int fake_list(void *userdata)
{
	fake.lists++;
	if (fake.time < fake.logind_down_until)
		return -ECONNREFUSED;
	fake.list_due = !fake.logind_hangs;
	return 0;
}

static bool fake_is_opening(void *userdata, const struct session *session)
{
	struct fake_session *target = fake_session_of(session);

	target->watched = fake.time < target->opening_until;
	return target->watched;
}

static void fake_begin(void *userdata, const struct session *session)
{
	struct fake_session *target = fake_session_of(session);

	/* Comes before any attempt to end the session. */
	if (!target->begun)
		assert_int_equal(target->signalled + target->killed + target->kills_by_logind +
					 target->stopped,
				 0);
	target->begun = true;
}

static int fake_signal(void *userdata, const struct session *session)
{
	struct fake_session *target = fake_session_of(session);

	if (target->no_scope)
		return -EOPNOTSUPP;
	if (target->no_process)
		return 0;
	target->signalled++;
	if (target->frozen)
		return -EBUSY;
	if (target->ends_by <= BY_SIGNAL && fake.time >= target->opening_until)
		end(target);
	return 2;
}

static int fake_kill(void *userdata, const struct session *session)
{
	struct fake_session *target = fake_session_of(session);

	if (target->no_scope)
		return -EOPNOTSUPP;
	target->killed++;
	if (target->ends_by <= BY_KILL)
		end(target);
	return 0;
}

static int fake_kill_session(void *userdata, const struct session *session, int number)
{
	struct fake_session *target = fake_session_of(session);

	target->kills_by_logind++;
	target->last_kill = number;
	if (fake.time < fake.logind_down_until)
		return -ECONNREFUSED;
	if (target->kill_fails > 0) {
		target->kill_fails--;
		target->failures_due++;
	} else if (target->ends_by <= BY_SIGNAL ||
		   (number == SIGKILL && target->ends_by <= BY_KILL_SESSION)) {
		end(target);
	}
	return 0;
}

static void fake_stop_scope(void *userdata, const struct session *session)
{
	struct fake_session *target = fake_session_of(session);

	target->stopped++;
	if (target->stop_fails > 0) {
		target->stop_fails--;
		target->failures_due++;
	} else if (target->ends_by <= BY_STOP) {
		end(target);
	}
}

static int fake_user_runs(void *userdata, uid_t uid)
{
	struct fake_manager *manager = manager_of(uid);

	if (manager)
		manager->checks++;
	return manager && manager->unknown ? -EOPNOTSUPP : manager && manager->runs;
}

static int fake_look_up_manager(void *userdata, uid_t uid)
{
	struct fake_manager *manager = manager_of(uid);

	/* Users without a process need no call. */
	assert_non_null(manager);
	if (fake.time < fake.logind_down_until)
		return -ECONNREFUSED;
	manager->lookups++;
	manager->lookups_due++;
	return 0;
}

/* No manager is stopped while its user has a session. */
static void assert_no_session(uid_t uid)
{
	for (size_t i = 0; i < fake.count; i++)
		assert_false(fake.sessions[i].open && fake.sessions[i].uid == uid &&
			     strncmp(fake.sessions[i].class, "manager", 7) != 0);
}

static bool includes_lingering(void)
{
	return fake.config.include_lingering ||
	       fake.engine.request.flags & HV_LOGOFF_INCLUDE_LINGERING;
}

static int fake_stop_manager(void *userdata, uid_t uid)
{
	struct fake_manager *manager = manager_of(uid);

	assert_no_session(uid);
	if (fake.time < fake.logind_down_until)
		return -ECONNREFUSED;
	assert_true(!manager->lingers || includes_lingering());
	manager->stopped++;
	if (fake.slips_in) {
		struct fake_session *session = add_session(fake.slips_in, manager->user, BY_SIGNAL);

		session->uid = uid;
		session->opens_at = fake.time;
		fake.slips_in = NULL;
	}
	if (manager->ends_by <= BY_SIGNAL)
		manager->ends_at = fake.time + 400 * USEC_PER_MSEC;
	return 0;
}

static void fake_kill_user(void *userdata, uid_t uid)
{
	struct fake_manager *manager = manager_of(uid);

	assert_no_session(uid);
	assert_true(manager->stopped > 0 && (!manager->lingers || includes_lingering()));
	manager->killed++;
	if (manager->ends_by <= BY_KILL)
		manager->ends_at = fake.time + 10 * USEC_PER_MSEC;
}

static void fake_reset_manager(void *userdata, uid_t uid)
{
	struct fake_manager *manager = manager_of(uid);

	assert_true(manager->killed > 0 && !manager->active);
	manager->reset++;
}

static int fake_begin_no_logins(void *userdata, const char *text)
{
	assert_true(text[0] && !fake.no_logins);
	if (fake.no_logins_error)
		return fake.no_logins_error;
	fake.no_logins = true;
	snprintf(fake.no_logins_text, sizeof(fake.no_logins_text), "%s", text);
	return 0;
}

static void fake_end_no_logins(void *userdata)
{
	assert_true(fake.no_logins);
	fake.no_logins = false;
}

static void fake_begin_notices(void *userdata)
{
	fake.notice_rounds++;
}

static bool fake_notify(void *userdata, const struct session *session, const char *text)
{
	struct fake_session *target = fake_session_of(session);

	target->notices++;
	snprintf(target->notice, sizeof(target->notice), "%s", text);
	return !target->untold;
}

static bool fake_manager_has_terminal(void *userdata, uid_t uid)
{
	const struct fake_manager *manager = manager_of(uid);

	return manager && manager->terminal;
}

static bool fake_notify_manager(void *userdata, uid_t uid, const char *text)
{
	struct fake_manager *manager = manager_of(uid);

	assert_true(manager && manager->terminal);
	manager->notices++;
	snprintf(manager->notice, sizeof(manager->notice), "%s", text);
	return true;
}

static void fake_audit(void *userdata, const char *id, const struct session *session,
		       const char *outcome, const char *detail)
{
	if (fake.audited_id)
		assert_string_equal(id, fake.audited_id);
	assert_non_null(detail);
	if (session) {
		fake.audits_ended += !strcmp(outcome, "ended");
		fake.audits_failed += !strcmp(outcome, "failed");
		fake.audits_by_itself += !strcmp(outcome, "ended-by-itself");
		return;
	}
	snprintf(fake.last_outcome, sizeof(fake.last_outcome), "%s", outcome);
	if (!strcmp(outcome, "requested")) {
		fake.requests++;
		fake.last_request = fake.engine.request;
	}
}

static void fake_audit_user(void *userdata, const char *id, const struct outcome *outcome)
{
	if (fake.audited_id)
		assert_string_equal(id, fake.audited_id);
	assert_in_range(outcome->outcome, HV_LOGOFF_MANAGER_ENDED, HV_LOGOFF_UNTOLD);
	assert_int_not_equal(outcome->outcome, HV_LOGOFF_MANAGER_SELECTED);
	fake.user_audits[outcome->outcome]++;
}

void record_user_outcome(const struct outcome *outcome)
{
	assert_in_range(outcome->outcome, HV_LOGOFF_MANAGER_ENDED, HV_LOGOFF_UNTOLD);
	assert_int_equal(!outcome->session[0], outcome->outcome != HV_LOGOFF_RETURNED);
	assert_int_equal(outcome->processes > 0, outcome->outcome == HV_LOGOFF_OUTSIDE);
	fake.user_outcomes[outcome->outcome]++;
	fake.outcome_uid = outcome->uid;
	snprintf(fake.outcome_user, sizeof(fake.outcome_user), "%s", outcome->user);
	snprintf(fake.outcome_session, sizeof(fake.outcome_session), "%s", outcome->session);
}

static void fake_changed(void *userdata)
{
	if (fake.changed)
		fake.changed();
}

static const struct engine_ops fake_ops = {
	.now = fake_now,
	.wake = fake_wake,
	.resolve = fake_resolve,
	.list_users = fake_list_users,
	.list = fake_list,
	.is_opening = fake_is_opening,
	.begin = fake_begin,
	.signal = fake_signal,
	.kill = fake_kill,
	.kill_session = fake_kill_session,
	.stop_scope = fake_stop_scope,
	.user_runs = fake_user_runs,
	.look_up_manager = fake_look_up_manager,
	.stop_manager = fake_stop_manager,
	.kill_user = fake_kill_user,
	.reset_manager = fake_reset_manager,
	.begin_no_logins = fake_begin_no_logins,
	.end_no_logins = fake_end_no_logins,
	.changed = fake_changed,
	.begin_notices = fake_begin_notices,
	.notify = fake_notify,
	.manager_has_terminal = fake_manager_has_terminal,
	.notify_manager = fake_notify_manager,
	.find_outside = fake_find_outside,
	.audit = fake_audit,
	.audit_user = fake_audit_user,
};

void start_engine(void)
{
	fake.list_due = false;
	fake.outside_due = false;
	fake.users_due = false;
	engine_init(&fake.engine, &fake_ops, NULL, &fake.config);
}

int fake_system_init(void)
{
	int r;

	memset(&fake, 0, sizeof(fake));
	fake.time = 1000 * USEC_PER_SEC;
	fake.wake = USEC_NEVER;
	r = config_parse(&fake.config, "x.conf", "", 0, stderr);
	start_engine();
	return r;
}

void fake_system_done(void)
{
	engine_drop(&fake.engine);
	config_done(&fake.config);
}

void answer_list(void)
{
	struct session_list list = {0};
	struct session session;

	fake.list_due = false;
	for (size_t i = 0; i < fake.count; i++) {
		const struct fake_session *target = &fake.sessions[i];

		if (!target->open)
			continue;
		assert_int_equal(session_init(&session, target->id, target->uid, target->user,
					      target->class, target->seat, target->tty,
					      target->leader),
				 0);
		assert_int_equal(session_list_add(&list, &session), 0);
	}
	engine_listed(&fake.engine, &list, 0);
	session_list_done(&list);
}

static void answer_user_list(void)
{
	struct listed_user users[FAKE_USERS_MAX];
	size_t count = 0;

	fake.users_due = false;
	for (size_t i = 0; i < fake.manager_count; i++)
		users[count++] = (struct listed_user){
			.uid = fake.managers[i].uid,
			.name = (char *)fake.managers[i].user,
			.lingers = fake.managers[i].lingers,
		};
	engine_users_listed(&fake.engine, users, count, fake.users_error);
}

/* A manager's unit becomes inactive some time after its last process has ended. */
static void end_manager(struct fake_manager *manager)
{
	if (!manager->ends_at || fake.time < manager->ends_at)
		return;
	manager->ends_at = manager->runs ? fake.time + 20 * USEC_PER_MSEC : 0;
	manager->active = manager->runs;
	manager->runs = false;
}

static bool answer_lookup(void)
{
	for (size_t i = 0; i < fake.manager_count; i++) {
		struct fake_manager *manager = &fake.managers[i];
		int state = manager->lingers ? MANAGER_LINGERS : MANAGER_ACTIVE;

		end_manager(manager);
		if (!manager->lookups_due)
			continue;
		manager->lookups_due--;
		if (manager->state_error)
			state = manager->state_error;
		else if (!manager->active)
			state = MANAGER_INACTIVE;
		engine_manager_found(&fake.engine, manager->uid, state);
		return true;
	}
	return false;
}

/* Delivers the next pending event. False if there is none at this time. */
static bool deliver_event(void)
{
	for (size_t i = 0; i < fake.count; i++) {
		struct fake_session *target = &fake.sessions[i];

		if (target->opens_at && fake.time >= target->opens_at) {
			target->opens_at = 0;
			target->open = true;
			engine_opened(&fake.engine);
			return true;
		}
		if (target->watched && fake.time >= target->opening_until) {
			target->watched = false;
			engine_states_changed(&fake.engine);
			return true;
		}
		if (target->ends_at && fake.time >= target->ends_at)
			end(target);
		if (target->removal_due) {
			target->removal_due = false;
			engine_removed(&fake.engine, target->id);
			return true;
		}
		if (target->failures_due > 0) {
			target->failures_due--;
			engine_call_failed(&fake.engine, target->id, target->kill_error);
			return true;
		}
	}
	if (answer_lookup())
		return true;
	if (fake.outside_due) {
		fake.outside_due = false;
		engine_outside_found(&fake.engine, fake.outside, fake.outside_count);
		return true;
	}
	if (fake.users_due) {
		answer_user_list();
		return true;
	}
	if (!fake.list_due)
		return false;
	answer_list();
	return true;
}

static uint64_t next_wakeup(void)
{
	uint64_t time = fake.wake;

	for (size_t i = 0; i < fake.manager_count; i++)
		if (fake.managers[i].ends_at > fake.time && fake.managers[i].ends_at < time)
			time = fake.managers[i].ends_at;
	for (size_t i = 0; i < fake.count; i++) {
		const struct fake_session *target = &fake.sessions[i];

		if (target->open && target->ends_at > fake.time && target->ends_at < time)
			time = target->ends_at;
		if (target->opens_at > fake.time && target->opens_at < time)
			time = target->opens_at;
		if (target->watched && target->opening_until > fake.time &&
		    target->opening_until < time)
			time = target->opening_until;
	}
	return time;
}

void run_for(unsigned int seconds)
{
	uint64_t until = fake.time + seconds * USEC_PER_SEC;
	unsigned int turns = 0;

	while (fake.engine.phase != ENGINE_IDLE) {
		assert_true(++turns < 10000);
		if (deliver_event())
			continue;
		if (next_wakeup() > until) {
			fake.time = until;
			return;
		}
		if (next_wakeup() > fake.time)
			fake.time = next_wakeup();
		if (fake.wake <= fake.time)
			engine_tick(&fake.engine);
	}
}
