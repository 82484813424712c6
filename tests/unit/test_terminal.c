// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages to a terminal, which is the slave of a pseudoterminal pair. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "child.h"
#include "unit.h"
#include "userspace/guest/system/terminal.h"

static struct fixture {
	int master;
	int slave;
	struct session session;
	char output[8192];
} fixture;

static int setup(void **state)
{
	fixture = (struct fixture){.slave = -1};
	fixture.master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fixture.master < 0 || grantpt(fixture.master) || unlockpt(fixture.master))
		return -1;
	fixture.slave = open(ptsname(fixture.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	fixture.session.uid = getuid();
	fixture.session.tty = ptsname(fixture.master) + strlen("/dev/");
	return fixture.slave < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	close(fixture.slave);
	close(fixture.master);
	return 0;
}

static const char *read_output(void)
{
	size_t used = 0;
	ssize_t size;

	do {
		size = read(fixture.master, fixture.output + used,
			    sizeof(fixture.output) - 1 - used);
		used += size > 0 ? size : 0;
	} while (size > 0);
	fixture.output[used] = '\0';
	return fixture.output;
}

static void test_message(void **state)
{
	assert_int_equal(terminal_write(&fixture.session, "Save your work.\nNow."), 0);
	assert_non_null(strstr(read_output(), "Save your work."));
	assert_non_null(strstr(fixture.output, "\r\nNow.\r"));
}

static void test_escape_sequences_removed(void **state)
{
	assert_int_equal(terminal_write(&fixture.session, "a\x1b]0;title\x07z\xc2\x9bm"), 0);
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
	assert_int_equal(terminal_write(&fixture.session, "J\xc3\xb6rg \xe2\x82\xac"), 0);
	assert_non_null(strstr(read_output(), "J\xc3\xb6rg \xe2\x82\xac\r"));
	set_utf8(false);
	assert_int_equal(terminal_write(&fixture.session, "J\xc3\xb6rg \xe1\x9b\x9b[2J"), 0);
	assert_non_null(strstr(read_output(), "J?rg ?[2J\r"));
}

static void test_longest_message(void **state)
{
	char text[4096];

	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(terminal_write(&fixture.session, text), 0);
	/* The truncated message still ends with a newline. */
	assert_true(strlen(read_output()) > 1024);
	assert_int_equal(fixture.output[strlen(fixture.output) - 1], '\n');
}

static void test_stopped_terminal(void **state)
{
	int r = 0;

	assert_int_equal(tcflow(fixture.slave, TCOOFF), 0);
	/* A blocking write would never return, as nothing restarts or reads the terminal. */
	for (int i = 0; i < 1000 && r == 0; i++)
		r = terminal_write(&fixture.session, "hello");
	assert_int_equal(r, -EAGAIN);
	tcflow(fixture.slave, TCOON);
}

static void test_terminal_of_another_user(void **state)
{
	fixture.session.uid++;
	assert_int_equal(terminal_write(&fixture.session, "hello"), -EPERM);
	/* A leader with another controlling terminal does not grant access. */
	fixture.session.leader = getpid();
	assert_int_equal(terminal_write(&fixture.session, "hello"), -EPERM);
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
	assert_int_equal(terminal_write(&fixture.session, "hello"), 0);
	kill(fixture.session.leader, SIGKILL);
	waitpid(fixture.session.leader, NULL, 0);
	assert_non_null(strstr(read_output(), "hello"));
}

static int write_to(const char *tty)
{
	const struct session session = {.tty = (char *)tty};

	return terminal_write(&session, "hello");
}

static void test_no_terminal(void **state)
{
	assert_int_equal(write_to("null"), -ENOTTY);
	assert_int_equal(write_to("pts/does-not-exist"), -ENOENT);
	assert_int_equal(write_to("../tmp/x"), -EINVAL);
	assert_int_equal(write_to("/dev/tty"), -EINVAL);
	assert_int_equal(write_to(""), -EINVAL);
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
	};

	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
