// SPDX-License-Identifier: GPL-2.0-only
/*
 * SESSION messages: their order, including the result, and the queue's limit.
 */
#include "fixture.h"

static void session_reaches_the_host(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct hvl_session *received = &fixture->tx.packet.body.session;
	unsigned int kicks;

	both_are_ready(test);
	kicks = fixture->kicks;
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 1000), 0);
	KUNIT_EXPECT_GT(test, fixture->kicks, kicks);
	host_receives_session(test, 0, 1000, 0);
	KUNIT_EXPECT_EQ(test, received->outcome, HV_LOGOFF_ENDED);
	KUNIT_EXPECT_EQ(test, received->kind, HV_LOGOFF_NORMAL);
	KUNIT_EXPECT_STREQ(test, received->user, "anna");
	KUNIT_EXPECT_STREQ(test, received->session, "c3");
	host_receives_nothing(test);
}

static void sessions_come_before_the_result(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 1), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 2), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 3), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives_session(test, ID, 1, 0);
	host_receives_session(test, 0, 2, 0);
	host_receives_session(test, ID, 3, 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
}

/* A daemon that keeps reporting sessions can't delay the result. */
static void later_sessions_come_after_the_result(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 1), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 2), 0);
	host_receives_session(test, ID, 1, 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 3), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_session(test, 0, 2, 0);
	host_receives_session(test, 0, 3, 0);
	host_receives_nothing(test);
}

static void progress_does_not_wait_for_sessions(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 1), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_ENDING, 0), 0);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	host_receives_session(test, ID, 1, 0);
}

static void slow_host_gets_the_number_of_lost_sessions(struct kunit *test)
{
	unsigned int i;

	both_are_ready(test);
	for (i = 0; i < HVL_SESSIONS_MAX + 3; i++)
		KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, i), 0);
	host_receives_session(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 9001), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 9002), 0);
	for (i = 1; i < HVL_SESSIONS_MAX; i++)
		host_receives_session(test, 0, i, 0);
	host_receives_session(test, 0, 9001, 3);
	host_receives_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 9003), 0);
	host_receives_session(test, 0, 9003, 1);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 9004), 0);
	host_receives_session(test, 0, 9004, 0);
}

static void full_queue_does_not_block_the_result(struct kunit *test)
{
	unsigned int i;

	request_is_delivered(test);
	for (i = 0; i < HVL_SESSIONS_MAX + 1; i++)
		KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, i), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	for (i = 0; i < HVL_SESSIONS_MAX; i++)
		host_receives_session(test, ID, i, 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
}

static void new_channel_drops_queued_sessions(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 1), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 2), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	hvl_host_opened(fixture->core);
	host_negotiates(test);
	host_receives_version(test, hvl_message_versions[0]);
	/* The result does not wait for them. */
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 3), 0);
	host_receives_session(test, 0, 3, 2);
}

static void host_of_1_0_receives_no_sessions(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 1), 0);
	host_negotiates_version(test, (struct hvl_version){ 1, 0 });
	host_receives_version(test, (struct hvl_version){ 1, 0 });
	host_receives_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 2), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
}

static void host_of_a_later_major_version_receives_sessions(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	fixture->core->version = (struct hvl_version){ 2, 0 };
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 1), 0);
	host_receives_session(test, 0, 1, 0);
}

static void host_without_negotiation_receives_no_sessions(struct kunit *test)
{
	daemon_attaches(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 1), 0);
	host_negotiates(test);
	host_receives_version(test, hvl_message_versions[0]);
	host_receives_nothing(test);
}

static void outcomes_of_users_reach_the_host(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct hvl_session *received = &fixture->tx.packet.body.session;
	u32 outcome;

	request_is_delivered(test);
	for (outcome = HV_LOGOFF_MANAGER_ENDED; outcome <= HV_LOGOFF_UNTOLD; outcome++) {
		KUNIT_EXPECT_EQ(test, daemon_reports_user(test, ID, outcome, 1000), 0);
		host_receives_session(test, ID, 1000, 0);
		KUNIT_EXPECT_EQ(test, received->outcome, outcome);
		KUNIT_EXPECT_EQ(test, received->kind, 0);
		KUNIT_EXPECT_STREQ(test, received->user, "anna");
		KUNIT_EXPECT_STREQ(test, received->session, "");
	}
}

static void host_of_1_1_receives_no_outcomes_of_users(struct kunit *test)
{
	u32 outcome;

	request_is_delivered(test);
	host_negotiates_version(test, (struct hvl_version){ 1, 1 });
	host_receives_version(test, (struct hvl_version){ 1, 1 });
	for (outcome = HV_LOGOFF_MANAGER_ENDED; outcome <= HV_LOGOFF_UNTOLD; outcome++)
		KUNIT_EXPECT_EQ(test, daemon_reports_user(test, ID, outcome, 1), 0);
	host_receives_nothing(test);
	/* They are not counted as lost. */
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 2), 0);
	host_receives_session(test, ID, 2, 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_user(test, OTHER_ID, HV_LOGOFF_OUTSIDE, 1), -ESTALE);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
}

/* The queue has outcomes that an earlier version, negotiated meanwhile, does not have. */
static void negotiation_drops_what_the_version_does_not_have(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	unsigned int i;

	request_is_delivered(test);
	for (i = 0; i < HVL_SESSIONS_MAX + 3; i++)
		KUNIT_EXPECT_EQ(test, daemon_reports_user(test, ID, HV_LOGOFF_OUTSIDE, i), 0);
	for (i = 0; i < 4; i++)
		host_receives_session(test, ID, i, 0);
	/* Three were lost before this one; the next has no such number. */
	KUNIT_EXPECT_EQ(test, daemon_reports_user(test, ID, HV_LOGOFF_LINGERING, 9000), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 9001), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_user(test, ID, HV_LOGOFF_LINGERING, 9002), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 9003), 0);
	host_negotiates_version(test, (struct hvl_version){ 1, 1 });
	host_receives_version(test, (struct hvl_version){ 1, 1 });
	KUNIT_EXPECT_EQ(test, fixture->core->session_count, 2);
	host_receives_session(test, ID, 9001, 3);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_session(test, 0, 9003, 0);
	host_receives_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 9004), 0);
	host_receives_session(test, 0, 9004, 0);
}

/* Nothing precedes the result any more. */
static void result_does_not_wait_for_what_a_negotiation_drops(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_user(test, ID, HV_LOGOFF_OUTSIDE, 1), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_negotiates_version(test, (struct hvl_version){ 1, 1 });
	host_receives_version(test, (struct hvl_version){ 1, 1 });
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
}

static void session_of_another_request_is_stale(struct kunit *test)
{
	request_is_delivered(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, OTHER_ID, 1), -ESTALE);
	daemon_detaches(test);
	daemon_attaches(test);
	/* The new daemon has not read the request yet. */
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 2), -ESTALE);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 3), 0);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 4), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, ID, 5), -ESTALE);
	host_receives_session(test, 0, 3, 0);
	host_receives_session(test, ID, 4, 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_receives_nothing(test);
}

/* kmemleak is scanned after the suites. */
static void unread_sessions_are_freed(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, daemon_reports_session(test, 0, 2), 0);
	hvl_core_stop(fixture->core);
	host_receives_session(test, 0, 1, 0);
}

static struct kunit_case session_cases[] = {
	KUNIT_CASE(session_reaches_the_host),
	KUNIT_CASE(sessions_come_before_the_result),
	KUNIT_CASE(later_sessions_come_after_the_result),
	KUNIT_CASE(progress_does_not_wait_for_sessions),
	KUNIT_CASE(slow_host_gets_the_number_of_lost_sessions),
	KUNIT_CASE(full_queue_does_not_block_the_result),
	KUNIT_CASE(new_channel_drops_queued_sessions),
	KUNIT_CASE(host_of_1_0_receives_no_sessions),
	KUNIT_CASE(host_of_a_later_major_version_receives_sessions),
	KUNIT_CASE(host_without_negotiation_receives_no_sessions),
	KUNIT_CASE(outcomes_of_users_reach_the_host),
	KUNIT_CASE(host_of_1_1_receives_no_outcomes_of_users),
	KUNIT_CASE(negotiation_drops_what_the_version_does_not_have),
	KUNIT_CASE(result_does_not_wait_for_what_a_negotiation_drops),
	KUNIT_CASE(session_of_another_request_is_stale),
	KUNIT_CASE(unread_sessions_are_freed),
	{}
};

static struct kunit_suite session_suite = {
	.name = "hv_logoff_session",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = session_cases,
};

kunit_test_suite(session_suite);
