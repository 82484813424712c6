// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Signals to the processes in a session's scope. Needs a cgroup v2 hierarchy in which it may create
 * groups; tests that need it are skipped without one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "unit.h"
#include "userspace/guest/system/scope.h"
#include "userspace/shared/util.h"

/* A user and a session that should not exist on any machine. */
#define UID   3999999999
#define SLICE "/user.slice/user-3999999999.slice"
#define SCOPE SLICE "/session-hvltest.scope"

/* A group of the version 1 freezer. */
#define FREEZER SCOPE_ROOT "/freezer/hvltest"

/* The hierarchy of units in the legacy layout. */
#define LEGACY SCOPE_ROOT "/systemd"

static const char *const legacy_groups[] = {LEGACY "/user.slice", LEGACY SLICE, LEGACY SCOPE};

static const char *root;
static int lock = -1; /* so that only one such test at a time uses the groups */
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

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		root = roots[i];
		closep(&lock);
		lock = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		flock(lock, LOCK_EX);
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
	closep(&lock);
	return 0;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_true(file && fputs(text, file) > 0 && fclose(file) == 0);
}

/* The processes that a failed test has left, which are frozen, would not end with the program. */
static void drop_freezer(void)
{
	FILE *file = fopen(FREEZER "/cgroup.procs", "r");
	int pid;

	if (!file)
		return;
	while (fscanf(file, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(file);
	write_file(FREEZER "/freezer.state", "THAWED");
	while (rmdir(FREEZER) && errno == EBUSY)
		usleep(1000);
}

/* A failed test leaves groups, perhaps frozen, with processes that must be killed. */
static void drop_left(const char *group)
{
	char path[256];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "%s%s/cgroup.freeze", root, group);
	file = fopen(path, "r+");
	if (file) {
		fputs("0", file);
		fclose(file);
	}
	snprintf(path, sizeof(path), "%s%s/cgroup.procs", root, group);
	file = fopen(path, "r");
	while (file && fscanf(file, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "%s%s", root, group);
	while (rmdir(path) && errno == EBUSY)
		usleep(1000);
}

static int teardown(void **state)
{
	static const char *const left[] = {SCOPE "/a/empty", SCOPE "/a/b", SCOPE "/a", SCOPE,
					   SLICE "/user@3999999999.service"};
	char path[256];

	drop_freezer();
	for (size_t i = ARRAY_SIZE(legacy_groups); i-- > 0;)
		rmdir(legacy_groups[i]);
	if (!root)
		return 0;
	snprintf(path, sizeof(path), "%s" SLICE "/cgroup.freeze", root);
	write_file(path, "0");
	for (size_t i = 0; i < ARRAY_SIZE(left); i++)
		drop_left(left[i]);
	drop(SLICE);
	/* Fails if the machine has a user.slice of its own, which is not empty. */
	drop("/user.slice");
	closep(&lock);
	return 0;
}

/* Where the processes start. */
static const char *start_in = SCOPE;

static bool enter_scope(void *data)
{
	const bool *stubborn = data;
	char path[256];
	FILE *file;

	closep(&lock);
	if (*stubborn) {
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
	}
	snprintf(path, sizeof(path), "%s%s/cgroup.procs", root, start_in);
	file = fopen(path, "w");
	return file && fprintf(file, "%d", (int)getpid()) > 0 && fclose(file) == 0;
}

/* A process in the scope. If @stubborn, it ignores SIGTERM and SIGHUP. */
static pid_t start(bool stubborn)
{
	return start_child(enter_scope, &stubborn);
}

static int wait_for_signal(pid_t pid)
{
	pid_t ended = 0;
	int status;

	for (int i = 0; i < 60000 && !ended; i++) {
		ended = waitpid(pid, &status, WNOHANG);
		usleep(ended ? 0 : 1000);
	}
	assert_int_equal(ended, pid);
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status);
}

/* If both signals are pending, the kernel delivers the lower number, SIGHUP, first. */
static void assert_terminated(pid_t pid)
{
	int number = wait_for_signal(pid);

	assert_true(number == SIGTERM || number == SIGHUP);
}

static void test_all_processes_are_signalled(void **state)
{
	pid_t pids[3];

	if (!root)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = start(false);
	assert_int_equal(scope_signal(root, &session), 3);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		assert_terminated(pids[i]);
}

static pid_t start_below(const char *group)
{
	pid_t pid;

	make(group);
	start_in = group;
	pid = start(false);
	start_in = SCOPE;
	return pid;
}

static bool is_frozen(const char *group)
{
	char path[256];
	char text[256];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s%s/cgroup.events", root, group);
	file = fopen(path, "r");
	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	return strstr(text, "frozen 1");
}

/* The kernel freezes the processes some time after the write. */
static void freeze(const char *group)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s/cgroup.freeze", root, group);
	file = fopen(path, "w");
	assert_true(file && fputs("1", file) > 0 && fclose(file) == 0);
	while (!is_frozen(group))
		usleep(1000);
}

/* Such as those of a container that a user started. */
static void test_processes_of_nested_groups_are_signalled(void **state)
{
	pid_t pids[3];

	if (!root)
		skip();
	pids[0] = start(false);
	pids[1] = start_below(SCOPE "/a");
	make(SCOPE "/a/empty");
	pids[2] = start_below(SCOPE "/a/b");
	assert_int_equal(scope_signal(root, &session), 3);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		assert_terminated(pids[i]);
	drop(SCOPE "/a/b");
	drop(SCOPE "/a/empty");
	drop(SCOPE "/a");
}

static void test_frozen_group_is_thawed(void **state)
{
	pid_t pid;

	if (!root)
		skip();
	pid = start_below(SCOPE "/a");
	freeze(SCOPE "/a");
	assert_int_equal(scope_signal(root, &session), 1);
	assert_terminated(pid);
	while (is_frozen(SCOPE "/a"))
		usleep(1000);
	drop(SCOPE "/a");
}

static void test_frozen_slice_stays_frozen(void **state)
{
	pid_t pid;

	if (!root)
		skip();
	/* A signal that would end a process ends it also while it is frozen. */
	pid = start(true);
	freeze(SLICE);
	assert_int_equal(scope_signal(root, &session), -EBUSY);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	if (scope_kill(root, &session) == -ENOENT)
		kill(pid, SIGKILL);
	wait_for_signal(pid);
	assert_int_equal(scope_signal(root, &session), 0);
}

static void test_thaw_of_user(void **state)
{
	pid_t pid;

	if (!root)
		skip();
	pid = start_below(SCOPE "/a");
	freeze(SCOPE "/a");
	freeze(SLICE);
	scope_user_thaw(root, UID);
	while (is_frozen(SCOPE "/a"))
		usleep(1000);
	assert_int_equal(scope_signal(root, &session), 1);
	assert_terminated(pid);
	drop(SCOPE "/a");
}

static void test_stopped_process_is_continued(void **state)
{
	pid_t pid;

	if (!root)
		skip();
	pid = start(false);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(scope_signal(root, &session), 1);
	assert_terminated(pid);
}

static void test_stubborn_process_is_killed(void **state)
{
	pid_t pid;

	if (!root)
		skip();
	pid = start(true);
	assert_int_equal(scope_signal(root, &session), 1);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	if (scope_kill(root, &session) == -ENOENT) {
		/* Before Linux 5.14 there is no cgroup.kill. */
		kill(pid, SIGKILL);
		wait_for_signal(pid);
		skip();
	}
	assert_int_equal(wait_for_signal(pid), SIGKILL);
}

static void test_empty_scope(void **state)
{
	if (!root)
		skip();
	assert_int_equal(scope_signal(root, &session), 0);
}

static void test_processes_of_user(void **state)
{
	pid_t pid;

	if (!root)
		skip();
	assert_int_equal(scope_user_runs(root, UID), 0);
	assert_int_equal(scope_user_runs(root, UID - 1), 0);
	pid = start(true);
	assert_int_equal(scope_user_runs(root, UID), 1);
	if (scope_user_kill(root, UID) == -ENOENT)
		kill(pid, SIGKILL);
	assert_int_equal(wait_for_signal(pid), SIGKILL);
	assert_int_equal(scope_user_runs(root, UID), 0);
}

/* Processes that end with the manager, such as its clean-up, are not killed with it. */
static void test_manager_is_killed_alone(void **state)
{
	pid_t pid;

	if (!root)
		skip();
	make(SLICE "/user@3999999999.service");
	pid = start(true);
	if (scope_user_kill(root, UID) == -ENOENT)
		skip();
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	drop(SLICE "/user@3999999999.service");
	assert_int_equal(scope_user_kill(root, UID), 0);
	assert_int_equal(wait_for_signal(pid), SIGKILL);
}

static void test_no_scope(void **state)
{
	struct session missing = {.id = (char *)"hvlgone", .uid = UID};
	struct session malicious = {.id = (char *)"../../x", .uid = UID};

	if (!root)
		skip();
	assert_int_equal(scope_signal(root, &missing), -ENOENT);
	assert_int_equal(scope_kill(root, &missing), -ENOENT);
	assert_int_equal(scope_signal(root, &malicious), -EINVAL);
	assert_int_equal(scope_kill(root, &malicious), -EINVAL);
}

/* logind has no record of these sessions, so none of them is known to be closing. */
static void test_session_that_logind_does_not_list(void **state)
{
	_cleanup_close_ int hierarchy = -1;

	if (!root)
		skip();
	hierarchy = scope_open(root);
	assert_true(hierarchy >= 0);
	assert_false(scope_has_ended(hierarchy, "hvltest", UID));
	assert_false(scope_has_ended(hierarchy, "hvlgone", UID));
	assert_false(scope_has_ended(hierarchy, "../../x", UID));
	assert_false(scope_has_ended(-EOPNOTSUPP, "hvlgone", UID));
}

static void test_no_cgroup_v2(void **state)
{
	assert_int_equal(scope_signal("/proc", &session), -EOPNOTSUPP);
	assert_int_equal(scope_kill("/proc", &session), -EOPNOTSUPP);
	assert_int_equal(scope_user_runs("/proc", UID), -EOPNOTSUPP);
	assert_int_equal(scope_user_kill("/proc", UID), -EOPNOTSUPP);
	assert_int_equal(scope_signal("/does/not/exist", &session), -EOPNOTSUPP);
	assert_int_equal(scope_open("/proc"), -EOPNOTSUPP);
	scope_user_thaw("/proc", UID);
}

/* Version 1, without and with a hierarchy of version 2. */

static bool has_freezer(void)
{
	mkdir(FREEZER, 0755);
	return !access(FREEZER "/freezer.state", W_OK);
}

static bool is_frozen_by_v1(void)
{
	char text[16] = "";
	FILE *file = fopen(FREEZER "/freezer.state", "r");

	assert_true(file && fgets(text, sizeof(text), file));
	fclose(file);
	return !strcmp(text, "FROZEN\n");
}

static void freeze_by_v1(const pid_t *pids, size_t count)
{
	char text[16];

	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%d", (int)pids[i]);
		write_file(FREEZER "/cgroup.procs", text);
	}
	write_file(FREEZER "/freezer.state", "FROZEN");
	while (!is_frozen_by_v1())
		usleep(1000);
}

static bool no_setup(void *data)
{
	closep(&lock);
	return true;
}

/* Another process in the frozen group, which does not belong to the session, stays frozen. */
static void test_process_frozen_by_version_1(void **state)
{
	pid_t pids[2];

	if (!root || !has_freezer())
		skip();
	for (int killed = 0; killed < 2; killed++) {
		pids[0] = start(killed);
		pids[1] = start_child(no_setup, NULL);
		freeze_by_v1(pids, 2);
		if (killed && scope_kill(SCOPE_ROOT, &session) == -ENOENT)
			kill(pids[0], SIGKILL);
		else if (!killed)
			assert_int_equal(scope_signal(SCOPE_ROOT, &session), 1);
		if (killed)
			assert_int_equal(wait_for_signal(pids[0]), SIGKILL);
		else
			assert_terminated(pids[0]);
		assert_true(is_frozen_by_v1());
		kill(pids[1], SIGKILL);
		write_file(FREEZER "/freezer.state", "THAWED");
		wait_for_signal(pids[1]);
	}
}

static bool is_in_freezer(pid_t pid)
{
	char path[64];
	char line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		found |= strstr(line, ":freezer:/hvltest\n") != NULL;
	fclose(file);
	return found;
}

/* Only a frozen process cannot end, and another one get its PID, before it is moved. */
static void test_process_that_is_not_frozen_is_not_moved(void **state)
{
	pid_t pids[2];

	if (!root || !has_freezer())
		skip();
	pids[0] = start(true);
	pids[1] = start_child(no_setup, NULL);
	freeze_by_v1(pids, 2);
	write_file(FREEZER "/freezer.state", "THAWED");
	assert_int_equal(scope_signal(SCOPE_ROOT, &session), 1);
	assert_true(is_in_freezer(pids[0]));
	write_file(FREEZER "/freezer.state", "FROZEN");
	while (!is_frozen_by_v1())
		usleep(1000);
	assert_int_equal(scope_signal(SCOPE_ROOT, &session), 1);
	assert_false(is_in_freezer(pids[0]));
	assert_true(is_in_freezer(pids[1]));
	write_file(FREEZER "/freezer.state", "THAWED");
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		kill(pids[i], SIGKILL);
		wait_for_signal(pids[i]);
	}
}

/* logind signals the processes. */
static void test_legacy_layout(void **state)
{
	char folder[] = "/tmp/hvl-scope-XXXXXX";
	char path[256];
	char text[16];
	pid_t pid;

	if (access(LEGACY "/cgroup.procs", W_OK) || !has_freezer())
		skip();
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/systemd", folder);
	assert_int_equal(symlink(LEGACY, path), 0);
	snprintf(path, sizeof(path), "%s/freezer", folder);
	assert_int_equal(symlink(SCOPE_ROOT "/freezer", path), 0);
	for (size_t i = 0; i < ARRAY_SIZE(legacy_groups); i++)
		mkdir(legacy_groups[i], 0755);

	pid = start_child(no_setup, NULL);
	snprintf(text, sizeof(text), "%d", (int)pid);
	write_file(LEGACY SCOPE "/cgroup.procs", text);
	freeze_by_v1(&pid, 1);
	kill(pid, SIGTERM);
	assert_int_equal(scope_signal(folder, &session), -EOPNOTSUPP);
	assert_int_equal(wait_for_signal(pid), SIGTERM);
	assert_int_equal(scope_kill(folder, &session), -EOPNOTSUPP);
	assert_int_equal(scope_user_runs(folder, UID), -EOPNOTSUPP);
	assert_int_equal(scope_user_kill(folder, UID), -EOPNOTSUPP);

	unlink(path);
	snprintf(path, sizeof(path), "%s/systemd", folder);
	unlink(path);
	rmdir(folder);
}

static void test_unit_of_session(void **state)
{
	_cleanup_free_ char *unit = scope_unit(session.id);
	_cleanup_free_ char *manager = scope_manager_unit(UID);

	assert_string_equal(unit, "session-hvltest.scope");
	assert_string_equal(manager, "user@3999999999.service");
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

	assert_string_equal(id, "c12");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_null(scope_session(others[i]));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_all_processes_are_signalled),
		TEST(test_processes_of_nested_groups_are_signalled),
		TEST(test_frozen_group_is_thawed),
		TEST(test_frozen_slice_stays_frozen),
		TEST(test_thaw_of_user),
		TEST(test_stopped_process_is_continued),
		TEST(test_stubborn_process_is_killed),
		TEST(test_empty_scope),
		TEST(test_processes_of_user),
		TEST(test_manager_is_killed_alone),
		TEST(test_no_scope),
		TEST(test_session_that_logind_does_not_list),
		TEST(test_no_cgroup_v2),
		TEST(test_process_frozen_by_version_1),
		TEST(test_process_that_is_not_frozen_is_not_moved),
		TEST(test_legacy_layout),
		TEST(test_unit_of_session),
		TEST(test_session_of_unit),
	};

	return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
