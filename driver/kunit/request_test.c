// SPDX-License-Identifier: GPL-2.0-only
/*
 * The states of a request. In each case the host receives exactly one result.
 */
#include "fixture.h"

static void negotiation_waits_for_a_daemon(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_negotiates(test);
	host_receives_nothing(test);
	daemon_attaches(test);
	KUNIT_EXPECT_GT(test, fixture->kicks, 0);
	host_receives_version(test, hvl_message_versions[0]);
	host_receives_nothing(test);
}

static void negotiation_without_common_version_is_answered_at_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_negotiates_version(test, (struct hvl_version){ 9, 0 });
	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.negotiate.framework_count, 0);
	daemon_attaches(test);
	host_receives_nothing(test);
}

static void newest_negotiation_is_answered(struct kunit *test)
{
	host_negotiates(test);
	host_negotiates_version(test, (struct hvl_version){ 1, 0 });
	daemon_attaches(test);
	host_receives_version(test, (struct hvl_version){ 1, 0 });
	host_receives_nothing(test);
}

static void invalid_negotiation_replaces_the_unanswered_one(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_negotiates(test);
	host_negotiates_version(test, (struct hvl_version){ 9, 0 });
	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.negotiate.message_count, 0);
	daemon_attaches(test);
	host_receives_nothing(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
}

static void request_continues_after_a_new_negotiation(struct kunit *test)
{
	request_is_delivered(test);
	host_negotiates(test);
	host_receives_version(test, hvl_message_versions[0]);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
}

static void request_completes(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hvl_report *received = &fixture->tx.packet.body.report;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, fixture->record.request.grace, GRACE);
	KUNIT_EXPECT_EQ(test, fixture->record.request.timeout, TIMEOUT);
	KUNIT_EXPECT_EQ(test, fixture->record.request.flags, 0);
	KUNIT_EXPECT_STREQ(test, fixture->record.request.message, "save your work");
	fixture->report.found = 3;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, received->state, HV_LOGOFF_GRACE);
	KUNIT_EXPECT_EQ(test, received->found, 3);
	fixture->report.ended = 2;
	fixture->report.failed = 1;
	fixture->report.percent = 100;
	strscpy(fixture->report.text, "one is left", sizeof(fixture->report.text));
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_E_TIMED_OUT), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_TIMED_OUT);
	KUNIT_EXPECT_EQ(test, received->result, HV_LOGOFF_E_TIMED_OUT);
	KUNIT_EXPECT_EQ(test, received->failed, 1);
	KUNIT_EXPECT_STREQ(test, received->text, "one is left");
	host_receives_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ESTALE);
	host_receives_nothing(test);
}

static void progress_is_merged(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	fixture->report.percent = 10;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	fixture->report.percent = 30;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.percent, 30);
	host_receives_nothing(test);
}

static void progress_never_decreases(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	fixture->report.percent = 60;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	fixture->report.percent = 5;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.percent, 60);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.state, HV_LOGOFF_ENDING);
}

static void logoff_without_daemon_is_not_available(struct kunit *test)
{
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_NOT_AVAIL);
	/* A request that was declined is not remembered. */
	host_sends(test, HVL_OP_QUERY, ID);
	host_receives(test, HVL_OP_QUERY, ID, HV_LOGOFF_E_NOT_FOUND);
}

static void logoff_before_negotiation_is_refused(struct kunit *test)
{
	daemon_attaches(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	daemon_reads_nothing(test);
}

/* A request that was declined or refused was never accepted. */
static void declined_id_can_be_used_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_NOT_AVAIL);
	request_is_delivered(test);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_BUSY);
	host_sends(test, HVL_OP_QUERY, OTHER_ID);
	host_receives(test, HVL_OP_QUERY, OTHER_ID, HV_LOGOFF_E_NOT_FOUND);
	host_sends(test, HVL_OP_CANCEL, OTHER_ID);
	host_receives(test, HVL_OP_CANCEL, OTHER_ID, HV_LOGOFF_E_NOT_FOUND);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, OTHER_ID);
	KUNIT_EXPECT_EQ(test, fixture->record.request.flags, 0);
}

static int daemon_declines(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	int ret;

	fixture->report.flags = HV_LOGOFF_DECLINED;
	ret = daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_E_BUSY);
	fixture->report.flags = 0;
	return ret;
}

static void id_that_the_daemon_declined_can_be_used_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_declines(test), 0);
	/* Repeated before the result is sent: one COMPLETE, and no new request. */
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_BUSY);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, 0);
	host_receives_nothing(test);
	daemon_reads_nothing(test);
	host_sends(test, HVL_OP_QUERY, ID);
	host_receives(test, HVL_OP_QUERY, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.result, HV_LOGOFF_E_BUSY);
	host_sends(test, HVL_OP_LOGOFF, ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.request.flags, 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	/* This time it was carried out. */
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, HVL_REPLAY);
	daemon_reads_nothing(test);
}

static void request_that_was_started_is_not_declined(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_detaches(test);
	daemon_attaches(test);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	KUNIT_EXPECT_EQ(test, daemon_declines(test), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_BUSY);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_BUSY);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, HVL_REPLAY);
	daemon_reads_nothing(test);
}

/* It may repeat a request before it has read the result, and does not expect that it starts. */
static void host_of_1_1_gets_the_refusal_again(struct kunit *test)
{
	daemon_attaches(test);
	host_negotiates_version(test, hvl_message_versions[1]);
	host_receives_version(test, hvl_message_versions[1]);
	host_sends(test, HVL_OP_LOGOFF, ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, daemon_declines(test), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_BUSY);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_BUSY);
	daemon_reads_nothing(test);
}

static void second_request_is_busy(struct kunit *test)
{
	request_is_delivered(test);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_BUSY);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, OTHER_ID);
}

/* The host may send a request before it has read the result of the previous one. */
static void request_is_in_flight_until_its_result_is_sent(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_BUSY);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
}

static void repeated_request_is_not_a_new_one(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	/* Repeated before the result is sent: one COMPLETE. */
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, 0);
	host_receives_nothing(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, HVL_REPLAY);
	daemon_reads_nothing(test);
}

static void cancel_before_delivery_takes_effect_at_once(struct kunit *test)
{
	both_are_ready(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_receives(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_CANCELLED);
	daemon_reads_nothing(test);
}

static void request_cancelled_while_being_read_is_not_delivered(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	KUNIT_ASSERT_EQ(test, hvl_daemon_peek(fixture->core, &fixture->record), 0);
	host_sends(test, HVL_OP_CANCEL, ID);
	KUNIT_EXPECT_FALSE(test, hvl_daemon_consume(fixture->core, &fixture->record));
	daemon_reads_nothing(test);
}

static void cancel_in_the_grace_period_reaches_the_daemon(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_receives(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
	daemon_reads(test, HV_LOGOFF_CANCEL, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.cancel.reason, HV_LOGOFF_CANCEL_HOST);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_E_CANCELLED), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_CANCELLED);
}

static void cancel_too_late_fails(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_receives(test, HVL_OP_CANCEL, ID, HV_LOGOFF_E_FAIL);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_receives(test, HVL_OP_CANCEL, ID, HV_LOGOFF_E_FAIL);
	host_sends(test, HVL_OP_CANCEL, OTHER_ID);
	host_receives(test, HVL_OP_CANCEL, OTHER_ID, HV_LOGOFF_E_NOT_FOUND);
}

static void query_returns_the_result_too(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	host_sends(test, HVL_OP_QUERY, ID);
	host_receives(test, HVL_OP_QUERY, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.state, HV_LOGOFF_DELIVERED);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_E_NO_SESSION), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_NO_SESSION);
	host_sends(test, HVL_OP_QUERY, ID);
	host_receives(test, HVL_OP_QUERY, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.state, HV_LOGOFF_DONE);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.result, HV_LOGOFF_E_NO_SESSION);
}

static void request_without_a_report_times_out(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned long *deadline = &fixture->core->request.deadline;

	request_is_delivered(test);
	/* The daemon may report until the end of the overtime. */
	time_passes(test, deadline, HVL_OVERTIME_SECONDS - 2);
	host_receives_nothing(test);
	time_passes(test, deadline, HVL_OVERTIME_SECONDS + 1);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_TIMED_OUT);
	host_receives_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ESTALE);
	daemon_reads(test, HV_LOGOFF_CANCEL, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.cancel.reason, HV_LOGOFF_CANCEL_TIMEOUT);
	/* The next request follows the cancellation. */
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, OTHER_ID);
}

static void next_daemon_gets_the_request_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	daemon_detaches(test);
	daemon_attaches(test);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.request.flags, HV_LOGOFF_REDELIVERED);
	KUNIT_EXPECT_GT(test, fixture->record.request.grace, 0);
	/* The reattach timeout does not apply any more. */
	time_passes(test, &fixture->core->request.reattach, 1);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
}

/* They are the current daemon's; only the percentage and the state never decrease. */
static void counts_start_over_after_a_redelivery(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct hvl_report *received = &fixture->tx.packet.body.report;

	request_is_delivered(test);
	fixture->report = (struct hv_logoff_report){ .percent = 60, .found = 5, .ended = 3 };
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_detaches(test);
	daemon_attaches(test);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	/* Until the next daemon has reported, the last counts apply. */
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, received->found, 5);
	KUNIT_EXPECT_EQ(test, received->ended, 3);
	fixture->report = (struct hv_logoff_report){ .percent = 10, .found = 2 };
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, received->percent, 60);
	KUNIT_EXPECT_EQ(test, received->found, 2);
	KUNIT_EXPECT_EQ(test, received->ended, 0);
}

static void redelivery_in_the_ending_state_has_no_grace(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	daemon_detaches(test);
	daemon_attaches(test);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.request.grace, 0);
}

static void request_fails_if_no_daemon_reattaches(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	daemon_detaches(test);
	host_receives_nothing(test);
	time_passes(test, &fixture->core->request.reattach, 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	host_receives_nothing(test);
	daemon_attaches(test);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ESTALE);
}

static void opening_without_handshake_extends_no_timeout(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	daemon_detaches(test);
	fixture->core->request.reattach = jiffies;
	KUNIT_ASSERT_EQ(test, hvl_daemon_attach(fixture->core), 0);
	daemon_detaches(test);
	KUNIT_EXPECT_FALSE(test, time_after(fixture->core->request.reattach, jiffies));
}

static void cancel_after_the_daemon_detached_takes_effect(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_detaches(test);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_receives(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_CANCELLED);
	daemon_attaches(test);
	daemon_reads_nothing(test);
}

static void cancelled_request_is_not_delivered_again(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_receives(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	/* The daemon exits before it reads the cancellation. */
	daemon_detaches(test);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_CANCELLED);
	host_receives_nothing(test);
	daemon_attaches(test);
	daemon_reads_nothing(test);
}

static void cancellation_that_was_read_outlasts_the_daemon(struct kunit *test)
{
	request_is_delivered(test);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_receives(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	daemon_reads(test, HV_LOGOFF_CANCEL, ID);
	daemon_detaches(test);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_CANCELLED);
	daemon_attaches(test);
	daemon_reads_nothing(test);
}

/* The daemon reported ENDING before it read the cancellation: too late. */
static void cancelled_request_continues_once_sessions_were_ended(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_receives(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_detaches(test);
	host_receives_nothing(test);
	daemon_attaches(test);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.request.flags, HV_LOGOFF_REDELIVERED);
	daemon_reads_nothing(test);
}

static void unread_cancellation_outlasts_the_next_request(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	time_passes(test, &fixture->core->request.deadline, HVL_OVERTIME_SECONDS + 1);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_TIMED_OUT);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_sends(test, HVL_OP_CANCEL, OTHER_ID);
	host_receives(test, HVL_OP_CANCEL, OTHER_ID, HV_LOGOFF_S_OK);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_CANCELLED);
	daemon_reads(test, HV_LOGOFF_CANCEL, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.cancel.reason, HV_LOGOFF_CANCEL_TIMEOUT);
	daemon_reads_nothing(test);
}

static void suspend_ends_the_request(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	hvl_core_suspend(fixture->core);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ESTALE);
	daemon_reads(test, HV_LOGOFF_CANCEL, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.cancel.reason, HV_LOGOFF_CANCEL_SUSPEND);
	/* Without a request, suspend sends nothing. */
	hvl_core_suspend(fixture->core);
	host_receives_nothing(test);
}

/* The host may send until the channel is closed. */
static void no_request_is_accepted_while_suspending(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	hvl_core_suspend(fixture->core);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	host_receives_nothing(test);
	hvl_core_resume(fixture->core);
	hvl_host_opened(fixture->core);
	daemon_reads_nothing(test);
	host_negotiates(test);
	host_receives_version(test, hvl_message_versions[0]);
	host_sends(test, HVL_OP_LOGOFF, ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
}

static void result_is_sent_on_the_new_channel(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_sends(test, HVL_OP_QUERY, ID);
	hvl_host_opened(fixture->core);
	/* The host sends first. */
	host_receives_nothing(test);
	host_negotiates(test);
	host_receives_version(test, hvl_message_versions[0]);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
}

/* Without a daemon the negotiation is not answered. */
static void result_on_the_new_channel_does_not_wait_for_a_daemon(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	hvl_host_opened(fixture->core);
	daemon_detaches(test);
	time_passes(test, &fixture->core->request.reattach, 0);
	host_receives_nothing(test);
	host_negotiates(test);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	host_receives_nothing(test);
}

static void stop_finishes_the_request(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int kicks;

	request_is_delivered(test);
	hvl_core_stop(fixture->core);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&fixture->core->expiry));
	kicks = fixture->kicks;
	KUNIT_EXPECT_EQ(test, hvl_daemon_peek(fixture->core, &fixture->record), -ENODEV);
	KUNIT_EXPECT_FALSE(test, hvl_daemon_consume(fixture->core, &fixture->record));
	KUNIT_EXPECT_EQ(test, hvl_daemon_hello(fixture->core, &fixture->record.hello), -ENODEV);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ENODEV);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 1000), -ENODEV);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_NOT_AVAIL);
	daemon_detaches(test);
	KUNIT_EXPECT_EQ(test, hvl_daemon_attach(fixture->core), -ENODEV);
	KUNIT_EXPECT_EQ(test, fixture->kicks, kicks);
}

static void malformed_messages_are_refused(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hvl_packet *packet = &fixture->rx.packet;
	u32 length;

	request_is_delivered(test);
	for (length = 0; length < sizeof(struct hvl_header) + sizeof(struct hvl_logoff); length++) {
		memset(&fixture->rx, 0, sizeof(fixture->rx));
		host_builds(test, HVL_OP_LOGOFF, OTHER_ID);
		memset((u8 *)packet + length, 0, sizeof(*packet) - length);
		hvl_host_receive(fixture->core, &fixture->rx, length);
		host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	}
	hvl_packet_init(packet, 3, 0, 7, 3);
	hvl_host_receive(fixture->core, &fixture->rx, hvl_packet_size(packet));
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.header.type, 3);
	host_sends(test, HVL_OP_LOGOFF, 0);
	host_receives_refusal(test, HV_LOGOFF_E_INVALIDARG);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE(negotiation_waits_for_a_daemon),
	KUNIT_CASE(negotiation_without_common_version_is_answered_at_once),
	KUNIT_CASE(newest_negotiation_is_answered),
	KUNIT_CASE(invalid_negotiation_replaces_the_unanswered_one),
	KUNIT_CASE(request_continues_after_a_new_negotiation),
	KUNIT_CASE(request_completes),
	KUNIT_CASE(progress_is_merged),
	KUNIT_CASE(progress_never_decreases),
	KUNIT_CASE(logoff_without_daemon_is_not_available),
	KUNIT_CASE(logoff_before_negotiation_is_refused),
	KUNIT_CASE(declined_id_can_be_used_again),
	KUNIT_CASE(id_that_the_daemon_declined_can_be_used_again),
	KUNIT_CASE(request_that_was_started_is_not_declined),
	KUNIT_CASE(host_of_1_1_gets_the_refusal_again),
	KUNIT_CASE(second_request_is_busy),
	KUNIT_CASE(request_is_in_flight_until_its_result_is_sent),
	KUNIT_CASE(repeated_request_is_not_a_new_one),
	KUNIT_CASE(cancel_before_delivery_takes_effect_at_once),
	KUNIT_CASE(request_cancelled_while_being_read_is_not_delivered),
	KUNIT_CASE(cancel_in_the_grace_period_reaches_the_daemon),
	KUNIT_CASE(cancel_too_late_fails),
	KUNIT_CASE(query_returns_the_result_too),
	KUNIT_CASE(request_without_a_report_times_out),
	KUNIT_CASE(next_daemon_gets_the_request_again),
	KUNIT_CASE(counts_start_over_after_a_redelivery),
	KUNIT_CASE(redelivery_in_the_ending_state_has_no_grace),
	KUNIT_CASE(request_fails_if_no_daemon_reattaches),
	KUNIT_CASE(opening_without_handshake_extends_no_timeout),
	KUNIT_CASE(cancel_after_the_daemon_detached_takes_effect),
	KUNIT_CASE(cancelled_request_is_not_delivered_again),
	KUNIT_CASE(cancellation_that_was_read_outlasts_the_daemon),
	KUNIT_CASE(cancelled_request_continues_once_sessions_were_ended),
	KUNIT_CASE(unread_cancellation_outlasts_the_next_request),
	KUNIT_CASE(suspend_ends_the_request),
	KUNIT_CASE(no_request_is_accepted_while_suspending),
	KUNIT_CASE(result_is_sent_on_the_new_channel),
	KUNIT_CASE(result_on_the_new_channel_does_not_wait_for_a_daemon),
	KUNIT_CASE(stop_finishes_the_request),
	KUNIT_CASE(malformed_messages_are_refused),
	{}
};

static struct kunit_suite request_suite = {
	.name = "hv_logoff_request",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = request_cases,
};

kunit_test_suite(request_suite);
