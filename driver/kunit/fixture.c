// SPDX-License-Identifier: GPL-2.0-only
#include <linux/jiffies.h>

#include "fixture.h"

static void count_kick(void *data)
{
	struct fixture *fixture = data;

	fixture->kicks++;
}

int fixture_init(struct kunit *test)
{
	struct fixture *fixture = kunit_kzalloc(test, sizeof(*fixture), GFP_KERNEL);

	if (!fixture)
		return -ENOMEM;
	test->priv = fixture;
	fixture->core = hvl_core_create(count_kick, fixture);
	if (!fixture->core)
		return -ENOMEM;
	hvl_host_opened(fixture->core);
	return 0;
}

void fixture_exit(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	hvl_core_stop(fixture->core);
	hvl_core_put(fixture->core);
}

#define REQUEST_FLAGS	(HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST)
#define RESPONSE_FLAGS	(HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE)

static void negotiate(struct kunit *test, const struct hvl_version *versions, size_t count)
{
	struct fixture *fixture = test->priv;
	struct hvl_packet *packet = &fixture->rx.packet;
	struct hvl_negotiate *body = &packet->body.negotiate;
	size_t frameworks = ARRAY_SIZE(hvl_framework_versions);

	hvl_packet_init(packet, HVL_MSGTYPE_NEGOTIATE,
			offsetof(struct hvl_negotiate, versions) +
				(frameworks + count) * sizeof(*versions), 3, REQUEST_FLAGS);
	body->framework_count = frameworks;
	body->message_count = count;
	memcpy(body->versions, hvl_framework_versions, sizeof(hvl_framework_versions));
	memcpy(body->versions + frameworks, versions, count * sizeof(*versions));
	fixture->rx.trans_id = 33;
	hvl_host_receive(fixture->core, &fixture->rx, hvl_packet_size(packet));
}

void host_negotiates(struct kunit *test)
{
	negotiate(test, hvl_message_versions, ARRAY_SIZE(hvl_message_versions));
}

void host_negotiates_version(struct kunit *test, struct hvl_version version)
{
	negotiate(test, &version, 1);
}

/* Fills fixture->rx with a valid request. */
void host_builds(struct kunit *test, enum hvl_op op, u64 id)
{
	struct fixture *fixture = test->priv;
	struct hvl_packet *packet = &fixture->rx.packet;
	size_t size = sizeof(struct hvl_op_header);

	if (op == HVL_OP_LOGOFF)
		size = sizeof(struct hvl_logoff);
	else if (op == HVL_OP_TARGET)
		size = sizeof(struct hvl_target);
	hvl_packet_init(packet, HVL_MSGTYPE_LOGOFF, size, 7, REQUEST_FLAGS);
	packet->body.op.op = op;
	packet->body.op.id = id;
	if (op == HVL_OP_TARGET) {
		packet->body.op.flags = HV_LOGOFF_DRY_RUN;
		strscpy(packet->body.target.user, "anna", sizeof(packet->body.target.user));
		strscpy(packet->body.target.session, "c3", sizeof(packet->body.target.session));
	}
	if (op == HVL_OP_LOGOFF || op == HVL_OP_TARGET) {
		packet->body.logoff.timeout = TIMEOUT;
		packet->body.logoff.grace = GRACE;
		strscpy(packet->body.logoff.message, "save your work",
			sizeof(packet->body.logoff.message));
	}
	fixture->rx.trans_id = 77;
}

void host_sends(struct kunit *test, enum hvl_op op, u64 id)
{
	struct fixture *fixture = test->priv;

	host_builds(test, op, id);
	hvl_host_receive(fixture->core, &fixture->rx, hvl_packet_size(&fixture->rx.packet));
}

void host_receives_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_FALSE(test, hvl_host_transmit(fixture->core, &fixture->tx));
}

void host_receives(struct kunit *test, enum hvl_op op, u64 id, u32 status)
{
	struct fixture *fixture = test->priv;
	struct hvl_packet *packet = &fixture->tx.packet;
	const struct hvl_report *report = &packet->body.report;

	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	KUNIT_ASSERT_EQ(test, packet->header.type, HVL_MSGTYPE_LOGOFF);
	KUNIT_ASSERT_TRUE(test, hvl_packet_check(packet, hvl_packet_size(packet)));
	KUNIT_ASSERT_EQ(test, packet->header.size, sizeof(*report));
	KUNIT_EXPECT_EQ(test, packet->body.op.op, op);
	KUNIT_EXPECT_EQ(test, packet->body.op.id, id);
	KUNIT_EXPECT_EQ(test, packet->header.status, status);
	KUNIT_EXPECT_EQ(test, packet->header.flags, op == HVL_OP_PROGRESS ? 0 : RESPONSE_FLAGS);
	KUNIT_EXPECT_EQ(test, packet->header.transaction, 7);
	KUNIT_EXPECT_EQ(test, report->header.flags & ~(op == HVL_OP_COMPLETE ? HVL_REPLAY : 0), 0);
	KUNIT_EXPECT_LE(test, report->state, HV_LOGOFF_DONE);
	if (op == HVL_OP_COMPLETE)
		KUNIT_EXPECT_EQ(test, report->state, HV_LOGOFF_DONE);
	if (report->state != HV_LOGOFF_DONE)
		KUNIT_EXPECT_EQ(test, report->result, 0);
	KUNIT_EXPECT_LE(test, report->percent, 100);
	KUNIT_EXPECT_LE(test, report->ended + report->failed, report->found);
	KUNIT_EXPECT_NOT_NULL(test, memchr(report->text, 0, sizeof(report->text)));
	KUNIT_EXPECT_EQ(test, fixture->tx.trans_id, 77);
}

void host_receives_refusal(struct kunit *test, u32 status)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.header.size, 0);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.header.status, status);
	KUNIT_EXPECT_EQ(test, fixture->tx.trans_id, fixture->rx.trans_id);
}

void host_receives_version(struct kunit *test, struct hvl_version version)
{
	struct fixture *fixture = test->priv;
	const struct hvl_packet *packet = &fixture->tx.packet;
	const struct hvl_version *chosen = packet->body.negotiate.versions;

	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	KUNIT_ASSERT_EQ(test, packet->header.type, HVL_MSGTYPE_NEGOTIATE);
	KUNIT_EXPECT_EQ(test, packet->header.transaction, 3);
	KUNIT_EXPECT_EQ(test, fixture->tx.trans_id, 33);
	KUNIT_EXPECT_EQ(test, packet->body.negotiate.framework_count, 1);
	KUNIT_EXPECT_EQ(test, packet->body.negotiate.message_count, 1);
	KUNIT_EXPECT_EQ(test, chosen[1].major, version.major);
	KUNIT_EXPECT_EQ(test, chosen[1].minor, version.minor);
}

void host_receives_session(struct kunit *test, u64 id, u32 uid, u32 lost)
{
	struct fixture *fixture = test->priv;
	const struct hvl_packet *packet = &fixture->tx.packet;

	KUNIT_ASSERT_TRUE(test, hvl_host_transmit(fixture->core, &fixture->tx));
	KUNIT_ASSERT_EQ(test, packet->header.type, HVL_MSGTYPE_LOGOFF);
	KUNIT_ASSERT_TRUE(test, hvl_packet_check(packet, hvl_packet_size(packet)));
	KUNIT_ASSERT_EQ(test, packet->header.size, sizeof(struct hvl_session));
	KUNIT_EXPECT_EQ(test, packet->body.op.op, HVL_OP_SESSION);
	KUNIT_EXPECT_EQ(test, packet->body.op.flags, 0);
	KUNIT_EXPECT_EQ(test, packet->header.flags, 0);
	KUNIT_EXPECT_EQ(test, packet->body.op.id, id);
	KUNIT_EXPECT_EQ(test, packet->body.session.uid, uid);
	KUNIT_EXPECT_EQ(test, packet->body.session.lost, lost);
}

static void daemon_attaches_with(struct kunit *test, u32 version, u64 capabilities)
{
	const u64 known = HV_LOGOFF_CAN_INCLUDE_LINGERING | HV_LOGOFF_CAN_NO_LOGINS;
	struct fixture *fixture = test->priv;
	const struct hv_logoff_hello hello = {
		.header.size = version < HV_LOGOFF_VERSION_1_2 ? HV_LOGOFF_HELLO_SIZE_1_0 :
			       sizeof(hello),
		.version = version,
		.capabilities = capabilities,
	};

	KUNIT_ASSERT_EQ(test, hvl_daemon_attach(fixture->core), 0);
	KUNIT_ASSERT_EQ(test, hvl_daemon_hello(fixture->core, &hello), 0);
	daemon_reads(test, HV_LOGOFF_HELLO, 0);
	KUNIT_EXPECT_EQ(test, fixture->record.hello.version, version);
	KUNIT_EXPECT_EQ(test, fixture->record.hello.minimum, HV_LOGOFF_VERSION_1_0);
	KUNIT_EXPECT_EQ(test, fixture->record.header.size, hello.header.size);
	KUNIT_EXPECT_EQ(test, fixture->record.hello.capabilities, capabilities & known);
}

void daemon_attaches(struct kunit *test)
{
	daemon_attaches_with(test, HV_LOGOFF_VERSION, ~0ULL);
}

void daemon_attaches_without_capabilities(struct kunit *test)
{
	daemon_attaches_with(test, HV_LOGOFF_VERSION, 0);
}

void old_daemon_attaches(struct kunit *test, u32 version)
{
	daemon_attaches_with(test, version, 0);
}

void daemon_detaches(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	hvl_daemon_detach(fixture->core);
}

void daemon_reads(struct kunit *test, u32 type, u64 id)
{
	struct fixture *fixture = test->priv;

	KUNIT_ASSERT_EQ(test, hvl_daemon_peek(fixture->core, &fixture->record), 0);
	KUNIT_ASSERT_EQ(test, fixture->record.header.type, type);
	KUNIT_EXPECT_EQ(test, fixture->record.header.id, id);
	KUNIT_EXPECT_TRUE(test, hvl_daemon_consume(fixture->core, &fixture->record));
}

void daemon_reads_nothing(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	KUNIT_EXPECT_EQ(test, hvl_daemon_peek(fixture->core, &fixture->record), -EAGAIN);
}

int daemon_reports(struct kunit *test, u64 id, u32 state, u32 result)
{
	struct fixture *fixture = test->priv;
	struct hv_logoff_report *report = &fixture->report;

	report->header.id = id;
	report->state = state;
	report->result = result;
	return hvl_daemon_report(fixture->core, report);
}

int daemon_reports_session(struct kunit *test, u64 id, u32 uid)
{
	struct fixture *fixture = test->priv;
	struct hv_logoff_session *session = &fixture->session;

	session->header.id = id;
	session->outcome = HV_LOGOFF_ENDED;
	session->kind = id ? HV_LOGOFF_EXTERNAL : HV_LOGOFF_NORMAL;
	session->uid = uid;
	strscpy(session->user, "anna", sizeof(session->user));
	strscpy(session->session, "c3", sizeof(session->session));
	return hvl_daemon_session(fixture->core, session);
}

int daemon_reports_user(struct kunit *test, u64 id, u32 outcome, u32 uid)
{
	struct fixture *fixture = test->priv;

	fixture->session = (struct hv_logoff_session){
		.header.id = id,
		.outcome = outcome,
		.uid = uid,
		.user = "anna",
	};
	return hvl_daemon_session(fixture->core, &fixture->session);
}

void both_are_ready(struct kunit *test)
{
	daemon_attaches(test);
	host_negotiates(test);
	host_receives_version(test, hvl_message_versions[0]);
}

void request_is_delivered(struct kunit *test)
{
	struct fixture *fixture = test->priv;

	both_are_ready(test);
	host_sends(test, HVL_OP_LOGOFF, ID);
	daemon_reads(test, HV_LOGOFF_REQUEST, ID);
	host_receives(test, HVL_OP_PROGRESS, ID, HV_LOGOFF_S_OK);
	KUNIT_EXPECT_EQ(test, fixture->tx.packet.body.report.state, HV_LOGOFF_DELIVERED);
}

void time_passes(struct kunit *test, unsigned long *when, unsigned int seconds)
{
	struct fixture *fixture = test->priv;

	spin_lock(&fixture->core->lock);
	*when = jiffies - seconds * HZ;
	if (hvl_request_in_flight(fixture->core))
		hvl_request_arm(fixture->core);
	spin_unlock(&fixture->core->lock);
	flush_delayed_work(&fixture->core->expiry);
}
