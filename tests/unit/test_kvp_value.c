// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests and answers as values of KVP items: the format of docs/kvp.md. */
#include <errno.h>
#include <linux/hyperv.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "userspace/shared/kvp_value.h"

#define REQUIRED "v=1 id=a-1 issued=2026-11-22T16:00:00Z life=300 do=logoff"
#define VERSION2 "v=2 id=a-1 issued=2026-11-22T16:00:00Z life=300 do=logoff"
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

static void test_version_2(void **state)
{
	assert_int_equal(parse(VERSION2 " include-lingering=yes no-logins=yes force=yes"), 0);
	assert_int_equal(request.logoff.flags,
			 HV_LOGOFF_FORCE | HV_LOGOFF_INCLUDE_LINGERING | HV_LOGOFF_NO_LOGINS);
	assert_int_equal(parse(VERSION2 " include-lingering=no no-logins=no"), 0);
	assert_int_equal(request.logoff.flags, 0);
	assert_int_equal(
		parse("\tv=2\nid=\"a-1\" issued=2026-11-22T16:00:00Z life=\"1\" do=cancel"), 0);
	assert_string_equal(request.id, "a-1");
	assert_int_equal(request.life, 1);
	assert_refused(VERSION2 " no-logins=1", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "no-logins is yes or no");
	assert_refused(VERSION2 " include-lingering=", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "include-lingering is yes or no");
	assert_refused(VERSION2 " except=anna", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "a field except=, which version 2 of the format does not define");
}

static void test_quoted_values(void **state)
{
	static const struct {
		const char *field, *user;
	} cases[] = {
		{"user=\"jane doe\"", "jane doe"},
		{"user=\" jane  doe \"", " jane  doe "},
		{"user=\"DOMAIN\\\\jane doe\"", "DOMAIN\\jane doe"},
		{"user=\"\\\"jane\\\"\"", "\"jane\""},
		{"user=\"v=1 id=b message=\"", "v=1 id=b message="},
		/* A quote or backslash elsewhere is an ordinary character. */
		{"user=jane\"doe\"", "jane\"doe\""},
		{"user=DOMAIN\\jane", "DOMAIN\\jane"},
		{"user=jane@example.org", "jane@example.org"},
		{"user=\"1000\"", "1000"},
	};
	char value[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(value, sizeof(value), VERSION2 " %s session=\"c3\" message=\"Good\" night",
			 cases[i].field);
		assert_int_equal(parse(value), 0);
		assert_string_equal(request.logoff.user, cases[i].user);
		assert_string_equal(request.logoff.session, "c3");
		assert_string_equal(request.logoff.message, "\"Good\" night");
	}
}

static void test_invalid_quotes(void **state)
{
	static const char *const users[] = {"\"",     "\"jane doe",     "\"jane\"doe",
					    "\"\\\"", "\"jane\\ndoe\"", "\"jane\\"};
	char value[256];

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		snprintf(value, sizeof(value), VERSION2 " user=%s", users[i]);
		assert_refused(value, "a-1", HV_LOGOFF_E_INVALIDARG,
			       "The value of user= in the request is invalid");
	}
	assert_refused(VERSION2 " user=\"\"", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "user= in the request");
	assert_refused(VERSION2 " user=\"jane\tdoe\"", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "in the request is invalid: user is a user name");
}

/* Version 1 is unchanged: it has neither quotes nor the fields of version 2. */
static void test_version_1_has_no_quotes(void **state)
{
	assert_int_equal(parse(REQUIRED " user=\"jane"), 0);
	assert_string_equal(request.logoff.user, "\"jane");
	assert_refused(REQUIRED " user=\"jane doe\"", "a-1", HV_LOGOFF_E_INVALIDARG, "doe");
	assert_refused(REQUIRED " no-logins=yes", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "a field no-logins=, which version 1 of the format does not define");
	assert_refused(REQUIRED " include-lingering=no", "a-1", HV_LOGOFF_E_INVALIDARG,
		       "a field include-lingering=");
	/* Where a value ends depends on the version, which is therefore first. */
	assert_refused("id=a-1 v=2 issued=2026-11-22T16:00:00Z life=1 do=logoff", "a-1",
		       HV_LOGOFF_E_INVALIDARG, "v=2 is the first field");
	assert_refused(VERSION2 " v=1", "a-1", HV_LOGOFF_E_INVALIDARG, "v= twice");
}

static void test_other_version(void **state)
{
	assert_refused(
		"v=3 id=a-1 when=now", "a-1", KVP_E_REVISION,
		"version 3 of the format; hv-logoffd in this guest supports versions 1 and 2");
	assert_refused("v=20 id=a-1 when=now", "a-1", KVP_E_REVISION, "version 20 of the format");
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
	assert_formatted("v=1 state=idle accepts=2 boot=" BOOT " time=2026-11-22T16:00:03Z");
	answer.vsock = 877;
	assert_formatted("v=1 state=idle accepts=2 vsock=877 boot=" BOOT
			 " time=2026-11-22T16:00:03Z");
	answer = (struct kvp_answer){
		.id = "a-1",
		.state = HV_LOGOFF_ENDING,
		.percent = 40,
		.found = 3,
		.ended = 1,
	};
	kvp_answer_set_text(&answer, "1 of 3\nsessions\thave ended.");
	assert_formatted("v=1 id=a-1 state=ending percent=40 found=3 ended=1 failed=0 "
			 "accepts=2 boot=" BOOT " time=2026-11-22T16:00:03Z "
			 "text=1 of 3 sessions have ended.");
	answer.state = HV_LOGOFF_DONE;
	answer.result = HV_LOGOFF_E_TIMED_OUT;
	strcpy(answer.busy, "b");
	answer.failed = 2;
	assert_formatted("v=1 id=a-1 state=done percent=40 found=3 ended=1 failed=2 "
			 "result=0xa0040202 busy=b accepts=2 boot=" BOOT
			 " time=2026-11-22T16:00:03Z text=1 of 3 sessions have ended.");
}

static void test_numbers_of_users(void **state)
{
	answer = (struct kvp_answer){
		.id = "a-1",
		.state = HV_LOGOFF_DONE,
		.users = {.managers = 1, .returned = 2, .outside = 3, .untold = 4},
	};
	assert_formatted("v=1 id=a-1 state=done percent=0 found=0 ended=0 failed=0 managers=1 "
			 "returned=2 outside=3 untold=4 result=0x00000000 accepts=2 boot=" BOOT
			 " time=2026-11-22T16:00:03Z text=");
	answer.users = (struct kvp_users){.managers_left = 4, .lingering = 5};
	assert_formatted("v=1 id=a-1 state=done percent=0 found=0 ended=0 failed=0 managers-left=4 "
			 "lingering=5 result=0x00000000 accepts=2 boot=" BOOT
			 " time=2026-11-22T16:00:03Z text=");
}

/*
 * A reader that only supports the fields of the first version of the format ignores all others.
 * Without them, nothing is left that such a reader does not expect.
 */
static void test_answer_for_older_readers(void **state)
{
	static const char *const older[] = {
		"v=",      "id=",     "state=", "percent=", "found=", "ended=",
		"failed=", "result=", "busy=",  "boot=",    "time="};
	char value[KVP_TEXT_MAX + 1], kept[KVP_TEXT_MAX + 1] = "";
	char *text, *next = value, *end = kept;

	answer = (struct kvp_answer){
		.id = "a-1",
		.state = HV_LOGOFF_DONE,
		.found = 1,
		.users = {1, 2, 3, 4, 5},
		.text = "Returned: alice.",
	};
	kvp_answer_format(value, &answer, BOOT, ISSUED);
	text = strstr(value, " text=");
	assert_non_null(text);
	assert_string_equal(text, " text=Returned: alice.");
	*text = '\0';
	for (char *field = strsep(&next, " "); field; field = strsep(&next, " ")) {
		assert_non_null(strchr(field, '='));
		for (size_t i = 0; i < ARRAY_SIZE(older); i++)
			if (!strncmp(field, older[i], strlen(older[i])))
				end = stpcpy(stpcpy(end, field), " ");
	}
	assert_string_equal(kept, "v=1 id=a-1 state=done percent=0 found=1 ended=0 failed=0 "
				  "result=0x00000000 boot=" BOOT " time=2026-11-22T16:00:00Z ");
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
		.users = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
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
	/* An answer has no quotes. */
	assert_parsed("v=1 state=idle id=\"a\" boot=\"b c\"", 0);
	assert_string_equal(answer.id, "\"a\"");
	/* What a request cannot contain is no boot id. */
	assert_string_equal(boot, "");
}

static void test_accepted_version(void **state)
{
	static const struct {
		const char *field;
		uint32_t version;
	} cases[] = {
		{"", 1}, {"accepts=2", 2}, {"accepts=3", 3}, {"accepts=0", 1}, {"accepts=x", 1}};
	char value[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(value, sizeof(value), "v=1 state=idle %s", cases[i].field);
		assert_parsed(value, 0);
		assert_int_equal(answer.accepts, cases[i].version);
	}
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
		.users = {.managers = 1,
			  .managers_left = 2,
			  .returned = 3,
			  .lingering = 4,
			  .outside = 5,
			  .untold = UINT32_MAX},
		.busy = "b-2",
		.accepts = KVP_VERSION_MAX,
		.vsock = UINT32_MAX,
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
	assert_int_equal(kvp_request_version(&request), request.version);
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
	assert_round_trip(VERSION2 " boot=" BOOT " timeout=300 grace=299 force=yes "
				   "include-lingering=yes no-logins=yes user=\"jane doe\" "
				   "message=Save \"your\" work");
	assert_round_trip(VERSION2 " timeout=60 grace=0 no-logins=yes user=\"\\\"jane\\\"\"");
}

/* A name reaches the guest unchanged. Version 2 is only used if version 1 has no such name. */
static void test_names(void **state)
{
	static const struct {
		const char *user;
		unsigned int version;
	} cases[] = {
		{"anna", 1},         {"1000", 1},         {"DOMAIN\\anna", 1},     {"\"anna\"", 1},
		{"anna@domain", 1},  {"jane doe", 2},     {"DOMAIN\\jane doe", 2}, {"\\ \"", 2},
		{"\" do=cancel", 2}, {"Zo\xc3\xab M", 2},
	};
	char value[KVP_TEXT_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(REQUIRED), 0);
		snprintf(request.logoff.user, sizeof(request.logoff.user), "%s", cases[i].user);
		assert_int_equal(kvp_request_version(&request), cases[i].version);
		assert_int_equal(kvp_request_format(value, &request), 0);
		assert_int_equal(parse(value), 0);
		assert_int_equal(request.version, cases[i].version);
		assert_string_equal(request.logoff.user, cases[i].user);
	}
	/* The longest name, of which each byte is escaped. */
	request.logoff.user[0] = ' ';
	memset(request.logoff.user + 1, '\\', sizeof(request.logoff.user) - 2);
	assert_int_equal(kvp_request_format(value, &request), 0);
	assert_int_equal(parse(value), 0);
	assert_int_equal(strspn(request.logoff.user, " \\"), HV_LOGOFF_USER_SIZE - 1);
}

static void test_requests_that_cannot_be_formatted(void **state)
{
	char value[KVP_TEXT_MAX + 1];

	assert_int_equal(parse(REQUIRED), 0);
	memset(request.logoff.message, 'x', sizeof(request.logoff.message) - 1);
	assert_int_equal(kvp_request_format(value, &request), -E2BIG);
	strcpy(request.logoff.user, "jane doe");
	assert_int_equal(kvp_request_format(value, &request), -E2BIG);
	/* A cancellation does not have these fields. */
	request.verb = KVP_CANCEL;
	assert_int_equal(kvp_request_version(&request), 1);
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
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_quoted_values),
		cmocka_unit_test(test_invalid_quotes),
		cmocka_unit_test(test_version_1_has_no_quotes),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_refusal_is_clean),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_numbers_of_users),
		cmocka_unit_test(test_answer_for_older_readers),
		cmocka_unit_test(test_longest_answer_fits),
		cmocka_unit_test(test_invalid_answers_are_refused),
		cmocka_unit_test(test_answer_fields_in_any_order),
		cmocka_unit_test(test_accepted_version),
		cmocka_unit_test(test_unknown_answer_state),
		cmocka_unit_test(test_answer_round_trip),
		cmocka_unit_test(test_request_round_trip),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_requests_that_cannot_be_formatted),
	};

	return cmocka_run_group_tests_name("kvp_value", tests, NULL, NULL);
}
