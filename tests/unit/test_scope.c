// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes in a session's scope. Needs a control group (v2) that it may make
 * groups in, and skips without one.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "userspace/guest/system/scope.h"
#include "userspace/shared/util.h"

/* A user and a session that no machine has. */
#define UID   3999999999
#define SLICE "/user.slice/user-3999999999.slice"
#define SCOPE SLICE "/session-hvltest.scope"

static const char *root;
static struct session session = {.id = (char *)"hvltest", .uid = UID};

static void make(const char *group)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", root, group);
	mkdir(path, 0755);
}

static void drop(const char *group)
{
	char path[256];

	snprintf(path, sizeof(path), "%s%s", root, group);
	rmdir(path);
}

static int setup(void **state)
{
	static const char *const roots[] = {SCOPE_ROOT, SCOPE_ROOT "/unified"};
	char path[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		root = roots[i];
		snprintf(path, sizeof(path), "%s/cgroup.procs", root);
		if (access(path, W_OK))
			continue;
		make("/user.slice");
		make(SLICE);
		make(SCOPE);
		snprintf(path, sizeof(path), "%s" SCOPE "/cgroup.procs", root);
		if (!access(path, W_OK))
			return 0;
	}
	root = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (!root)
		return 0;
	drop(SCOPE);
	drop(SLICE);
	/* Stays where it is not ours: then it is not empty. */
	drop("/user.slice");
	return 0;
}

/* A process in the scope, which waits for ever, or ignores what asks it to end. */
static pid_t start(bool stubborn)
{
	int ready[2];
	char path[256];
	char byte;
	pid_t pid;
	FILE *file;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (stubborn) {
			signal(SIGTERM, SIG_IGN);
			signal(SIGHUP, SIG_IGN);
		}
		snprintf(path, sizeof(path), "%s" SCOPE "/cgroup.procs", root);
		file = fopen(path, "w");
		if (!file || fprintf(file, "%d", (int)getpid()) < 0 || fclose(file))
			_exit(99);
		if (write(ready[1], "r", 1) != 1)
			_exit(98);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status);
}

/* Of two that wait, the kernel delivers the lower number first. */
static void assert_was_asked(pid_t pid)
{
	int number = end_of(pid);

	assert_true(number == SIGTERM || number == SIGHUP);
}

static void test_all_are_asked(void **state)
{
	pid_t pids[3];

	(void)state;
	if (!root)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = start(false);
	assert_int_equal(scope_signal(root, &session), 3);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		assert_was_asked(pids[i]);
}

static void test_stopped_process_is_asked(void **state)
{
	pid_t pid;

	(void)state;
	if (!root)
		skip();
	pid = start(false);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(scope_signal(root, &session), 1);
	assert_was_asked(pid);
}

static void test_stubborn_is_killed(void **state)
{
	pid_t pid;

	(void)state;
	if (!root)
		skip();
	pid = start(true);
	assert_int_equal(scope_signal(root, &session), 1);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	if (scope_kill(root, &session) == -ENOENT) {
		/* A kernel before 5.14. */
		kill(pid, SIGKILL);
		end_of(pid);
		skip();
	}
	assert_int_equal(end_of(pid), SIGKILL);
}

static void test_empty_scope(void **state)
{
	(void)state;
	if (!root)
		skip();
	assert_int_equal(scope_signal(root, &session), 0);
}

static void test_no_scope(void **state)
{
	struct session gone = {.id = (char *)"hvlgone", .uid = UID};
	struct session evil = {.id = (char *)"../../x", .uid = UID};

	(void)state;
	if (!root)
		skip();
	assert_int_equal(scope_signal(root, &gone), -ENOENT);
	assert_int_equal(scope_kill(root, &gone), -ENOENT);
	assert_int_equal(scope_signal(root, &evil), -EINVAL);
	assert_int_equal(scope_kill(root, &evil), -EINVAL);
}

static void test_no_cgroup_v2(void **state)
{
	(void)state;
	assert_int_equal(scope_signal("/proc", &session), -EOPNOTSUPP);
	assert_int_equal(scope_kill("/proc", &session), -EOPNOTSUPP);
	assert_int_equal(scope_signal("/does/not/exist", &session), -ENOENT);
}

static void test_unit(void **state)
{
	_cleanup_free_ char *unit = scope_unit(&session);

	(void)state;
	assert_string_equal(unit, "session-hvltest.scope");
}

static void test_session_of_unit(void **state)
{
	static const char *const others[] = {
		"",
		"session-.scope",
		"session-3.service",
		"xsession-3.scope",
		"session-3.scope.d",
		"session-scope",
		"user-1000.slice",
	};
	_cleanup_free_ char *id = scope_session("session-c12.scope");

	(void)state;
	assert_string_equal(id, "c12");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_null(scope_session(others[i]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_all_are_asked),
		TEST(test_stopped_process_is_asked),
		TEST(test_stubborn_is_killed),
		TEST(test_empty_scope),
		TEST(test_no_scope),
		TEST(test_no_cgroup_v2),
		TEST(test_unit),
		TEST(test_session_of_unit),
	};

	return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
