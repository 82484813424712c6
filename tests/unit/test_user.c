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

#include "fake_system.h"
#include "unit.h"
#include "userspace/guest/resolver.h"
#include "userspace/guest/system/user.h"

#define BOUND (120 * USEC_PER_SEC)

static struct fixture {
	sd_event *event;
	struct user_lookup *lookup;
	struct user_result results[8];
	size_t count;
	unsigned int calls;
	int inherited; /* a file descriptor that the helper must close */
	bool offline;  /* the name service cannot look up any name */

	struct resolver resolver;
	struct hv_logoff_report report; /* the engine's last one */
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

	for (size_t i = 0; i < ARRAY_SIZE(users) && !fixture.offline; i++) {
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
	errno = fixture.offline || !strcmp(name, "offline") ? EIO
		: !strcmp(name, "missing")                  ? ESRCH
							    : 0;
	return NULL;
}

struct passwd *getpwuid(uid_t uid)
{
	static char name[] = "alice\x1b[2J", long_name[USER_NAME_SIZE + 1];
	static struct passwd user;

	memset(long_name, 'x', USER_NAME_SIZE);
	if (uid == 1)
		for (;;)
			pause();
	errno = uid == 2 ? EIO : 0;
	user.pw_name = uid == 3 ? long_name : name;
	return uid == 1000 || uid == 3 ? &user : NULL;
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

static void look_up_uids(const uid_t *uids, size_t count, uint64_t timeout)
{
	fixture.count = count;
	fixture.calls = 0;
	assert_int_equal(user_name_lookup_start(&fixture.lookup, fixture.event, uids, count,
						timeout, on_results, &fixture),
			 0);
	while (!fixture.calls)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
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

/*
 * The names before the slow one have been looked up. How long that takes depends on the machine:
 * too short timeouts are tried first.
 */
static void test_timeout(void **state)
{
	static const char *const names[] = {"alice", "slow", "root"};
	uint64_t timeout = 200 * USEC_PER_MSEC;

	for (; look_up(names, ARRAY_SIZE(names), timeout), fixture.results[0].error; timeout *= 2)
		assert_true(timeout < BOUND);
	assert_result(0, 0, 1000);
	assert_result(1, -ETIMEDOUT, 0);
	assert_result(2, -ETIMEDOUT, 0);
	assert_reaped();
}

static void test_names_by_uid(void **state)
{
	static const uid_t uids[] = {1000, 1001, 2, 3, 1};

	for (uint64_t timeout = 200 * USEC_PER_MSEC;
	     look_up_uids(uids, ARRAY_SIZE(uids), timeout), fixture.results[3].error == -ETIMEDOUT;
	     timeout *= 2)
		assert_true(timeout < BOUND);
	assert_result(0, 0, 1000);
	assert_string_equal(fixture.results[0].name, "alice?[2J");
	assert_result(1, -ENOENT, 0);
	assert_result(2, -EIO, 0);
	assert_result(3, -ENAMETOOLONG, 0);
	assert_result(4, -ETIMEDOUT, 0);
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

static int on_report(void *userdata, const struct hv_logoff_report *report)
{
	fixture.report = *report;
	return 0;
}

/* The result of a dry run for @user while alice and bob are logged on. */
static const struct hv_logoff_report *request(const char *user)
{
	static const struct logoff_transport transport = {.report = on_report};
	struct logoff_request request = {.flags = HV_LOGOFF_DRY_RUN, .timeout = 60};

	snprintf(request.user, sizeof(request.user), "%s", user);
	fixture.report = (struct hv_logoff_report){0};
	assert_int_equal(engine_request(&fake.engine, &transport, NULL, &request), 0);
	if (fake.engine.resolving)
		assert_int_equal(resolver_start(&fixture.resolver, user), 0);
	while (fake.engine.resolving)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
	run_for(0);
	assert_int_equal(fixture.report.state, HV_LOGOFF_DONE);
	return &fixture.report;
}

/* add_session() gives the sessions the uids 1000 and 1001. */
static int setup_resolver(void **state)
{
	if (setup(state) < 0 || fake_system_init() < 0)
		return -1;
	/* request() starts the lookup. */
	fake.resolve_hangs = true;
	add_session("1", "alice", BY_SIGNAL);
	add_session("2", "bob", BY_SIGNAL);
	resolver_init(&fixture.resolver, fixture.event, &fake.config, &fake.engine);
	return 0;
}

static int teardown_resolver(void **state)
{
	resolver_done(&fixture.resolver);
	fake_system_done();
	return teardown(state);
}

static void exempt(const char *users)
{
	char text[256];

	config_done(&fake.config);
	snprintf(text, sizeof(text), "[Logoff]\nExemptUsers=%s\n", users);
	assert_int_equal(config_parse(&fake.config, "x.conf", text, strlen(text), stderr), 0);
}

static void test_request_for_alias(void **state)
{
	assert_int_equal(request("alias")->found, 1);
	assert_int_equal(request("1001")->found, 1);
	/* A name that is not found is compared as text. */
	assert_int_equal(request("bob")->found, 1);
	assert_int_equal(request("1234")->result, HV_LOGOFF_E_NO_SESSION);
}

static void test_request_with_failed_lookup(void **state)
{
	assert_int_equal(request("offline")->result, HV_LOGOFF_E_EXCEPTION);
	assert_non_null(strstr(fixture.report.text, "offline"));
	fixture.resolver.timeout = 200 * USEC_PER_MSEC;
	assert_int_equal(request("slow")->result, HV_LOGOFF_E_EXCEPTION);
	assert_non_null(strstr(fixture.report.text, strerror(ETIMEDOUT)));
}

static void test_exempt_alias(void **state)
{
	exempt("alias ghost");
	assert_int_equal(request("")->found, 1);
	assert_int_equal(request("alice")->result, HV_LOGOFF_E_NO_SESSION);
	exempt("bob");
	assert_int_equal(request("")->found, 1);
}

/* Without the uid of an exempt user, it is not known which sessions are exempt. */
static void test_failed_lookup_of_exempt_user(void **state)
{
	exempt("ghost alias");
	fixture.offline = true;
	assert_int_equal(request("")->result, HV_LOGOFF_E_EXCEPTION);
	fixture.offline = false;
	assert_int_equal(request("")->found, 1);
	exempt("alias");
	assert_int_equal(request("")->found, 1);
	/* The uid is known from now on. */
	fixture.offline = true;
	assert_int_equal(request("")->result, HV_LOGOFF_S_OK);
	assert_int_equal(fixture.report.found, 1);
}

#define RESOLVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup_resolver, teardown_resolver)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_names_and_numbers),
		TEST(test_what_is_no_number),
		TEST(test_failed_lookup),
		TEST(test_timeout),
		TEST(test_names_by_uid),
		TEST(test_crashed_helper),
		TEST(test_cancelled_lookup),
		TEST(test_event_loop_freed_during_lookup),
		TEST(test_helper_closes_files),
		RESOLVER_TEST(test_request_for_alias),
		RESOLVER_TEST(test_request_with_failed_lookup),
		RESOLVER_TEST(test_exempt_alias),
		RESOLVER_TEST(test_failed_lookup_of_exempt_user),
	};

	return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}
