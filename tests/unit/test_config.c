// SPDX-License-Identifier: GPL-2.0-or-later
/* hv-logoffd.conf: what each line does, and what is said of a wrong one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "userspace/guest/config.h"
#include "userspace/guest/logoff/session.h"
#include "userspace/shared/util.h"

static char *complaints;
static struct config config;

static int parse_bytes(const char *text, size_t length)
{
	size_t size;
	FILE *file;
	int r;

	free(complaints);
	complaints = NULL;
	file = open_memstream(&complaints, &size);
	assert_non_null(file);
	r = config_parse(&config, "x.conf", text, length, file);
	fclose(file);
	return r;
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void assert_wrong(const char *text, const char *where, const char *remedy)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_int_equal(strncmp(complaints, where, strlen(where)), 0);
	assert_non_null(strstr(complaints, remedy));
}

static int teardown(void **state)
{
	(void)state;
	config_done(&config);
	free(complaints);
	complaints = NULL;
	return 0;
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_string_equal(complaints, "");
	assert_true(words_contain(config.classes, "user"));
	assert_true(words_contain(config.classes, "user-early-light"));
	assert_false(words_contain(config.classes, "greeter"));
	assert_null(config.exempt_users[0]);
	assert_int_equal(config.escalate, 10);
	assert_true(config.notice);
	assert_true(config.message[0]);
	assert_true(config.kvp);
}

static void test_every_setting(void **state)
{
	(void)state;
	assert_int_equal(parse("# comment\n; comment\n\n [Logoff] \r\n"
			       "Classes = user, user-light\n"
			       "ExemptUsers=root  1000,alice\n"
			       "EscalateSec=3600\n"
			       "Notice=no\n"
			       "\tMessage = Good = bye \n"
			       "[Kvp]\nEnabled=no\n"),
			 0);
	assert_true(words_contain(config.classes, "user-light"));
	assert_false(words_contain(config.classes, "user-early"));
	assert_true(words_contain(config.exempt_users, "root"));
	assert_true(words_contain(config.exempt_users, "1000"));
	assert_true(words_contain(config.exempt_users, "alice"));
	assert_false(words_contain(config.exempt_users, ""));
	assert_int_equal(config.escalate, 3600);
	assert_false(config.notice);
	assert_string_equal(config.message, "Good = bye");
	assert_false(config.kvp);
}

static void test_last_line_without_newline(void **state)
{
	(void)state;
	assert_int_equal(parse("[Logoff]\nEscalateSec=7"), 0);
	assert_int_equal(config.escalate, 7);
}

static void test_wrong_lines(void **state)
{
	(void)state;
	assert_wrong("[Logoff]\nSpeed=1\n", "x.conf:2: ", "EscalateSec=");
	assert_wrong("[Logout]\n", "x.conf:1: ", "write [Logoff]");
	assert_wrong("\nNotice=yes\n", "x.conf:2: ", "write [Logoff] above it");
	assert_wrong("[Logoff]\nEnabled=no\n", "x.conf:2: ", "write [Kvp] above it");
	assert_wrong("[Kvp]\nNotice=no\n", "x.conf:2: ", "write [Logoff] above it");
	assert_wrong("[Kvp]\nEnabled=1\n", "x.conf:2: ", "Enabled=yes");
	assert_wrong("[Logoff]\n\nNotice\n", "x.conf:3: ", "write Key=value");
	assert_wrong("[Logoff]\nNotice=maybe\n", "x.conf:2: ", "Notice=yes");
	assert_wrong("[Logoff]\nClasses=greeter\n", "x.conf:2: ", "user-light");
	assert_wrong("[Logoff]\nClasses=\n", "x.conf:2: ", "Classes=user");
	assert_wrong("[Logoff]\nExemptUsers=a:b\n", "x.conf:2: ", "ExemptUsers=root 1000");
	assert_wrong("[Logoff]\nNotice=no\nNotice=no\n", "x.conf:3: ", "keep one");
}

static void test_wrong_times(void **state)
{
	static const char *const values[] = {
		"", "0", "3601", "-1", "+5", "1.5", "10s", "ten", "18446744073709551617"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(text, sizeof(text), "[Logoff]\nEscalateSec=%s\n", values[i]);
		assert_wrong(text, "x.conf:2: ", "whole seconds from 1 to 3600");
	}
}

static void test_every_wrong_line_is_named(void **state)
{
	(void)state;
	assert_wrong("[Logoff]\nNotice=1\nEscalateSec=0\n", "x.conf:2: ", "\nx.conf:3: ");
}

static void test_nul_byte(void **state)
{
	static const char text[] = "[Logoff]\nNot\0ice=no\n";

	(void)state;
	assert_int_equal(parse_bytes(text, sizeof(text) - 1), -EINVAL);
	assert_non_null(strstr(complaints, "x.conf:2: There is a NUL byte"));
}

static void test_too_long(void **state)
{
	static char text[20000];

	(void)state;
	memset(text, '\n', sizeof(text));
	assert_int_equal(parse_bytes(text, sizeof(text)), -EFBIG);
	assert_non_null(strstr(complaints, "x.conf: Longer than 16384 bytes"));
	assert_int_equal(parse_bytes(text, 16384), 0);
}

static void test_file_that_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(config_read(&config, "/does/not/exist", stderr), 0);
	assert_int_equal(config.escalate, 10);
}

static void test_file_that_cannot_be_read(void **state)
{
	size_t size;
	FILE *file = open_memstream(&complaints, &size);

	(void)state;
	assert_int_equal(config_read(&config, "/proc", file), -EISDIR);
	fclose(file);
	assert_string_equal(complaints, "/proc: Cannot be read: Is a directory.\n");
}

static void test_shipped_file_has_the_defaults(void **state)
{
	_cleanup_free_ char *uncommented = NULL;
	char line[256];
	size_t size;
	FILE *out;
	FILE *in;

	(void)state;
	assert_int_equal(config_read(&config, "userspace/guest/hv-logoffd.conf", stderr), 0);
	config_done(&config);

	/* With its settings no longer comments it changes nothing either. */
	out = open_memstream(&uncommented, &size);
	in = fopen("userspace/guest/hv-logoffd.conf", "r");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in))
		fputs(line[0] == '#' && line[1] != ' ' ? line + 1 : line, out);
	fclose(in);
	fclose(out);
	assert_int_equal(parse(uncommented), 0);
	assert_string_equal(complaints, "");
	assert_true(words_contain(config.classes, "user-early-light"));
	assert_int_equal(config.escalate, 10);
	assert_true(config.notice);
	assert_string_equal(config.message,
			    "The administrator of this machine's host logs everyone off.");
}

static bool is_ours(const char *class, uid_t uid, const char *user)
{
	struct session session;
	bool ours;

	assert_int_equal(session_init(&session, "1", uid, user, class, "", 0), 0);
	ours = session_is_ours(&session, &config);
	session_done(&session);
	return ours;
}

static void test_who_is_logged_off(void **state)
{
	(void)state;
	assert_int_equal(parse("[Logoff]\nExemptUsers=root 1001\n"), 0);
	assert_true(is_ours("user", 1000, "alice"));
	assert_true(is_ours("user-early", 1000, "alice"));
	assert_false(is_ours("user", 0, "root"));
	assert_false(is_ours("user", 1001, "bob"));
	assert_false(is_ours("greeter", 110, "gdm"));
	assert_false(is_ours("lock-screen", 1000, "alice"));
	assert_false(is_ours("background", 1000, "alice"));
	assert_false(is_ours("manager", 1000, "alice"));
	assert_false(is_ours("user-incomplete", 1000, "alice"));
	assert_false(is_ours("", 1000, "alice"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_defaults, teardown),
		cmocka_unit_test_teardown(test_every_setting, teardown),
		cmocka_unit_test_teardown(test_last_line_without_newline, teardown),
		cmocka_unit_test_teardown(test_wrong_lines, teardown),
		cmocka_unit_test_teardown(test_wrong_times, teardown),
		cmocka_unit_test_teardown(test_every_wrong_line_is_named, teardown),
		cmocka_unit_test_teardown(test_nul_byte, teardown),
		cmocka_unit_test_teardown(test_too_long, teardown),
		cmocka_unit_test_teardown(test_file_that_is_not_there, teardown),
		cmocka_unit_test_teardown(test_file_that_cannot_be_read, teardown),
		cmocka_unit_test_teardown(test_shipped_file_has_the_defaults, teardown),
		cmocka_unit_test_teardown(test_who_is_logged_off, teardown),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
