// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two items in their pools, with other programs about: a folder that comes late, pools that
 * are cut and rewritten, a lock that is held. Waits are for events; what never comes fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kvp_fixture.h"
#include "userspace/guest/transport/kvp_items.h"
#include "userspace/shared/util.h"

#define PATIENCE (60 * USEC_PER_SEC)

static struct fixture {
	sd_event *event;
	struct kvp_items items;
	unsigned int requests;
	char request[KVP_VALUE_SIZE + 1];
} fixture;

static const struct pool_record *other(void)
{
	static struct pool_record record;

	record = make_record("Other", "untouched");
	return &record;
}

static void on_request(void *userdata, const char *value)
{
	(void)userdata;
	fixture.requests++;
	snprintf(fixture.request, sizeof(fixture.request), "%s", value);
}

static int setup(void **state)
{
	(void)state;
	make_folder();
	memset(&fixture, 0, sizeof(fixture));
	return sd_event_new(&fixture.event);
}

static int teardown(void **state)
{
	(void)state;
	kvp_items_done(&fixture.items, true);
	sd_event_unref(fixture.event);
	remove_folder();
	return 0;
}

static void start(void)
{
	assert_int_equal(kvp_items_start(&fixture.items, fixture.event, folder, on_request, NULL),
			 0);
}

/* Until nothing happens any more, with what is waited for included. */
static void settle(void)
{
	int r;

	do {
		r = sd_event_run(fixture.event, 300 * USEC_PER_MSEC);
		assert_true(r >= 0);
	} while (r > 0);
}

static void wait_for_requests(unsigned int count)
{
	while (fixture.requests < count)
		assert_true(sd_event_run(fixture.event, PATIENCE) > 0);
}

static void make_pools(void)
{
	rewrite_pool(KVP_POOL_HOST, other(), 1);
	rewrite_pool(KVP_POOL_GUEST, other(), 1);
}

static void set_request(const char *value)
{
	rewrite_pool(KVP_POOL_HOST,
		     (struct pool_record[]){*other(), make_record(KVP_REQUEST_KEY, value)}, 2);
}

/* The answer is the second record of its pool, and the other one is as it was. */
static void assert_answer(const char *expected)
{
	_cleanup_free_ char *bytes = NULL;
	const struct pool_record *records;
	size_t size;

	bytes = read_file(kvp_pool_name(KVP_POOL_GUEST), &size);
	records = (const struct pool_record *)bytes;
	assert_int_equal(size, 2 * sizeof(*records));
	assert_memory_equal(&records[0], other(), sizeof(*records));
	assert_string_equal(records[1].key, KVP_ANSWER_KEY);
	assert_string_equal(records[1].value, expected);
}

static void test_request_and_answer(void **state)
{
	(void)state;
	make_pools();
	start();
	kvp_items_publish(&fixture.items, "idle");
	settle();
	assert_answer("idle");
	assert_int_equal(fixture.requests, 0);
	set_request("first");
	wait_for_requests(1);
	assert_string_equal(fixture.request, "first");
	kvp_items_publish(&fixture.items, "working");
	settle();
	assert_answer("working");
	set_request("second");
	wait_for_requests(2);
	assert_string_equal(fixture.request, "second");
}

static void test_request_that_is_there_already(void **state)
{
	(void)state;
	make_pools();
	set_request("early");
	start();
	wait_for_requests(1);
	assert_string_equal(fixture.request, "early");
}

static void test_rewritten_without_a_change(void **state)
{
	(void)state;
	make_pools();
	set_request("same");
	start();
	wait_for_requests(1);
	set_request("same");
	settle();
	assert_int_equal(fixture.requests, 1);
	/* Gone and come again it is new. */
	rewrite_pool(KVP_POOL_HOST, other(), 1);
	settle();
	set_request("same");
	wait_for_requests(2);
}

static void test_folder_comes_late(void **state)
{
	(void)state;
	remove_folder();
	start();
	kvp_items_publish(&fixture.items, "idle");
	settle();
	assert_int_equal(mkdir(folder, 0755), 0);
	settle();
	make_pools();
	set_request("late");
	wait_for_requests(1);
	settle();
	assert_answer("idle");
}

static void test_folder_is_made_anew(void **state)
{
	(void)state;
	make_pools();
	start();
	kvp_items_publish(&fixture.items, "idle");
	settle();
	remove_folder();
	settle();
	assert_int_equal(mkdir(folder, 0755), 0);
	make_pools();
	set_request("again");
	wait_for_requests(1);
	settle();
	assert_answer("idle");
}

/* As a program does that reads all, and writes it back without what came meanwhile. */
static void test_answer_that_another_program_drops(void **state)
{
	(void)state;
	make_pools();
	start();
	kvp_items_publish(&fixture.items, "kept");
	settle();
	assert_answer("kept");
	rewrite_pool(KVP_POOL_GUEST, other(), 1);
	settle();
	assert_answer("kept");
	rewrite_pool(KVP_POOL_GUEST,
		     (struct pool_record[]){*other(), make_record(KVP_ANSWER_KEY, "forged")}, 2);
	settle();
	assert_answer("kept");
}

static void test_locked_pools(void **state)
{
	struct holder holder;

	(void)state;
	make_pools();
	set_request("behind a lock");
	holder = hold_lock(KVP_POOL_HOST);
	start();
	/* Goes round its loop meanwhile, and waits for nobody. */
	for (int i = 0; i < 5; i++)
		assert_true(sd_event_run(fixture.event, PATIENCE) > 0);
	assert_int_equal(fixture.requests, 0);
	let_go(holder);
	wait_for_requests(1);
	holder = hold_lock(KVP_POOL_GUEST);
	kvp_items_publish(&fixture.items, "late");
	for (int i = 0; i < 5; i++)
		assert_true(sd_event_run(fixture.event, PATIENCE) > 0);
	let_go(holder);
	settle();
	assert_answer("late");
}

/* An answer would say that requests are read. */
static void test_no_answer_without_a_pool_to_trust(void **state)
{
	(void)state;
	make_pools();
	set_request("from anyone");
	assert_int_equal(chmod(path_of(kvp_pool_name(KVP_POOL_HOST)), 0666), 0);
	start();
	kvp_items_publish(&fixture.items, "idle");
	settle();
	assert_int_equal(fixture.requests, 0);
	assert_int_equal(kvp_pool_read(folder, KVP_POOL_GUEST, KVP_ANSWER_KEY, fixture.request), 0);
	assert_int_equal(fixture.items.errors[KVP_POOL_HOST], -EPERM);
	assert_int_equal(chmod(path_of(kvp_pool_name(KVP_POOL_HOST)), 0644), 0);
	set_request("from root");
	wait_for_requests(1);
	assert_string_equal(fixture.request, "from root");
	settle();
	assert_answer("idle");
	assert_int_equal(fixture.items.errors[KVP_POOL_HOST], 0);
}

/* Without this an idle machine would never sleep. */
static void test_own_writing_wakes_nobody_for_long(void **state)
{
	(void)state;
	make_pools();
	start();
	kvp_items_publish(&fixture.items, "idle");
	settle();
	assert_int_equal(sd_event_run(fixture.event, 500 * USEC_PER_MSEC), 0);
}

static void test_end(void **state)
{
	(void)state;
	make_pools();
	start();
	kvp_items_publish(&fixture.items, "last words");
	kvp_items_done(&fixture.items, false);
	assert_answer("last words");
	start();
	kvp_items_publish(&fixture.items, "idle");
	kvp_items_done(&fixture.items, true);
	assert_int_equal(kvp_pool_read(folder, KVP_POOL_GUEST, KVP_ANSWER_KEY, fixture.request), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_request_and_answer),
		TEST(test_request_that_is_there_already),
		TEST(test_rewritten_without_a_change),
		TEST(test_folder_comes_late),
		TEST(test_folder_is_made_anew),
		TEST(test_answer_that_another_program_drops),
		TEST(test_locked_pools),
		TEST(test_no_answer_without_a_pool_to_trust),
		TEST(test_own_writing_wakes_nobody_for_long),
		TEST(test_end),
	};

	return cmocka_run_group_tests_name("kvp_items", tests, NULL, NULL);
}
