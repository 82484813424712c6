// SPDX-License-Identifier: GPL-2.0-or-later
/* The outcomes of sessions and users as values of KVP items. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "userspace/shared/kvp_sessions.h"
#include "userspace/shared/names.h"

#define ID "6f9619ff-8b86-d011-b42d-00c04fc964ff"

static struct kvp_session found[1024];
static unsigned int found_count;

static void take(void *userdata, const struct kvp_session *session)
{
	assert_ptr_equal(userdata, found);
	found[found_count++] = *session;
}

static int parse(struct kvp_sessions_part *part, const char *value)
{
	found_count = 0;
	return kvp_sessions_parse(part, value, take, found);
}

static void test_keys(void **state)
{
	char key[KVP_SESSIONS_KEY_SIZE];

	kvp_sessions_key(key, 1);
	assert_string_equal(key, "HvLogoffSessions1");
	kvp_sessions_key(key, KVP_SESSIONS_MAX);
	assert_string_equal(key, "HvLogoffSessions8");
}

static void test_format(void **state)
{
	struct kvp_sessions sessions = {0};

	kvp_sessions_finish(&sessions, ID);
	assert_int_equal(sessions.count, 0);
	kvp_sessions_add(&sessions, HV_LOGOFF_FAILED, 1000, "anna", "c1");
	kvp_sessions_add(&sessions, HV_LOGOFF_RETURNED, 4294967295, "DOMAIN\\jane \"j\" doe", "7");
	kvp_sessions_add(&sessions, HV_LOGOFF_LINGERING, 0, "", "");
	kvp_sessions_add(&sessions, HV_LOGOFF_OUTSIDE, 5, "a\nb\xff", "");
	kvp_sessions_add(&sessions, HV_LOGOFF_UNTOLD, 6, "bob", "");
	kvp_sessions_finish(&sessions, ID);
	assert_int_equal(sessions.count, 1);
	assert_string_equal(sessions.values[0],
			    "v=1 id=" ID " part=1/1 failed=c1:1000:anna "
			    "returned=\"7:4294967295:DOMAIN\\\\jane \\\"j\\\" doe\" lingering=:0: "
			    "outside=\":5:a b?\" untold=:6:bob");
}

static void assert_found(unsigned int i, enum hv_logoff_outcome outcome, uint32_t uid,
			 const char *user, const char *session)
{
	assert_true(i < found_count);
	assert_int_equal(found[i].outcome, outcome);
	assert_int_equal(found[i].uid, uid);
	assert_string_equal(found[i].user, user);
	assert_string_equal(found[i].session, session);
}

static void test_parse(void **state)
{
	struct kvp_sessions_part part;

	assert_int_equal(parse(&part, "v=1 id=a-1 part=2/3 ended=4:1000:anna "
				      "manager-ended=:1000:anna later=\"x y\" "
				      "failed=\"c1:1001:jane \\\"j\\\" doe\" omitted=12 "
				      "selected=1:0:a:b"),
			 0);
	assert_string_equal(part.id, "a-1");
	assert_int_equal(part.part, 2);
	assert_int_equal(part.parts, 3);
	assert_int_equal(part.omitted, 12);
	assert_int_equal(found_count, 4);
	assert_found(0, HV_LOGOFF_ENDED, 1000, "anna", "4");
	assert_found(1, HV_LOGOFF_MANAGER_ENDED, 1000, "anna", "");
	assert_found(2, HV_LOGOFF_FAILED, 1001, "jane \"j\" doe", "c1");
	assert_found(3, HV_LOGOFF_SELECTED, 0, "a:b", "1");
	assert_int_equal(kvp_sessions_parse(&part, "v=1 id=a part=1/1", NULL, NULL), 0);
}

static void test_invalid(void **state)
{
	static const char *const values[] = {
		"",
		"v=1",
		"v=1 id=a",
		"v=2 id=a part=1/1",
		"id=a part=1/1",
		"v=1 part=1/1",
		"v=1 id= part=1/1",
		"v=1 id=a id=b part=1/1",
		"v=1 id=6f9619ff-8b86-d011-b42d-00c04fc964ff1 part=1/1",
		"v=1 id=a part=1",
		"v=1 id=a part=0/1",
		"v=1 id=a part=2/1",
		"v=1 id=a part=1/9",
		"v=1 id=a part=1/1/1",
		"v=1 id=a part=1/2 part=2/2",
		"v=1 id=a part=+1/1",
		"v=1 id=a part=1/1 omitted=-1",
		"v=1 id=a part=1/1 omitted=4294967296",
		"v=1 id=a part=1/1 ended=4:1000",
		"v=1 id=a part=1/1 ended=4:1000:anna ended=4",
		"v=1 id=a part=1/1 ended=4::anna",
		"v=1 id=a part=1/1 ended=4:4294967296:anna",
		"v=1 id=a part=1/1 ended=4.x:1000:anna",
		"v=1 id=a part=1/1 ended=\"4:1000:anna",
		"v=1 id=a part=1/1 ended=\"4:1000:anna\"x",
		"v=1 id=a part=1/1 ended",
	};
	struct kvp_sessions_part part;
	char value[2 * KVP_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (parse(&part, values[i]) != -EINVAL || found_count > 0)
			fail_msg("\"%s\" is accepted", values[i]);
	}
	snprintf(value, sizeof(value), "v=1 id=a part=1/1 ended=1:1:%0256d", 0);
	assert_int_equal(parse(&part, value), -EINVAL);
	snprintf(value, sizeof(value), "v=1 id=a part=1/1 ended=%064d:1:", 0);
	assert_int_equal(parse(&part, value), -EINVAL);
	snprintf(value, sizeof(value), "%*s v=1 id=a part=1/1", KVP_TEXT_MAX - 18, "");
	assert_int_equal(strlen(value), KVP_TEXT_MAX);
	assert_int_equal(parse(&part, value), 0);
	snprintf(value, sizeof(value), "%*s v=1 id=a part=1/1", KVP_TEXT_MAX - 17, "");
	assert_int_equal(parse(&part, value), -EINVAL);
}

/* As many as fit, in their order; the others are counted. */
static void assert_filled(unsigned int count, const char *user, unsigned int expected)
{
	struct kvp_sessions sessions = {0};
	struct kvp_sessions_part part;
	char session[16];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(session, sizeof(session), "%u", i);
		kvp_sessions_add(&sessions, HV_LOGOFF_MANAGER_SELECTED, 4294967295, user, session);
	}
	kvp_sessions_finish(&sessions, ID);
	assert_int_equal(sessions.omitted, count - expected);
	found_count = 0;
	for (unsigned int i = 0; i < sessions.count; i++) {
		assert_true(strlen(sessions.values[i]) <= KVP_TEXT_MAX);
		assert_int_equal(kvp_sessions_parse(&part, sessions.values[i], take, found), 0);
		assert_string_equal(part.id, ID);
		assert_int_equal(part.part, i + 1);
		assert_int_equal(part.parts, sessions.count);
		assert_int_equal(part.omitted, count - expected);
	}
	assert_int_equal(found_count, expected);
	for (unsigned int i = 0; i < found_count; i++) {
		snprintf(session, sizeof(session), "%u", i);
		assert_found(i, HV_LOGOFF_MANAGER_SELECTED, 4294967295, user, session);
	}
}

static void test_bounds(void **state)
{
	char user[HV_LOGOFF_USER_SIZE];

	assert_filled(1, "anna", 1);
	assert_filled(1000, "anna", 204);
	/* Each quote has an escape. */
	memset(user, '"', sizeof(user) - 1);
	user[sizeof(user) - 1] = '\0';
	user[1] = ' ';
	assert_filled(9, user, KVP_SESSIONS_MAX);
	memset(user, 'u', sizeof(user) - 1);
	assert_filled(KVP_SESSIONS_MAX * 3, user, KVP_SESSIONS_MAX * 3);
}

/* A session whose id no reader would accept is not lost silently. */
static void test_invalid_session(void **state)
{
	struct kvp_sessions sessions = {0};

	kvp_sessions_add(&sessions, HV_LOGOFF_ENDED, 1000, "anna", "4:5");
	kvp_sessions_add(&sessions, HV_LOGOFF_ENDED, 1000, "anna", "4");
	kvp_sessions_finish(&sessions, "a");
	assert_string_equal(sessions.values[0], "v=1 id=a part=1/1 omitted=1 ended=4:1000:anna");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),   cmocka_unit_test(test_format),
		cmocka_unit_test(test_parse),  cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_invalid_session),
	};

	return cmocka_run_group_tests_name("kvp_sessions", tests, NULL, NULL);
}
