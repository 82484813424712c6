// SPDX-License-Identifier: GPL-2.0-or-later
/* Uids of names, with a name service that this file implements. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "unit.h"
#include "userspace/guest/system/user.h"

#define BOUND (20 * USEC_PER_SEC)

static struct fixture {
	sd_event *event;
	struct user_lookup *lookup;
	struct user_result results[8];
	size_t count;
	unsigned int calls;
	int inherited; /* a file descriptor that the helper must close */
} fixture;

/* Replaces the C library's. */
struct passwd *getpwnam(const char *name)
{
	static const struct {
		const char *name;
		uid_t uid;
	} users[] = {
		{"root", 0},
		{"alice", 1000},
		{"alias", 1000},
		{"1234", 5000},
		{"DOMAIN\\John Smith", 70001},
		{"john@example.com", 70001},
	};
	static struct passwd user;

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		if (strcmp(users[i].name, name) != 0)
			continue;
		user = (struct passwd){.pw_uid = users[i].uid};
		return &user;
	}
	if (!strcmp(name, "slow"))
		for (;;)
			pause();
	if (!strcmp(name, "crash"))
		kill(getpid(), SIGKILL);
	if (!strcmp(name, "inherited") && fcntl(fixture.inherited, F_GETFD) < 0)
		return &user;
	errno = !strcmp(name, "offline") ? EIO : !strcmp(name, "missing") ? ESRCH : 0;
	return NULL;
}

static int setup(void **state)
{
	sigset_t signals;

	fixture = (struct fixture){.inherited = open("/dev/null", O_RDONLY | O_CLOEXEC)};
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	if (fixture.inherited < 0 || sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -1;
	return sd_event_new(&fixture.event);
}

static int teardown(void **state)
{
	user_lookup_cancel(fixture.lookup);
	sd_event_unref(fixture.event);
	close(fixture.inherited);
	return 0;
}

static void on_results(void *userdata, const struct user_result *results)
{
	assert_ptr_equal(userdata, &fixture);
	fixture.calls++;
	memcpy(fixture.results, results, fixture.count * sizeof(*results));
	fixture.lookup = NULL;
}

static void start(const char *const *names, size_t count, uint64_t timeout)
{
	fixture.count = count;
	fixture.calls = 0;
	assert_int_equal(user_lookup_start(&fixture.lookup, fixture.event, names, count, timeout,
					   on_results, &fixture),
			 0);
}

static void look_up(const char *const *names, size_t count, uint64_t timeout)
{
	start(names, count, timeout);
	while (!fixture.calls)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
	assert_int_equal(fixture.calls, 1);
}

/* The event loop has reaped every helper, and no handler was called again. */
static void assert_reaped(void)
{
	unsigned int calls = fixture.calls;
	siginfo_t info;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(fixture.calls, calls);
}

static void assert_result(size_t index, int error, uid_t uid)
{
	assert_int_equal(fixture.results[index].error, error);
	assert_int_equal(fixture.results[index].uid, uid);
}

static void test_names_and_numbers(void **state)
{
	static const char *const names[] = {
		"alias", "DOMAIN\\John Smith", "john@example.com", "1234", "1235",
		"0",     "nobody-else",
	};

	look_up(names, ARRAY_SIZE(names), BOUND);
	assert_result(0, 0, 1000);
	assert_result(1, 0, 70001);
	assert_result(2, 0, 70001);
	/* A name that is a number. */
	assert_result(3, 0, 5000);
	assert_result(4, 0, 1235);
	assert_result(5, 0, 0);
	assert_result(6, -ENOENT, 0);
	assert_reaped();
}

static void test_what_is_no_number(void **state)
{
	static const char *const names[] = {"",   "-1",   "+5",         " 5",
					    "5x", "0x10", "4294967295", "18446744073709551617"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(user_resolve(names[i]).error, -ENOENT);
	assert_int_equal(user_resolve("4294967294").uid, 4294967294U);
}

static void test_failed_lookup(void **state)
{
	static const char *const names[] = {"offline", "missing", "alice"};

	look_up(names, ARRAY_SIZE(names), BOUND);
	assert_result(0, -EIO, 0);
	assert_result(1, -ENOENT, 0);
	assert_result(2, 0, 1000);
}

/* The names before the slow one have been looked up. */
static void test_timeout(void **state)
{
	static const char *const names[] = {"alice", "slow", "root"};

	look_up(names, ARRAY_SIZE(names), 200 * USEC_PER_MSEC);
	assert_result(0, 0, 1000);
	assert_result(1, -ETIMEDOUT, 0);
	assert_result(2, -ETIMEDOUT, 0);
	assert_reaped();
}

static void test_crashed_helper(void **state)
{
	static const char *const names[] = {"alice", "crash", "root"};

	look_up(names, ARRAY_SIZE(names), BOUND);
	assert_result(0, 0, 1000);
	assert_result(1, -ECHILD, 0);
	assert_result(2, -ECHILD, 0);
	assert_reaped();
}

static void test_cancelled_lookup(void **state)
{
	static const char *const names[] = {"slow"};

	start(names, ARRAY_SIZE(names), BOUND);
	user_lookup_cancel(fixture.lookup);
	fixture.lookup = NULL;
	assert_reaped();
	assert_int_equal(fixture.calls, 0);
	user_lookup_cancel(NULL);
}

/* As when the daemon exits. */
static void test_event_loop_freed_during_lookup(void **state)
{
	static const char *const names[] = {"slow"};

	start(names, ARRAY_SIZE(names), BOUND);
	user_lookup_cancel(fixture.lookup);
	fixture.lookup = NULL;
	fixture.event = sd_event_unref(fixture.event);
	assert_int_equal(fixture.calls, 0);
}

static void test_helper_closes_files(void **state)
{
	static const char *const names[] = {"inherited"};

	look_up(names, ARRAY_SIZE(names), BOUND);
	assert_int_equal(fixture.results[0].error, 0);
	assert_true(fcntl(fixture.inherited, F_GETFD) >= 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_names_and_numbers),
		TEST(test_what_is_no_number),
		TEST(test_failed_lookup),
		TEST(test_timeout),
		TEST(test_crashed_helper),
		TEST(test_cancelled_lookup),
		TEST(test_event_loop_freed_during_lookup),
		TEST(test_helper_closes_files),
	};

	return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}
