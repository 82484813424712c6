// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes without a session, in a directory that stands for /proc, and services of a fake PID 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "events.h"
#include "unit.h"
#include "userspace/guest/system/outside.h"

#define BOUND (300 * USEC_PER_SEC)

#define SYSTEM "/system.slice/"
#define TTY1   makedev(4, 1)
#define PTS0   makedev(136, 0)

struct fake_service {
	const char *unit;
	struct service service;
};

static struct fixture {
	sd_event *event;
	struct outside outside;
	char directory[32];
	char login_defs[48];
	int processes; /* the directory */
	pid_t parent;  /* of the processes that are added */

	const struct fake_service *services;
	bool pid1_hangs; /* accepts calls, but never answers */
	int error;       /* of the call to PID 1 */
	unsigned int calls;

	unsigned int results;
	char text[1024]; /* "UID NAME NUMBER, …" */
} fixture;

/* Replaces the C library's. */
struct passwd *getpwuid(uid_t uid)
{
	static struct passwd user;

	if (uid == 1666)
		for (;;)
			pause();
	user.pw_name = uid == 0 ? (char *)"root" : uid == 1000 ? (char *)"alice" : (char *)"bob";
	return uid <= 1001 ? &user : NULL;
}

static int look_up_service(void *userdata, const char *unit, bool terminal)
{
	assert_ptr_equal(userdata, &fixture);
	fixture.calls++;
	if (fixture.error)
		return fixture.error;
	if (fixture.pid1_hangs)
		return 0;
	for (const struct fake_service *s = fixture.services; s && s->unit; s++)
		if (!strcmp(s->unit, unit)) {
			/* It is only known if it was asked for. */
			assert_true(terminal || !s->service.terminal);
			outside_service_found(&fixture.outside, unit, &s->service);
			return 0;
		}
	outside_service_found(&fixture.outside, unit, NULL);
	return 0;
}

static void on_found(void *userdata, const struct outside_user *users, size_t count)
{
	size_t used = 0;

	assert_ptr_equal(userdata, &fixture);
	fixture.results++;
	fixture.text[0] = '\0';
	for (size_t i = 0; i < count && used < sizeof(fixture.text); i++)
		used += snprintf(fixture.text + used, sizeof(fixture.text) - used, "%s%u %s %u",
				 i ? ", " : "", users[i].uid, users[i].user, users[i].processes);
}

static const struct outside_ops ops = {.look_up_service = look_up_service, .found = on_found};

static int setup(void **state)
{
	sigset_t signals;

	fixture = (struct fixture){.directory = "/tmp/test_outside.XXXXXX", .parent = 1};
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	if (!mkdtemp(fixture.directory) || sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -1;
	fixture.processes = open(fixture.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fixture.processes < 0 || sd_event_new(&fixture.event) < 0)
		return -1;
	snprintf(fixture.login_defs, sizeof(fixture.login_defs), "%s/login.defs",
		 fixture.directory);
	outside_init(&fixture.outside, fixture.event, &ops, &fixture);
	fixture.outside.proc = fixture.directory;
	fixture.outside.login_defs = fixture.login_defs;
	fixture.outside.timeout = BOUND;
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	outside_done(&fixture.outside);
	sd_event_unref(fixture.event);
	close(fixture.processes);
	snprintf(command, sizeof(command), "rm -r %s", fixture.directory);
	return system(command); /* NOLINT(cert-env33-c) */
}

__attribute__((format(printf, 3, 4))) static void write_file(pid_t pid, const char *name,
							     const char *format, ...)
{
	char path[64];
	va_list arguments;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/%s", fixture.directory, pid, name);
	file = fopen(path, "w");
	assert_non_null(file);
	va_start(arguments, format);
	vfprintf(file, format, arguments);
	va_end(arguments);
	fclose(file);
}

/* As the kernel encodes it. */
static unsigned int tty_nr(dev_t device)
{
	return (minor(device) & 0xff) | major(device) << 8 | (minor(device) & ~0xffU) << 12;
}

static void add(pid_t pid, uid_t uid, dev_t terminal, const char *group)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", pid);
	assert_int_equal(mkdirat(fixture.processes, name, 0755), 0);
	write_file(pid, "status",
		   "Name:\tx\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t%d\nPPid:\t%d\n"
		   "Uid:\t%u\t0\t0\t0\nGid:\t0\t0\t0\t0\nNSpid:\t%d\nVmPeak:\t1 kB\n",
		   pid, fixture.parent, uid, pid);
	write_file(pid, "stat", "%d (x) S 1 %d %d %u 0 0\n", pid, pid, pid, tty_nr(terminal));
	write_file(pid, "cgroup", "0::%s\n", group);
}

static void assert_found(const char *text)
{
	unsigned int results = fixture.results;

	assert_int_equal(outside_find(&fixture.outside), 0);
	/* The result does not precede the return. */
	assert_int_equal(fixture.results, results);
	while (fixture.results == results)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
	assert_int_equal(fixture.results, results + 1);
	assert_string_equal(fixture.text, text);
	assert_null(fixture.outside.search);
}

static void test_nobody(void **state)
{
	assert_found("");
	add(1, 0, 0, "/init.scope");
	add(2, 0, 0, "/");
	add(500, 0, 0, SYSTEM "cron.service");
	add(501, 33, 0, SYSTEM "web.service");
	add(502, 65534, 0, SYSTEM "dns.service");
	add(600, 1000, PTS0, "/user.slice/user-1000.slice/session-3.scope");
	add(601, 1000, 0, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service");
	add(602, 1000, 0, "/machine.slice/libpod-0123.scope/container");
	assert_found("");
	/* They are not candidates, so PID 1 is not asked. */
	assert_int_equal(fixture.calls, 0);
}

/* Without pam_systemd, a user's processes stay in the service through which he logged on. */
static void test_users(void **state)
{
	static const struct fake_service services[] = {
		{"ssh.service", {.uid = NO_UID}},
		{"cron.service", {.uid = NO_UID}},
		{0},
	};

	fixture.services = services;
	add(500, 0, 0, SYSTEM "cron.service");
	add(700, 0, 0, SYSTEM "ssh.service");
	add(701, 0, 0, SYSTEM "ssh.service");
	add(702, 1001, 0, SYSTEM "ssh.service");
	add(703, 1001, PTS0, SYSTEM "ssh.service");
	add(800, 1000, 0, SYSTEM "cron.service");
	add(801, 1005, 0, SYSTEM "cron.service");
	add(900, 1001, 0, "/system.slice/run-7.scope");
	add(901, 1001, 0, "/");
	add(902, 1001, 0, "/user.slicer/x.service.d");
	assert_found("1000 alice 1, 1001 bob 5, 1005  1");
	/* One call for each service. */
	assert_int_equal(fixture.calls, 2);
}

/* User= and DynamicUser=, in a slice below another one, and with a name that is escaped. */
static void test_services_with_user(void **state)
{
	static const struct fake_service services[] = {
		{"app.service", {.uid = 1000}},
		{"memory.service", {.uid = 1001}},
		{"x@1.service", {.uid = 61184}},
		{0},
	};

	fixture.services = services;
	add(500, 1000, 0, SYSTEM "app.service");
	add(501, 1000, PTS0, SYSTEM "app.service/worker");
	add(502, 1001, 0, SYSTEM "_memory.service");
	add(503, 61184, PTS0, "/system.slice/system-x.slice/x@1.service");
	assert_found("");
	assert_int_equal(fixture.calls, 3);
	/* Another user in that service. */
	add(504, 1001, 0, SYSTEM "app.service");
	assert_found("1001 bob 1");
}

/* A login prompt, or a display server, is no user; what is started after the logon of root is. */
static void test_root(void **state)
{
	static const struct fake_service services[] = {
		{"getty@tty1.service", {.uid = NO_UID, .terminal = true}},
		{"getty@tty2.service", {.uid = NO_UID, .terminal = true}},
		{"lightdm.service", {.uid = NO_UID}},
		{"dropbear.service", {.uid = NO_UID}},
		{"run-u1.service", {.uid = NO_UID, .terminal = true}},
		{0},
	};

	fixture.services = services;
	add(500, 0, TTY1, "/system.slice/system-getty.slice/getty@tty1.service");
	add(510, 0, makedev(4, 2), "/system.slice/system-getty.slice/getty@tty2.service");
	add(520, 0, 0, SYSTEM "lightdm.service");
	add(530, 0, 0, SYSTEM "dropbear.service");
	add(540, 0, PTS0, SYSTEM "run-u1.service");
	assert_found("");
	assert_int_equal(fixture.calls, 0);
	fixture.parent = 520;
	add(521, 0, makedev(4, 7), SYSTEM "lightdm.service");
	assert_found("");
	fixture.parent = 510;
	add(511, 0, makedev(4, 2), "/system.slice/system-getty.slice/getty@tty2.service");
	assert_found("0 root 1");
	fixture.parent = 530;
	add(531, 0, makedev(143, 1), SYSTEM "dropbear.service");
	assert_found("0 root 2");
	/* A kernel thread. */
	fixture.parent = 2;
	add(600, 1000, 0, "/");
	assert_found("0 root 2");
}

/* A system user is one only with a terminal. */
static void test_terminals(void **state)
{
	static const struct fake_service services[] = {
		{"cron.service", {.uid = NO_UID}},
		{0},
	};

	fixture.services = services;
	add(500, 33, PTS0, SYSTEM "cron.service");
	add(501, 34, 0, SYSTEM "cron.service");
	assert_found("33 bob 1");
}

static void test_ended_and_nested_processes(void **state)
{
	add(500, 1000, 0, "/");
	write_file(500, "status", "Name:\tx\nState:\tZ (zombie)\nUid:\t1000\t0\t0\t0\nNSpid:\t5\n");
	add(501, 1000, PTS0, "/docker/0123");
	write_file(501, "status", "Name:\tx\nState:\tS (x)\nUid:\t1000\t0\t0\t0\nNSpid:\t501\t1\n");
	assert_found("");
	/* A kernel without PID namespaces. */
	write_file(501, "status", "Name:\tx\nState:\tS (x)\nUid:\t1000\t0\t0\t0\nGid:\t0\n");
	assert_found("1000 alice 1");
}

/* A process that ends while its files are read. */
static void test_missing_files(void **state)
{
	static const char *const names[] = {"status", "cgroup"};
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		add(500 + (pid_t)i, 1000, 0, "/");
		snprintf(path, sizeof(path), "%d/%s", 500 + (int)i, names[i]);
		assert_int_equal(unlinkat(fixture.processes, path, 0), 0);
	}
	add(510, 1000, 0, "/");
	write_file(510, "status", "%s", "");
	add(511, 1000, 0, "/");
	write_file(511, "cgroup", "%s", "");
	assert_found("");
}

/* With cgroup v1, and in hybrid mode; or on v2 with an unused hierarchy for old containers. */
static void test_cgroup_v1(void **state)
{
	static const struct fake_service services[] = {
		{"app.service", {.uid = 1000}},
		{0},
	};

	fixture.services = services;
	add(500, 1000, 0, "");
	write_file(500, "cgroup",
		   "9:memory:/system.slice\n1:name=systemd:/system.slice/app.service\n0::/\n");
	add(501, 1000, 0, "");
	write_file(501, "cgroup",
		   "0::/\n1:name=systemd:/user.slice/user-1000.slice/session-1.scope\n");
	add(502, 1000, 0, "");
	write_file(502, "cgroup", "1:name=systemd:/\n0::/system.slice/app.service\n");
	add(503, 1000, 0, "");
	write_file(503, "cgroup",
		   "0::/user.slice/user-1000.slice/session-1.scope\n1:name=systemd:/\n");
	add(504, 1000, 0, "");
	write_file(504, "cgroup",
		   "1:name=systemd:/system.slice/app.service\n0::/system.slice/app.service\n");
	assert_found("");
	assert_int_equal(fixture.calls, 1);
}

/* The kernel lists most of its threads in one file, so that their own files are not read. */
static void test_kernel_threads(void **state)
{
	add(2, 0, 0, "/");
	add(3, 1000, 0, "/");
	add(30, 1000, 0, "/");
	add(400, 1000, 0, "/");
	assert_int_equal(mkdirat(fixture.processes, "2/task", 0755), 0);
	assert_int_equal(mkdirat(fixture.processes, "2/task/2", 0755), 0);
	write_file(2, "task/2/children", "%s", "");
	assert_found("1000 alice 3");
	write_file(2, "task/2/children", "%s", "30 401 3 ");
	assert_found("1000 alice 1");
	/* It was started after the file was read. */
	fixture.parent = 2;
	add(31, 1000, 0, "/");
	assert_found("1000 alice 1");
}

static void test_limits(void **state)
{
	FILE *file;

	add(500, 1000, 0, "/");
	add(501, 999, 0, "/");
	add(502, 60000, 0, "/");
	add(503, 60001, 0, "/");
	assert_found("1000 alice 1, 60000  1");
	file = fopen(fixture.login_defs, "w");
	assert_non_null(file);
	fputs("# UID_MIN 1\nUID_MIN\t\t\t  999\n\nUID_MAX 1000 # comment\nSYS_UID_MIN 1\n", file);
	fclose(file);
	assert_found("999 bob 1, 1000 alice 1");
	file = fopen(fixture.login_defs, "w");
	assert_non_null(file);
	fputs("UID_MIN x\nUID_MAX -1\nUID_MAX 99999999999\nUID_MIN", file);
	fclose(file);
	assert_found("1000 alice 1, 60000  1");
}

/* More than are read in one turn of the event loop, so that other events come in between. */
static void test_many_processes(void **state)
{
	unsigned int turns = 0;

	for (pid_t pid = 1000; pid < 1300; pid++)
		add(pid, 1000 + (uid_t)pid % 2, 0, "/");
	assert_int_equal(outside_find(&fixture.outside), 0);
	for (turns = 0; fixture.results == 0; turns++)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
	assert_true(turns > 4);
	assert_string_equal(fixture.text, "1000 alice 150, 1001 bob 150");
}

/* A service whose user is not known may have a user of its own: nobody is named wrongly. */
static void test_no_answer(void **state)
{
	add(500, 1000, 0, SYSTEM "gone.service");
	add(501, 1001, 0, "/");
	assert_found("1001 bob 1");
	fixture.error = -ECONNREFUSED;
	assert_found("1001 bob 1");
	fixture.error = 0;
	fixture.pid1_hangs = true;
	/* The names are looked up in the part that remains, even on a busy machine. */
	fixture.outside.timeout = 6 * USEC_PER_SEC;
	assert_found("1001 bob 1");
	/* An answer that comes later, or that was not asked for. */
	outside_service_found(&fixture.outside, "gone.service", NULL);
	assert_int_equal(outside_find(&fixture.outside), 0);
	outside_service_found(&fixture.outside, "other.service", NULL);
}

static void test_no_names(void **state)
{
	add(500, 1666, 0, "/");
	add(501, 1000, 0, "/");
	fixture.outside.timeout = 2 * USEC_PER_SEC;
	assert_found("1000 alice 1, 1666  1");
}

/* PID 1 answers after the time for that is over, while the names are looked up. */
static void test_late_answer(void **state)
{
	static const struct service service = {.uid = 1001};
	siginfo_t info;

	while (waitpid(-1, NULL, 0) > 0)
		;
	add(500, 1666, 0, "/");
	add(501, 1666, 0, "/");
	add(502, 1000, 0, SYSTEM "late.service");
	fixture.pid1_hangs = true;
	fixture.outside.timeout = 500 * USEC_PER_MSEC;
	assert_int_equal(outside_find(&fixture.outside), 0);
	/* There is a child process once the names are looked up. */
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
	outside_service_found(&fixture.outside, "late.service", &service);
	while (fixture.results == 0)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
	run_events(fixture.event, 300 * USEC_PER_MSEC);
	assert_int_equal(fixture.results, 1);
	assert_string_equal(fixture.text, "1666  2");
}

static void test_no_proc(void **state)
{
	fixture.outside.proc = "/nonexistent";
	assert_int_equal(outside_find(&fixture.outside), -ENOENT);
	assert_null(fixture.outside.search);
}

/* In each stage. The result of the first search does not come. */
static void test_replaced_and_cancelled(void **state)
{
	add(500, 1000, 0, "/");
	add(501, 1001, 0, SYSTEM "x.service");
	fixture.pid1_hangs = true;
	for (unsigned int turns = 0; turns < 4; turns++) {
		assert_int_equal(outside_find(&fixture.outside), 0);
		for (unsigned int i = 0; i < turns; i++)
			assert_true(sd_event_run(fixture.event, 0) >= 0);
	}
	fixture.pid1_hangs = false;
	assert_found("1000 alice 1");
	/* The lookup of this name does not end. */
	add(502, 1666, 0, "/");
	assert_int_equal(outside_find(&fixture.outside), 0);
	run_events(fixture.event, 300 * USEC_PER_MSEC);
	assert_non_null(fixture.outside.search);
	outside_done(&fixture.outside);
	run_events(fixture.event, 300 * USEC_PER_MSEC);
	assert_int_equal(fixture.results, 1);
}

/* The processes of this machine. */
static void test_real_proc(void **state)
{
	fixture.outside.proc = "/proc";
	assert_int_equal(outside_find(&fixture.outside), 0);
	while (fixture.results == 0)
		assert_true(sd_event_run(fixture.event, BOUND) > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nobody),
		TEST(test_users),
		TEST(test_services_with_user),
		TEST(test_root),
		TEST(test_terminals),
		TEST(test_ended_and_nested_processes),
		TEST(test_missing_files),
		TEST(test_cgroup_v1),
		TEST(test_kernel_threads),
		TEST(test_limits),
		TEST(test_many_processes),
		TEST(test_no_answer),
		TEST(test_no_names),
		TEST(test_late_answer),
		TEST(test_no_proc),
		TEST(test_replaced_and_cancelled),
		TEST(test_real_proc),
	};

	return cmocka_run_group_tests_name("outside", tests, NULL, NULL);
}
