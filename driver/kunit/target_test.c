// SPDX-License-Identifier: GPL-2.0-only
/*
 * TARGET requests, and which versions of host and daemon support them.
 */
#include "fixture.h"

static const struct hvl_version version_1_0 = { 1, 0 };
static const struct hvl_version version_1_1 = { 1, 1 };
static const struct hvl_version version_1_2 = { 1, 2 };

static void target_is_delivered(struct kunit *test)
{
	both_are_ready(test);
	host_sends(test, HVL_OP_TARGET, ID);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
}

static void highest_common_version_is_used(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	host_negotiates_version(test, version_1_0);
	host_receives_version(test, version_1_0);
	host_sends(test, HVL_OP_TARGET, ID);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.header.message.minor, 0);
	host_negotiates_version(test, version_1_1);
	/* The previous version applies until the answer is sent. */
	host_sends(test, HVL_OP_TARGET, ID);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	host_receives_version(test, version_1_1);
	host_sends(test, HVL_OP_TARGET, ID);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.header.message.minor, 1);
}

static void target_is_accepted_since_1_1(struct kunit *test)
{
	static const struct {
		struct hvl_version version;
		u32 status;
	} cases[] = {
		{ { 0, 0 }, HV_LOGOFF_E_FAIL },
		{ { 1, 0 }, HV_LOGOFF_E_FAIL },
		{ { 1, 1 }, HV_LOGOFF_S_OK },
		{ { 1, 2 }, HV_LOGOFF_S_OK },
		{ { 2, 0 }, HV_LOGOFF_S_OK },
	};
	struct fixture *fixture = test->priv;
	unsigned int i;

	host_builds(test, HVL_OP_TARGET, ID);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ(test, hvl_check_request(&fixture->rx.packet, cases[i].version),
				cases[i].status);
}

static void old_daemon_limits_the_version(struct kunit *test)
{
	host_negotiates(test);
	host_receives_nothing(test);
	old_daemon_attaches(test, HV_LOGOFF_VERSION_1_0);
	host_receives_version(test, version_1_0);
	host_sends(test, HVL_OP_TARGET, ID);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	host_sends(test, HVL_OP_LOGOFF, ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
}

static void old_daemon_and_new_host_have_no_common_version(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_negotiates_version(test, version_1_1);
	old_daemon_attaches(test, HV_LOGOFF_VERSION_1_0);
	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.header.type, HVL_MSGTYPE_NEGOTIATE);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.negotiate.message_count, 0);
	KUNIT_EXPECT_EQ(test, fixture->tx.trans_id, 33);
	host_sends(test, HVL_OP_LOGOFF, ID);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
}

static void old_daemon_after_the_negotiation_is_not_available(struct kunit *test)
{
	both_are_ready(test);
	daemon_detaches(test);
	old_daemon_attaches(test, HV_LOGOFF_VERSION_1_0);
	host_sends(test, HVL_OP_TARGET, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_NOT_AVAIL);
	daemon_reads_nothing(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
}

static void new_channel_has_no_version(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	hvl_host_opened(fixture->core);
	host_sends(test, HVL_OP_TARGET, ID);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	daemon_reads_nothing(test);
}

static void target_completes(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	const struct hv_logoff_target *target = &fixture->record.target;

	target_is_delivered(test);
	KUNIT_EXPECT_EQ(test, target->request.header.size, sizeof(*target));
	KUNIT_EXPECT_EQ(test, target->request.flags, HV_LOGOFF_DRY_RUN);
	KUNIT_EXPECT_EQ(test, target->request.timeout, TIMEOUT);
	KUNIT_EXPECT_EQ(test, target->request.grace, GRACE);
	KUNIT_EXPECT_STREQ(test, target->request.message, "save your work");
	KUNIT_EXPECT_STREQ(test, target->user, "anna");
	KUNIT_EXPECT_STREQ(test, target->session, "c3");
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	/* The next request does not contain the names of the TARGET. */
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, OTHER_ID);
	KUNIT_EXPECT_EQ(test, fixture->record.header.size, sizeof(fixture->record.request));
	KUNIT_EXPECT_EQ(test, fixture->record.request.flags, 0);
}

static void target_and_logoff_exclude_each_other(struct kunit *test)
{
	target_is_delivered(test);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_BUSY);
	host_sends(test, HVL_OP_TARGET, OTHER_ID);
	host_receives(test, HVL_OP_COMPLETE, OTHER_ID, HV_LOGOFF_E_BUSY);
	daemon_reads_nothing(test);
}

static void repeated_target_is_not_a_new_one(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	target_is_delivered(test);
	host_sends(test, HVL_OP_TARGET, ID);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_reads_nothing(test);
	KUNIT_EXPECT_EQ(test, daemon_reports(test, ID, HV_LOGOFF_DONE, HV_LOGOFF_S_OK), 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	host_sends(test, HVL_OP_TARGET, ID);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.op.flags, HVL_REPLAY);
	daemon_reads_nothing(test);
}

static void target_is_redelivered_with_its_names(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	target_is_delivered(test);
	daemon_detaches(test);
	daemon_attaches(test);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.target.request.flags,
			HV_LOGOFF_DRY_RUN | HV_LOGOFF_REDELIVERED);
	KUNIT_EXPECT_STREQ(test, fixture->record.target.user, "anna");
	KUNIT_EXPECT_STREQ(test, fixture->record.target.session, "c3");
}

static void target_fails_when_an_old_daemon_attaches(struct kunit *test)
{
	target_is_delivered(test);
	daemon_detaches(test);
	old_daemon_attaches(test, HV_LOGOFF_VERSION_1_0);
	daemon_reads_nothing(test);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	host_receives_nothing(test);
	host_sends(test, HVL_OP_LOGOFF, OTHER_ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, OTHER_ID);
}

/* Sends a TARGET with @flags, which is @bytes longer; its last byte is @last. */
static void host_sends_target(struct kunit *test, u64 id, u32 flags, u16 bytes, u8 last)
{
	struct fixture *fixture = test->priv;
	struct hvl_packet *packet = &fixture->rx.packet;

	host_builds(test, HVL_OP_TARGET, id);
	packet->body.op.flags = flags;
	packet->header.size += bytes;
	packet->header.pipe_size += bytes;
	if (bytes)
		packet->body.bytes[packet->header.size - 1] = last;
	hvl_host_receive(fixture->core, &fixture->rx, hvl_packet_size(packet));
}

#define NEW_FLAGS	(HV_LOGOFF_INCLUDE_LINGERING | HV_LOGOFF_NO_LOGINS)

static void flags_of_1_2_reach_the_daemon(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	host_sends_target(test, ID, NEW_FLAGS, 0, 0);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.target.request.flags, NEW_FLAGS);
	/* A later daemon gets them as well. */
	daemon_detaches(test);
	daemon_attaches(test);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.target.request.flags,
			NEW_FLAGS | HV_LOGOFF_REDELIVERED);
}

static void flags_of_1_2_are_refused_in_1_1(struct kunit *test)
{
	daemon_attaches(test);
	host_negotiates_version(test, version_1_1);
	host_receives_version(test, version_1_1);
	host_sends_target(test, ID, HV_LOGOFF_INCLUDE_LINGERING, 0, 0);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	host_sends_target(test, ID, HV_LOGOFF_NO_LOGINS, 0, 0);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	daemon_reads_nothing(test);
}

static void unknown_flag_is_refused(struct kunit *test)
{
	u32 flag;

	both_are_ready(test);
	for (flag = 16; flag; flag <<= 1) {
		host_sends_target(test, ID, flag, 0, 0);
		host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	}
	daemon_reads_nothing(test);
}

static void flags_need_the_daemons_capability(struct kunit *test)
{
	daemon_attaches_without_capabilities(test);
	host_negotiates(test);
	host_receives_version(test, version_1_2);
	host_sends_target(test, ID, HV_LOGOFF_INCLUDE_LINGERING, 0, 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_NOT_AVAIL);
	host_sends_target(test, ID, HV_LOGOFF_NO_LOGINS | HV_LOGOFF_DRY_RUN, 0, 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_NOT_AVAIL);
	daemon_reads_nothing(test);
	host_sends_target(test, ID, HV_LOGOFF_DRY_RUN, 0, 0);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
}

static void flags_fail_when_a_daemon_without_the_capability_attaches(struct kunit *test)
{
	both_are_ready(test);
	host_sends_target(test, ID, HV_LOGOFF_NO_LOGINS, 0, 0);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	daemon_detaches(test);
	daemon_attaches_without_capabilities(test);
	daemon_reads_nothing(test);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_EXCEPTION);
	host_receives_nothing(test);
}

static void daemon_of_1_1_limits_the_version(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	host_negotiates(test);
	old_daemon_attaches(test, HV_LOGOFF_VERSION_1_1);
	host_receives_version(test, version_1_1);
	host_sends(test, HVL_OP_TARGET, ID);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.header.size, sizeof(fixture->record.target));
}

static void daemon_of_1_1_after_the_negotiation_gets_no_flags(struct kunit *test)
{
	both_are_ready(test);
	daemon_detaches(test);
	old_daemon_attaches(test, HV_LOGOFF_VERSION_1_1);
	host_sends_target(test, ID, HV_LOGOFF_NO_LOGINS, 0, 0);
	host_receives(test, HVL_OP_COMPLETE, ID, HV_LOGOFF_E_NOT_AVAIL);
	daemon_reads_nothing(test);
	host_sends(test, HVL_OP_TARGET, ID);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
}

/* A host of a later version may have appended fields that it does not use. */
static void longer_request_is_accepted_since_1_2(struct kunit *test)
{
	struct fixture *fixture = test->priv;
	u16 most = sizeof(fixture->rx.packet.body) - sizeof(struct hvl_target);

	both_are_ready(test);
	host_sends_target(test, ID, 0, most, 1);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	host_sends_target(test, ID, 0, 1, 1);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
	daemon_reads_nothing(test);
	host_sends_target(test, ID, 0, most, 0);
	daemon_reads(test, HV_LOGOFF_TARGET, ID);
	KUNIT_EXPECT_EQ(test, fixture->record.header.size, sizeof(fixture->record.target));
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	host_negotiates_version(test, version_1_1);
	host_receives_version(test, version_1_1);
	host_sends_target(test, OTHER_ID, 0, 1, 0);
	host_receives_refusal(test, HV_LOGOFF_E_FAIL);
}

static struct kunit_case target_cases[] = {
	KUNIT_CASE(highest_common_version_is_used),
	KUNIT_CASE(target_is_accepted_since_1_1),
	KUNIT_CASE(old_daemon_limits_the_version),
	KUNIT_CASE(old_daemon_and_new_host_have_no_common_version),
	KUNIT_CASE(old_daemon_after_the_negotiation_is_not_available),
	KUNIT_CASE(new_channel_has_no_version),
	KUNIT_CASE(target_completes),
	KUNIT_CASE(target_and_logoff_exclude_each_other),
	KUNIT_CASE(repeated_target_is_not_a_new_one),
	KUNIT_CASE(target_is_redelivered_with_its_names),
	KUNIT_CASE(target_fails_when_an_old_daemon_attaches),
	KUNIT_CASE(flags_of_1_2_reach_the_daemon),
	KUNIT_CASE(flags_of_1_2_are_refused_in_1_1),
	KUNIT_CASE(unknown_flag_is_refused),
	KUNIT_CASE(flags_need_the_daemons_capability),
	KUNIT_CASE(flags_fail_when_a_daemon_without_the_capability_attaches),
	KUNIT_CASE(daemon_of_1_1_limits_the_version),
	KUNIT_CASE(daemon_of_1_1_after_the_negotiation_gets_no_flags),
	KUNIT_CASE(longer_request_is_accepted_since_1_2),
	{}
};

static struct kunit_suite target_suite = {
	.name = "hv_logoff_target",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = target_cases,
};

kunit_test_suite(target_suite);
