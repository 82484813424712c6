// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of every session is reported exactly once, however it is detected. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "userspace/guest/logoff/watch.h"
#include "userspace/shared/util.h"

static struct fixture {
	struct watch watch;
	struct config config;
	int list_result;
	unsigned int lists, lists_later;

	/* The last end that was reported, and how many were. */
	unsigned int ends;
	char id[16], user[16];
	uid_t uid;
	enum hv_logoff_kind kind;
	uint64_t request;
} fixture;

static int fake_list(void *userdata)
{
	fixture.lists++;
	watch_list_requested(&fixture.watch);
	return fixture.list_result;
}

static void fake_list_later(void *userdata)
{
	fixture.lists_later++;
}

static void fake_ended(void *userdata, const struct session *session, enum hv_logoff_kind kind,
		       uint64_t request)
{
	assert_ptr_equal(userdata, &fixture);
	fixture.ends++;
	snprintf(fixture.id, sizeof(fixture.id), "%s", session->id);
	snprintf(fixture.user, sizeof(fixture.user), "%s", session->user);
	fixture.uid = session->uid;
	fixture.kind = kind;
	fixture.request = request;
}

static const struct watch_ops fake_ops = {
	.list = fake_list,
	.list_later = fake_list_later,
	.ended = fake_ended,
};

static int setup(void **state)
{
	memset(&fixture, 0, sizeof(fixture));
	if (config_parse(&fixture.config, "x.conf", "", 0, stderr) < 0)
		return -1;
	watch_init(&fixture.watch, &fake_ops, &fixture, &fixture.config);
	return 0;
}

static int teardown(void **state)
{
	watch_done(&fixture.watch);
	config_done(&fixture.config);
	return 0;
}

static void make(struct session *session, const char *id, const char *class, pid_t leader)
{
	assert_int_equal(session_init(session, id, 1001, "alice", class, "", "pts/0", leader), 0);
}

static void found_as(const char *id, const char *class, pid_t leader)
{
	struct session session;

	make(&session, id, class, leader);
	watch_found(&fixture.watch, &session);
	session_done(&session);
}

static void found(const char *id)
{
	found_as(id, "user", 100);
}

/* Answers a list call. @ids has one letter for each session. */
static void listed_with_leader(const char *ids, pid_t leader)
{
	struct session_list list = {0};
	struct session session;

	for (; *ids; ids++) {
		make(&session, (const char[]){*ids, '\0'}, "user", leader);
		assert_int_equal(session_list_add(&list, &session), 0);
	}
	watch_listed(&fixture.watch, &list, 0);
	session_list_done(&list);
}

static void listed(const char *ids)
{
	listed_with_leader(ids, 100);
}

static void list(const char *ids)
{
	watch_list(&fixture.watch);
	listed(ids);
}

static void assert_ends(unsigned int ends, const char *id, enum hv_logoff_kind kind)
{
	assert_int_equal(fixture.ends, ends);
	assert_string_equal(fixture.id, id);
	assert_int_equal(fixture.kind, kind);
}

static void test_logout(void **state)
{
	found("a");
	found("b");
	watch_removed(&fixture.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_NORMAL);
	assert_string_equal(fixture.user, "alice");
	assert_int_equal(fixture.uid, 1001);
	assert_int_equal(fixture.request, 0);
	/* It has already been removed, so it cannot end again. */
	watch_removed(&fixture.watch, "a");
	watch_removed(&fixture.watch, "z");
	assert_int_equal(fixture.ends, 1);
}

static void test_scope_stopped(void **state)
{
	found("a");
	found("b");
	watch_stopping(&fixture.watch, "a");
	watch_stopping(&fixture.watch, "z");
	assert_int_equal(fixture.ends, 0);
	watch_removed(&fixture.watch, "b");
	assert_ends(1, "b", HV_LOGOFF_NORMAL);
	watch_removed(&fixture.watch, "a");
	assert_ends(2, "a", HV_LOGOFF_FORCED);
	assert_int_equal(fixture.request, 0);
}

static void test_claimed(void **state)
{
	found("a");
	watch_claim(&fixture.watch, "a", 77);
	watch_claim(&fixture.watch, "z", 77);
	/* The request itself stops the scope as its last method. */
	watch_stopping(&fixture.watch, "a");
	watch_removed(&fixture.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_EXTERNAL);
	assert_int_equal(fixture.request, 77);
	/* A new session with the same id. */
	found("a");
	watch_removed(&fixture.watch, "a");
	assert_ends(2, "a", HV_LOGOFF_NORMAL);
	assert_int_equal(fixture.request, 0);
}

static void test_claimed_after_scope_stopped(void **state)
{
	found("a");
	watch_stopping(&fixture.watch, "a");
	watch_claim(&fixture.watch, "a", 77);
	watch_removed(&fixture.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_EXTERNAL);
	assert_int_equal(fixture.request, 77);
}

/* The end of an exempt user's session is reported as well. */
static void test_only_user_sessions(void **state)
{
	static const char exempt[] = "[Logoff]\nExemptUsers=alice\n";

	found_as("a", "greeter", 100);
	found_as("b", "manager", 100);
	found_as("c", "background", 100);
	found_as("d", "user-early", 100);
	for (const char *id = "abc"; *id; id++)
		watch_removed(&fixture.watch, (const char[]){*id, '\0'});
	assert_int_equal(fixture.ends, 0);
	config_done(&fixture.config);
	assert_int_equal(config_parse(&fixture.config, "x.conf", exempt, strlen(exempt), stderr),
			 0);
	watch_removed(&fixture.watch, "d");
	assert_ends(1, "d", HV_LOGOFF_NORMAL);
}

static void test_initial_list(void **state)
{
	list("ab");
	assert_int_equal(fixture.lists, 1);
	assert_int_equal(fixture.ends, 0);
	watch_removed(&fixture.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_NORMAL);
}

/* A session that ended without a signal is missing in the next list, and reported once. */
static void test_missing_in_a_list(void **state)
{
	list("abc");
	watch_claim(&fixture.watch, "c", 77);
	list("b");
	assert_int_equal(fixture.ends, 2);
	list("b");
	watch_removed(&fixture.watch, "a");
	assert_int_equal(fixture.ends, 2);
	list("");
	assert_ends(3, "b", HV_LOGOFF_NORMAL);
}

/* logind made the list before the session was opened. */
static void test_found_while_listed(void **state)
{
	list("a");
	watch_list(&fixture.watch);
	found("b");
	listed("a");
	assert_int_equal(fixture.ends, 0);
	list("a");
	assert_ends(1, "b", HV_LOGOFF_NORMAL);
}

/* A newer call replaces the pending one, which is never answered. */
static void test_found_between_lists(void **state)
{
	watch_list(&fixture.watch);
	found("b");
	watch_list(&fixture.watch);
	listed("");
	assert_ends(1, "b", HV_LOGOFF_NORMAL);
}

static void test_id_reused(void **state)
{
	list("ab");
	watch_list(&fixture.watch);
	listed_with_leader("ab", 200);
	assert_int_equal(fixture.ends, 2);
	found_as("a", "user", 300);
	assert_int_equal(fixture.ends, 3);
	found_as("a", "user", 300);
	assert_int_equal(fixture.ends, 3);
}

/* The session has no processes, but logind still lists it: its end is reported once. */
static void test_ended_session_still_listed(void **state)
{
	list("ab");
	watch_claim(&fixture.watch, "a", 77);
	watch_ended(&fixture.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_EXTERNAL);
	watch_ended(&fixture.watch, "a");
	watch_ended(&fixture.watch, "z");
	list("ab");
	assert_int_equal(fixture.ends, 1);
	watch_removed(&fixture.watch, "a");
	list("b");
	assert_int_equal(fixture.ends, 1);
}

static void test_list_fails(void **state)
{
	struct session_list empty = {0};

	list("ab");
	fixture.list_result = -ECONNREFUSED;
	watch_list(&fixture.watch);
	assert_int_equal(fixture.lists_later, 1);
	fixture.list_result = 0;
	watch_list(&fixture.watch);
	watch_listed(&fixture.watch, &empty, -ETIMEDOUT);
	assert_int_equal(fixture.lists_later, 2);
	/* A failed list ends no session. */
	assert_int_equal(fixture.ends, 0);
	list("b");
	assert_ends(1, "a", HV_LOGOFF_NORMAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_logout),
		TEST(test_scope_stopped),
		TEST(test_claimed),
		TEST(test_claimed_after_scope_stopped),
		TEST(test_only_user_sessions),
		TEST(test_initial_list),
		TEST(test_missing_in_a_list),
		TEST(test_found_while_listed),
		TEST(test_found_between_lists),
		TEST(test_id_reused),
		TEST(test_ended_session_still_listed),
		TEST(test_list_fails),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
