// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages to terminals, which are the slaves of pseudoterminal pairs. Needs a cgroup v2 hierarchy
 * in which it may create groups, for the processes of sessions; tests that need it are skipped
 * without one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "child.h"
#include "unit.h"
#include "userspace/guest/system/scope.h"
#include "userspace/guest/system/terminal.h"
#include "userspace/shared/util.h"

/* A user and a session that should not exist on any machine. */
#define UID     3999999998
#define SLICE   "/user.slice/user-3999999998.slice"
#define SCOPE   SLICE "/session-hvltest.scope"
#define MANAGER SLICE "/user@3999999998.service"
#define PANE    MANAGER "/app.slice"

static const char *const groups[] = {"/user.slice", SLICE, SCOPE, MANAGER, PANE};

static struct fixture {
	int master;
	int slave;
	char tty[32];
	struct session session;
	struct terminals told;
	const char *root; /* NULL: no groups can be created */
	pid_t children[4];
	size_t child_count;
	char output[8192];
} fixture;

static int open_pty(int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master))
		return -1;
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return master;
}

static bool make_groups(const char *root)
{
	char path[256];
	bool made = true;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		snprintf(path, sizeof(path), "%s%s", root, groups[i]);
		made = (!mkdir(path, 0755) || errno == EEXIST) && made;
	}
	snprintf(path, sizeof(path), "%s" SCOPE "/cgroup.procs", root);
	return made && !access(path, W_OK);
}

static void drop_groups(const char *root)
{
	char path[256];

	/* The first one may be the machine's own. */
	for (size_t i = ARRAY_SIZE(groups); i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s", root, groups[i]);
		while (rmdir(path) && errno == EBUSY && i > 0)
			usleep(1000);
	}
}

static int setup(void **state)
{
	static const char *const roots[] = {SCOPE_ROOT, SCOPE_ROOT "/unified"};

	fixture = (struct fixture){.slave = -1};
	fixture.master = open_pty(&fixture.slave);
	if (fixture.slave < 0)
		return -1;
	snprintf(fixture.tty, sizeof(fixture.tty), "%s", ptsname(fixture.master) + strlen("/dev/"));
	fixture.session.id = "hvltest";
	fixture.session.uid = getuid();
	fixture.session.tty = fixture.tty;
	for (size_t i = 0; i < ARRAY_SIZE(roots) && !fixture.root; i++) {
		if (make_groups(roots[i]))
			fixture.root = roots[i];
		else
			drop_groups(roots[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	for (size_t i = 0; i < fixture.child_count; i++) {
		kill(fixture.children[i], SIGKILL);
		waitpid(fixture.children[i], NULL, 0);
	}
	if (fixture.root)
		drop_groups(fixture.root);
	terminals_done(&fixture.told);
	close(fixture.slave);
	close(fixture.master);
	return 0;
}

/* A new notice. */
static int terminal_write(const struct session *session, const char *text)
{
	terminals_done(&fixture.told);
	return terminal_write_session(&fixture.told, SCOPE_ROOT, session, text);
}

static const char *read_output_of(int master)
{
	size_t used = 0;
	ssize_t size;

	do {
		size = read(master, fixture.output + used, sizeof(fixture.output) - 1 - used);
		used += size > 0 ? size : 0;
	} while (size > 0);
	fixture.output[used] = '\0';
	return fixture.output;
}

static const char *read_output(void)
{
	return read_output_of(fixture.master);
}

static void test_message(void **state)
{
	assert_int_equal(terminal_write(&fixture.session, "Save your work.\nNow."), 1);
	assert_non_null(strstr(read_output(), "Save your work."));
	assert_non_null(strstr(fixture.output, "\r\nNow.\r"));
}

static void test_escape_sequences_removed(void **state)
{
	assert_int_equal(terminal_write(&fixture.session, "a\x1b]0;title\x07z\xc2\x9bm"), 1);
	assert_non_null(strstr(read_output(), "a?]0;title?z?m"));
	assert_null(strchr(fixture.output, '\x1b'));
}

static void set_utf8(bool utf8)
{
	struct termios settings;

	assert_int_equal(tcgetattr(fixture.slave, &settings), 0);
	settings.c_iflag = utf8 ? settings.c_iflag | IUTF8 : settings.c_iflag & ~(tcflag_t)IUTF8;
	assert_int_equal(tcsetattr(fixture.slave, TCSANOW, &settings), 0);
}

/* Each byte of a UTF-8 character is a character of its own on other terminals, even C1's CSI. */
static void test_characters_outside_ascii(void **state)
{
	set_utf8(true);
	assert_int_equal(terminal_write(&fixture.session, "J\xc3\xb6rg \xe2\x82\xac"), 1);
	assert_non_null(strstr(read_output(), "J\xc3\xb6rg \xe2\x82\xac\r"));
	set_utf8(false);
	assert_int_equal(terminal_write(&fixture.session, "J\xc3\xb6rg \xe1\x9b\x9b[2J"), 1);
	assert_non_null(strstr(read_output(), "J?rg ?[2J\r"));
}

static void test_longest_message(void **state)
{
	char text[4096];

	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(terminal_write(&fixture.session, text), 1);
	/* The truncated message still ends with a newline. */
	assert_true(strlen(read_output()) > 1024);
	assert_int_equal(fixture.output[strlen(fixture.output) - 1], '\n');
}

static void test_stopped_terminal(void **state)
{
	int r = 0;

	assert_int_equal(tcflow(fixture.slave, TCOOFF), 0);
	/* A blocking write would never return, as nothing restarts or reads the terminal. */
	for (int i = 0; i < 1000 && r >= 0; i++)
		r = terminal_write(&fixture.session, "hello");
	assert_int_equal(r, -EAGAIN);
	tcflow(fixture.slave, TCOON);
}

static void test_terminal_of_another_user(void **state)
{
	fixture.session.uid++;
	assert_int_equal(terminal_write(&fixture.session, "hello"), -ENXIO);
	/* A leader with another controlling terminal does not grant access. */
	fixture.session.leader = getpid();
	assert_int_equal(terminal_write(&fixture.session, "hello"), -ENXIO);
	assert_string_equal(read_output(), "");
}

/* The process name makes /proc/PID/stat harder to parse. */
static bool take_terminal(void *data)
{
	prctl(PR_SET_NAME, "a) b ( c");
	return setsid() >= 0 && ioctl(fixture.slave, TIOCSCTTY, 0) == 0;
}

/* As after su: another user owns the terminal, but it is the session leader's. */
static void test_terminal_of_leader(void **state)
{
	fixture.session.uid++;
	fixture.session.leader = start_child(take_terminal, NULL);
	assert_int_equal(terminal_write(&fixture.session, "hello"), 1);
	kill(fixture.session.leader, SIGKILL);
	waitpid(fixture.session.leader, NULL, 0);
	assert_non_null(strstr(read_output(), "hello"));
}

static void test_no_terminal(void **state)
{
	static const char *const invalid[] = {"null", "pts/does-not-exist", "../tmp/x", "/dev/tty",
					      ""};

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		fixture.session.tty = (char *)invalid[i];
		assert_int_equal(terminal_write(&fixture.session, "hello"), -ENXIO);
	}
}

struct place {
	const char *group;
	int terminal;
};

static bool enter(void *data)
{
	const struct place *place = data;
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s/cgroup.procs", fixture.root, place->group);
	file = fopen(path, "w");
	return file && fprintf(file, "%d", (int)getpid()) > 0 && fclose(file) == 0 &&
	       setsid() >= 0 && ioctl(place->terminal, TIOCSCTTY, 1) == 0;
}

/* A process in @group whose controlling terminal is @terminal, which the session's user owns. */
static void start_in(const char *group, int terminal)
{
	struct place place = {.group = group, .terminal = terminal};

	fixture.session.uid = UID;
	assert_int_equal(fchown(terminal, UID, (gid_t)-1), 0);
	fixture.children[fixture.child_count++] = start_child(enter, &place);
}

static int write_notice(const char *text)
{
	return terminal_write_session(&fixture.told, fixture.root, &fixture.session, text);
}

/* As in a session of sshd on Debian 13. */
static void test_terminals_of_processes(void **state)
{
	int second = -1;
	int master;

	if (!fixture.root)
		skip();
	fixture.session.tty = "";
	fixture.session.uid = UID;
	assert_int_equal(write_notice("hello"), -ENXIO);
	start_in(SCOPE, fixture.slave);
	assert_int_equal(write_notice("hello"), 1);
	assert_non_null(strstr(read_output(), "hello"));
	/* Each terminal once. */
	master = open_pty(&second);
	start_in(SCOPE, second);
	assert_int_equal(write_notice("hello"), 2);
	assert_string_equal(read_output(), "");
	assert_non_null(strstr(read_output_of(master), "hello"));
	terminals_done(&fixture.told);
	assert_int_equal(write_notice("bye"), 2);
	assert_non_null(strstr(read_output(), "bye"));
	close(second);
	close(master);
}

/* logind's terminal has become another user's. */
static void test_terminal_instead_of_reused_one(void **state)
{
	int other = -1;
	int master;

	if (!fixture.root)
		skip();
	master = open_pty(&other);
	start_in(SCOPE, fixture.slave);
	fixture.session.tty = ptsname(master) + strlen("/dev/");
	assert_int_equal(fchown(other, UID - 1, (gid_t)-1), 0);
	assert_int_equal(write_notice("hello"), 1);
	assert_non_null(strstr(read_output(), "hello"));
	assert_string_equal(read_output_of(master), "");
	close(other);
	close(master);
}

/* The session's process has the terminal of another user, as the number of a container's may be. */
static void test_terminal_of_process_of_another_user(void **state)
{
	if (!fixture.root)
		skip();
	fixture.session.tty = "";
	start_in(SCOPE, fixture.slave);
	assert_int_equal(fchown(fixture.slave, UID - 1, (gid_t)-1), 0);
	assert_int_equal(write_notice("hello"), -EPERM);
	assert_string_equal(read_output(), "");
}

/* As a pane of tmux on Debian 13. */
static void test_terminals_below_manager(void **state)
{
	if (!fixture.root)
		skip();
	assert_false(terminal_of_manager(fixture.root, UID));
	assert_int_equal(terminal_write_manager(&fixture.told, fixture.root, UID, "hello"), -ENXIO);
	start_in(PANE, fixture.slave);
	assert_true(terminal_of_manager(fixture.root, UID));
	assert_int_equal(terminal_write_manager(&fixture.told, fixture.root, UID, "hello"), 1);
	assert_non_null(strstr(read_output(), "hello"));
	/* A program of the manager can have the session's terminal. */
	assert_int_equal(write_notice("hello"), 1);
	assert_string_equal(read_output(), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_message),
		TEST(test_escape_sequences_removed),
		TEST(test_characters_outside_ascii),
		TEST(test_longest_message),
		TEST(test_stopped_terminal),
		TEST(test_terminal_of_another_user),
		TEST(test_terminal_of_leader),
		TEST(test_no_terminal),
		TEST(test_terminals_of_processes),
		TEST(test_terminal_instead_of_reused_one),
		TEST(test_terminal_of_process_of_another_user),
		TEST(test_terminals_below_manager),
	};

	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
