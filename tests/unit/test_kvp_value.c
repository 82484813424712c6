// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests and answers as values of KVP items: the format of docs/kvp.md. */
#include <errno.h>
#include <linux/hyperv.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "userspace/shared/kvp_value.h"

#define REQUIRED "v=1 id=a-1 issued=2026-11-22T16:00:00Z life=300 do=logoff"
#define ISSUED   1795363200
#define BOOT     "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"

static struct kvp_request request;
static struct kvp_answer refusal, answer;
static char boot[KVP_ID_SIZE];
static int64_t parsed_time;

static int parse(const char *value)
{
	refusal = (struct kvp_answer){0};
	return kvp_request_parse(&request, value, &refusal);
}

static void assert_refused(const char *value, const char *id, uint32_t result, const char *why)
{
	assert_int_equal(parse(value), -EINVAL);
	assert_int_equal(refusal.state, HV_LOGOFF_DONE);
	assert_string_equal(refusal.id, id);
	assert_int_equal(refusal.result, result);
	if (!strstr(refusal.text, why))
		fail_msg("\"%s\" does not contain \"%s\"", refusal.text, why);
}

static void test_required_fields_only(void **state)
{
	assert_int_equal(parse(REQUIRED), 0);
	assert_int_equal(request.verb, KVP_LOGOFF);
	assert_string_equal(request.id, "a-1");
	assert_string_equal(request.logoff.id, "a-1");
	assert_int_equal(request.issued, ISSUED);
	assert_int_equal(request.life, 300);
	assert_string_equal(request.boot, "");
	assert_int_equal(request.logoff.timeout, 60);
	assert_int_equal(request.logoff.grace, 0);
	assert_int_equal(request.logoff.flags, 0);
	assert_string_equal(request.logoff.user, "");
	assert_string_equal(request.logoff.session, "");
	assert_string_equal(request.logoff.message, "");
}

static void test_all_fields(void **state)
{
	assert_int_equal(parse("  grace=30\tforce=yes do=logoff id=a-1 dry-run=yes session=c3\n"
			       "user=anna boot=" BOOT " life=86400 timeout=86400 v=1 "
			       "issued=2026-11-22T16:00:00Z message= Save = your\nwork "),
			 0);
	assert_int_equal(request.logoff.timeout, 86400);
	assert_int_equal(request.logoff.grace, 30);
	assert_int_equal(request.logoff.flags, HV_LOGOFF_FORCE | HV_LOGOFF_DRY_RUN);
	assert_int_equal(request.life, 86400);
	assert_string_equal(request.logoff.user, "anna");
	assert_string_equal(request.logoff.session, "c3");
	assert_string_equal(request.boot, BOOT);
	assert_string_equal(request.logoff.message, " Save = your\nwork ");
	assert_int_equal(parse(REQUIRED " force=no dry-run=no message="), 0);
	assert_int_equal(request.logoff.flags, 0);
}

static void test_verbs(void **state)
{
	assert_int_equal(parse("v=1 id=a issued=2026-11-22T16:00:00Z life=1 do=cancel"), 0);
	assert_int_equal(request.verb, KVP_CANCEL);
	assert_int_equal(parse("v=1 id=a issued=2026-11-22T16:00:00Z life=1 do=forget"), 0);
	assert_int_equal(request.verb, KVP_FORGET);
}

static void test_longest_request(void **state)
{
	char value[KVP_TEXT_MAX + 2] = REQUIRED " message=";

	memset(value + strlen(value), 'x', KVP_TEXT_MAX - strlen(value));
	assert_int_equal(strlen(value), KVP_TEXT_MAX);
	assert_int_equal(parse(value), 0);
	value[KVP_TEXT_MAX] = 'x';
	assert_refused(value, "a-1", HV_LOGOFF_E_INVALIDARG, "longer than 1022 bytes");
}

/* The value fills its record. Its id is at the end, which must not be truncated. */
static void test_oversized_request_with_id_at_the_end(void **state)
{
	char value[HV_KVP_EXCHANGE_MAX_VALUE_SIZE + 1] = "v=1 user=";

	memset(value + strlen(value), 'x', HV_KVP_EXCHANGE_MAX_VALUE_SIZE - strlen(value));
	snprintf(value + HV_KVP_EXCHANGE_MAX_VALUE_SIZE - 8, 9, " id=late");
	assert_refused(value, "late", HV_LOGOFF_E_INVALIDARG, "longer than 1022 bytes");
}

static void test_missing_fields(void **state)
{
	static const struct {
		const char *value, *id, *why;
	} cases[] = {
		{"", "-", "lacks v="},
		{"id=a issued=2026-11-22T16:00:00Z life=1 do=logoff", "a", "lacks v="},
		{"v=1 issued=2026-11-22T16:00:00Z life=1 do=logoff", "-", "lacks id="},
		{"v=1 id=a life=1 do=logoff", "a", "lacks issued="},
		{"v=1 id=a issued=2026-11-22T16:00:00Z do=logoff", "a", "lacks life="},
		{"v=1 id=a issued=2026-11-22T16:00:00Z life=1", "a", "lacks do="},
		{"v=1 id=a issued=2026-11-22T16:00:00Z life=1 message=do=logoff", "a", "lacks do="},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused(cases[i].value, cases[i].id, HV_LOGOFF_E_INVALIDARG, cases[i].why);
}

static void test_invalid_fields(void **state)
{
	static const char *const fields[] = {
		"issued=2026-11-22",
		"issued=2026-11-22T16:00:00",
		"issued=2026-02-31T16:00:00Z",
		"issued=2026-11-22T16:00:60Z",
		"issued=2026-11-22T24:00:00Z",
		"issued=1795363200",
		"issued=2026-11-22T16:00:00+01:00",
		"issued=2026-11-22T16:00:00Zz",
		"issued=2026-1-22T16:00:00Z",
		"issued=-026-11-22T16:00:00Z",
		"life=0",
		"life=86401",
		"life=-1",
		"life=+5",
		"life=",
		"life=5s",
		"life=0x10",
		"life=99999999999999999999",
		"do=Logoff",
		"do=",
		"do=shutdown",
		"timeout=0",
		"timeout=86401",
		"timeout=1.5",
		"grace=86400",
		"grace=-1",
		"force=1",
		"force=",
		"dry-run=true",
		"user=",
		"user=a:b",
		"user=a/b",
		"user=a\x1b[2J",
		"user=a\xc2\x85MAINPID=1",
		"user=\xff",
		"session=",
		"session=c-1",
		"session=1\x1b",
		"boot=",
		"boot=a_b",
		"id=",
		"id=-",
		"id=a.b",
		"id=a/b",
		"id=\xc3\xa4",
		"id=0123456789012345678901234567890123456",
		"session=0123456789012345678901234567890123456789012345678901234567890123",
	};
	char value[512];

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		snprintf(value, sizeof(value), "v=1 %s", fields[i]);
		assert_refused(value, "-", HV_LOGOFF_E_INVALIDARG, " in the request is invalid: ");
	}
}

static void test_unknown_and_repeated_fields(void **state)
{
	assert_refused(REQUIRED " quickly", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "\"quickly\" in the request is not a field");
	assert_refused(REQUIRED " except=anna", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "a field except=, which version 1 of the format does not define");
	assert_refused(REQUIRED " =x", "a-1", HV_LOGOFF_E_INVALIDARG, "a field =");
	assert_refused(REQUIRED " user=anna user=anna", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "the field user= twice");
	assert_refused(REQUIRED " timeout=10 grace=10", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "grace (10 s) must be less than its timeout (10 s)");
}

static void test_other_version(void **state)
{
	assert_refused("v=2 id=a-1 when=now", "a-1", KVP_E_REVISION, "version 2 of the format");
	assert_refused("v=01 id=a-1", "a-1", KVP_E_REVISION, "version 01");
	assert_refused("v= id=a-1", "a-1", HV_LOGOFF_E_INVALIDARG, "v= in the request is invalid");
}

/* A refusal quotes the request, cleaned and on one line. */
static void test_refusal_is_clean(void **state)
{
	assert_refused(REQUIRED " a\033[2J\x01=\xff", "a-1", HV_LOGOFF_E_INVALIDARG, "a?[2J?=");
}

static void assert_formatted(const char *expected)
{
	char value[KVP_TEXT_MAX + 1];

	kvp_answer_format(value, &answer, BOOT, ISSUED + 3);
	assert_string_equal(value, expected);
}

static void test_answers(void **state)
{
	answer = (struct kvp_answer){0};
	assert_formatted("v=1 state=idle boot=" BOOT " time=2026-11-22T16:00:03Z");
	answer = (struct kvp_answer){
		.id = "a-1",
		.state = HV_LOGOFF_ENDING,
		.percent = 40,
		.found = 3,
		.ended = 1,
	};
	kvp_answer_set_text(&answer, "1 of 3\nsessions\thave ended.");
	assert_formatted("v=1 id=a-1 state=ending percent=40 found=3 ended=1 failed=0 "
			 "boot=" BOOT " time=2026-11-22T16:00:03Z "
			 "text=1 of 3 sessions have ended.");
	answer.state = HV_LOGOFF_DONE;
	answer.result = HV_LOGOFF_E_TIMED_OUT;
	strcpy(answer.busy, "b");
	answer.failed = 2;
	assert_formatted("v=1 id=a-1 state=done percent=40 found=3 ended=1 failed=2 "
			 "result=0xa0040202 busy=b boot=" BOOT " time=2026-11-22T16:00:03Z "
			 "text=1 of 3 sessions have ended.");
}

static void test_longest_answer_fits(void **state)
{
	char value[KVP_TEXT_MAX + 1];

	answer = (struct kvp_answer){
		.state = HV_LOGOFF_DONE,
		.percent = 100,
		.found = UINT32_MAX,
		.ended = UINT32_MAX,
		.failed = UINT32_MAX,
		.result = UINT32_MAX,
	};
	memset(answer.id, 'i', sizeof(answer.id) - 1);
	memset(answer.busy, 'b', sizeof(answer.busy) - 1);
	memset(answer.text, 't', sizeof(answer.text) - 1);
	kvp_answer_format(value, &answer, BOOT, ISSUED);
	assert_string_equal(strstr(value, " text=") + strlen(" text="), answer.text);
}

static void assert_parsed(const char *value, int result)
{
	strcpy(boot, "stale");
	parsed_time = 1;
	assert_int_equal(kvp_answer_parse(&answer, boot, &parsed_time, value), result);
}

static void test_invalid_answers_are_refused(void **state)
{
	static const struct kvp_answer none;
	static const char *const values[] = {
		"",
		" ",
		"v=1",
		"state=idle",
		"v=2 state=idle",
		"v = 1 state=idle",
		"text=v=1 state=idle",
		"v=1\tstate= ",
		"id=a boot=b time=2026-11-22T16:00:00Z text=c",
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_parsed(values[i], -EINVAL);
		assert_memory_equal(&answer, &none, sizeof(answer));
		assert_string_equal(boot, "");
		assert_int_equal(parsed_time, 0);
	}
}

static void test_answer_fields_in_any_order(void **state)
{
	assert_parsed("  percent=7  later=9 state=done v=1 =x result=0x80020009 unknown "
		      "time=1970-01-01T00:01:00Z id=a text= b\n state=idle ",
		      0);
	assert_int_equal(answer.state, HV_LOGOFF_DONE);
	assert_int_equal(answer.percent, 7);
	assert_int_equal(answer.result, 0x80020009);
	assert_int_equal(parsed_time, 60);
	assert_string_equal(answer.id, "a");
	assert_string_equal(answer.text, " b  state=idle ");
	assert_string_equal(boot, "");
}

static void test_unknown_answer_state(void **state)
{
	assert_parsed("v=1 id=a state=unknown time=2026-02-31T00:00:00Z", 0);
	assert_int_equal(answer.state, HV_LOGOFF_PENDING);
	assert_int_equal(parsed_time, 0);
}

static void test_answer_round_trip(void **state)
{
	const struct kvp_answer written = {
		.id = "a-1",
		.state = HV_LOGOFF_DONE,
		.percent = 100,
		.found = UINT32_MAX,
		.ended = 2,
		.failed = 3,
		.result = HV_LOGOFF_E_TIMED_OUT,
		.busy = "b-2",
		.text = "1 session is left: c3 of anna.",
	};
	char value[KVP_TEXT_MAX + 1];

	kvp_answer_format(value, &written, BOOT, ISSUED);
	assert_parsed(value, 0);
	assert_memory_equal(&answer, &written, sizeof(answer));
	assert_string_equal(boot, BOOT);
	assert_int_equal(parsed_time, ISSUED);
	kvp_answer_format(value, &(struct kvp_answer){0}, BOOT, ISSUED);
	assert_parsed(value, 0);
	assert_string_equal(answer.id, "");
	assert_int_equal(answer.state, HV_LOGOFF_PENDING);
	assert_string_equal(boot, BOOT);
}

static void assert_round_trip(const char *value)
{
	char again[KVP_TEXT_MAX + 1];

	assert_int_equal(parse(value), 0);
	assert_int_equal(kvp_request_format(again, &request), 0);
	assert_string_equal(again, value);
}

static void test_request_round_trip(void **state)
{
	assert_round_trip(REQUIRED " timeout=60 grace=0");
	assert_round_trip(REQUIRED " boot=" BOOT " timeout=300 grace=299 force=yes dry-run=yes "
				   "user=anna session=c3 message= Save = your\nwork ");
	assert_round_trip("v=1 id=a issued=2026-11-22T16:00:00Z life=1 do=cancel boot=" BOOT);
	assert_round_trip("v=1 id=a issued=2026-11-22T16:00:00Z life=1 do=forget");
}

static void test_requests_that_cannot_be_formatted(void **state)
{
	char value[KVP_TEXT_MAX + 1];

	assert_int_equal(parse(REQUIRED), 0);
	strcpy(request.logoff.user, "anna force=yes");
	assert_int_equal(kvp_request_format(value, &request), -EINVAL);
	request.logoff.user[0] = '\0';
	strcpy(request.logoff.session, "c3\n");
	assert_int_equal(kvp_request_format(value, &request), -EINVAL);
	request.logoff.session[0] = '\0';
	memset(request.logoff.message, 'x', sizeof(request.logoff.message) - 1);
	assert_int_equal(kvp_request_format(value, &request), -E2BIG);
	/* A cancellation does not have these fields. */
	request.verb = KVP_CANCEL;
	assert_int_equal(kvp_request_format(value, &request), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_required_fields_only),
		cmocka_unit_test(test_all_fields),
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_longest_request),
		cmocka_unit_test(test_oversized_request_with_id_at_the_end),
		cmocka_unit_test(test_missing_fields),
		cmocka_unit_test(test_invalid_fields),
		cmocka_unit_test(test_unknown_and_repeated_fields),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_refusal_is_clean),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_longest_answer_fits),
		cmocka_unit_test(test_invalid_answers_are_refused),
		cmocka_unit_test(test_answer_fields_in_any_order),
		cmocka_unit_test(test_unknown_answer_state),
		cmocka_unit_test(test_answer_round_trip),
		cmocka_unit_test(test_request_round_trip),
		cmocka_unit_test(test_requests_that_cannot_be_formatted),
	};

	return cmocka_run_group_tests_name("kvp_value", tests, NULL, NULL);
}
