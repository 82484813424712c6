// SPDX-License-Identifier: GPL-2.0-or-later
/* Of every session's end one word, whoever notices it, and in whatever order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "userspace/guest/logoff/watch.h"
#include "userspace/shared/util.h"

static struct world {
	struct watch watch;
	struct config config;
	int list_result;
	unsigned int lists, lists_later;

	/* The last end, and how many there were. */
	unsigned int ends;
	char id[16], user[16];
	uid_t uid;
	enum hv_logoff_kind kind;
	uint64_t request;
} world;

static int fake_list(void *outside)
{
	(void)outside;
	world.lists++;
	watch_list_asked(&world.watch);
	return world.list_result;
}

static void fake_list_later(void *outside)
{
	(void)outside;
	world.lists_later++;
}

static void fake_ended(void *outside, const struct session *session, enum hv_logoff_kind kind,
		       uint64_t request)
{
	assert_ptr_equal(outside, &world);
	world.ends++;
	snprintf(world.id, sizeof(world.id), "%s", session->id);
	snprintf(world.user, sizeof(world.user), "%s", session->user);
	world.uid = session->uid;
	world.kind = kind;
	world.request = request;
}

static const struct watch_ops fake_ops = {
	.list = fake_list,
	.list_later = fake_list_later,
	.ended = fake_ended,
};

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	if (config_parse(&world.config, "x.conf", "", 0, stderr) < 0)
		return -1;
	watch_init(&world.watch, &fake_ops, &world, &world.config);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	watch_done(&world.watch);
	config_done(&world.config);
	return 0;
}

static void make(struct session *session, const char *id, const char *class, pid_t leader)
{
	assert_int_equal(session_init(session, id, 1001, "alice", class, "pts/0", leader), 0);
}

static void found_as(const char *id, const char *class, pid_t leader)
{
	struct session session;

	make(&session, id, class, leader);
	watch_found(&world.watch, &session);
	session_done(&session);
}

static void found(const char *id)
{
	found_as(id, "user", 100);
}

/* The answer to a list: @ids is one letter for each session. */
static void listed_with_leader(const char *ids, pid_t leader)
{
	struct session_list list = {0};
	struct session session;

	for (; *ids; ids++) {
		make(&session, (const char[]){*ids, '\0'}, "user", leader);
		assert_int_equal(session_list_add(&list, &session), 0);
	}
	watch_listed(&world.watch, &list, 0);
	session_list_done(&list);
}

static void listed(const char *ids)
{
	listed_with_leader(ids, 100);
}

static void list(const char *ids)
{
	watch_list(&world.watch);
	listed(ids);
}

static void assert_ends(unsigned int ends, const char *id, enum hv_logoff_kind kind)
{
	assert_int_equal(world.ends, ends);
	assert_string_equal(world.id, id);
	assert_int_equal(world.kind, kind);
}

static void test_logout(void **state)
{
	(void)state;
	found("a");
	found("b");
	watch_removed(&world.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_NORMAL);
	assert_string_equal(world.user, "alice");
	assert_int_equal(world.uid, 1001);
	assert_int_equal(world.request, 0);
	/* It has gone, and is not there to go again. */
	watch_removed(&world.watch, "a");
	watch_removed(&world.watch, "z");
	assert_int_equal(world.ends, 1);
}

static void test_stopped(void **state)
{
	(void)state;
	found("a");
	found("b");
	watch_stopping(&world.watch, "a");
	watch_stopping(&world.watch, "z");
	assert_int_equal(world.ends, 0);
	watch_removed(&world.watch, "b");
	assert_ends(1, "b", HV_LOGOFF_NORMAL);
	watch_removed(&world.watch, "a");
	assert_ends(2, "a", HV_LOGOFF_FORCED);
	assert_int_equal(world.request, 0);
}

static void test_claimed(void **state)
{
	(void)state;
	found("a");
	watch_claim(&world.watch, "a", 77);
	watch_claim(&world.watch, "z", 77);
	/* The request's own last resort. */
	watch_stopping(&world.watch, "a");
	watch_removed(&world.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_EXTERNAL);
	assert_int_equal(world.request, 77);
	/* Another session, though it got the same id. */
	found("a");
	watch_removed(&world.watch, "a");
	assert_ends(2, "a", HV_LOGOFF_NORMAL);
	assert_int_equal(world.request, 0);
}

static void test_claimed_after_it_was_stopped(void **state)
{
	(void)state;
	found("a");
	watch_stopping(&world.watch, "a");
	watch_claim(&world.watch, "a", 77);
	watch_removed(&world.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_EXTERNAL);
	assert_int_equal(world.request, 77);
}

/* Whom a logoff would spare is somebody who leaves, all the same. */
static void test_only_users(void **state)
{
	static const char exempt[] = "[Logoff]\nExemptUsers=alice\n";

	(void)state;
	found_as("a", "greeter", 100);
	found_as("b", "manager", 100);
	found_as("c", "background", 100);
	found_as("d", "user-early", 100);
	for (const char *id = "abc"; *id; id++)
		watch_removed(&world.watch, (const char[]){*id, '\0'});
	assert_int_equal(world.ends, 0);
	config_done(&world.config);
	assert_int_equal(config_parse(&world.config, "x.conf", exempt, strlen(exempt), stderr), 0);
	watch_removed(&world.watch, "d");
	assert_ends(1, "d", HV_LOGOFF_NORMAL);
}

static void test_list_at_the_start(void **state)
{
	(void)state;
	list("ab");
	assert_int_equal(world.lists, 1);
	assert_int_equal(world.ends, 0);
	watch_removed(&world.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_NORMAL);
}

/* What ended while nobody could say so is found missing: once. */
static void test_missing_in_a_list(void **state)
{
	(void)state;
	list("abc");
	watch_claim(&world.watch, "c", 77);
	list("b");
	assert_int_equal(world.ends, 2);
	list("b");
	watch_removed(&world.watch, "a");
	assert_int_equal(world.ends, 2);
	list("");
	assert_ends(3, "b", HV_LOGOFF_NORMAL);
}

/* The list was made before it was there. */
static void test_found_while_listed(void **state)
{
	(void)state;
	list("a");
	watch_list(&world.watch);
	found("b");
	listed("a");
	assert_int_equal(world.ends, 0);
	list("a");
	assert_ends(1, "b", HV_LOGOFF_NORMAL);
}

/* A newer list was asked for, so the one before is never answered. */
static void test_found_between_lists(void **state)
{
	(void)state;
	watch_list(&world.watch);
	found("b");
	watch_list(&world.watch);
	listed("");
	assert_ends(1, "b", HV_LOGOFF_NORMAL);
}

static void test_id_is_used_again(void **state)
{
	(void)state;
	list("ab");
	watch_list(&world.watch);
	listed_with_leader("ab", 200);
	assert_int_equal(world.ends, 2);
	found_as("a", "user", 300);
	assert_int_equal(world.ends, 3);
	found_as("a", "user", 300);
	assert_int_equal(world.ends, 3);
}

/* It is dead, but logind has not let go of it: told once, and no more. */
static void test_dead(void **state)
{
	(void)state;
	list("ab");
	watch_claim(&world.watch, "a", 77);
	watch_dead(&world.watch, "a");
	assert_ends(1, "a", HV_LOGOFF_EXTERNAL);
	watch_dead(&world.watch, "a");
	watch_dead(&world.watch, "z");
	list("ab");
	assert_int_equal(world.ends, 1);
	watch_removed(&world.watch, "a");
	list("b");
	assert_int_equal(world.ends, 1);
}

static void test_list_fails(void **state)
{
	struct session_list nothing = {0};

	(void)state;
	list("ab");
	world.list_result = -ECONNREFUSED;
	watch_list(&world.watch);
	assert_int_equal(world.lists_later, 1);
	world.list_result = 0;
	watch_list(&world.watch);
	watch_listed(&world.watch, &nothing, -ETIMEDOUT);
	assert_int_equal(world.lists_later, 2);
	/* Nobody has gone by that. */
	assert_int_equal(world.ends, 0);
	list("b");
	assert_ends(1, "a", HV_LOGOFF_NORMAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_logout),
		TEST(test_stopped),
		TEST(test_claimed),
		TEST(test_claimed_after_it_was_stopped),
		TEST(test_only_users),
		TEST(test_list_at_the_start),
		TEST(test_missing_in_a_list),
		TEST(test_found_while_listed),
		TEST(test_found_between_lists),
		TEST(test_id_is_used_again),
		TEST(test_dead),
		TEST(test_list_fails),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
