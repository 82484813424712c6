// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two items in their pools while other programs use them: the folder is created late, pools are
 * truncated and rewritten, a lock is held. The tests wait for events, with a timeout.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "events.h"
#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/guest/transport/kvp_items.h"
#include "userspace/shared/util.h"

#define TIMEOUT (60 * USEC_PER_SEC)

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
	fixture.requests++;
	snprintf(fixture.request, sizeof(fixture.request), "%s", value);
}

static int setup(void **state)
{
	make_folder();
	memset(&fixture, 0, sizeof(fixture));
	return sd_event_new(&fixture.event);
}

static int teardown(void **state)
{
	kvp_items_done(&fixture.items, true);
	sd_event_unref(fixture.event);
	remove_folder();
	return 0;
}

static int read_answer(void)
{
	struct kvp_pool pool = {.directory = folder, .number = KVP_POOL_GUEST};

	return kvp_pool_read(&pool, KVP_ANSWER_KEY, fixture.request);
}

static void start(void)
{
	assert_int_equal(kvp_items_start(&fixture.items, fixture.event, folder, on_request, NULL),
			 0);
}

/* Waits until the items are idle, past their retry timers. */
static void settle(void)
{
	run_events(fixture.event, 300 * USEC_PER_MSEC);
}

static void publish_later(const char *answer)
{
	const struct kvp_sessions none = {0};

	kvp_items_publish(&fixture.items, answer, "", &none);
}

static void publish(const char *answer)
{
	publish_later(answer);
	settle();
}

/* Requires that the event loop keeps running, that is, does not block on a lock. */
static void run_loop_a_few_times(void)
{
	for (int i = 0; i < 5; i++)
		assert_true(sd_event_run(fixture.event, TIMEOUT) > 0);
}

static void wait_for_requests(unsigned int count)
{
	while (fixture.requests < count)
		assert_true(sd_event_run(fixture.event, TIMEOUT) > 0);
}

static void make_pools(void)
{
	rewrite_pool(KVP_POOL_EXTERNAL, other(), 1);
	rewrite_pool(KVP_POOL_GUEST, other(), 1);
}

static void set_request(const char *value)
{
	rewrite_pool(KVP_POOL_EXTERNAL,
		     (struct pool_record[]){*other(), make_record(KVP_REQUEST_KEY, value)}, 2);
}

/* The answer is the second record of its pool, and the other record is unchanged. */
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
	make_pools();
	start();
	publish("idle");
	assert_answer("idle");
	assert_int_equal(fixture.requests, 0);
	set_request("first");
	wait_for_requests(1);
	assert_string_equal(fixture.request, "first");
	publish("working");
	assert_answer("working");
	set_request("second");
	wait_for_requests(2);
	assert_string_equal(fixture.request, "second");
}

static void test_request_before_start(void **state)
{
	make_pools();
	set_request("early");
	start();
	wait_for_requests(1);
	assert_string_equal(fixture.request, "early");
}

static void test_rewritten_unchanged(void **state)
{
	make_pools();
	set_request("same");
	start();
	wait_for_requests(1);
	set_request("same");
	settle();
	assert_int_equal(fixture.requests, 1);
	/* Removed and added again, it is a new request. */
	rewrite_pool(KVP_POOL_EXTERNAL, other(), 1);
	settle();
	set_request("same");
	wait_for_requests(2);
}

static void test_folder_created_late(void **state)
{
	remove_folder();
	start();
	publish("idle");
	assert_int_equal(mkdir(folder, 0755), 0);
	settle();
	make_pools();
	set_request("late");
	wait_for_requests(1);
	settle();
	assert_answer("idle");
}

static void test_folder_recreated(void **state)
{
	make_pools();
	start();
	publish("idle");
	remove_folder();
	settle();
	assert_int_equal(mkdir(folder, 0755), 0);
	make_pools();
	set_request("again");
	wait_for_requests(1);
	settle();
	assert_answer("idle");
}

/* Another program writes back an old copy of the pool, which lacks the answer. */
static void test_answer_dropped_by_another_program(void **state)
{
	make_pools();
	start();
	publish("kept");
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

	make_pools();
	set_request("locked");
	holder = hold_lock(KVP_POOL_EXTERNAL);
	start();
	run_loop_a_few_times();
	assert_int_equal(fixture.requests, 0);
	release_lock(holder);
	wait_for_requests(1);
	holder = hold_lock(KVP_POOL_GUEST);
	publish_later("late");
	run_loop_a_few_times();
	release_lock(holder);
	settle();
	assert_answer("late");
}

static void assert_mode(enum hv_kvp_exchg_pool pool, mode_t mode)
{
	struct stat status;

	assert_int_equal(stat(path_of(kvp_pool_name(pool)), &status), 0);
	assert_int_equal(status.st_mode & 07777, mode);
}

/* hv_kvp_daemon creates the pools readable by all, and keeps the mode of an existing file. */
static void test_pools_made_private(void **state)
{
	make_pools();
	start();
	for (int i = KVP_POOL_EXTERNAL; i <= KVP_POOL_GUEST; i++)
		assert_mode(i, 0600);
	remove_folder();
	settle();
	assert_int_equal(mkdir(folder, 0755), 0);
	settle();
	for (int i = KVP_POOL_EXTERNAL; i < KVP_POOL_COUNT; i++)
		rewrite_pool(i, NULL, 0);
	settle();
	for (int i = KVP_POOL_EXTERNAL; i < KVP_POOL_COUNT; i++)
		assert_mode(i, i <= KVP_POOL_GUEST ? 0600 : 0644);
}

/* A lock stops requests, even on a pool that is not used here: hv_kvp_daemon waits for it. */
static void test_lock_for_seconds_logged(void **state)
{
	struct holder holders[2];

	make_pools();
	rewrite_pool(KVP_POOL_AUTO_EXTERNAL, NULL, 0);
	start();
	holders[0] = hold_lock(KVP_POOL_EXTERNAL);
	holders[1] = hold_lock(KVP_POOL_AUTO_EXTERNAL);
	/* Its change makes the items look at pool 0, and find it locked. */
	publish_later("late");
	while (!fixture.items.locks.pools[KVP_POOL_EXTERNAL].logged ||
	       !fixture.items.locks.pools[KVP_POOL_AUTO_EXTERNAL].logged)
		assert_true(sd_event_run(fixture.event, TIMEOUT) > 0);
	assert_false(fixture.items.locks.pools[KVP_POOL_GUEST].logged);
	/* In this order, since the second process has inherited the pipe of the first. */
	release_lock(holders[1]);
	release_lock(holders[0]);
}

/* Even if it was made between two checks, so that the pool seems to have been locked throughout. */
static void test_next_lock_logged(void **state)
{
	struct kvp_locks *locks = &fixture.items.locks;
	struct holder holder;

	make_pools();
	rewrite_pool(KVP_POOL_AUTO, NULL, 0);
	start();
	for (int i = 0; i < 2; i++) {
		holder = hold_lock(KVP_POOL_AUTO);
		assert_int_equal(sd_event_source_set_time_relative(locks->timer, 0), 0);
		while (!locks->pools[KVP_POOL_AUTO].logged ||
		       locks->pools[KVP_POOL_AUTO].owner != holder.pid)
			assert_true(sd_event_run(fixture.event, TIMEOUT) > 0);
		release_lock(holder);
	}
	assert_int_equal(sd_event_source_set_time_relative(locks->timer, 0), 0);
	settle();
	assert_false(locks->pools[KVP_POOL_AUTO].logged);
}

static void test_flock_ignored_after_a_time(void **state)
{
	int fd;

	make_pools();
	start();
	fd = open(path_of(kvp_pool_name(KVP_POOL_GUEST)), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	publish_later("late");
	run_loop_a_few_times();
	run_events(fixture.event, KVP_FLOCK_PATIENCE);
	assert_answer("late");
	/* The last answer is written within the daemon's bounded exit. */
	publish_later("last");
	kvp_items_done(&fixture.items, false);
	assert_answer("last");
	close(fd);
}

/* An answer would indicate that requests are read. */
static void test_no_answer_without_trusted_pool(void **state)
{
	make_pools();
	set_request("from anyone");
	assert_int_equal(chmod(path_of(kvp_pool_name(KVP_POOL_EXTERNAL)), 0666), 0);
	start();
	publish("idle");
	assert_int_equal(fixture.requests, 0);
	assert_int_equal(read_answer(), 0);
	assert_int_equal(fixture.items.errors[KVP_POOL_EXTERNAL], -EPERM);
	assert_int_equal(chmod(path_of(kvp_pool_name(KVP_POOL_EXTERNAL)), 0644), 0);
	set_request("from root");
	wait_for_requests(1);
	assert_string_equal(fixture.request, "from root");
	settle();
	assert_answer("idle");
	assert_int_equal(fixture.items.errors[KVP_POOL_EXTERNAL], 0);
}

/* Reacting to its own writes would keep an idle machine awake. */
static void test_own_writes_do_not_cause_wakeups(void **state)
{
	make_pools();
	start();
	publish("idle");
	assert_int_equal(sd_event_run(fixture.event, 500 * USEC_PER_MSEC), 0);
}

static void test_daemon_exits(void **state)
{
	make_pools();
	start();
	publish_later("last answer");
	kvp_items_done(&fixture.items, false);
	assert_answer("last answer");
	start();
	publish_later("idle");
	kvp_items_done(&fixture.items, true);
	assert_int_equal(read_answer(), 0);
}

/* The items of the guest's pool after the first one, as "key=value;...". */
static const char *own_items(void)
{
	static char text[4096];
	_cleanup_free_ char *bytes = NULL;
	const struct pool_record *records;
	size_t size, used = 0;

	bytes = read_file(kvp_pool_name(KVP_POOL_GUEST), &size);
	records = (const struct pool_record *)bytes;
	assert_int_equal(size % sizeof(*records), 0);
	assert_memory_equal(&records[0], other(), sizeof(*records));
	text[0] = '\0';
	for (size_t i = 1; i < size / sizeof(*records); i++)
		used += snprintf(text + used, sizeof(text) - used, "%s=%s;", records[i].key,
				 records[i].value);
	return text;
}

/* @count values, with numbers that start at @first. */
static void publish_sessions(const char *answer, const char *id, unsigned int count,
			     unsigned int first)
{
	struct kvp_sessions sessions = {.count = count};

	for (unsigned int i = 0; i < count; i++)
		snprintf(sessions.values[i], sizeof(sessions.values[i]), "v=1 id=%s part=%u/%u %u",
			 id, i + 1, count, first + i);
	kvp_items_publish(&fixture.items, answer, id, &sessions);
}

static void test_sessions(void **state)
{
	make_pools();
	start();
	publish("idle");
	publish_sessions("done", "a", 2, 10);
	settle();
	assert_string_equal(own_items(), "HvLogoffAnswer=done;HvLogoffSessions1=v=1 id=a part=1/2 "
					 "10;HvLogoffSessions2=v=1 id=a part=2/2 11;");
	/* Another program writes back an old copy of the pool. */
	rewrite_pool(KVP_POOL_GUEST,
		     (struct pool_record[]){*other(), make_record(KVP_ANSWER_KEY, "old"),
					    make_record("HvLogoffSessions1", "old"),
					    make_record("HvLogoffSessions8", "old")},
		     4);
	settle();
	assert_string_equal(own_items(), "HvLogoffAnswer=done;HvLogoffSessions1=v=1 id=a part=1/2 "
					 "10;HvLogoffSessions2=v=1 id=a part=2/2 11;");
	publish_sessions("done", "b", 1, 20);
	settle();
	assert_string_equal(own_items(),
			    "HvLogoffAnswer=done;HvLogoffSessions1=v=1 id=b part=1/1 20;");
	publish("idle");
	assert_string_equal(own_items(), "HvLogoffAnswer=idle;");
	assert_int_equal(sd_event_run(fixture.event, 500 * USEC_PER_MSEC), 0);
}

/* The result is not lost if its outcomes cannot be written. */
static void test_sessions_without_space(void **state)
{
	struct rlimit before, limit;

	make_pools();
	start();
	publish("idle");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 2 * sizeof(struct pool_record);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	publish_sessions("done", "a", 1, 7);
	settle();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_string_equal(own_items(), "HvLogoffAnswer=done;");
	assert_int_equal(fixture.items.errors[KVP_POOL_GUEST], -EFBIG);
	while (!strstr(own_items(), "HvLogoffSessions1=v=1 id=a part=1/1 7;"))
		assert_true(sd_event_run(fixture.event, TIMEOUT) > 0);
	assert_int_equal(fixture.items.errors[KVP_POOL_GUEST], 0);
}

/* The daemon was killed, or the machine restored, with items of another request, or of none. */
static void test_sessions_of_earlier_daemon(void **state)
{
	const struct pool_record records[] = {
		*other(),
		make_record("HvLogoffSessions1", "v=1 id=a part=1/2 ended=1:1000:anna"),
		make_record("HvLogoffSessions2", "v=1 id=b part=2/2 ended=2:1000:anna"),
		make_record("HvLogoffSessions3", "v=1 id=a part=x"),
		make_record("HvLogoffSessions8", ""),
	};

	rewrite_pool(KVP_POOL_EXTERNAL, other(), 1);
	rewrite_pool(KVP_POOL_GUEST, records, ARRAY_SIZE(records));
	start();
	publish_sessions("done", "a", 0, 0);
	settle();
	assert_string_equal(own_items(), "HvLogoffSessions1=v=1 id=a part=1/2 ended=1:1000:anna;"
					 "HvLogoffAnswer=done;");
	publish_sessions("delivered", "c", 0, 0);
	settle();
	assert_string_equal(own_items(), "HvLogoffAnswer=delivered;");
	rewrite_pool(KVP_POOL_GUEST, records, ARRAY_SIZE(records));
	kvp_items_remove_answer(folder);
	assert_string_equal(own_items(), "");
}

/* Records are appended in the order in which they are written: the answer is last. */
static void test_sessions_when_daemon_exits(void **state)
{
	make_pools();
	start();
	publish_sessions("done", "a", 1, 7);
	kvp_items_done(&fixture.items, false);
	assert_string_equal(own_items(),
			    "HvLogoffSessions1=v=1 id=a part=1/1 7;HvLogoffAnswer=done;");
	start();
	publish_sessions("idle", "", 0, 0);
	kvp_items_done(&fixture.items, true);
	assert_string_equal(own_items(), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_request_and_answer),
		TEST(test_request_before_start),
		TEST(test_rewritten_unchanged),
		TEST(test_folder_created_late),
		TEST(test_folder_recreated),
		TEST(test_answer_dropped_by_another_program),
		TEST(test_locked_pools),
		TEST(test_pools_made_private),
		TEST(test_lock_for_seconds_logged),
		TEST(test_next_lock_logged),
		TEST(test_flock_ignored_after_a_time),
		TEST(test_no_answer_without_trusted_pool),
		TEST(test_own_writes_do_not_cause_wakeups),
		TEST(test_daemon_exits),
		TEST(test_sessions),
		TEST(test_sessions_without_space),
		TEST(test_sessions_of_earlier_daemon),
		TEST(test_sessions_when_daemon_exits),
	};

	return cmocka_run_group_tests_name("kvp_items", tests, NULL, NULL);
}
