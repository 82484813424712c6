// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The wire format from both sides, and that the documents tell the truth about it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "driver/wire.h"
#include "tests/unit/layout.h"

#define ID 0x1122334455667788ULL

static struct hvl_packet request, answer;
static struct hvl_version framework, message;

static bool same(struct hvl_version version, unsigned int major, unsigned int minor)
{
	return version.major == major && version.minor == minor;
}

static void build_logoff(uint32_t timeout, uint32_t grace)
{
	hvl_build_op(&request, 7, HVL_OP_LOGOFF, ID);
	request.body.logoff.timeout = timeout;
	request.body.logoff.grace = grace;
	strcpy(request.body.logoff.message, "maintenance");
}

static void build_report(void)
{
	hvl_packet_init(&answer, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_report), 7, 0);
	answer.body.report = (struct hvl_report){
		.header = { .op = HVL_OP_PROGRESS, .id = ID },
		.state = HV_LOGOFF_ENDING,
		.percent = 50,
		.found = 3,
		.ended = 1,
		.failed = 1,
		.text = "ending",
	};
}

static void documented_layouts_are_asserted(void **state)
{
	(void)state;
	/* The assertions themselves are static; this sees that there were any. */
	assert_int_equal(LAYOUT_STRUCTS, 10);
	assert_true(LAYOUT_FIELDS >= 50);
	assert_int_equal(LAYOUT_VALUES, 10);
}

static void negotiation_takes_the_highest(void **state)
{
	(void)state;
	hvl_build_negotiate(&request, 9, hvl_message_versions, 1);
	assert_true(hvl_packet_check(&request, hvl_packet_size(&request)));
	assert_true(hvl_answer_negotiate(&request, &answer, &framework, &message));
	assert_true(same(framework, 3, 0) && same(message, 1, 0));
	assert_int_equal(answer.header.transaction, 9);
	assert_int_equal(answer.header.flags, HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE);
	assert_true(hvl_packet_check(&answer, hvl_packet_size(&answer)));
	framework = message = (struct hvl_version){ 0, 0 };
	assert_true(hvl_check_negotiate_answer(&answer, hvl_message_versions, 1, &framework, &message));
	assert_true(same(framework, 3, 0) && same(message, 1, 0));
}

static void negotiation_ignores_versions_of_the_future(void **state)
{
	struct hvl_negotiate *body = &request.body.negotiate;

	(void)state;
	hvl_packet_init(&request, HVL_MSGTYPE_NEGOTIATE, 8 + 4 * 4, 1, 3);
	body->framework_count = 2;
	body->message_count = 2;
	body->versions[0] = (struct hvl_version){ 9, 0 };
	body->versions[1] = (struct hvl_version){ 1, 0 };
	body->versions[2] = (struct hvl_version){ 7, 3 };
	body->versions[3] = (struct hvl_version){ 1, 0 };
	assert_true(hvl_answer_negotiate(&request, &answer, &framework, &message));
	assert_true(same(framework, 1, 0) && same(message, 1, 0));
}

static void negotiation_without_common_version_says_so(void **state)
{
	struct hvl_negotiate *body = &request.body.negotiate;

	(void)state;
	hvl_packet_init(&request, HVL_MSGTYPE_NEGOTIATE, 8 + 2 * 4, 1, 3);
	body->framework_count = 1;
	body->message_count = 1;
	body->versions[0] = (struct hvl_version){ 3, 0 };
	body->versions[1] = (struct hvl_version){ 2, 0 };
	framework = (struct hvl_version){ 1, 0 };
	message = (struct hvl_version){ 9, 9 };
	assert_false(hvl_answer_negotiate(&request, &answer, &framework, &message));
	/* What was negotiated before goes on. */
	assert_true(same(framework, 1, 0) && same(message, 9, 9));
	assert_int_equal(answer.body.negotiate.framework_count, 0);
	assert_int_equal(answer.body.negotiate.message_count, 0);
	assert_int_equal(answer.header.status, HV_LOGOFF_S_OK);
	assert_false(hvl_check_negotiate_answer(&answer, hvl_message_versions, 1, &framework, &message));
}

static void negotiation_with_false_counts_fails(void **state)
{
	static const struct {
		uint16_t framework, message, size;
	} cases[] = { { 1, 1, 4 }, { 2, 2, 8 + 3 * 4 }, { 0xffff, 0xffff, 136 }, { 33, 0, 2000 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hvl_packet_init(&request, HVL_MSGTYPE_NEGOTIATE, cases[i].size, 1, 3);
		request.body.negotiate.framework_count = cases[i].framework;
		request.body.negotiate.message_count = cases[i].message;
		assert_false(hvl_answer_negotiate(&request, &answer, &framework, &message));
		assert_int_equal(answer.header.status, HV_LOGOFF_E_FAIL);
	}
}

static void packet_sizes_must_hold_together(void **state)
{
	size_t size;

	(void)state;
	build_logoff(60, 10);
	size = hvl_packet_size(&request);
	assert_true(hvl_packet_check(&request, size));
	/* The ring pads to 8. */
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

static void good_requests_pass(void **state)
{
	(void)state;
	build_logoff(1, 0);
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_S_OK);
	build_logoff(HV_LOGOFF_TIMEOUT_MAX, HV_LOGOFF_TIMEOUT_MAX - 1);
	request.body.op.flags = HV_LOGOFF_FORCE;
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_S_OK);
	hvl_build_op(&request, 1, HVL_OP_CANCEL, ID);
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_S_OK);
	hvl_build_op(&request, 1, HVL_OP_QUERY, ID);
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_S_OK);
}

static void requests_out_of_range_are_invalid(void **state)
{
	static const uint32_t times[][2] = { { 0, 0 }, { HV_LOGOFF_TIMEOUT_MAX + 1, 0 }, { 10, 10 } };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		build_logoff(times[i][0], times[i][1]);
		assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_INVALIDARG);
	}
	build_logoff(60, 0);
	memset(request.body.logoff.message, 'x', HV_LOGOFF_MESSAGE_SIZE);
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_INVALIDARG);
	hvl_build_op(&request, 1, HVL_OP_CANCEL, 0);
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_INVALIDARG);
}

static void unknown_requests_fail(void **state)
{
	(void)state;
	build_logoff(60, 0);
	request.header.type++;
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_FAIL);
	build_logoff(60, 0);
	request.header.size--;
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_FAIL);
	build_logoff(60, 0);
	request.body.op.flags = HV_LOGOFF_REDELIVERED;
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_FAIL);
	hvl_build_op(&request, 1, HVL_OP_CANCEL, ID);
	request.body.op.flags = HV_LOGOFF_FORCE;
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_FAIL);
	for (uint32_t op = 0; op < 70000; op += op < 16 ? 1 : 257) {
		if (op >= HVL_OP_LOGOFF && op <= HVL_OP_QUERY)
			continue;
		hvl_build_op(&request, 1, HVL_OP_QUERY, ID);
		request.body.op.op = op;
		assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_FAIL);
	}
	hvl_packet_init(&request, HVL_MSGTYPE_LOGOFF, 0, 1, 3);
	assert_int_equal(hvl_check_request(&request), HV_LOGOFF_E_FAIL);
}

static void reports_are_checked(void **state)
{
	struct hvl_report *report = &answer.body.report;

	(void)state;
	build_report();
	assert_true(hvl_check_report(&answer));
	answer.header.size--;
	assert_false(hvl_check_report(&answer));
	build_report();
	report->header.op = HVL_OP_LOGOFF;
	assert_false(hvl_check_report(&answer));
	build_report();
	report->header.op = HVL_OP_COMPLETE;
	assert_false(hvl_check_report(&answer));
	report->state = HV_LOGOFF_DONE;
	assert_true(hvl_check_report(&answer));
	report->state++;
	assert_false(hvl_check_report(&answer));
	build_report();
	report->percent = 101;
	assert_false(hvl_check_report(&answer));
	build_report();
	report->ended = 0xffffffff;
	report->failed = 4;
	assert_false(hvl_check_report(&answer));
	build_report();
	report->failed = 3;
	assert_false(hvl_check_report(&answer));
	build_report();
	report->result = HV_LOGOFF_E_FAIL;
	assert_false(hvl_check_report(&answer));
	build_report();
	report->header.id = 0;
	assert_false(hvl_check_report(&answer));
	build_report();
	report->header.flags = HVL_REPLAY;
	assert_false(hvl_check_report(&answer));
	report->header.op = HVL_OP_COMPLETE;
	report->state = HV_LOGOFF_DONE;
	assert_true(hvl_check_report(&answer));
	report->header.flags |= 2;
	assert_false(hvl_check_report(&answer));
	build_report();
	memset(report->text, 'x', sizeof(report->text));
	assert_false(hvl_check_report(&answer));
}

static void refusal_is_a_header(void **state)
{
	(void)state;
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
		cmocka_unit_test(documented_layouts_are_asserted),
		cmocka_unit_test(negotiation_takes_the_highest),
		cmocka_unit_test(negotiation_ignores_versions_of_the_future),
		cmocka_unit_test(negotiation_without_common_version_says_so),
		cmocka_unit_test(negotiation_with_false_counts_fails),
		cmocka_unit_test(packet_sizes_must_hold_together),
		cmocka_unit_test(good_requests_pass),
		cmocka_unit_test(requests_out_of_range_are_invalid),
		cmocka_unit_test(unknown_requests_fail),
		cmocka_unit_test(reports_are_checked),
		cmocka_unit_test(refusal_is_a_header),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
