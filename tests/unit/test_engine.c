// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine in a small world of its own: sessions that end when they are asked,
 * or only when they are killed, and a logind that answers late, or never. Time
 * stands still until there is nothing left to happen, then jumps to the next
 * moment that the engine waits for.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "userspace/guest/logoff/engine.h"
#include "userspace/shared/util.h"

#define ID           "0x1122334455667788"
#define SESSIONS_MAX 16
#define REPORTS_MAX  256

/* The weakest means that ends a session. */
enum ends_by { BY_SIGNAL, BY_KILL, BY_KILL_SESSION, BY_STOP, BY_NOTHING };

struct member {
	const char *id;
	const char *user;
	const char *class;
	enum ends_by ends_by;
	bool there;
	bool no_scope;   /* its processes cannot be reached but by logind */
	bool no_process; /* the scope is empty */
	int kill_fails;  /* so many calls to logind come to nothing */
	int kill_error;
	uint64_t leaves;   /* by itself, at this time */
	bool removal_lost; /* no SessionRemoved comes */

	bool removal_due;
	unsigned int failures_due;
	unsigned int told;
	bool begun;
	unsigned int signalled;
	unsigned int killed;
	unsigned int kills_by_logind;
	int last_kill;
	unsigned int stopped;
	unsigned int outcomes[HV_LOGOFF_SELECTED + 1];
	char notice[2048];
};

static struct world {
	struct engine engine;
	struct config config;
	uint64_t time;
	uint64_t wake;
	struct member members[SESSIONS_MAX];
	size_t count;

	bool list_due;
	unsigned int lists;
	uint64_t logind_down_until;
	bool logind_mute; /* takes the call, and never answers */
	/* When a session ends, another one is opened; so many times. */
	unsigned int reopen;

	struct hv_logoff_report reports[REPORTS_MAX];
	size_t report_count;
	int report_result;
	unsigned int audits_ended, audits_failed, audits_by_itself;
	char last_outcome[32];
} world;

static struct member *add(const char *id, const char *user, enum ends_by ends_by)
{
	struct member *member = &world.members[world.count++];

	assert_true(world.count <= SESSIONS_MAX);
	*member = (struct member){
		.id = id,
		.user = user,
		.class = "user",
		.ends_by = ends_by,
		.there = true,
	};
	return member;
}

static struct member *member_of(const struct session *session)
{
	for (size_t i = 0; i < world.count; i++)
		if (!strcmp(world.members[i].id, session->id))
			return &world.members[i];
	fail_msg("no session %s in this world", session->id);
	return NULL;
}

static void end(struct member *member)
{
	static const char *const ids[] = {"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"};

	if (!member->there)
		return;
	member->there = false;
	member->removal_due = !member->removal_lost;
	if (world.reopen > 0) {
		world.reopen--;
		add(ids[world.reopen], "auto", BY_SIGNAL);
	}
}

static uint64_t fake_now(void *outside)
{
	(void)outside;
	return world.time;
}

static void fake_wake(void *outside, uint64_t time)
{
	(void)outside;
	world.wake = time;
}

static int fake_list(void *outside)
{
	(void)outside;
	world.lists++;
	if (world.time < world.logind_down_until)
		return -ECONNREFUSED;
	world.list_due = !world.logind_mute;
	return 0;
}

static void fake_begin(void *outside, const struct session *session)
{
	struct member *member = member_of(session);

	(void)outside;
	/* Before anything is done to it. */
	if (!member->begun)
		assert_int_equal(member->signalled + member->killed + member->kills_by_logind +
					 member->stopped,
				 0);
	member->begun = true;
}

static int fake_signal(void *outside, const struct session *session)
{
	struct member *member = member_of(session);

	(void)outside;
	if (member->no_scope)
		return -EOPNOTSUPP;
	if (member->no_process)
		return 0;
	member->signalled++;
	if (member->ends_by <= BY_SIGNAL)
		end(member);
	return 2;
}

static int fake_kill(void *outside, const struct session *session)
{
	struct member *member = member_of(session);

	(void)outside;
	if (member->no_scope)
		return -EOPNOTSUPP;
	member->killed++;
	if (member->ends_by <= BY_KILL)
		end(member);
	return 0;
}

static int fake_kill_session(void *outside, const struct session *session, int number)
{
	struct member *member = member_of(session);

	(void)outside;
	member->kills_by_logind++;
	member->last_kill = number;
	if (world.time < world.logind_down_until)
		return -ECONNREFUSED;
	if (member->kill_fails > 0) {
		member->kill_fails--;
		member->failures_due++;
	} else if (member->ends_by <= BY_SIGNAL ||
		   (number == SIGKILL && member->ends_by <= BY_KILL_SESSION)) {
		end(member);
	}
	return 0;
}

static void fake_stop_scope(void *outside, const struct session *session)
{
	struct member *member = member_of(session);

	(void)outside;
	member->stopped++;
	if (member->ends_by <= BY_STOP)
		end(member);
}

static void fake_notify(void *outside, const struct session *session, const char *text)
{
	struct member *member = member_of(session);

	(void)outside;
	member->told++;
	snprintf(member->notice, sizeof(member->notice), "%s", text);
}

static int fake_report(void *userdata, const struct hv_logoff_report *report)
{
	const struct hv_logoff_report *before = world.reports;

	assert_true(world.report_count < REPORTS_MAX);
	/* The rules of the driver. */
	assert_int_equal(report->header.type, HV_LOGOFF_REPORT);
	assert_int_equal(report->header.size, sizeof(*report));
	assert_int_equal(report->header.id, 0);
	assert_ptr_equal(userdata, &world);
	assert_true(report->percent <= 100);
	assert_true(report->ended + report->failed <= report->found);
	assert_true(report->state >= HV_LOGOFF_GRACE && report->state <= HV_LOGOFF_DONE);
	assert_true(report->state == HV_LOGOFF_DONE || report->result == 0);
	assert_int_equal(report->text[HV_LOGOFF_TEXT_SIZE - 1], 0);
	if (world.report_count > 0) {
		before += world.report_count - 1;
		assert_true(before->state < HV_LOGOFF_DONE);
		assert_true(report->state >= before->state);
		assert_true(report->percent >= before->percent);
	}
	world.reports[world.report_count++] = *report;
	return world.report_result;
}

static void fake_outcome(void *userdata, const struct session *session,
			 enum hv_logoff_outcome outcome)
{
	assert_ptr_equal(userdata, &world);
	/* Before the last report. */
	assert_true(!world.report_count ||
		    world.reports[world.report_count - 1].state != HV_LOGOFF_DONE);
	assert_in_range(outcome, HV_LOGOFF_FAILED, HV_LOGOFF_SELECTED);
	member_of(session)->outcomes[outcome]++;
}

static void fake_audit(void *outside, const char *id, const struct session *session,
		       const char *outcome, const char *detail)
{
	(void)outside;
	assert_string_equal(id, ID);
	assert_non_null(detail);
	if (session) {
		world.audits_ended += !strcmp(outcome, "ended");
		world.audits_failed += !strcmp(outcome, "failed");
		world.audits_by_itself += !strcmp(outcome, "ended-by-itself");
	} else {
		snprintf(world.last_outcome, sizeof(world.last_outcome), "%s", outcome);
	}
}

static const struct engine_ops fake_ops = {
	.now = fake_now,
	.wake = fake_wake,
	.list = fake_list,
	.begin = fake_begin,
	.signal = fake_signal,
	.kill = fake_kill,
	.kill_session = fake_kill_session,
	.stop_scope = fake_stop_scope,
	.notify = fake_notify,
	.audit = fake_audit,
};

static const struct logoff_transport transport = {.report = fake_report, .outcome = fake_outcome};
static const struct logoff_transport other_transport = {.report = fake_report};

/* Nothing is done to a session whose end has not begun. */
static void assert_begun(void)
{
	for (size_t i = 0; i < world.count; i++) {
		const struct member *member = &world.members[i];

		if (member->signalled + member->killed + member->kills_by_logind + member->stopped)
			assert_true(member->begun);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world.time = 1000 * USEC_PER_SEC;
	world.wake = USEC_NEVER;
	if (config_parse(&world.config, "x.conf", "", 0, stderr) < 0)
		return -1;
	engine_init(&world.engine, &fake_ops, NULL, &world.config);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	engine_drop(&world.engine);
	config_done(&world.config);
	return 0;
}

static void answer_list(void)
{
	struct session_list list = {0};
	struct session session;

	world.list_due = false;
	for (size_t i = 0; i < world.count; i++) {
		const struct member *member = &world.members[i];

		if (!member->there)
			continue;
		assert_int_equal(session_init(&session, member->id, 1000 + i, member->user,
					      member->class, "pts/0", 0),
				 0);
		assert_int_equal(session_list_add(&list, &session), 0);
	}
	engine_listed(&world.engine, &list, 0);
	session_list_done(&list);
}

/* The next thing that happens without time going on. Whether there was one. */
static bool happen(void)
{
	for (size_t i = 0; i < world.count; i++) {
		struct member *member = &world.members[i];

		if (member->leaves && world.time >= member->leaves)
			end(member);
		if (member->removal_due) {
			member->removal_due = false;
			engine_removed(&world.engine, member->id);
			return true;
		}
		if (member->failures_due > 0) {
			member->failures_due--;
			engine_call_failed(&world.engine, member->id, member->kill_error);
			return true;
		}
	}
	if (!world.list_due)
		return false;
	answer_list();
	return true;
}

static uint64_t next_moment(void)
{
	uint64_t time = world.wake;

	for (size_t i = 0; i < world.count; i++)
		if (world.members[i].there && world.members[i].leaves > world.time &&
		    world.members[i].leaves < time)
			time = world.members[i].leaves;
	return time;
}

/* Lets @seconds go by, or as many as it takes until the request is over. */
static void run(unsigned int seconds)
{
	uint64_t until = world.time + seconds * USEC_PER_SEC;
	unsigned int turns = 0;

	while (world.engine.phase != ENGINE_IDLE) {
		assert_true(++turns < 10000);
		if (happen())
			continue;
		if (next_moment() > until) {
			world.time = until;
			return;
		}
		if (next_moment() > world.time)
			world.time = next_moment();
		if (world.wake <= world.time)
			engine_tick(&world.engine);
	}
}

static void request_target(uint32_t flags, uint32_t grace, const char *user, const char *session)
{
	struct logoff_request request = {.id = ID, .flags = flags, .timeout = 60, .grace = grace};

	snprintf(request.user, sizeof(request.user), "%s", user);
	snprintf(request.session, sizeof(request.session), "%s", session);
	assert_int_equal(engine_request(&world.engine, &transport, &world, &request), 0);
}

static void request(uint32_t flags, uint32_t timeout, uint32_t grace, const char *message)
{
	struct logoff_request request = {
		.id = ID,
		.flags = flags,
		.timeout = timeout,
		.grace = grace,
	};

	memcpy(request.message, message, strlen(message));
	assert_int_equal(engine_request(&world.engine, &transport, &world, &request), 0);
}

static void cancel(uint32_t reason)
{
	engine_cancel(&world.engine, &transport, reason);
}

static const struct hv_logoff_report *last(void)
{
	assert_true(world.report_count > 0);
	return &world.reports[world.report_count - 1];
}

/* The request is over, with exactly one end, which is the last report. */
static void assert_done(uint32_t result, uint32_t found, uint32_t ended, uint32_t failed)
{
	char outcome[32];

	assert_int_equal(world.engine.phase, ENGINE_IDLE);
	assert_int_equal(world.wake, USEC_NEVER);
	for (size_t i = 0; i + 1 < world.report_count; i++)
		assert_int_not_equal(world.reports[i].state, HV_LOGOFF_DONE);
	assert_int_equal(last()->state, HV_LOGOFF_DONE);
	assert_int_equal(last()->result, result);
	assert_int_equal(last()->found, found);
	assert_int_equal(last()->ended, ended);
	assert_int_equal(last()->failed, failed);
	assert_true(last()->text[0]);
	assert_int_equal(world.audits_ended + world.audits_by_itself, ended);
	assert_int_equal(world.audits_failed, failed);
	for (size_t i = 0; i < world.count; i++)
		failed -= world.members[i].outcomes[HV_LOGOFF_FAILED];
	assert_int_equal(failed, 0);
	assert_begun();
	snprintf(outcome, sizeof(outcome), "0x%08x", result);
	assert_string_equal(world.last_outcome, outcome);
}

static void test_nobody(void **state)
{
	(void)state;
	request(0, 60, 10, "");
	run(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_int_equal(world.report_count, 1);
}

static void test_only_those_that_stay(void **state)
{
	(void)state;
	add("1", "gdm", BY_SIGNAL)->class = "greeter";
	add("2", "alice", BY_SIGNAL)->class = "manager";
	request(HV_LOGOFF_FORCE, 60, 0, "");
	run(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_non_null(strstr(last()->text, "2 sessions that are exempt"));
	assert_int_equal(world.members[0].told + world.members[0].killed, 0);
	assert_true(world.members[0].there && world.members[1].there);
}

static void test_all_gone(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	add("2", "bob", BY_SIGNAL);
	add("3", "gdm", BY_NOTHING)->class = "greeter";
	request(0, 60, 0, "");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(last()->percent, 100);
	assert_int_equal(world.members[0].signalled, 1);
	assert_int_equal(world.members[0].killed, 0);
	assert_int_equal(world.members[2].signalled, 0);
	assert_int_equal(world.audits_ended, 2);
	assert_true(world.report_count >= 3);
}

static void test_one_report_for_each_session(void **state)
{
	uint32_t ended = 0;

	(void)state;
	for (int i = 0; i < 8; i++) {
		static const char *const ids[] = {"1", "2", "3", "4", "5", "6", "7", "8"};

		add(ids[i], "alice", BY_SIGNAL);
	}
	request(0, 60, 0, "");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 8, 8, 0);
	for (size_t i = 0; i < world.report_count; i++) {
		assert_true(world.reports[i].ended - ended <= 1);
		ended = world.reports[i].ended;
	}
}

static void test_grace(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "Reboot at \x1b[1mnoon");
	run(19);
	assert_int_equal(world.engine.phase, ENGINE_GRACE);
	assert_int_equal(world.members[0].signalled, 0);
	assert_int_equal(world.members[0].told, 1);
	assert_string_equal(world.members[0].notice,
			    "Reboot at ?[1mnoon\nYou will be logged off in 20 seconds. Save your "
			    "work now.");
	assert_int_equal(last()->state, HV_LOGOFF_GRACE);
	assert_int_equal(last()->percent, 9);
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(world.members[0].signalled, 1);
	assert_int_equal(world.members[0].told, 1);
}

static void test_no_notice(void **state)
{
	(void)state;
	world.config.notice = false;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "bye");
	run(10);
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_int_equal(world.members[0].told, 0);
}

static void test_default_message(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run(1);
	assert_non_null(strstr(world.members[0].notice, world.config.message));
	assert_non_null(strstr(world.members[0].notice, "now"));
}

static void test_cancel_in_grace(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run(5);
	engine_cancel(&world.engine, &other_transport, HV_LOGOFF_CANCEL_HOST);
	assert_int_equal(world.engine.phase, ENGINE_GRACE);
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_done(HV_LOGOFF_E_CANCELLED, 1, 0, 0);
	assert_true(world.members[0].there);
	assert_int_equal(world.members[0].signalled, 0);
	assert_int_equal(world.members[0].told, 2);
	assert_non_null(strstr(world.members[0].notice, "called off"));
	/* Again, when it is over: nothing. */
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_done(HV_LOGOFF_E_CANCELLED, 1, 0, 0);
}

static void test_cancel_before_the_list(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	cancel(HV_LOGOFF_CANCEL_HOST);
	answer_list();
	assert_done(HV_LOGOFF_E_CANCELLED, 0, 0, 0);
	assert_true(world.members[0].there);
}

static void test_cancel_while_ending(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	add("2", "bob", BY_KILL);
	request(0, 60, 0, "");
	run(5);
	assert_int_equal(world.engine.phase, ENGINE_ENDING);
	cancel(HV_LOGOFF_CANCEL_HOST);
	run(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
}

static void test_driver_has_answered(void **state)
{
	size_t reports;

	(void)state;
	add("1", "alice", BY_NOTHING);
	request(0, 60, 0, "");
	run(5);
	reports = world.report_count;
	cancel(HV_LOGOFF_CANCEL_TIMEOUT);
	assert_int_equal(world.engine.phase, ENGINE_IDLE);
	assert_int_equal(world.wake, USEC_NEVER);
	assert_int_equal(world.report_count, reports);
	assert_string_equal(world.last_outcome, "abandoned");
}

static void test_stale_report(void **state)
{
	(void)state;
	world.report_result = -ESTALE;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run(60);
	assert_int_equal(world.report_count, 1);
	assert_int_equal(world.engine.phase, ENGINE_IDLE);
	assert_true(world.members[0].there);
}

static void test_stubborn(void **state)
{
	(void)state;
	add("1", "alice", BY_KILL);
	request(0, 60, 0, "");
	run(9);
	assert_int_equal(world.members[0].signalled, 1);
	assert_int_equal(world.members[0].killed, 0);
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(world.members[0].killed, 1);
	assert_int_equal(world.members[0].kills_by_logind, 0);
}

static void test_every_means(void **state)
{
	(void)state;
	add("1", "alice", BY_KILL_SESSION);
	add("2", "bob", BY_STOP);
	request(0, 60, 0, "");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(world.members[0].killed, 1);
	assert_int_equal(world.members[0].last_kill, SIGKILL);
	assert_int_equal(world.members[0].stopped, 0);
	assert_int_equal(world.members[1].last_kill, SIGKILL);
	assert_int_equal(world.members[1].stopped, 1);
}

static void test_nothing_helps(void **state)
{
	uint64_t begin = world.time;

	(void)state;
	add("1", "alice", BY_SIGNAL);
	add("7", "bob", BY_NOTHING);
	request(0, 60, 0, "");
	run(100);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 2, 1, 1);
	assert_int_equal(world.time, begin + 60 * USEC_PER_SEC);
	assert_int_equal(world.members[1].stopped, 1);
	assert_non_null(strstr(last()->text, "1 of 2 sessions are left: 7 (bob)"));
	assert_in_range(last()->percent, 10, 99);
}

static void test_deadline_too_short(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	add("2", "bob", BY_KILL);
	request(0, 5, 2, "");
	run(60);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 2, 1, 1);
	assert_int_equal(world.members[1].killed, 0);
	assert_true(world.members[1].there);
}

static void test_force(void **state)
{
	uint64_t begin = world.time;

	(void)state;
	add("1", "alice", BY_KILL);
	request(HV_LOGOFF_FORCE, 60, 3, "");
	run(2);
	assert_int_equal(world.members[0].killed, 0);
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(world.members[0].signalled, 0);
	assert_int_equal(world.members[0].killed, 1);
	assert_true(world.time < begin + 5 * USEC_PER_SEC);
}

static void test_without_cgroup_v2(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL)->no_scope = true;
	add("2", "bob", BY_KILL_SESSION)->no_scope = true;
	request(0, 60, 0, "");
	run(9);
	assert_int_equal(world.members[0].kills_by_logind, 3);
	assert_int_equal(world.members[1].last_kill, SIGCONT);
	run(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(world.members[1].last_kill, SIGKILL);
}

static void test_force_without_cgroup_v2(void **state)
{
	(void)state;
	add("1", "alice", BY_KILL_SESSION)->no_scope = true;
	request(HV_LOGOFF_FORCE, 60, 0, "");
	run(5);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(world.members[0].kills_by_logind, 1);
	assert_int_equal(world.members[0].last_kill, SIGKILL);
}

/* A session that is closing, with nobody in its scope whom the daemon could signal. */
static void test_closing_session(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL)->no_process = true;
	request(0, 60, 0, "");
	run(5);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(world.members[0].signalled, 0);
	assert_true(world.members[0].kills_by_logind > 0);
}

static void test_opening_session(void **state)
{
	struct member *member = add("1", "alice", BY_SIGNAL);

	(void)state;
	member->no_scope = true;
	member->kill_fails = 6;
	member->kill_error = -EDEADLK;
	request(0, 60, 0, "");
	run(9);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(member->killed, 0);
}

static void test_logind_knows_no_such_session(void **state)
{
	struct member *member = add("1", "alice", BY_NOTHING);

	(void)state;
	member->no_scope = true;
	member->kill_fails = 3;
	member->kill_error = -ENOENT;
	request(0, 60, 0, "");
	run(0);
	member->there = false;
	run(5);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_opened_meanwhile(void **state)
{
	(void)state;
	add("1", "alice", BY_KILL);
	request(0, 60, 0, "");
	run(5);
	add("2", "bob", BY_SIGNAL);
	engine_opened(&world.engine);
	run(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(world.members[1].signalled, 1);
	assert_int_equal(world.members[1].told, 1);
}

static void test_opened_in_grace(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run(10);
	add("2", "bob", BY_SIGNAL);
	engine_opened(&world.engine);
	run(1);
	assert_int_equal(world.members[0].told, 1);
	assert_int_equal(world.members[1].told, 1);
	assert_non_null(strstr(world.members[1].notice, "in 10 seconds"));
	run(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
}

static void test_opened_a_few_times(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	world.reopen = 3;
	request(0, 60, 0, "");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 4, 4, 0);
}

static void test_opened_again_and_again(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	world.reopen = 8;
	request(0, 60, 0, "");
	run(60);
	assert_int_equal(last()->result, HV_LOGOFF_E_EXCEPTION);
	assert_int_equal(last()->failed, 1);
	assert_non_null(strstr(last()->text, "automatic logon"));
	assert_non_null(strstr(last()->text, "(auto)"));
	assert_done(HV_LOGOFF_E_EXCEPTION, last()->found, last()->found - 1, 1);
}

static void test_all_leave_in_grace(void **state)
{
	uint64_t begin = world.time;

	(void)state;
	add("1", "alice", BY_NOTHING)->leaves = begin + 10 * USEC_PER_SEC;
	request(0, 3600, 1800, "");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(world.audits_by_itself, 1);
	assert_false(world.members[0].begun);
	assert_int_equal(world.members[0].signalled, 0);
	assert_true(world.time < begin + 12 * USEC_PER_SEC);
}

static void test_removed_is_unknown(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	engine_removed(&world.engine, "1");
	request(0, 60, 10, "");
	run(5);
	engine_removed(&world.engine, "99");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_logind_absent(void **state)
{
	uint64_t begin = world.time;

	(void)state;
	world.logind_down_until = USEC_NEVER;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run(60);
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_non_null(strstr(last()->text, "systemd-logind does not answer"));
	assert_true(world.time < begin + 15 * USEC_PER_SEC);
}

static void test_logind_mute(void **state)
{
	(void)state;
	world.logind_mute = true;
	request(0, 5, 0, "");
	run(60);
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_non_null(strstr(last()->text, "systemd-logind does not answer"));
}

static void test_logind_answers_with_an_error(void **state)
{
	(void)state;
	world.logind_mute = true;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	engine_listed(&world.engine, NULL, -EIO);
	assert_int_equal(world.engine.phase, ENGINE_STARTING);
	world.logind_mute = false;
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_logind_comes_late(void **state)
{
	(void)state;
	world.logind_down_until = world.time + 5 * USEC_PER_SEC;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

/* The signal is lost with the logind that should have sent it. */
static void test_logind_restarts(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL)->removal_lost = true;
	add("2", "bob", BY_KILL)->removal_lost = true;
	request(0, 60, 0, "");
	run(20);
	assert_int_equal(world.engine.phase, ENGINE_ENDING);
	world.logind_down_until = world.time + 3 * USEC_PER_SEC;
	engine_resync(&world.engine);
	run(10);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
}

static void test_logind_does_not_come_back(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	add("2", "bob", BY_NOTHING);
	request(0, 60, 0, "");
	run(10);
	world.logind_down_until = USEC_NEVER;
	engine_resync(&world.engine);
	run(60);
	assert_done(HV_LOGOFF_E_EXCEPTION, 2, 1, 1);
	assert_non_null(strstr(last()->text, "systemd-logind does not answer"));
}

/* Without cgroup v2 nothing but logind can end a session: it is asked until it answers. */
static void test_bus_restarts_while_ending(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL)->no_scope = true;
	request(0, 60, 5, "");
	run(4);
	world.logind_down_until = world.time + 3 * USEC_PER_SEC;
	run(6);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_redelivered(void **state)
{
	(void)state;
	add("1", "alice", BY_SIGNAL);
	request(HV_LOGOFF_REDELIVERED, 30, 0, "");
	assert_string_equal(world.last_outcome, "redelivered");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

/* The daemon before has ended them all, and did not live to say so. */
static void test_redelivered_to_nobody(void **state)
{
	(void)state;
	request(HV_LOGOFF_REDELIVERED, 30, 0, "");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 0, 0, 0);
}

static void add_family(void)
{
	add("1", "alice", BY_SIGNAL);
	add("2", "bob", BY_SIGNAL);
	add("3", "alice", BY_SIGNAL);
	add("4", "root", BY_SIGNAL)->class = "greeter";
}

static unsigned int told(void)
{
	unsigned int told = 0;

	for (size_t i = 0; i < world.count; i++)
		told += world.members[i].told;
	return told;
}

static unsigned int there(void)
{
	unsigned int there = 0;

	for (size_t i = 0; i < world.count; i++)
		there += world.members[i].there;
	return there;
}

static void test_target_user(void **state)
{
	(void)state;
	add_family();
	request_target(0, 0, "alice", "");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_true(world.members[1].there && world.members[3].there);
	assert_int_equal(there(), 2);
	assert_int_equal(told(), 2);
}

static void test_target_session(void **state)
{
	(void)state;
	add_family();
	request_target(0, 0, "", "3");
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_false(world.members[2].there);
	assert_int_equal(there(), 3);
	assert_int_equal(told(), 1);
}

/* Others come and go: that is no matter of this request's. */
static void test_target_while_others_come(void **state)
{
	(void)state;
	add_family();
	request_target(0, 20, "bob", "2");
	run(10);
	add("5", "carol", BY_SIGNAL);
	engine_opened(&world.engine);
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(there(), 4);
	assert_int_equal(told(), 1);
}

static void assert_no_target(const char *user, const char *session, const char *text)
{
	world.report_count = 0;
	request_target(HV_LOGOFF_FORCE, 0, user, session);
	run(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_string_equal(last()->text, text);
	assert_int_equal(there(), 4);
	assert_int_equal(told(), 0);
}

static void test_no_such_target(void **state)
{
	(void)state;
	add_family();
	assert_no_target("carol", "", "User carol is not logged on.");
	assert_no_target("ali", "", "User ali is not logged on.");
	assert_no_target("", "33", "There is no session 33.");
	assert_no_target("bob", "3", "User bob has no session 3.");
	assert_no_target("car\033ol", "", "User car?ol is not logged on.");
}

static void test_exempt_target(void **state)
{
	(void)state;
	add_family();
	assert_no_target("root", "",
			 "User root is logged on only in sessions that are exempt from logoffs.");
	assert_no_target("", "4", "Session 4 is exempt from logoffs.");
	assert_no_target("root", "4", "Session 4 is exempt from logoffs.");
}

static void assert_dry_run(const char *user, uint32_t found)
{
	unsigned int selected = 0;

	world.report_count = 0;
	request_target(HV_LOGOFF_DRY_RUN | HV_LOGOFF_FORCE, 20, user, "");
	run(0);
	assert_done(HV_LOGOFF_S_OK, found, 0, 0);
	assert_int_equal(world.report_count, 1);
	assert_int_equal(there(), 4);
	assert_int_equal(told(), 0);
	for (size_t i = 0; i < world.count; i++) {
		struct member *member = &world.members[i];

		selected += member->outcomes[HV_LOGOFF_SELECTED];
		assert_int_equal(member->outcomes[HV_LOGOFF_SELECTED],
				 strcmp(member->class, "user") == 0 &&
					 (!user[0] || strcmp(member->user, user) == 0));
		member->outcomes[HV_LOGOFF_SELECTED] = 0;
	}
	assert_int_equal(selected, found);
}

static void test_dry_run(void **state)
{
	(void)state;
	add_family();
	assert_dry_run("alice", 2);
	assert_string_equal(last()->text, "2 sessions would be ended: 1 (alice), 3 (alice)");
	assert_dry_run("", 3);
}

static void test_dry_run_of_nobody(void **state)
{
	(void)state;
	request_target(HV_LOGOFF_DRY_RUN | HV_LOGOFF_REDELIVERED, 0, "", "");
	run(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
}

static void test_one_request_at_a_time(void **state)
{
	static const struct logoff_request second = {.id = "second", .timeout = 60};

	(void)state;
	add("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run(5);
	assert_true(engine_serves(&world.engine, &transport));
	assert_false(engine_serves(&world.engine, &other_transport));
	assert_int_equal(engine_request(&world.engine, &other_transport, NULL, &second), -EBUSY);
	assert_int_equal(engine_request(&world.engine, &transport, &world, &second), -EBUSY);
	assert_int_equal(world.engine.phase, ENGINE_GRACE);
	run(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_false(engine_serves(&world.engine, &transport));
}

static void test_second_request_follows(void **state)
{
	(void)state;
	add("1", "alice", BY_NOTHING);
	request(0, 60, 0, "");
	run(5);
	engine_drop(&world.engine);
	request(0, 60, 20, "");
	world.report_count = 0;
	run(5);
	assert_int_equal(world.engine.phase, ENGINE_GRACE);
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_done(HV_LOGOFF_E_CANCELLED, 1, 0, 0);
}

static void test_many_names_fit(void **state)
{
	static const char long_name[] = "averyveryveryveryverylongusername\xc3\xbc\xc3\xbc";
	static const char *const ids[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		add(ids[i], long_name, BY_NOTHING);
	request(0, 5, 0, "");
	run(60);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 10, 0, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nobody),
		TEST(test_only_those_that_stay),
		TEST(test_all_gone),
		TEST(test_one_report_for_each_session),
		TEST(test_grace),
		TEST(test_no_notice),
		TEST(test_default_message),
		TEST(test_cancel_in_grace),
		TEST(test_cancel_before_the_list),
		TEST(test_cancel_while_ending),
		TEST(test_driver_has_answered),
		TEST(test_stale_report),
		TEST(test_stubborn),
		TEST(test_every_means),
		TEST(test_nothing_helps),
		TEST(test_deadline_too_short),
		TEST(test_force),
		TEST(test_without_cgroup_v2),
		TEST(test_force_without_cgroup_v2),
		TEST(test_closing_session),
		TEST(test_opening_session),
		TEST(test_logind_knows_no_such_session),
		TEST(test_opened_meanwhile),
		TEST(test_opened_in_grace),
		TEST(test_opened_a_few_times),
		TEST(test_opened_again_and_again),
		TEST(test_all_leave_in_grace),
		TEST(test_removed_is_unknown),
		TEST(test_logind_absent),
		TEST(test_logind_mute),
		TEST(test_logind_answers_with_an_error),
		TEST(test_logind_comes_late),
		TEST(test_logind_restarts),
		TEST(test_logind_does_not_come_back),
		TEST(test_bus_restarts_while_ending),
		TEST(test_redelivered),
		TEST(test_redelivered_to_nobody),
		TEST(test_target_user),
		TEST(test_target_session),
		TEST(test_target_while_others_come),
		TEST(test_no_such_target),
		TEST(test_exempt_target),
		TEST(test_dry_run),
		TEST(test_dry_run_of_nobody),
		TEST(test_one_request_at_a_time),
		TEST(test_second_request_follows),
		TEST(test_many_names_fit),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
