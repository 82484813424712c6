// SPDX-License-Identifier: GPL-2.0-or-later
/* The wire format of guest and host, and the layouts that the documentation states. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/layout.h"
#include "unit.h"
#include "userspace/shared/wire_host.h"

#define ID       0x1122334455667788ULL
#define VERSIONS 3

static struct hvl_packet request, answer;
static struct hvl_version framework, message;
static const struct hvl_version version_1_2 = {1, 2}, version_1_1 = {1, 1}, version_1_0 = {1, 0};

static bool is_version(struct hvl_version version, unsigned int major, unsigned int minor)
{
	return version.major == major && version.minor == minor;
}

/* Answers as a guest that supports only the lowest @count versions. */
static bool answer_negotiate(size_t count)
{
	return hvl_answer_negotiate(&request, &answer, hvl_message_versions + VERSIONS - count,
				    count, &framework, &message);
}

static void assert_request(struct hvl_version version, uint32_t status)
{
	assert_int_equal(hvl_check_request(&request, version), status);
}

static void build_logoff(uint32_t timeout, uint32_t grace)
{
	hvl_build_op(&request, 7, HVL_OP_LOGOFF, ID);
	request.body.logoff.timeout = timeout;
	request.body.logoff.grace = grace;
	strcpy(request.body.logoff.message, "maintenance");
}

static void build_target(const char *user, const char *session)
{
	hvl_build_op(&request, 7, HVL_OP_TARGET, ID);
	request.body.logoff.timeout = 60;
	snprintf(request.body.target.user, HV_LOGOFF_USER_SIZE, "%s", user);
	snprintf(request.body.target.session, HV_LOGOFF_SESSION_SIZE, "%s", session);
}

static void build_session(uint32_t outcome, uint32_t kind, uint64_t id)
{
	hvl_packet_init(&answer, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_session), 0, 0);
	answer.body.session = (struct hvl_session){
		.header = {.op = HVL_OP_SESSION, .id = id},
		.outcome = outcome,
		.kind = kind,
		.uid = 1000,
		.user = "anna",
		.session = "c3",
	};
}

static void build_report(void)
{
	hvl_packet_init(&answer, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_report), 7, 0);
	answer.body.report = (struct hvl_report){
		.header = {.op = HVL_OP_PROGRESS, .id = ID},
		.state = HV_LOGOFF_ENDING,
		.percent = 50,
		.found = 3,
		.ended = 1,
		.failed = 1,
		.text = "ending",
	};
}

/* In both versions, which differ only in sizes and in outcomes of users. */
static void assert_session(bool valid)
{
	assert_int_equal(hvl_check_session(&answer, version_1_1), valid);
	assert_int_equal(hvl_check_session(&answer, version_1_2), valid);
}

static void assert_report(bool valid)
{
	assert_int_equal(hvl_check_report(&answer, version_1_0), valid);
	assert_int_equal(hvl_check_report(&answer, version_1_2), valid);
}

static void resize(struct hvl_packet *packet, int bytes)
{
	packet->header.size += bytes;
	packet->header.pipe_size += bytes;
}

/* Since 1.2, a message can be longer if what the reader does not define is zero. */
static void assert_grows(bool (*is_valid)(struct hvl_version version), struct hvl_packet *packet)
{
	size_t size = packet->header.size;
	__u8 *last = packet->body.bytes + sizeof(packet->body) - 1;

	assert_true(is_valid(version_1_1) && is_valid(version_1_2));
	resize(packet, -1);
	assert_false(is_valid(version_1_1) || is_valid(version_1_2));
	resize(packet, 2);
	assert_true(!is_valid(version_1_1) && is_valid(version_1_2));
	assert_true(is_valid((struct hvl_version){2, 0}));
	packet->body.bytes[size] = 1;
	assert_false(is_valid(version_1_2));
	packet->body.bytes[size] = 0;
	/* The longest packet. */
	resize(packet, (int)(sizeof(packet->body) - size - 1));
	assert_true(hvl_packet_check(packet, sizeof(*packet)));
	assert_true(!is_valid(version_1_1) && is_valid(version_1_2));
	*last = 0x80;
	assert_false(is_valid(version_1_2));
	/* Bytes after the message are not part of it. */
	resize(packet, -1);
	assert_true(is_valid(version_1_2));
}

static bool is_valid_request(struct hvl_version version)
{
	return hvl_check_request(&request, version) == HV_LOGOFF_S_OK;
}

static bool is_valid_report(struct hvl_version version)
{
	return hvl_check_report(&answer, version);
}

static bool is_valid_session(struct hvl_version version)
{
	return hvl_check_session(&answer, version);
}

static void test_requests_grow_since_1_2(void **state)
{
	build_logoff(60, 0);
	assert_grows(is_valid_request, &request);
	build_target("anna", "c3");
	assert_grows(is_valid_request, &request);
	hvl_build_op(&request, 1, HVL_OP_CANCEL, ID);
	assert_grows(is_valid_request, &request);
	hvl_build_op(&request, 1, HVL_OP_QUERY, ID);
	assert_grows(is_valid_request, &request);
}

static void test_guest_messages_grow_since_1_2(void **state)
{
	for (__u32 op = HVL_OP_CANCEL; op <= HVL_OP_COMPLETE; op++) {
		build_report();
		answer.body.op.op = op;
		answer.body.report.state = HV_LOGOFF_DONE;
		assert_grows(is_valid_report, &answer);
	}
	build_session(HV_LOGOFF_ENDED, HV_LOGOFF_NORMAL, 0);
	assert_grows(is_valid_session, &answer);
}

static void test_flags_of_1_2(void **state)
{
	static const uint32_t flags[] = {HV_LOGOFF_INCLUDE_LINGERING, HV_LOGOFF_NO_LOGINS,
					 HV_LOGOFF_INCLUDE_LINGERING | HV_LOGOFF_NO_LOGINS |
						 HV_LOGOFF_FORCE | HV_LOGOFF_DRY_RUN};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		build_target("", "");
		request.body.op.flags = flags[i];
		assert_request(version_1_2, HV_LOGOFF_S_OK);
		assert_request(version_1_1, HV_LOGOFF_E_FAIL);
		build_logoff(60, 0);
		request.body.op.flags = flags[i];
		assert_request(version_1_2, HV_LOGOFF_E_FAIL);
	}
	for (uint32_t flag = 16; flag; flag <<= 1) {
		build_target("", "");
		request.body.op.flags = flag;
		assert_request(version_1_2, HV_LOGOFF_E_FAIL);
	}
}

static void test_outcomes_of_1_2(void **state)
{
	for (uint32_t outcome = HV_LOGOFF_MANAGER_ENDED; outcome <= HV_LOGOFF_UNTOLD; outcome++) {
		build_session(outcome, 0, ID);
		answer.body.session.session[0] = '\0';
		assert_true(hvl_check_session(&answer, version_1_2));
		assert_false(hvl_check_session(&answer, version_1_1));
		/* Only a return is about a session as well. */
		build_session(outcome, 0, ID);
		assert_int_equal(hvl_check_session(&answer, version_1_2),
				 outcome == HV_LOGOFF_RETURNED);
		/* They are a request's, and have no kind. */
		build_session(outcome, 0, 0);
		answer.body.session.session[0] = '\0';
		assert_session(false);
		build_session(outcome, HV_LOGOFF_FORCED, ID);
		answer.body.session.session[0] = '\0';
		assert_session(false);
	}
}

static void test_no_sessions_of_1_0(void **state)
{
	build_session(HV_LOGOFF_ENDED, HV_LOGOFF_NORMAL, 0);
	assert_false(hvl_check_session(&answer, version_1_0));
	assert_false(hvl_check_session(&answer, (struct hvl_version){0, 0}));
}

static void test_documented_layouts(void **state)
{
	/* The assertions are static; this checks that there are any. */
	assert_int_equal(LAYOUT_STRUCTS, 14);
	assert_true(LAYOUT_FIELDS >= 73);
	assert_int_equal(LAYOUT_VALUES, 22);
}

static void test_highest_version_is_chosen(void **state)
{
	hvl_build_negotiate(&request, 9, hvl_message_versions, VERSIONS);
	assert_true(hvl_packet_check(&request, hvl_packet_size(&request)));
	assert_true(answer_negotiate(VERSIONS));
	assert_true(is_version(framework, 3, 0) && is_version(message, 1, 2));
	assert_int_equal(answer.header.transaction, 9);
	assert_int_equal(answer.header.flags, HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE);
	assert_true(hvl_packet_check(&answer, hvl_packet_size(&answer)));
	framework = message = (struct hvl_version){0, 0};
	assert_true(hvl_check_negotiate_answer(&answer, hvl_message_versions, VERSIONS, &framework,
					       &message));
	assert_true(is_version(framework, 3, 0) && is_version(message, 1, 2));
}

static void test_old_guest_or_host_uses_old_version(void **state)
{
	for (size_t known = 1; known <= VERSIONS; known++) {
		const struct hvl_version *oldest = hvl_message_versions + VERSIONS - known;

		hvl_build_negotiate(&request, 9, hvl_message_versions, VERSIONS);
		assert_true(answer_negotiate(known));
		assert_true(is_version(message, 1, (unsigned int)known - 1));
		hvl_build_negotiate(&request, 9, oldest, known);
		assert_true(answer_negotiate(VERSIONS));
		assert_true(is_version(message, 1, (unsigned int)known - 1));
	}
	hvl_build_negotiate(&request, 9, &version_1_1, 1);
	assert_false(answer_negotiate(1));
	/* The guest has chosen a version that was not offered. */
	hvl_build_negotiate(&request, 9, hvl_message_versions, VERSIONS);
	assert_true(answer_negotiate(VERSIONS));
	assert_false(hvl_check_negotiate_answer(&answer, &version_1_0, 1, &framework, &message));
}

static void test_unknown_versions_are_ignored(void **state)
{
	struct hvl_negotiate *body = &request.body.negotiate;

	hvl_packet_init(&request, HVL_MSGTYPE_NEGOTIATE, 8 + 4 * 4, 1, 3);
	body->framework_count = 2;
	body->message_count = 2;
	body->versions[0] = (struct hvl_version){9, 0};
	body->versions[1] = (struct hvl_version){1, 0};
	body->versions[2] = (struct hvl_version){7, 3};
	body->versions[3] = (struct hvl_version){1, 0};
	assert_true(answer_negotiate(VERSIONS));
	assert_true(is_version(framework, 1, 0) && is_version(message, 1, 0));
}

static void test_no_common_version(void **state)
{
	struct hvl_negotiate *body = &request.body.negotiate;

	hvl_packet_init(&request, HVL_MSGTYPE_NEGOTIATE, 8 + 2 * 4, 1, 3);
	body->framework_count = 1;
	body->message_count = 1;
	body->versions[0] = (struct hvl_version){3, 0};
	body->versions[1] = (struct hvl_version){2, 0};
	framework = (struct hvl_version){1, 0};
	message = (struct hvl_version){9, 9};
	assert_false(answer_negotiate(VERSIONS));
	/* The versions negotiated before remain. */
	assert_true(is_version(framework, 1, 0) && is_version(message, 9, 9));
	assert_int_equal(answer.body.negotiate.framework_count, 0);
	assert_int_equal(answer.body.negotiate.message_count, 0);
	assert_int_equal(answer.header.status, HV_LOGOFF_S_OK);
	assert_false(hvl_check_negotiate_answer(&answer, hvl_message_versions, VERSIONS, &framework,
						&message));
}

static void test_invalid_version_counts_fail(void **state)
{
	static const struct {
		uint16_t framework, message, size;
	} cases[] = {{1, 1, 4}, {2, 2, 8 + 3 * 4}, {0xffff, 0xffff, 136}, {33, 0, 2000}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		hvl_packet_init(&request, HVL_MSGTYPE_NEGOTIATE, cases[i].size, 1, 3);
		request.body.negotiate.framework_count = cases[i].framework;
		request.body.negotiate.message_count = cases[i].message;
		assert_false(answer_negotiate(VERSIONS));
		assert_int_equal(answer.header.status, HV_LOGOFF_E_FAIL);
	}
}

static void test_inconsistent_packet_sizes(void **state)
{
	size_t size;

	build_logoff(60, 10);
	size = hvl_packet_size(&request);
	assert_true(hvl_packet_check(&request, size));
	/* Packets in the ring are padded to 8 bytes. */
	assert_true(hvl_packet_check(&request, size + 4));
	assert_false(hvl_packet_check(&request, size - 1));
	assert_false(hvl_packet_check(&request, sizeof(struct hvl_header) - 1));
	assert_false(hvl_packet_check(&request, 0));
	request.header.pipe_size++;
	assert_false(hvl_packet_check(&request, size + 4));
	request.header.size = sizeof(request.body) + 1;
	request.header.pipe_size = HVL_IC_HEADER_SIZE + request.header.size;
	assert_false(hvl_packet_check(&request, sizeof(request) + 8));
}

static void test_valid_requests(void **state)
{
	build_logoff(1, 0);
	assert_request(version_1_1, HV_LOGOFF_S_OK);
	build_logoff(HV_LOGOFF_TIMEOUT_MAX, HV_LOGOFF_TIMEOUT_MAX - 1);
	request.body.op.flags = HV_LOGOFF_FORCE;
	assert_request(version_1_1, HV_LOGOFF_S_OK);
	hvl_build_op(&request, 1, HVL_OP_CANCEL, ID);
	assert_request(version_1_1, HV_LOGOFF_S_OK);
	hvl_build_op(&request, 1, HVL_OP_QUERY, ID);
	assert_request(version_1_1, HV_LOGOFF_S_OK);
}

static void test_requests_out_of_range(void **state)
{
	static const uint32_t times[][2] = {{0, 0}, {HV_LOGOFF_TIMEOUT_MAX + 1, 0}, {10, 10}};

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		build_logoff(times[i][0], times[i][1]);
		assert_request(version_1_1, HV_LOGOFF_E_INVALIDARG);
	}
	build_logoff(60, 0);
	memset(request.body.logoff.message, 'x', HV_LOGOFF_MESSAGE_SIZE);
	assert_request(version_1_1, HV_LOGOFF_E_INVALIDARG);
	hvl_build_op(&request, 1, HVL_OP_CANCEL, 0);
	assert_request(version_1_1, HV_LOGOFF_E_INVALIDARG);
}

static void test_unknown_requests(void **state)
{
	build_logoff(60, 0);
	request.header.type++;
	assert_request(version_1_1, HV_LOGOFF_E_FAIL);
	build_logoff(60, 0);
	request.header.size--;
	assert_request(version_1_1, HV_LOGOFF_E_FAIL);
	build_logoff(60, 0);
	request.body.op.flags = HV_LOGOFF_REDELIVERED;
	assert_request(version_1_1, HV_LOGOFF_E_FAIL);
	hvl_build_op(&request, 1, HVL_OP_CANCEL, ID);
	request.body.op.flags = HV_LOGOFF_FORCE;
	assert_request(version_1_1, HV_LOGOFF_E_FAIL);
	for (uint32_t op = 0; op < 70000; op += op < 16 ? 1 : 257) {
		if (op >= HVL_OP_LOGOFF && op <= HVL_OP_QUERY)
			continue;
		hvl_build_op(&request, 1, HVL_OP_QUERY, ID);
		request.body.op.op = op;
		assert_request(version_1_1, HV_LOGOFF_E_FAIL);
	}
	hvl_packet_init(&request, HVL_MSGTYPE_LOGOFF, 0, 1, 3);
	assert_request(version_1_1, HV_LOGOFF_E_FAIL);
}

static void test_targets_require_1_1(void **state)
{
	build_target("anna", "");
	assert_request(version_1_1, HV_LOGOFF_S_OK);
	assert_request(version_1_0, HV_LOGOFF_E_FAIL);
	/* Before the negotiation. */
	assert_request((struct hvl_version){0, 0}, HV_LOGOFF_E_FAIL);
	build_logoff(60, 0);
	assert_request(version_1_0, HV_LOGOFF_S_OK);
	assert_request((struct hvl_version){0, 0}, HV_LOGOFF_S_OK);
}

static void test_targets(void **state)
{
	struct hvl_target *target = &request.body.target;

	build_target("", "");
	assert_request(version_1_1, HV_LOGOFF_S_OK);
	target->logoff.header.flags = HV_LOGOFF_FORCE | HV_LOGOFF_DRY_RUN;
	assert_request(version_1_1, HV_LOGOFF_S_OK);
	build_target("anna", "c3");
	request.header.size = sizeof(struct hvl_logoff);
	assert_request(version_1_1, HV_LOGOFF_E_FAIL);
	build_target("anna", "c3");
	target->logoff.timeout = 0;
	assert_request(version_1_1, HV_LOGOFF_E_INVALIDARG);
	build_target("anna", "c3");
	memset(target->user, 'x', sizeof(target->user));
	assert_request(version_1_1, HV_LOGOFF_E_INVALIDARG);
	build_target("anna", "c3");
	memset(target->session, 'x', sizeof(target->session));
	assert_request(version_1_1, HV_LOGOFF_E_INVALIDARG);
	/* Only a TARGET can be a dry run. */
	build_logoff(60, 0);
	request.body.op.flags = HV_LOGOFF_DRY_RUN;
	assert_request(version_1_1, HV_LOGOFF_E_FAIL);
}

static void test_sessions(void **state)
{
	struct hvl_session *session = &answer.body.session;

	build_session(HV_LOGOFF_ENDED, HV_LOGOFF_NORMAL, 0);
	assert_session(true);
	assert_report(false);
	build_session(HV_LOGOFF_ENDED, HV_LOGOFF_EXTERNAL, ID);
	session->lost = 7;
	assert_session(true);
	build_session(HV_LOGOFF_FAILED, 0, ID);
	assert_session(true);
	build_session(HV_LOGOFF_SELECTED, 0, ID);
	assert_session(true);
	answer.header.size--;
	assert_session(false);
	build_session(HV_LOGOFF_SELECTED, 0, 0);
	assert_session(false);
	build_session(HV_LOGOFF_FAILED, HV_LOGOFF_FORCED, ID);
	assert_session(false);
	build_session(HV_LOGOFF_ENDED, HV_LOGOFF_EXTERNAL + 1, ID);
	assert_session(false);
	build_session(0, 0, ID);
	assert_session(false);
	build_session(HV_LOGOFF_UNTOLD + 1, 0, ID);
	assert_session(false);
	build_session(HV_LOGOFF_ENDED, 0, ID);
	session->header.flags = 1;
	assert_session(false);
	build_session(HV_LOGOFF_ENDED, 0, ID);
	session->header.op = HVL_OP_COMPLETE;
	assert_session(false);
	build_session(HV_LOGOFF_ENDED, 0, ID);
	memset(session->user, 'x', sizeof(session->user));
	assert_session(false);
	build_session(HV_LOGOFF_ENDED, 0, ID);
	memset(session->session, 'x', sizeof(session->session));
	assert_session(false);
}

static void test_reports(void **state)
{
	struct hvl_report *report = &answer.body.report;

	build_report();
	assert_report(true);
	answer.header.size--;
	assert_report(false);
	build_report();
	report->header.op = HVL_OP_LOGOFF;
	assert_report(false);
	build_report();
	report->header.op = HVL_OP_COMPLETE;
	assert_report(false);
	report->state = HV_LOGOFF_DONE;
	assert_report(true);
	report->state++;
	assert_report(false);
	build_report();
	report->percent = 101;
	assert_report(false);
	build_report();
	report->ended = 0xffffffff;
	report->failed = 4;
	assert_report(false);
	build_report();
	report->failed = 3;
	assert_report(false);
	build_report();
	report->result = HV_LOGOFF_E_FAIL;
	assert_report(false);
	build_report();
	report->header.id = 0;
	assert_report(false);
	build_report();
	report->header.flags = HVL_REPLAY;
	assert_report(false);
	report->header.op = HVL_OP_COMPLETE;
	report->state = HV_LOGOFF_DONE;
	assert_report(true);
	report->header.flags |= 2;
	assert_report(false);
	build_report();
	memset(report->text, 'x', sizeof(report->text));
	assert_report(false);
}

static void test_refusal_has_no_body(void **state)
{
	hvl_build_refusal(&answer, 0x1234, 5, HV_LOGOFF_E_FAIL);
	assert_int_equal(hvl_packet_size(&answer), sizeof(struct hvl_header));
	assert_int_equal(answer.header.type, 0x1234);
	assert_int_equal(answer.header.transaction, 5);
	assert_int_equal(answer.header.status, HV_LOGOFF_E_FAIL);
	assert_true(hvl_packet_check(&answer, sizeof(struct hvl_header)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documented_layouts),
		cmocka_unit_test(test_highest_version_is_chosen),
		cmocka_unit_test(test_old_guest_or_host_uses_old_version),
		cmocka_unit_test(test_unknown_versions_are_ignored),
		cmocka_unit_test(test_no_common_version),
		cmocka_unit_test(test_invalid_version_counts_fail),
		cmocka_unit_test(test_inconsistent_packet_sizes),
		cmocka_unit_test(test_valid_requests),
		cmocka_unit_test(test_requests_out_of_range),
		cmocka_unit_test(test_unknown_requests),
		cmocka_unit_test(test_targets_require_1_1),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_requests_grow_since_1_2),
		cmocka_unit_test(test_guest_messages_grow_since_1_2),
		cmocka_unit_test(test_flags_of_1_2),
		cmocka_unit_test(test_outcomes_of_1_2),
		cmocka_unit_test(test_no_sessions_of_1_0),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_refusal_has_no_body),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
