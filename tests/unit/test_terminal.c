// SPDX-License-Identifier: GPL-2.0-or-later
/* Words on a terminal, which is a pair of ours. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "userspace/guest/system/terminal.h"

static struct fixture {
	int master;
	int slave;
	struct session session;
	char heard[8192];
} fixture;

static int setup(void **state)
{
	(void)state;
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
	(void)state;
	close(fixture.slave);
	close(fixture.master);
	return 0;
}

static const char *hear(void)
{
	size_t used = 0;
	ssize_t size;

	do {
		size = read(fixture.master, fixture.heard + used, sizeof(fixture.heard) - 1 - used);
		used += size > 0 ? size : 0;
	} while (size > 0);
	fixture.heard[used] = '\0';
	return fixture.heard;
}

static void test_words_arrive(void **state)
{
	(void)state;
	assert_int_equal(terminal_write(&fixture.session, "Save your work.\nNow."), 0);
	assert_non_null(strstr(hear(), "Save your work."));
	assert_non_null(strstr(fixture.heard, "\r\nNow.\r"));
}

static void test_no_escape_sequence_arrives(void **state)
{
	(void)state;
	assert_int_equal(terminal_write(&fixture.session, "a\x1b]0;title\x07z\xc2\x9bm"), 0);
	assert_non_null(strstr(hear(), "a?]0;title?z?m"));
	assert_null(strchr(fixture.heard, '\x1b'));
}

static void test_longest_message(void **state)
{
	char text[4096];

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(terminal_write(&fixture.session, text), 0);
	/* A newline that is cut off is none; the terminal makes its own of the others. */
	assert_true(strlen(hear()) > 1024);
	assert_int_equal(fixture.heard[strlen(fixture.heard) - 1], '\n');
}

static void test_stopped_terminal_is_skipped(void **state)
{
	int r = 0;

	(void)state;
	assert_int_equal(tcflow(fixture.slave, TCOOFF), 0);
	/* A wait would be one for ever: nobody starts it again, nor reads. */
	for (int i = 0; i < 1000 && r == 0; i++)
		r = terminal_write(&fixture.session, "hello");
	assert_int_equal(r, -EAGAIN);
	tcflow(fixture.slave, TCOON);
}

static void test_terminal_of_another_user(void **state)
{
	(void)state;
	fixture.session.uid++;
	assert_int_equal(terminal_write(&fixture.session, "hello"), -EPERM);
	/* A leader that is elsewhere does not make it ours. */
	fixture.session.leader = getpid();
	assert_int_equal(terminal_write(&fixture.session, "hello"), -EPERM);
	assert_string_equal(hear(), "");
}

/* As su leaves it: the terminal is another user's, and the session's leader is on it. */
static void test_terminal_of_the_leader(void **state)
{
	int ready[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	fixture.session.uid++;
	fixture.session.leader = fork();
	assert_true(fixture.session.leader >= 0);
	if (fixture.session.leader == 0) {
		prctl(PR_SET_NAME, "a) b ( c");
		if (setsid() < 0 || ioctl(fixture.slave, TIOCSCTTY, 0) < 0 ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(terminal_write(&fixture.session, "hello"), 0);
	kill(fixture.session.leader, SIGKILL);
	waitpid(fixture.session.leader, NULL, 0);
	assert_non_null(strstr(hear(), "hello"));
}

static int write_to(const char *tty)
{
	const struct session session = {.tty = (char *)tty};

	return terminal_write(&session, "hello");
}

static void test_no_terminal(void **state)
{
	(void)state;
	assert_int_equal(write_to("null"), -ENOTTY);
	assert_int_equal(write_to("pts/does-not-exist"), -ENOENT);
	assert_int_equal(write_to("../tmp/x"), -EINVAL);
	assert_int_equal(write_to("/dev/tty"), -EINVAL);
	assert_int_equal(write_to(""), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_words_arrive),
		TEST(test_no_escape_sequence_arrives),
		TEST(test_longest_message),
		TEST(test_stopped_terminal_is_skipped),
		TEST(test_terminal_of_another_user),
		TEST(test_terminal_of_the_leader),
		TEST(test_no_terminal),
	};

	return cmocka_run_group_tests_name("notice", tests, NULL, NULL);
}
