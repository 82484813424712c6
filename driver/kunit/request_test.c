// SPDX-License-Identifier: GPL-2.0-only
/*
 * The request between host and daemon: whatever happens, one result.
 */
#include "fixture.h"

static void negotiation_waits_for_a_daemon(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_negotiates(test);
	host_hears_nothing(test);
	daemon_arrives(test);
	KUNIT_EXPECT_GT(test, fixture->kicks, 0);
	host_hears_version(test, hvl_message_versions[0]);
	host_hears_nothing(test);
}

static void negotiation_without_common_version_is_answered_at_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_negotiates_version(test, (struct hvl_version){ 9, 0 });
	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.negotiate.framework_count, 0);
	daemon_arrives(test);
	host_hears_nothing(test);
}

static void request_goes_on_over_a_new_negotiation(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	host_negotiates(test);
	host_hears_version(test, hvl_message_versions[0]);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
}

static void request_runs_to_its_end(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	struct hvl_report *heard = &fixture->tx.packet.body.report;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, fixture->record.request.grace, GRACE);
	KUNIT_EXPECT_EQ(test, fixture->record.request.timeout, TIMEOUT);
	KUNIT_EXPECT_EQ(test, fixture->record.request.flags, 0);
	KUNIT_EXPECT_STREQ(test, fixture->record.request.message, "save your work");
	fixture->report.found = 3;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_hears(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, heard->state, HV_LOGOFF_GRACE);
	KUNIT_EXPECT_EQ(test, heard->found, 3);
	fixture->report.ended = 2;
	fixture->report.failed = 1;
	fixture->report.percent = 100;
	strscpy(fixture->report.text, "one is left", sizeof(fixture->report.text));
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_E_TIMED_OUT), 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_TIMED_OUT);
	KUNIT_EXPECT_EQ(test, heard->result, HV_LOGOFF_E_TIMED_OUT);
	KUNIT_EXPECT_EQ(test, heard->failed, 1);
	KUNIT_EXPECT_STREQ(test, heard->text, "one is left");
	host_hears_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ESTALE);
	host_hears_nothing(test);
}

static void progress_is_merged(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	fixture->report.percent = 10;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	fixture->report.percent = 30;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	host_hears(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.percent, 30);
	host_hears_nothing(test);
}

static void host_sees_no_step_back(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	fixture->report.percent = 60;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	fixture->report.percent = 5;
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_hears(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.percent, 60);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.state, HV_LOGOFF_ENDING);
}

static void no_daemon_is_not_available_at_once(struct kunit *test)
{
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_NOT_AVAIL);
	/* Not the request in flight, so not the one that is remembered. */
	host_sends(test, HVL_OP_QUERY, ID);
	host_hears(test, HVL_OP_QUERY, ID, HV_LOGOFF_E_NOT_FOUND);
}

static void logoff_before_negotiation_is_refused(struct kunit *test)
{
	daemon_arrives(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_hears_refusal(test, HV_LOGOFF_E_FAIL);
	daemon_reads_nothing(test);
}

static void second_request_is_busy(struct kunit *test)
{
	request_is_delivered(test);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_hears(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_BUSY);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, OTHER_ID);
}

/* The host's next request and the result of the last may pass each other on their way. */
static void request_is_in_flight_until_its_result_was_sent(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_hears(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_BUSY);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_hears_nothing(test);
}

static void repeated_request_is_the_same(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_hears(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	/* Repeated before the result went out: still one. */
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, 0);
	host_hears_nothing(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, HVL_REPLAY);
	daemon_reads_nothing(test);
}

static void cancel_before_delivery_takes_effect_at_once(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_hears(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_CANCELLED);
	daemon_reads_nothing(test);
}

static void request_cancelled_while_being_read_does_not_count(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	KUNIT_ASSERT_EQ(test, hvl_daemon_peek(fixture->core, &fixture->record), 0);
	host_sends(test, HVL_OP_CANCEL, ID);
	KUNIT_EXPECT_FALSE(test, hvl_daemon_consume(fixture->core, &fixture->record));
	daemon_reads_nothing(test);
}

static void cancel_in_the_grace_is_handed_on(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_hears(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_hears(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	host_hears_nothing(test);
	daemon_reads(test, HV_LOGOFF_CANCEL, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.cancel.reason, HV_LOGOFF_CANCEL_HOST);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_E_CANCELLED), 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_CANCELLED);
}

static void cancel_too_late_fails(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	host_hears(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_hears(test, HVL_OP_CANCEL, ID, HV_LOGOFF_E_FAIL);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_hears(test, HVL_OP_CANCEL, ID, HV_LOGOFF_E_FAIL);
	host_sends(test, HVL_OP_CANCEL, OTHER_ID);
	host_hears(test, HVL_OP_CANCEL, OTHER_ID, HV_LOGOFF_E_NOT_FOUND);
}

static void query_tells_the_end_too(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	host_sends(test, HVL_OP_QUERY, ID);
	host_hears(test, HVL_OP_QUERY, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.state, HV_LOGOFF_DELIVERED);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_E_NO_SESSION), 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_NO_SESSION);
	host_sends(test, HVL_OP_QUERY, ID);
	host_hears(test, HVL_OP_QUERY, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.state, HV_LOGOFF_DONE);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.result, HV_LOGOFF_E_NO_SESSION);
}

static void silent_daemon_is_answered_for(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned long *deadline = &fixture->core->request.deadline;

	request_is_delivered(test);
	/* The deadline itself is the daemon's. */
	time_passes(test, deadline, HVL_OVERTIME_SECONDS - 2);
	host_hears_nothing(test);
	time_passes(test, deadline, HVL_OVERTIME_SECONDS + 1);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_TIMED_OUT);
	host_hears_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ESTALE);
	daemon_reads(test, HV_LOGOFF_CANCEL, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.cancel.reason, HV_LOGOFF_CANCEL_TIMEOUT);
	/* The next request comes after it. */
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, OTHER_ID);
}

static void daemon_that_comes_back_gets_the_request_again(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	daemon_leaves(test);
	daemon_arrives(test);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.request.flags, HV_LOGOFF_REDELIVERED);
	KUNIT_EXPECT_GT(test, fixture->record.request.grace, 0);
	/* The daemon that went away has no say, the new one is no longer awaited. */
	time_passes(test, &fixture->core->request.reattach, 1);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_hears_nothing(test);
}

static void redelivery_after_ending_began_has_no_grace(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	daemon_leaves(test);
	daemon_arrives(test);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.request.grace, 0);
}

static void daemon_that_stays_away_is_given_up(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	daemon_leaves(test);
	host_hears_nothing(test);
	time_passes(test, &fixture->core->request.reattach, 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	host_hears_nothing(test);
	daemon_arrives(test);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ESTALE);
}

static void opening_without_handshake_wins_no_time(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	daemon_leaves(test);
	fixture->core->request.reattach = jiffies;
	KUNIT_ASSERT_EQ(test, hvl_daemon_attach(fixture->core), 0);
	daemon_leaves(test);
	KUNIT_EXPECT_FALSE(test, time_after(fixture->core->request.reattach, jiffies));
}

static void cancel_while_the_daemon_is_away_takes_effect(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_GRACE, 0), 0);
	host_hears(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_leaves(test);
	host_sends(test, HVL_OP_CANCEL, ID);
	host_hears(test, HVL_OP_CANCEL, ID, HV_LOGOFF_S_OK);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_CANCELLED);
	daemon_arrives(test);
	daemon_reads_nothing(test);
}

static void suspend_ends_the_request(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	hvl_core_suspend(fixture->core);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ESTALE);
	daemon_reads(test, HV_LOGOFF_CANCEL, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.cancel.reason, HV_LOGOFF_CANCEL_SUSPEND);
	/* Without a request there is nothing to end. */
	hvl_core_suspend(fixture->core);
	host_hears_nothing(test);
}

static void result_outlives_the_channel(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_sends(test, HVL_OP_QUERY, ID);
	hvl_host_opened(fixture->core);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_hears_nothing(test);
}

static void stop_ends_the_request_and_the_daemon(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int kicks;

	request_is_delivered(test);
	hvl_core_stop(fixture->core);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&fixture->core->expiry));
	kicks = fixture->kicks;
	KUNIT_EXPECT_EQ(test, hvl_daemon_peek(fixture->core, &fixture->record), -ENODEV);
	KUNIT_EXPECT_FALSE(test, hvl_daemon_consume(fixture->core, &fixture->record));
	KUNIT_EXPECT_EQ(test, hvl_daemon_hello(fixture->core, &fixture->record.hello), -ENODEV);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), -ENODEV);
	KUNIT_EXPECT_EQ(test, daemon_tells_session(test, 0, 1000), -ENODEV);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_hears(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_NOT_AVAIL);
	daemon_leaves(test);
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
		hvl_build_op(packet, 7, HVL_OP_LOGOFF, OTHER_ID);
		memset((u8 *)packet + length, 0, sizeof(*packet) - length);
		hvl_host_receive(fixture->core, &fixture->rx, length);
		host_hears_refusal(test, HV_LOGOFF_E_FAIL);
	}
	hvl_packet_init(packet, 3, 0, 7, 3);
	hvl_host_receive(fixture->core, &fixture->rx, hvl_packet_size(packet));
	host_hears_refusal(test, HV_LOGOFF_E_FAIL);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.header.type, 3);
	host_sends(test, HVL_OP_LOGOFF, 0);
	host_hears_refusal(test, HV_LOGOFF_E_INVALIDARG);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_hears(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE(negotiation_waits_for_a_daemon),
	KUNIT_CASE(negotiation_without_common_version_is_answered_at_once),
	KUNIT_CASE(request_goes_on_over_a_new_negotiation),
	KUNIT_CASE(request_runs_to_its_end),
	KUNIT_CASE(progress_is_merged),
	KUNIT_CASE(host_sees_no_step_back),
	KUNIT_CASE(no_daemon_is_not_available_at_once),
	KUNIT_CASE(logoff_before_negotiation_is_refused),
	KUNIT_CASE(second_request_is_busy),
	KUNIT_CASE(request_is_in_flight_until_its_result_was_sent),
	KUNIT_CASE(repeated_request_is_the_same),
	KUNIT_CASE(cancel_before_delivery_takes_effect_at_once),
	KUNIT_CASE(request_cancelled_while_being_read_does_not_count),
	KUNIT_CASE(cancel_in_the_grace_is_handed_on),
	KUNIT_CASE(cancel_too_late_fails),
	KUNIT_CASE(query_tells_the_end_too),
	KUNIT_CASE(silent_daemon_is_answered_for),
	KUNIT_CASE(daemon_that_comes_back_gets_the_request_again),
	KUNIT_CASE(redelivery_after_ending_began_has_no_grace),
	KUNIT_CASE(daemon_that_stays_away_is_given_up),
	KUNIT_CASE(opening_without_handshake_wins_no_time),
	KUNIT_CASE(cancel_while_the_daemon_is_away_takes_effect),
	KUNIT_CASE(suspend_ends_the_request),
	KUNIT_CASE(result_outlives_the_channel),
	KUNIT_CASE(stop_ends_the_request_and_the_daemon),
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
