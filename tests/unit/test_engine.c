// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine: which sessions it ends and how, what it reports, and when it gives up. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fake_system.h"
#include "unit.h"

#define ID          "0x1122334455667788"
#define REPORTS_MAX 256

/* The reports that the transport received, and the result that it returns for each of them. */
static struct {
	struct hv_logoff_report items[REPORTS_MAX];
	size_t count;
	int result;
	uint64_t delay; /* that the transport causes at each report */
} reports;

static unsigned int attempts_to_end(void)
{
	unsigned int attempts = 0;

	for (size_t i = 0; i < fake.count; i++)
		attempts += fake.sessions[i].signalled + fake.sessions[i].killed +
			    fake.sessions[i].kills_by_logind + fake.sessions[i].stopped;
	return attempts;
}

static int fake_report(void *userdata, const struct hv_logoff_report *report)
{
	const struct hv_logoff_report *before = reports.items;

	assert_true(reports.count < REPORTS_MAX);
	/* The driver rejects any other report. */
	assert_int_equal(report->header.type, HV_LOGOFF_REPORT);
	assert_int_equal(report->header.size, sizeof(*report));
	assert_int_equal(report->header.id, 0);
	assert_ptr_equal(userdata, &reports);
	assert_true(report->percent <= 100);
	assert_true(report->ended + report->failed <= report->found);
	assert_true(report->state >= HV_LOGOFF_GRACE && report->state <= HV_LOGOFF_DONE);
	assert_true(report->state == HV_LOGOFF_DONE || report->result == 0);
	assert_int_equal(report->text[HV_LOGOFF_TEXT_SIZE - 1], 0);
	if (reports.count > 0) {
		before += reports.count - 1;
		assert_true(before->state < HV_LOGOFF_DONE);
		assert_true(report->state >= before->state);
		assert_true(report->percent >= before->percent);
	}
	/* Until it has accepted this state, the driver accepts a cancellation. */
	if (report->state == HV_LOGOFF_ENDING &&
	    (!reports.count || before->state < HV_LOGOFF_ENDING))
		assert_int_equal(attempts_to_end(), 0);
	fake.time += reports.delay;
	reports.items[reports.count++] = *report;
	return reports.result;
}

static void fake_outcome(void *userdata, const struct outcome *outcome)
{
	assert_ptr_equal(userdata, &reports);
	/* Outcomes precede the last report. */
	assert_true(!reports.count || reports.items[reports.count - 1].state != HV_LOGOFF_DONE);
	if (outcome->outcome > HV_LOGOFF_SELECTED) {
		record_user_outcome(outcome);
		return;
	}
	assert_in_range(outcome->outcome, HV_LOGOFF_ENDED, HV_LOGOFF_SELECTED);
	fake_session_by_id(outcome->session)->outcomes[outcome->outcome]++;
}

static const struct logoff_transport transport = {.report = fake_report, .outcome = fake_outcome};
static const struct logoff_transport other_transport = {.report = fake_report};

/* The engine announces a session's end before it does anything to end the session. */
static void assert_begun(void)
{
	for (size_t i = 0; i < fake.count; i++) {
		const struct fake_session *target = &fake.sessions[i];

		if (target->signalled + target->killed + target->kills_by_logind + target->stopped)
			assert_true(target->begun);
	}
}

static int setup(void **state)
{
	int r = fake_system_init();

	memset(&reports, 0, sizeof(reports));
	fake.audited_id = ID;
	return r;
}

static int teardown(void **state)
{
	fake_system_done();
	return 0;
}

static void start_request(struct logoff_request *request)
{
	snprintf(request->id, sizeof(request->id), "%s", ID);
	assert_int_equal(engine_request(&fake.engine, &transport, &reports, request), 0);
}

static void request_target(uint32_t flags, uint32_t grace, const char *user, const char *session)
{
	struct logoff_request request = {.flags = flags, .timeout = 60, .grace = grace};

	snprintf(request.user, sizeof(request.user), "%s", user);
	snprintf(request.session, sizeof(request.session), "%s", session);
	start_request(&request);
}

static void request(uint32_t flags, uint32_t timeout, uint32_t grace, const char *message)
{
	struct logoff_request request = {.flags = flags, .timeout = timeout, .grace = grace};

	snprintf(request.message, sizeof(request.message), "%s", message);
	start_request(&request);
}

static void cancel(uint32_t reason)
{
	engine_cancel(&fake.engine, &transport, reason);
}

static const struct hv_logoff_report *last(void)
{
	assert_true(reports.count > 0);
	return &reports.items[reports.count - 1];
}

/* The request is complete: only its last report is HV_LOGOFF_DONE. */
static void assert_done(uint32_t result, uint32_t found, uint32_t ended, uint32_t failed)
{
	unsigned int outcomes_ended = 0;
	char outcome[32];

	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	assert_int_equal(fake.wake, USEC_NEVER);
	for (size_t i = 0; i + 1 < reports.count; i++)
		assert_int_not_equal(reports.items[i].state, HV_LOGOFF_DONE);
	assert_int_equal(last()->state, HV_LOGOFF_DONE);
	assert_int_equal(last()->result, result);
	assert_int_equal(last()->found, found);
	assert_int_equal(last()->ended, ended);
	assert_int_equal(last()->failed, failed);
	assert_true(last()->text[0]);
	assert_int_equal(fake.audits_ended + fake.audits_by_itself, ended);
	assert_int_equal(fake.audits_failed, failed);
	for (size_t i = 0; i < fake.count; i++)
		failed -= fake.sessions[i].outcomes[HV_LOGOFF_FAILED];
	assert_int_equal(failed, 0);
	for (size_t i = 0; i < fake.count; i++)
		outcomes_ended += fake.sessions[i].outcomes[HV_LOGOFF_ENDED];
	assert_int_equal(outcomes_ended, fake.audits_ended);
	assert_begun();
	snprintf(outcome, sizeof(outcome), "0x%08x", result);
	assert_string_equal(fake.last_outcome, outcome);
}

static void test_no_session(void **state)
{
	request(0, 60, 10, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_int_equal(reports.count, 1);
}

static void test_only_exempt_sessions(void **state)
{
	add_session("1", "gdm", BY_SIGNAL)->class = "greeter";
	add_session("2", "alice", BY_SIGNAL)->class = "manager";
	request(HV_LOGOFF_FORCE, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	/* A manager is no session of a user. */
	assert_non_null(strstr(last()->text, "1 exempt sessions"));
	assert_int_equal(fake.sessions[0].notices + fake.sessions[0].killed, 0);
	assert_true(fake.sessions[0].open && fake.sessions[1].open);
}

static void test_all_sessions_end(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	add_session("2", "bob", BY_SIGNAL);
	add_session("3", "gdm", BY_NOTHING)->class = "greeter";
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(last()->percent, 100);
	assert_int_equal(fake.sessions[0].signalled, 1);
	assert_int_equal(fake.sessions[0].killed, 0);
	assert_int_equal(fake.sessions[2].signalled, 0);
	assert_int_equal(fake.audits_ended, 2);
	assert_true(reports.count >= 3);
}

static void test_report_for_each_session(void **state)
{
	uint32_t ended = 0;

	add_sessions(8, "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 8, 8, 0);
	for (size_t i = 0; i < reports.count; i++) {
		assert_true(reports.items[i].ended - ended <= 1);
		ended = reports.items[i].ended;
	}
}

static void test_grace(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "Reboot at \x1b[1mnoon");
	run_for(19);
	assert_int_equal(fake.engine.phase, ENGINE_GRACE);
	assert_int_equal(fake.sessions[0].signalled, 0);
	assert_int_equal(fake.sessions[0].notices, 1);
	assert_string_equal(fake.sessions[0].notice,
			    "Reboot at ?[1mnoon\nYou will be logged off in 20 seconds. Save your "
			    "work now.");
	assert_int_equal(last()->state, HV_LOGOFF_GRACE);
	assert_int_equal(last()->percent, 9);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(fake.sessions[0].signalled, 1);
	assert_int_equal(fake.sessions[0].notices, 1);
}

static void test_notice_disabled(void **state)
{
	fake.config.notice = false;
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "bye");
	run_for(10);
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_int_equal(fake.sessions[0].notices, 0);
}

static void test_default_message(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(1);
	assert_non_null(strstr(fake.sessions[0].notice, fake.config.message));
	assert_non_null(strstr(fake.sessions[0].notice, "now"));
}

static void test_cancel_in_grace(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run_for(5);
	engine_cancel(&fake.engine, &other_transport, HV_LOGOFF_CANCEL_HOST);
	assert_int_equal(fake.engine.phase, ENGINE_GRACE);
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_done(HV_LOGOFF_E_CANCELLED, 1, 0, 0);
	assert_true(fake.sessions[0].open);
	assert_int_equal(fake.sessions[0].signalled, 0);
	assert_int_equal(fake.sessions[0].notices, 2);
	assert_non_null(strstr(fake.sessions[0].notice, "cancelled"));
	/* A second cancellation has no effect. */
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_done(HV_LOGOFF_E_CANCELLED, 1, 0, 0);
}

static void test_untold(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	add_session("2", "bob", BY_SIGNAL)->untold = true;
	add_session("3", "carol", BY_SIGNAL)->untold = true;
	add_session("4", "carol", BY_SIGNAL)->uid = fake.sessions[2].uid;
	request(0, 60, 20, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 4, 4, 0);
	assert_string_equal(last()->text, "All 4 sessions have ended. Could not be notified: bob.");
	assert_int_equal(fake.user_outcomes[HV_LOGOFF_UNTOLD], 1);
	assert_int_equal(fake.user_audits[HV_LOGOFF_UNTOLD], 1);
	assert_int_equal(fake.outcome_uid, fake.sessions[1].uid);
}

/* Nobody lost anything, or nobody was to be notified. */
static void test_untold_is_not_reported(void **state)
{
	struct fake_session *session = add_session("1", "alice", BY_SIGNAL);

	session->untold = true;
	request(0, 60, 20, "");
	run_for(5);
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_done(HV_LOGOFF_E_CANCELLED, 1, 0, 0);
	reports.count = 0;
	fake.config.notice = false;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(fake.user_outcomes[HV_LOGOFF_UNTOLD], 0);
}

/* The host's request has been completed by the driver: nothing is reported, but users know. */
static void test_notice_of_suspend(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run_for(5);
	cancel(HV_LOGOFF_CANCEL_SUSPEND);
	assert_int_equal(fake.sessions[0].notices, 2);
	assert_int_equal(fake.notice_rounds, 2);
	assert_non_null(strstr(fake.sessions[0].notice, "cancelled"));
}

static void test_cancel_before_list(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	cancel(HV_LOGOFF_CANCEL_HOST);
	answer_list();
	assert_done(HV_LOGOFF_E_CANCELLED, 0, 0, 0);
	assert_true(fake.sessions[0].open);
}

static void test_cancel_while_ending(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	add_session("2", "bob", BY_KILL);
	request(0, 60, 0, "");
	run_for(5);
	assert_int_equal(fake.engine.phase, ENGINE_ENDING);
	cancel(HV_LOGOFF_CANCEL_HOST);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
}

static void test_driver_timed_out(void **state)
{
	size_t before;

	add_session("1", "alice", BY_NOTHING);
	request(0, 60, 0, "");
	run_for(5);
	before = reports.count;
	cancel(HV_LOGOFF_CANCEL_TIMEOUT);
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	assert_int_equal(fake.wake, USEC_NEVER);
	assert_int_equal(reports.count, before);
	assert_string_equal(fake.last_outcome, "abandoned");
}

static void test_stale_report(void **state)
{
	reports.result = -ESTALE;
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run_for(60);
	assert_int_equal(reports.count, 1);
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	assert_true(fake.sessions[0].open);
}

/* The driver has accepted a cancellation that the daemon has not read yet. */
static void test_stale_report_of_ending(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run_for(19);
	reports.result = -ESTALE;
	run_for(60);
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	assert_int_equal(fake.wake, USEC_NEVER);
	assert_int_equal(attempts_to_end(), 0);
	assert_true(fake.sessions[0].open);
}

/* No session is ended after the deadline, whichever event is handled first after a stall. */
enum event { TICK, LISTED, REMOVED, OPENED, RESYNC, CALL_FAILED };

static void handle(enum event event)
{
	if (event == TICK) {
		engine_tick(&fake.engine);
	} else if (event == LISTED) {
		engine_resync(&fake.engine);
		if (fake.engine.phase != ENGINE_IDLE)
			answer_list();
	} else if (event == REMOVED) {
		fake.sessions[0].open = false;
		engine_removed(&fake.engine, "1");
	} else if (event == OPENED) {
		engine_opened(&fake.engine);
	} else if (event == RESYNC) {
		engine_resync(&fake.engine);
	} else {
		engine_call_failed(&fake.engine, "2", -EDEADLK);
	}
}

static void test_stall_in_grace(void **state)
{
	for (enum event event = TICK; event <= RESYNC; event++) {
		fake_system_done();
		setup(state);
		add_session("1", "alice", BY_SIGNAL);
		add_session("2", "bob", BY_SIGNAL);
		request(0, 60, 20, "");
		run_for(5);
		fake.time += 100 * USEC_PER_SEC;
		handle(event);
		assert_done(HV_LOGOFF_E_TIMED_OUT, 2, event == REMOVED, 0);
		assert_int_equal(attempts_to_end(), 0);
	}
}

static void test_stall_while_ending(void **state)
{
	unsigned int before;

	for (enum event event = TICK; event <= CALL_FAILED; event++) {
		fake_system_done();
		setup(state);
		add_session("1", "alice", BY_KILL);
		add_session("2", "bob", BY_KILL)->no_scope = true;
		request(0, 60, 0, "");
		run_for(5);
		before = attempts_to_end();
		fake.time += 100 * USEC_PER_SEC;
		handle(event);
		assert_done(HV_LOGOFF_E_TIMED_OUT, 2, event == REMOVED, 2 - (event == REMOVED));
		assert_int_equal(attempts_to_end(), before);
	}
}

/* The answer to the first list arrives too late: nobody is notified or logged off. */
static void test_stall_before_list(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	fake.time += 100 * USEC_PER_SEC;
	answer_list();
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_int_equal(attempts_to_end() + total_notices(), 0);
}

/* The sessions are missing in a list that arrives too late: they have ended. */
static void test_list_after_deadline(void **state)
{
	add_session("1", "alice", BY_SIGNAL)->removal_lost = true;
	request(0, 60, 0, "");
	run_for(5);
	engine_resync(&fake.engine);
	engine_tick(&fake.engine);
	fake.time += 100 * USEC_PER_SEC;
	answer_list();
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

/* The transport writes to a slow disk. */
static void test_report_blocks_past_deadline(void **state)
{
	reports.delay = 100 * USEC_PER_SEC;
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(1);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 1, 0, 1);
	assert_int_equal(attempts_to_end(), 0);
}

static void test_escalation_to_kill(void **state)
{
	add_session("1", "alice", BY_KILL);
	request(0, 60, 0, "");
	run_for(9);
	assert_int_equal(fake.sessions[0].signalled, 1);
	assert_int_equal(fake.sessions[0].killed, 0);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(fake.sessions[0].killed, 1);
	assert_int_equal(fake.sessions[0].kills_by_logind, 0);
}

static void test_stop_of_scope_fails(void **state)
{
	struct fake_session *target = add_session("1", "alice", BY_STOP);

	target->stop_fails = 2;
	target->kill_error = -ETIMEDOUT;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(target->stopped, 3);
}

static void test_frozen_session_is_killed_at_once(void **state)
{
	add_session("1", "alice", BY_KILL)->frozen = true;
	request(0, 60, 0, "");
	run_for(1);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(fake.sessions[0].killed, 1);
	assert_int_equal(fake.sessions[0].kills_by_logind, 0);
}

static void test_escalation_to_every_method(void **state)
{
	add_session("1", "alice", BY_KILL_SESSION);
	add_session("2", "bob", BY_STOP);
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(fake.sessions[0].killed, 1);
	assert_int_equal(fake.sessions[0].last_kill, SIGKILL);
	assert_int_equal(fake.sessions[0].stopped, 0);
	assert_int_equal(fake.sessions[1].last_kill, SIGKILL);
	assert_int_equal(fake.sessions[1].stopped, 1);
}

static void test_session_that_never_ends(void **state)
{
	uint64_t begin = fake.time;

	add_session("1", "alice", BY_SIGNAL);
	add_session("7", "bob", BY_NOTHING);
	request(0, 60, 0, "");
	run_for(100);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 2, 1, 1);
	assert_int_equal(fake.time, begin + 60 * USEC_PER_SEC);
	assert_int_equal(fake.sessions[1].stopped, 1);
	assert_non_null(strstr(last()->text, "1 of 2 sessions are left: 7 (bob)."));
	assert_in_range(last()->percent, 10, 99);
}

static void test_deadline_before_escalation(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	add_session("2", "bob", BY_KILL);
	request(0, 5, 2, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 2, 1, 1);
	assert_int_equal(fake.sessions[1].killed, 0);
	assert_true(fake.sessions[1].open);
}

static void test_force(void **state)
{
	uint64_t begin = fake.time;

	add_session("1", "alice", BY_KILL);
	request(HV_LOGOFF_FORCE, 60, 3, "");
	run_for(2);
	assert_int_equal(fake.sessions[0].killed, 0);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(fake.sessions[0].signalled, 0);
	assert_int_equal(fake.sessions[0].killed, 1);
	assert_true(fake.time < begin + 5 * USEC_PER_SEC);
}

static void test_without_cgroup_v2(void **state)
{
	add_session("1", "alice", BY_SIGNAL)->no_scope = true;
	add_session("2", "bob", BY_KILL_SESSION)->no_scope = true;
	request(0, 60, 0, "");
	run_for(9);
	assert_int_equal(fake.sessions[0].kills_by_logind, 3);
	assert_int_equal(fake.sessions[1].last_kill, SIGCONT);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(fake.sessions[1].last_kill, SIGKILL);
}

static void test_force_without_cgroup_v2(void **state)
{
	add_session("1", "alice", BY_KILL_SESSION)->no_scope = true;
	request(HV_LOGOFF_FORCE, 60, 0, "");
	run_for(5);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(fake.sessions[0].kills_by_logind, 1);
	assert_int_equal(fake.sessions[0].last_kill, SIGKILL);
}

/* A closing session: its scope has no process left to signal. */
static void test_closing_session(void **state)
{
	add_session("1", "alice", BY_SIGNAL)->no_process = true;
	request(0, 60, 0, "");
	run_for(5);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(fake.sessions[0].signalled, 0);
	assert_true(fake.sessions[0].kills_by_logind > 0);
}

static void test_opening_session(void **state)
{
	struct fake_session *target = add_session("1", "alice", BY_SIGNAL);

	target->no_scope = true;
	target->kill_fails = 6;
	target->kill_error = -EDEADLK;
	request(0, 60, 0, "");
	run_for(9);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(target->killed, 0);
}

/* The program that opens it ignores signals: one that is sent too early is lost. */
static struct fake_session *add_opening(unsigned int seconds)
{
	struct fake_session *target = add_session("1", "alice", BY_SIGNAL);

	target->opening_until = fake.time + seconds * USEC_PER_SEC;
	return target;
}

static void test_session_being_opened(void **state)
{
	const struct fake_session *target = add_opening(3);
	uint64_t opened = target->opening_until;

	add_session("2", "bob", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(2);
	assert_false(target->begun);
	assert_int_equal(target->notices, 1);
	assert_false(fake.sessions[1].open);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(target->signalled, 1);
	assert_int_equal(target->killed, 0);
	assert_true(fake.time >= opened);
}

/* It is already open, or ends by itself, at the end of the grace period. */
static void test_session_opened_in_time(void **state)
{
	const struct fake_session *target = add_opening(3);

	request(0, 60, 5, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(target->signalled, 1);
	assert_int_equal(target->killed, 0);
}

static void test_session_found_while_being_opened(void **state)
{
	const struct fake_session *target;

	add_session("0", "bob", BY_KILL);
	request(0, 60, 0, "");
	run_for(1);
	target = add_opening(3);
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(target->signalled, 1);
	assert_int_equal(target->killed, 0);
}

/* The wait is limited by EscalateSec; then all steps follow. */
static void test_session_being_opened_for_long(void **state)
{
	struct fake_session *target = add_opening(100);
	uint64_t escalate = fake.config.escalate * USEC_PER_SEC;
	uint64_t begin = fake.time;

	request(0, 60, 0, "");
	run_for(fake.config.escalate - 1);
	assert_int_equal(target->signalled, 0);
	run_for(2);
	assert_int_equal(target->signalled, 1);
	assert_int_equal(target->killed, 0);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(target->killed, 1);
	assert_true(fake.time < begin + 3 * escalate);
}

/* No step is left out because of the wait. */
static void test_no_time_to_wait_for_opening(void **state)
{
	const struct fake_session *target = add_opening(100);

	request(0, 2 * fake.config.escalate, 0, "");
	run_for(0);
	assert_int_equal(target->signalled, 1);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(target->killed, 1);
}

static void test_force_does_not_wait_for_opening(void **state)
{
	const struct fake_session *target = add_opening(3);

	request(HV_LOGOFF_FORCE, 60, 0, "");
	run_for(1);
	assert_int_equal(target->killed, 1);
	assert_int_equal(target->signalled, 0);
}

static void test_states_changed_at_other_times(void **state)
{
	engine_states_changed(&fake.engine);
	add_session("1", "alice", BY_KILL);
	request(0, 60, 5, "");
	engine_states_changed(&fake.engine);
	run_for(2);
	engine_states_changed(&fake.engine);
	assert_int_equal(fake.sessions[0].signalled, 0);
	run_for(4);
	engine_states_changed(&fake.engine);
	assert_int_equal(fake.sessions[0].signalled, 1);
	assert_int_equal(fake.sessions[0].killed, 0);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_session_unknown_to_logind(void **state)
{
	struct fake_session *target = add_session("1", "alice", BY_NOTHING);

	target->no_scope = true;
	target->kill_fails = 3;
	target->kill_error = -ENOENT;
	request(0, 60, 0, "");
	run_for(0);
	target->open = false;
	run_for(5);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_session_opened_while_ending(void **state)
{
	add_session("1", "alice", BY_KILL);
	request(0, 60, 0, "");
	run_for(5);
	add_session("2", "bob", BY_SIGNAL);
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(fake.sessions[1].signalled, 1);
	assert_int_equal(fake.sessions[1].notices, 1);
}

static void test_session_opened_in_grace(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run_for(10);
	add_session("2", "bob", BY_SIGNAL);
	engine_opened(&fake.engine);
	run_for(1);
	assert_int_equal(fake.sessions[0].notices, 1);
	assert_int_equal(fake.sessions[1].notices, 1);
	assert_non_null(strstr(fake.sessions[1].notice, "in 10 seconds"));
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
}

static void test_session_reopened_a_few_times(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	fake.reopen = 3;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 4, 4, 0);
}

static void test_session_reopened_endlessly(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	fake.reopen = 8;
	request(0, 60, 0, "");
	run_for(60);
	assert_int_equal(last()->result, HV_LOGOFF_E_EXCEPTION);
	assert_int_equal(last()->failed, 1);
	assert_non_null(strstr(last()->text, "automatic logins"));
	assert_non_null(strstr(last()->text, "(auto)"));
	assert_done(HV_LOGOFF_E_EXCEPTION, last()->found, last()->found - 1, 1);
}

static void test_all_log_out_in_grace(void **state)
{
	uint64_t begin = fake.time;

	add_session("1", "alice", BY_NOTHING)->ends_at = begin + 10 * USEC_PER_SEC;
	request(0, 3600, 1800, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(fake.audits_by_itself, 1);
	assert_false(fake.sessions[0].begun);
	assert_int_equal(fake.sessions[0].signalled, 0);
	assert_true(fake.time < begin + 12 * USEC_PER_SEC);
}

static void test_unknown_session_removed(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	engine_removed(&fake.engine, "1");
	request(0, 60, 10, "");
	run_for(5);
	engine_removed(&fake.engine, "99");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_logind_absent(void **state)
{
	uint64_t begin = fake.time;

	fake.logind_down_until = USEC_NEVER;
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_non_null(strstr(last()->text, "systemd-logind does not answer"));
	assert_true(fake.time < begin + 15 * USEC_PER_SEC);
}

static void test_logind_hangs(void **state)
{
	fake.logind_hangs = true;
	request(0, 5, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_non_null(strstr(last()->text, "systemd-logind does not answer"));
}

static void test_list_fails_once(void **state)
{
	fake.logind_hangs = true;
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	engine_listed(&fake.engine, NULL, -EIO);
	assert_int_equal(fake.engine.phase, ENGINE_STARTING);
	fake.logind_hangs = false;
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_logind_starts_late(void **state)
{
	fake.logind_down_until = fake.time + 5 * USEC_PER_SEC;
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

/* The restart loses the SessionRemoved signals. */
static void test_logind_restarts(void **state)
{
	add_session("1", "alice", BY_SIGNAL)->removal_lost = true;
	add_session("2", "bob", BY_KILL)->removal_lost = true;
	request(0, 60, 0, "");
	run_for(20);
	assert_int_equal(fake.engine.phase, ENGINE_ENDING);
	fake.logind_down_until = fake.time + 3 * USEC_PER_SEC;
	engine_resync(&fake.engine);
	run_for(10);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
}

static void test_logind_stops(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	add_session("2", "bob", BY_NOTHING);
	request(0, 60, 0, "");
	run_for(10);
	fake.logind_down_until = USEC_NEVER;
	engine_resync(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_E_EXCEPTION, 2, 1, 1);
	assert_non_null(strstr(last()->text, "systemd-logind does not answer"));
}

/* Without cgroup v2 only logind can end a session, so the call is repeated until it succeeds. */
static void test_bus_restarts_while_ending(void **state)
{
	add_session("1", "alice", BY_SIGNAL)->no_scope = true;
	request(0, 60, 5, "");
	run_for(4);
	fake.logind_down_until = fake.time + 3 * USEC_PER_SEC;
	run_for(6);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_redelivered(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(HV_LOGOFF_REDELIVERED, 30, 0, "");
	assert_string_equal(fake.last_outcome, "redelivered");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

/* The previous daemon ended all sessions, but exited before it reported that. */
static void test_redelivered_without_sessions(void **state)
{
	request(HV_LOGOFF_REDELIVERED, 30, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 0, 0, 0);
}

static void assert_no_logins(uint32_t flags, const char *message, const char *text)
{
	struct logoff_request request = {.flags = flags, .timeout = 60, .grace = 20};

	reports.count = 0;
	snprintf(request.message, sizeof(request.message), "%s", message);
	start_request(&request);
	assert_int_equal(fake.no_logins, text != NULL);
	if (text)
		assert_string_equal(fake.no_logins_text, text);
}

/* Logons are refused from the acceptance to the end of the request, whatever the end. */
static void test_no_logins(void **state)
{
	const uint32_t flags = HV_LOGOFF_NO_LOGINS;

	add_session("1", "alice", BY_SIGNAL);
	assert_no_logins(0, "noon", NULL);
	engine_drop(&fake.engine);
	assert_no_logins(flags | HV_LOGOFF_DRY_RUN, "noon", NULL);
	engine_drop(&fake.engine);
	assert_no_logins(flags | HV_LOGOFF_REDELIVERED, "no\x1bon", "no?on");
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_false(fake.no_logins);
	assert_no_logins(flags, "noon", "noon");
	cancel(HV_LOGOFF_CANCEL_TIMEOUT);
	assert_false(fake.no_logins);
	assert_no_logins(flags, "", fake.config.message);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_false(fake.no_logins);
}

static void test_no_logins_fail(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	fake.no_logins_error = -EROFS;
	assert_no_logins(HV_LOGOFF_NO_LOGINS, "", NULL);
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_string_equal(last()->text, "Cannot refuse logons: Read-only file system.");
	assert_true(fake.sessions[0].open);
}

static void add_test_sessions(void)
{
	add_session("1", "alice", BY_SIGNAL);
	add_session("2", "bob", BY_SIGNAL);
	add_session("3", "alice", BY_SIGNAL);
	add_session("4", "root", BY_SIGNAL)->class = "greeter";
}

static void test_target_user(void **state)
{
	add_test_sessions();
	request_target(0, 0, "alice", "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_true(fake.sessions[1].open && fake.sessions[3].open);
	assert_int_equal(open_sessions(), 2);
	assert_int_equal(total_notices(), 2);
}

static void test_target_session(void **state)
{
	add_test_sessions();
	request_target(0, 0, "", "3");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_false(fake.sessions[2].open);
	assert_int_equal(open_sessions(), 3);
	assert_int_equal(total_notices(), 1);
}

/* Sessions that the target does not name do not affect the request. */
static void test_target_while_others_log_on(void **state)
{
	add_test_sessions();
	request_target(0, 20, "bob", "2");
	run_for(10);
	add_session("5", "carol", BY_SIGNAL);
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(open_sessions(), 4);
	assert_int_equal(total_notices(), 1);
}

static void assert_no_target(const char *user, const char *session, const char *text)
{
	reports.count = 0;
	request_target(HV_LOGOFF_FORCE, 0, user, session);
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_string_equal(last()->text, text);
	assert_int_equal(open_sessions(), 4);
	assert_int_equal(total_notices(), 0);
}

static void test_no_such_target(void **state)
{
	add_test_sessions();
	assert_no_target("carol", "", "There is no user carol in the guest.");
	assert_no_target("ali", "", "There is no user ali in the guest.");
	assert_no_target("", "33", "There is no session 33.");
	assert_no_target("bob", "3", "User bob has no session 3.");
	assert_no_target("car\033ol", "", "There is no user car?ol in the guest.");
}

/* Session 3 is of uid 1002; see answer_list(). */
static void test_target_by_uid(void **state)
{
	add_test_sessions();
	fake.user_has_uid = true;
	fake.uid = 4711;
	assert_no_target("alice", "", "User alice is not logged on.");
	fake.uid = 1002;
	reports.count = 0;
	request_target(HV_LOGOFF_FORCE, 0, "an-alias", "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_false(fake.sessions[2].open);
	assert_int_equal(open_sessions(), 3);
}

static void test_failed_lookup(void **state)
{
	add_test_sessions();
	fake.resolve_error = -EAGAIN;
	request_target(HV_LOGOFF_FORCE, 0, "alice", "");
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_string_equal(last()->text, "Cannot look up user alice in the guest: Resource "
					  "temporarily unavailable.");
	fake.resolve_error = 0;
	fake.resolve_hangs = true;
	reports.count = 0;
	request_target(HV_LOGOFF_FORCE, 0, "alice", "");
	engine_resync(&fake.engine);
	assert_false(fake.list_due);
	engine_resolve_failed(&fake.engine, "bob", -EIO);
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_string_equal(last()->text, "Cannot look up user bob in the guest: Input/output "
					  "error.");
	assert_int_equal(open_sessions(), 4);
}

static void test_lookup_without_answer(void **state)
{
	add_test_sessions();
	fake.resolve_hangs = true;
	request_target(HV_LOGOFF_FORCE, 0, "alice", "");
	run_for(300);
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
	assert_non_null(strstr(last()->text, "name service"));
	/* A result after the request is ignored. */
	engine_resolved(&fake.engine, NULL);
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	assert_int_equal(open_sessions(), 4);
}

/* Requests for all users need no lookup unless users are exempt. */
static void test_when_users_are_looked_up(void **state)
{
	struct exempt_user exempt[] = {{.name = "root"}, {0}};
	struct exempt_user *none = fake.config.exempt_users;

	add_test_sessions();
	request_target(HV_LOGOFF_DRY_RUN, 0, "", "");
	run_for(0);
	assert_int_equal(fake.lookups, 0);
	reports.count = 0;
	fake.config.exempt_users = exempt;
	request_target(HV_LOGOFF_DRY_RUN, 0, "", "");
	run_for(0);
	fake.config.exempt_users = none;
	assert_int_equal(fake.lookups, 1);
}

/* The text is a line of the journal, of the KVP item and of the service's status. */
static void test_texts_are_one_line(void **state)
{
	add_session("1", "a\nb\tc", BY_NOTHING);
	request_target(0, 0, "x\nMAINPID=1", "");
	run_for(60);
	assert_string_equal(last()->text, "There is no user x MAINPID=1 in the guest.");
	reports.count = 0;
	request_target(HV_LOGOFF_DRY_RUN, 0, "", "");
	run_for(0);
	assert_non_null(strstr(last()->text, "1 (a b c)"));
}

static void test_exempt_target(void **state)
{
	add_test_sessions();
	assert_no_target("root", "",
			 "User root is only logged on in sessions that are exempt from logoffs.");
	assert_no_target("", "4", "Session 4 is exempt from logoffs.");
	assert_no_target("root", "4", "Session 4 is exempt from logoffs.");
}

static void assert_dry_run(const char *user, uint32_t found)
{
	unsigned int selected = 0;

	reports.count = 0;
	request_target(HV_LOGOFF_DRY_RUN | HV_LOGOFF_FORCE, 20, user, "");
	run_for(0);
	assert_done(HV_LOGOFF_S_OK, found, 0, 0);
	assert_int_equal(reports.count, 1);
	assert_int_equal(open_sessions(), 4);
	assert_int_equal(total_notices(), 0);
	for (size_t i = 0; i < fake.count; i++) {
		struct fake_session *target = &fake.sessions[i];

		selected += target->outcomes[HV_LOGOFF_SELECTED];
		assert_int_equal(target->outcomes[HV_LOGOFF_SELECTED],
				 strcmp(target->class, "user") == 0 &&
					 (!user[0] || strcmp(target->user, user) == 0));
		target->outcomes[HV_LOGOFF_SELECTED] = 0;
	}
	assert_int_equal(selected, found);
}

static void test_dry_run(void **state)
{
	add_test_sessions();
	assert_dry_run("alice", 2);
	assert_string_equal(last()->text, "2 sessions would be ended: 1 (alice), 3 (alice).");
	assert_dry_run("", 3);
}

static void test_dry_run_without_sessions(void **state)
{
	request_target(HV_LOGOFF_DRY_RUN | HV_LOGOFF_REDELIVERED, 0, "", "");
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
}

static void test_one_request_at_a_time(void **state)
{
	static const struct logoff_request second = {.id = "second", .timeout = 60};

	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run_for(5);
	assert_true(engine_serves(&fake.engine, &transport));
	assert_false(engine_serves(&fake.engine, &other_transport));
	assert_int_equal(engine_request(&fake.engine, &other_transport, NULL, &second), -EBUSY);
	assert_int_equal(engine_request(&fake.engine, &transport, &reports, &second), -EBUSY);
	assert_int_equal(fake.engine.phase, ENGINE_GRACE);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_false(engine_serves(&fake.engine, &transport));
}

static void test_second_request_follows(void **state)
{
	add_session("1", "alice", BY_NOTHING);
	request(0, 60, 0, "");
	run_for(5);
	engine_drop(&fake.engine);
	request(0, 60, 20, "");
	reports.count = 0;
	run_for(5);
	assert_int_equal(fake.engine.phase, ENGINE_GRACE);
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_done(HV_LOGOFF_E_CANCELLED, 1, 0, 0);
}

static void test_many_names_fit(void **state)
{
	static const char long_name[] = "averyveryveryveryverylongusername\xc3\xbc\xc3\xbc";

	add_sessions(10, long_name, BY_NOTHING);
	request(0, 5, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 10, 0, 10);
}

static struct fake_manager *add_user(enum ends_by session_ends_by, enum ends_by manager_ends_by)
{
	return add_manager(add_session("1", "alice", session_ends_by), manager_ends_by);
}

static void test_manager_is_stopped(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);
	uint64_t begin = fake.time;

	add_session("2", "bob", BY_SIGNAL);
	add_session("3", "alice", BY_NOTHING)->class = "manager";
	fake.sessions[2].uid = manager->uid;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_string_equal(last()->text, "All 2 sessions have ended.");
	assert_int_equal(manager->stopped, 1);
	assert_int_equal(manager->killed + manager->reset, 0);
	assert_false(manager->active);
	assert_true(fake.time < begin + USEC_PER_SEC);
}

static void test_manager_is_stopped_after_last_session(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);

	add_session("2", "alice", BY_KILL)->uid = manager->uid;
	request(0, 60, 0, "");
	run_for(9);
	assert_int_equal(manager->stopped, 0);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(manager->stopped, 1);
}

static void test_manager_that_is_killed(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_KILL);

	request(0, 60, 0, "");
	run_for(9);
	assert_int_equal(manager->killed, 0);
	assert_string_equal(last()->text,
			    "1 of 1 sessions have ended; waiting for programs of their users.");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->stopped, 1);
	assert_int_equal(manager->killed, 1);
	assert_int_equal(manager->reset, 1);
}

static void test_manager_is_killed_by_force(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_KILL);

	request(HV_LOGOFF_FORCE, 60, 0, "");
	run_for(2);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->killed, 1);
	assert_int_equal(manager->reset, 1);
}

static void test_manager_that_never_ends(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_NOTHING);
	uint64_t begin = fake.time;

	request(0, 60, 0, "");
	run_for(100);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 1, 1, 0);
	assert_string_equal(last()->text, "The session has ended, but programs "
					  "still run: alice.");
	assert_int_equal(fake.time, begin + 60 * USEC_PER_SEC);
	assert_true(manager->killed > 0);
}

static void test_lingering_manager(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);

	manager->lingers = true;
	add_session("2", "bob", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_string_equal(last()->text, "All 2 sessions have ended. Programs of lingering users "
					  "still run: alice.");
	assert_int_equal(manager->stopped, 0);
	assert_true(manager->active);
}

/* The manager's state is looked up while other sessions end, whatever their number. */
static void test_manager_checks(void **state)
{
	unsigned int checks[2];

	for (unsigned int i = 0; i < 2; i++) {
		static const char *const ids[] = {"2", "3", "4", "5", "6", "7", "8", "9"};
		struct fake_manager *manager;

		fake_system_done();
		setup(state);
		manager = add_user(BY_SIGNAL, BY_SIGNAL);
		for (unsigned int j = 0; j < (i ? ARRAY_SIZE(ids) : 1); j++)
			add_session(ids[j], "bob", BY_SIGNAL);
		request(0, 60, 0, "");
		run_for(60);
		assert_done(HV_LOGOFF_S_OK, fake.count, fake.count, 0);
		assert_int_equal(manager->stopped, 1);
		checks[i] = manager->checks;
	}
	assert_int_equal(checks[1], checks[0]);
}

/* The request ends one session of the user, and leaves another one. */
static void test_manager_of_user_with_session(void **state)
{
	static const char *const classes[] = {"user", "greeter", "background"};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		struct fake_manager *manager;

		fake_system_done();
		setup(state);
		manager = add_user(BY_SIGNAL, BY_SIGNAL);
		add_session("2", "alice", BY_SIGNAL)->uid = manager->uid;
		fake.sessions[1].class = classes[i];
		request_target(0, 0, "", "1");
		run_for(60);
		assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
		assert_int_equal(manager->lookups, 0);
	}
}

/* fake_stop_manager() and fake_kill_user() check that the user has no session. */
static void test_user_logs_on_again(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_KILL);

	add_session("2", "bob", BY_KILL);
	request_target(0, 0, "", "1");
	run_for(5);
	assert_int_equal(manager->stopped, 1);
	add_session("3", "alice", BY_SIGNAL)->uid = manager->uid;
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->killed, 0);
}

static void test_session_opened_before_manager_is_stopped(void **state)
{
	struct fake_manager *manager = add_user(BY_KILL, BY_SIGNAL);

	request_target(0, 0, "", "1");
	run_for(5);
	add_session("2", "alice", BY_SIGNAL)->uid = manager->uid;
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->stopped, 0);
}

/* The whole machine is logged off: the new session is ended, too. */
static void test_session_opened_while_manager_is_stopped(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_KILL);

	request(0, 60, 0, "");
	run_for(5);
	assert_int_equal(manager->stopped, 1);
	add_session("2", "alice", BY_SIGNAL)->uid = manager->uid;
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(manager->stopped, 2);
	assert_int_equal(manager->reset, 1);
}

static void test_manager_of_user_who_logs_out_in_grace(void **state)
{
	struct fake_manager *manager = add_user(BY_NOTHING, BY_SIGNAL);

	fake.sessions[0].ends_at = fake.time + 5 * USEC_PER_SEC;
	request(0, 60, 20, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->stopped, 1);
	/* Nobody is left to wait for. */
	assert_int_equal(reports.items[reports.count - 2].state, HV_LOGOFF_ENDING);
}

static void test_manager_without_cgroup_v2(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_KILL);

	manager->unknown = true;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->stopped, 1);
	assert_int_equal(manager->killed, 1);
}

/* A process in the user's slice that is not the manager's. */
static void test_process_beside_manager(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_KILL);

	manager->active = false;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->killed, 1);
}

static void test_lookup_of_manager_fails(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);

	manager->state_error = -ETIMEDOUT;
	request(0, 60, 0, "");
	run_for(5);
	assert_int_equal(fake.engine.phase, ENGINE_ENDING);
	assert_in_range(manager->lookups, 4, 6);
	manager->state_error = 0;
	fake.logind_down_until = fake.time + 5 * USEC_PER_SEC;
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->stopped, 1);
}

static void test_dry_run_leaves_managers(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);

	request_target(HV_LOGOFF_DRY_RUN, 0, "", "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 0, 0);
	assert_int_equal(manager->lookups + manager->stopped, 0);
}

static void test_stall_while_manager_is_stopped(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_KILL);

	request(0, 60, 0, "");
	run_for(5);
	assert_int_equal(manager->stopped, 1);
	fake.time += 100 * USEC_PER_SEC;
	engine_manager_found(&fake.engine, manager->uid, MANAGER_ACTIVE);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 1, 1, 0);
	assert_int_equal(manager->killed, 0);
}

static struct fake_session *add_at(const char *id, const char *user, const char *seat,
				   const char *tty)
{
	struct fake_session *target = add_session(id, user, BY_SIGNAL);

	target->seat = seat;
	target->tty = tty;
	return target;
}

static void assert_user_outcomes(enum hv_logoff_outcome outcome, unsigned int count)
{
	assert_int_equal(fake.user_outcomes[outcome], count);
	assert_int_equal(fake.user_audits[outcome],
			 outcome == HV_LOGOFF_MANAGER_SELECTED ? 0 : count);
}

/* A getty logs the user on again: that session is not notified, ended or counted. */
static void test_return(void **state)
{
	struct fake_session *target = add_at("1", "alice", "seat0", "tty1");
	struct fake_manager *manager = add_manager(target, BY_KILL);
	uint64_t begin = fake.time;

	target->returns = 1;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_string_equal(last()->text, "The session has ended. Returned: alice.");
	assert_user_outcomes(HV_LOGOFF_RETURNED, 1);
	assert_int_equal(fake.outcome_uid, target->uid);
	assert_string_equal(fake.outcome_session, fake.sessions[1].id);
	assert_true(fake.sessions[1].open);
	assert_int_equal(fake.sessions[1].notices + fake.sessions[1].signalled, 0);
	/* The manager is that of the new session. */
	assert_int_equal(manager->killed, 0);
	assert_user_outcomes(HV_LOGOFF_MANAGER_ENDED, 0);
	assert_true(fake.time < begin + 2 * USEC_PER_SEC);
}

/* The next request ends the session, too, once. */
static void test_return_after_each_request(void **state)
{
	add_at("1", "alice", "seat0", "tty1")->returns = 2;
	for (unsigned int i = 1; i <= 2; i++) {
		fake.audits_ended = 0;
		fake.sessions[0].outcomes[HV_LOGOFF_ENDED] = 0;
		fake.sessions[0].signalled = 0;
		reports.count = 0;
		request(0, 60, 0, "");
		run_for(60);
		assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
		assert_user_outcomes(HV_LOGOFF_RETURNED, i);
		assert_int_equal(fake.count, i + 1);
		assert_true(fake.sessions[i].open);
	}
}

static void test_where_returns_are_waited_for(void **state)
{
	static const struct {
		const char *seat, *tty;
		bool waits;
	} cases[] = {
		{"seat0", "tty1", true}, {"", "ttyS0", true},  {"", "hvc0", true},
		{"seat0", "", true},     {"", "pts/3", false}, {"", "", false},
		{"", ":10", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t begin;

		fake_system_done();
		setup(state);
		begin = fake.time;
		add_at("1", "alice", cases[i].seat, cases[i].tty);
		request(0, 60, 0, "");
		run_for(60);
		assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
		assert_string_equal(last()->text, "The session has ended.");
		assert_true(fake.time < begin + (cases[i].waits ? 4 : 1) * USEC_PER_SEC);
		assert_true(fake.time >= begin + (cases[i].waits ? 3 : 0) * USEC_PER_SEC);
	}
}

/* No wait is longer than the request. */
static void test_deadline_before_return(void **state)
{
	add_at("1", "alice", "seat0", "tty1");
	request(0, 2, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
}

static void test_one_of_two_returns(void **state)
{
	uint64_t begin = fake.time;

	add_at("1", "alice", "seat0", "tty1")->returns = 1;
	add_at("2", "bob", "seat0", "tty2");
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_string_equal(last()->text, "All 2 sessions have ended. Returned: alice.");
	assert_true(fake.time >= begin + 3 * USEC_PER_SEC);
}

/* While another session is stuck, the user returns once, and is not ended again. */
static void test_return_while_ending(void **state)
{
	add_at("1", "alice", "", "ttyS0")->returns = 3;
	add_session("2", "bob", BY_KILL);
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(fake.count, 3);
	assert_int_equal(fake.sessions[2].begun, false);
	assert_user_outcomes(HV_LOGOFF_RETURNED, 1);
}

/* Another user, and the same user elsewhere, are not the one who was logged off there. */
static void test_others_do_not_return(void **state)
{
	struct fake_session *target = add_at("1", "alice", "", "ttyS0");

	add_session("2", "bob", BY_KILL);
	request(0, 60, 0, "");
	run_for(5);
	add_at("3", "carol", "", "ttyS0");
	add_at("4", "alice", "", "hvc0")->uid = target->uid;
	add_at("5", "alice", "", "pts/1")->uid = target->uid;
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 5, 5, 0);
	assert_user_outcomes(HV_LOGOFF_RETURNED, 0);
	for (size_t i = 2; i < 5; i++)
		assert_int_equal(fake.sessions[i].notices, 1);
}

/* A session that the request does not select and that was there before is no return. */
static void test_other_session_at_seat(void **state)
{
	struct fake_session *target = add_at("1", "alice", "seat0", "tty1");

	add_at("2", "alice", "seat0", "tty2")->uid = target->uid;
	request_target(0, 0, "", "1");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_string_equal(last()->text, "The session has ended.");
	assert_user_outcomes(HV_LOGOFF_RETURNED, 0);
}

/* The user logged out in the grace period and was logged on again: nothing was ended before. */
static void test_return_in_grace(void **state)
{
	struct fake_session *target = add_at("1", "alice", "seat0", "tty1");

	target->returns = 2;
	target->ends_at = fake.time + 5 * USEC_PER_SEC;
	add_session("2", "bob", BY_SIGNAL);
	request(0, 60, 20, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 3, 3, 0);
	assert_int_equal(fake.audits_by_itself, 1);
	assert_int_equal(fake.sessions[2].notices, 1);
	assert_int_equal(fake.sessions[3].notices, 0);
	assert_user_outcomes(HV_LOGOFF_RETURNED, 1);
}

/* Each of many users may log on while another session is stuck. */
static void test_users_log_on_while_ending(void **state)
{
	static const char *const ids[] = {"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"};

	add_session("1", "alice", BY_NOTHING)->ends_at = fake.time + 40 * USEC_PER_SEC;
	request(0, 60, 0, "");
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		run_for(3);
		add_session(ids[i], ids[i], BY_SIGNAL);
		engine_opened(&fake.engine);
		run_for(1);
		assert_int_equal(fake.sessions[i + 1].notices, 1);
		assert_non_null(strstr(fake.sessions[i + 1].notice, "being logged off now"));
		assert_false(fake.sessions[i + 1].open);
		assert_int_equal(last()->found, i + 2);
	}
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 9, 9, 0);
}

/* One user's loop does not keep the request from ending the others' sessions. */
static void test_loop_of_one_user(void **state)
{
	add_session("1", "auto", BY_SIGNAL);
	add_session("2", "bob", BY_KILL);
	fake.reopen = 8;
	request(0, 60, 0, "");
	run_for(60);
	assert_int_equal(last()->result, HV_LOGOFF_E_EXCEPTION);
	assert_int_equal(last()->failed, 1);
	assert_false(fake.sessions[1].open);
	assert_int_equal(fake.sessions[1].killed, 1);
}

/* On two terminals: reported once. */
static void test_user_returns_twice(void **state)
{
	struct fake_session *target = add_at("1", "alice", "", "ttyS0");

	target->returns = 1;
	add_at("2", "alice", "", "hvc0")->uid = target->uid;
	fake.sessions[1].returns = 1;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_int_equal(fake.count, 4);
	assert_user_outcomes(HV_LOGOFF_RETURNED, 1);
	assert_string_equal(last()->text, "All 2 sessions have ended. Returned: alice.");
}

/* Logons with some seconds in between are no loop. */
static void test_one_user_logs_on_often(void **state)
{
	static const char *const ids[] = {"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8"};
	uid_t uid = add_session("1", "alice", BY_SIGNAL)->uid;

	add_session("2", "bob", BY_NOTHING)->ends_at = fake.time + 50 * USEC_PER_SEC;
	request(0, 60, 0, "");
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		run_for(4);
		add_session(ids[i], "alice", BY_SIGNAL)->uid = uid;
		engine_opened(&fake.engine);
	}
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 10, 10, 0);
}

/* All have logged out, so the request goes on before the end of the grace period. */
static void test_notice_after_early_end_of_grace(void **state)
{
	struct fake_manager *manager = add_user(BY_NOTHING, BY_KILL);

	fake.sessions[0].ends_at = fake.time + 5 * USEC_PER_SEC;
	request(0, 60, 30, "");
	run_for(8);
	assert_int_equal(manager->stopped, 1);
	add_session("2", "bob", BY_SIGNAL);
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_non_null(strstr(fake.sessions[1].notice, "being logged off now"));
}

static void test_lists_are_limited(void **state)
{
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 20, "");
	run_for(5);
	assert_int_equal(fake.lists, 1);
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t until = fake.time + USEC_PER_MSEC;

		engine_opened(&fake.engine);
		run_for(0);
		fake.time = until;
		if (fake.wake <= fake.time)
			engine_tick(&fake.engine);
	}
	assert_in_range(fake.lists, 3, 5);
}

/* logind opens a session before it stops the user's manager and, with it, this session. */
static void test_session_slips_in(void **state)
{
	add_user(BY_SIGNAL, BY_SIGNAL);
	fake.slips_in = "2";
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_true(fake.sessions[1].begun);
	assert_int_equal(fake.sessions[1].notices, 1);
}

/* It has ended before it can be listed. */
static void test_session_slips_in_and_ends(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);
	struct session session;

	request(0, 60, 0, "");
	while (!manager->stopped)
		run_for(0);
	add_session("2", "alice", BY_NOTHING)->uid = manager->uid;
	assert_int_equal(session_init(&session, "2", manager->uid, "alice", "user", "", "", 0), 0);
	engine_opened(&fake.engine);
	engine_found(&fake.engine, &session);
	session_done(&session);
	assert_true(fake.sessions[1].begun);
	fake.sessions[1].open = false;
	engine_removed(&fake.engine, "2");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
}

static void assert_lingering(struct fake_manager *manager, bool stopped)
{
	assert_int_equal(manager->stopped, stopped);
	assert_int_equal(manager->active, !stopped);
}

static void test_include_lingering(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);
	struct fake_manager *without = add_lingering(2000, "bob");

	manager->lingers = true;
	request(HV_LOGOFF_INCLUDE_LINGERING, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_string_equal(last()->text, "The session has ended.");
	assert_lingering(manager, true);
	assert_lingering(without, true);
	assert_user_outcomes(HV_LOGOFF_MANAGER_ENDED, 2);
	assert_user_outcomes(HV_LOGOFF_LINGERING, 0);
}

static void test_notice_below_manager(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);

	fake.sessions[0].untold = true;
	manager->terminal = true;
	request(0, 60, 20, "");
	run_for(19);
	assert_int_equal(manager->notices, 1);
	assert_non_null(strstr(manager->notice, "in 20 seconds"));
	cancel(HV_LOGOFF_CANCEL_HOST);
	assert_int_equal(manager->notices, 2);
	assert_non_null(strstr(manager->notice, "cancelled"));
	reports.count = 0;
	request(0, 60, 5, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_int_equal(manager->notices, 3);
	assert_int_equal(fake.user_outcomes[HV_LOGOFF_UNTOLD], 0);
}

static void test_notice_below_manager_at_once(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);

	manager->terminal = true;
	request(0, 60, 0, "");
	while (!manager->stopped)
		run_for(0);
	assert_int_equal(manager->notices, 1);
	assert_non_null(strstr(manager->notice, "being logged off now"));
	run_for(60);
	assert_int_equal(manager->notices, 1);
}

/* The user lingers, or has a session that the request does not end. */
static void test_no_notice_below_manager_that_stays(void **state)
{
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);

	manager->terminal = true;
	manager->lingers = true;
	request(0, 60, 20, "");
	run_for(19);
	assert_int_equal(fake.sessions[0].notices, 1);
	cancel(HV_LOGOFF_CANCEL_HOST);
	manager->lingers = false;
	add_session("2", "alice", BY_SIGNAL)->uid = manager->uid;
	reports.count = 0;
	request_target(0, 20, "", "1");
	run_for(19);
	assert_int_equal(manager->notices, 0);
	cancel(HV_LOGOFF_CANCEL_HOST);
	reports.count = 0;
	fake.config.include_lingering = true;
	manager->lingers = true;
	request(0, 60, 20, "");
	run_for(19);
	assert_int_equal(manager->notices, 1);
}

static void test_include_lingering_by_configuration(void **state)
{
	struct fake_manager *manager = add_lingering(2000, "bob");

	fake.config.include_lingering = true;
	request(0, 60, 20, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 0, 0, 0);
	assert_string_equal(last()->text, "Nobody was logged on. Programs have ended: bob.");
	assert_lingering(manager, true);
	assert_user_outcomes(HV_LOGOFF_MANAGER_ENDED, 1);
}

static void test_lingering_is_not_included(void **state)
{
	struct fake_manager *manager = add_lingering(2000, "bob");

	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_lingering(manager, false);
	assert_int_equal(fake.user_lists, 0);
}

/* Neither an exempt user nor one whom the request does not select. */
static void test_which_lingering_users(void **state)
{
	struct exempt_user exempt[] = {{.name = "bob"}, {0}};
	struct exempt_user *none = fake.config.exempt_users;
	struct fake_manager *alice = add_user(BY_SIGNAL, BY_SIGNAL);
	struct fake_manager *bob = add_lingering(2000, "bob");
	struct fake_manager *carol = add_lingering(2001, "carol");

	alice->lingers = true;
	fake.config.exempt_users = exempt;
	request_target(HV_LOGOFF_INCLUDE_LINGERING, 0, "carol", "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 0, 0, 0);
	assert_lingering(carol, true);
	reports.count = 0;
	request_target(HV_LOGOFF_INCLUDE_LINGERING, 0, "bob", "");
	run_for(60);
	assert_int_equal(last()->result, HV_LOGOFF_E_NO_SESSION);
	reports.count = 0;
	fake.config.exempt_users = none;
	request_target(HV_LOGOFF_INCLUDE_LINGERING, 0, "", "1");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_lingering(alice, true);
	assert_lingering(bob, false);
}

static void test_dry_run_with_lingering(void **state)
{
	const uint32_t flags = HV_LOGOFF_DRY_RUN;
	struct fake_manager *manager = add_user(BY_SIGNAL, BY_SIGNAL);
	struct fake_manager *without = add_lingering(2000, "bob");

	manager->lingers = true;
	request_target(flags, 0, "", "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 0, 0);
	assert_string_equal(last()->text, "1 session would be ended: 1 (alice). Programs of "
					  "lingering users still run: alice.");
	assert_int_equal(fake.user_outcomes[HV_LOGOFF_LINGERING], 1);
	reports.count = 0;
	request_target(flags | HV_LOGOFF_INCLUDE_LINGERING, 0, "", "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 0, 0);
	assert_string_equal(last()->text, "1 session would be ended: 1 (alice). Programs of "
					  "lingering users would be ended: alice, bob.");
	assert_user_outcomes(HV_LOGOFF_MANAGER_SELECTED, 2);
	reports.count = 0;
	request_target(flags | HV_LOGOFF_INCLUDE_LINGERING, 0, "bob", "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 0, 0, 0);
	assert_user_outcomes(HV_LOGOFF_MANAGER_SELECTED, 3);
	assert_lingering(manager, false);
	assert_lingering(without, false);
}

/* The previous daemon ended the user's session, but not the manager. */
static void test_redelivered_with_manager(void **state)
{
	struct fake_session gone = {.user = "alice", .uid = 3000};
	struct fake_manager *manager = add_manager(&gone, BY_SIGNAL);
	struct fake_manager *lingering = add_lingering(2000, "bob");

	request(HV_LOGOFF_REDELIVERED, 60, 20, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 0, 0, 0);
	assert_string_equal(last()->text, "All sessions have ended. Programs have ended: alice.");
	assert_lingering(manager, true);
	assert_lingering(lingering, false);
	reports.count = 0;
	manager->active = true;
	manager->runs = true;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_int_equal(manager->stopped, 1);
}

static void test_user_list_fails(void **state)
{
	struct fake_manager *manager = add_lingering(2000, "bob");

	fake.users_error = -EIO;
	request(HV_LOGOFF_INCLUDE_LINGERING, 60, 0, "");
	run_for(3);
	assert_int_equal(fake.lists, 0);
	assert_in_range(fake.user_lists, 3, 4);
	fake.users_error = 0;
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 0, 0, 0);
	assert_lingering(manager, true);
	reports.count = 0;
	fake.users_error = -EIO;
	request(HV_LOGOFF_INCLUDE_LINGERING, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_EXCEPTION, 0, 0, 0);
}

static void test_manager_outcomes(void **state)
{
	add_manager(add_session("1", "alice", BY_SIGNAL), BY_SIGNAL);
	add_manager(add_session("2", "bob", BY_SIGNAL), BY_NOTHING);
	add_session("3", "carol", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(100);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 3, 3, 0);
	/* Of carol nothing ran once her session had ended. */
	assert_user_outcomes(HV_LOGOFF_MANAGER_ENDED, 1);
	assert_user_outcomes(HV_LOGOFF_MANAGER_FAILED, 1);
}

static const struct outside_user outside_users[] = {
	{.uid = 1500, .user = "carol", .processes = 2},
	{.uid = 1501, .user = "", .processes = 1},
};

static void add_outside(void)
{
	fake.outside = outside_users;
	fake.outside_count = ARRAY_SIZE(outside_users);
}

#define OUTSIDE_TEXT " Processes without a session: carol (2), UID 1501 (1)."

static void test_outside(void **state)
{
	uint64_t begin;

	add_outside();
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_string_equal(last()->text, "Nobody is logged on." OUTSIDE_TEXT);
	assert_user_outcomes(HV_LOGOFF_OUTSIDE, 2);
	add_session("1", "alice", BY_SIGNAL);
	reports.count = 0;
	request(HV_LOGOFF_DRY_RUN, 60, 0, "");
	run_for(60);
	assert_string_equal(last()->text, "1 session would be ended: 1 (alice)." OUTSIDE_TEXT);
	reports.count = 0;
	begin = fake.time;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 1, 1, 0);
	assert_string_equal(last()->text, "The session has ended." OUTSIDE_TEXT);
	assert_int_equal(fake.user_outcomes[HV_LOGOFF_OUTSIDE], 6);
	/* The search is no delay: once for each request, and while other things are waited for. */
	assert_int_equal(fake.searches, 3);
	assert_true(fake.time <= begin + 500 * USEC_PER_MSEC);
}

static void test_outside_at_deadline(void **state)
{
	uint64_t begin = fake.time;

	add_outside();
	add_session("1", "alice", BY_NOTHING);
	request(0, 60, 0, "");
	run_for(100);
	assert_done(HV_LOGOFF_E_TIMED_OUT, 1, 0, 1);
	assert_string_equal(last()->text, "1 of 1 sessions are left: 1 (alice)." OUTSIDE_TEXT);
	assert_int_equal(fake.searches, 1);
	assert_int_equal(fake.time, begin + 60 * USEC_PER_SEC);
}

static void test_outside_of_target(void **state)
{
	struct exempt_user exempt[] = {{.name = "carol"}, {0}};
	struct exempt_user *none = fake.config.exempt_users;

	add_outside();
	add_session("1", "alice", BY_SIGNAL);
	request_target(HV_LOGOFF_DRY_RUN, 0, "", "1");
	run_for(60);
	assert_int_equal(fake.searches, 0);
	reports.count = 0;
	request_target(0, 0, "carol", "");
	run_for(60);
	assert_string_equal(last()->text, "There is no user carol in the guest. Processes without "
					  "a session: carol (2).");
	reports.count = 0;
	fake.config.exempt_users = exempt;
	request(0, 60, 0, "");
	run_for(60);
	fake.config.exempt_users = none;
	assert_string_equal(last()->text,
			    "The session has ended. Processes without a session: UID 1501 "
			    "(1).");
}

static void test_outside_without_answer(void **state)
{
	uint64_t begin = fake.time;

	fake.outside_hangs = true;
	request(0, 3600, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_true(fake.time < begin + 5 * USEC_PER_SEC);
	/* The answer to an earlier request is ignored. */
	add_outside();
	engine_outside_found(&fake.engine, fake.outside, fake.outside_count);
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	reports.count = 0;
	begin = fake.time;
	request(0, 2, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
	assert_int_equal(fake.time, begin + 2 * USEC_PER_SEC);
	fake.outside_error = -EIO;
	reports.count = 0;
	request(0, 2, 0, "");
	run_for(0);
	assert_done(HV_LOGOFF_E_NO_SESSION, 0, 0, 0);
}

/* A user logs on while the search takes its time. */
static void test_logon_before_result(void **state)
{
	fake.outside_hangs = true;
	add_session("1", "alice", BY_SIGNAL);
	request(0, 60, 0, "");
	run_for(1);
	add_session("2", "bob", BY_SIGNAL);
	engine_opened(&fake.engine);
	fake.outside_hangs = false;
	engine_outside_found(&fake.engine, NULL, 0);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
}

/* logind was restarted: it counts from c1 again. */
static void test_reused_id(void **state)
{
	struct fake_session *target;

	add_session("c1", "alice", BY_SIGNAL)->leader = 100;
	add_session("2", "bob", BY_KILL);
	request(0, 60, 0, "");
	run_for(1);
	target = add_session("c1", "carol", BY_SIGNAL);
	target->leader = 200;
	engine_opened(&fake.engine);
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 3, 3, 0);
	assert_int_equal(target->notices, 1);
	assert_int_equal(open_sessions(), 0);
}

static void test_summary(void **state)
{
	add_outside();
	add_at("1", "alice", "seat0", "tty1")->returns = 1;
	add_manager(add_session("2", "bob", BY_SIGNAL), BY_SIGNAL)->lingers = true;
	request(0, 60, 0, "");
	run_for(60);
	assert_done(HV_LOGOFF_S_OK, 2, 2, 0);
	assert_string_equal(last()->text,
			    "All 2 sessions have ended. Returned: alice. Programs of lingering "
			    "users still run: bob." OUTSIDE_TEXT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_no_session),
		TEST(test_only_exempt_sessions),
		TEST(test_all_sessions_end),
		TEST(test_report_for_each_session),
		TEST(test_grace),
		TEST(test_notice_disabled),
		TEST(test_untold),
		TEST(test_untold_is_not_reported),
		TEST(test_notice_of_suspend),
		TEST(test_notice_below_manager),
		TEST(test_notice_below_manager_at_once),
		TEST(test_no_notice_below_manager_that_stays),
		TEST(test_default_message),
		TEST(test_cancel_in_grace),
		TEST(test_cancel_before_list),
		TEST(test_cancel_while_ending),
		TEST(test_driver_timed_out),
		TEST(test_stale_report),
		TEST(test_stale_report_of_ending),
		TEST(test_stall_in_grace),
		TEST(test_stall_while_ending),
		TEST(test_stall_before_list),
		TEST(test_list_after_deadline),
		TEST(test_report_blocks_past_deadline),
		TEST(test_escalation_to_kill),
		TEST(test_stop_of_scope_fails),
		TEST(test_frozen_session_is_killed_at_once),
		TEST(test_escalation_to_every_method),
		TEST(test_session_that_never_ends),
		TEST(test_deadline_before_escalation),
		TEST(test_force),
		TEST(test_without_cgroup_v2),
		TEST(test_force_without_cgroup_v2),
		TEST(test_closing_session),
		TEST(test_opening_session),
		TEST(test_session_being_opened),
		TEST(test_session_opened_in_time),
		TEST(test_session_found_while_being_opened),
		TEST(test_session_being_opened_for_long),
		TEST(test_no_time_to_wait_for_opening),
		TEST(test_force_does_not_wait_for_opening),
		TEST(test_states_changed_at_other_times),
		TEST(test_session_unknown_to_logind),
		TEST(test_session_opened_while_ending),
		TEST(test_session_opened_in_grace),
		TEST(test_session_reopened_a_few_times),
		TEST(test_session_reopened_endlessly),
		TEST(test_all_log_out_in_grace),
		TEST(test_unknown_session_removed),
		TEST(test_logind_absent),
		TEST(test_logind_hangs),
		TEST(test_list_fails_once),
		TEST(test_logind_starts_late),
		TEST(test_logind_restarts),
		TEST(test_logind_stops),
		TEST(test_bus_restarts_while_ending),
		TEST(test_redelivered),
		TEST(test_redelivered_without_sessions),
		TEST(test_no_logins),
		TEST(test_no_logins_fail),
		TEST(test_target_user),
		TEST(test_target_session),
		TEST(test_target_while_others_log_on),
		TEST(test_no_such_target),
		TEST(test_target_by_uid),
		TEST(test_failed_lookup),
		TEST(test_lookup_without_answer),
		TEST(test_when_users_are_looked_up),
		TEST(test_texts_are_one_line),
		TEST(test_exempt_target),
		TEST(test_dry_run),
		TEST(test_dry_run_without_sessions),
		TEST(test_one_request_at_a_time),
		TEST(test_second_request_follows),
		TEST(test_many_names_fit),
		TEST(test_manager_is_stopped),
		TEST(test_manager_is_stopped_after_last_session),
		TEST(test_manager_that_is_killed),
		TEST(test_manager_is_killed_by_force),
		TEST(test_manager_that_never_ends),
		TEST(test_lingering_manager),
		TEST(test_manager_checks),
		TEST(test_manager_of_user_with_session),
		TEST(test_user_logs_on_again),
		TEST(test_session_opened_before_manager_is_stopped),
		TEST(test_session_opened_while_manager_is_stopped),
		TEST(test_manager_of_user_who_logs_out_in_grace),
		TEST(test_manager_without_cgroup_v2),
		TEST(test_process_beside_manager),
		TEST(test_lookup_of_manager_fails),
		TEST(test_dry_run_leaves_managers),
		TEST(test_stall_while_manager_is_stopped),
		TEST(test_return),
		TEST(test_return_after_each_request),
		TEST(test_where_returns_are_waited_for),
		TEST(test_deadline_before_return),
		TEST(test_one_of_two_returns),
		TEST(test_return_while_ending),
		TEST(test_others_do_not_return),
		TEST(test_other_session_at_seat),
		TEST(test_return_in_grace),
		TEST(test_users_log_on_while_ending),
		TEST(test_loop_of_one_user),
		TEST(test_user_returns_twice),
		TEST(test_one_user_logs_on_often),
		TEST(test_notice_after_early_end_of_grace),
		TEST(test_lists_are_limited),
		TEST(test_session_slips_in),
		TEST(test_session_slips_in_and_ends),
		TEST(test_include_lingering),
		TEST(test_include_lingering_by_configuration),
		TEST(test_lingering_is_not_included),
		TEST(test_which_lingering_users),
		TEST(test_dry_run_with_lingering),
		TEST(test_redelivered_with_manager),
		TEST(test_user_list_fails),
		TEST(test_manager_outcomes),
		TEST(test_outside),
		TEST(test_outside_at_deadline),
		TEST(test_outside_of_target),
		TEST(test_outside_without_answer),
		TEST(test_logon_before_result),
		TEST(test_reused_id),
		TEST(test_summary),
	};

	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
