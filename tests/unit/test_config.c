// SPDX-License-Identifier: GPL-2.0-or-later
/* hv-logoffd.conf: what each setting does, and the message for each invalid line. */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "userspace/guest/config.h"
#include "userspace/guest/logoff/session.h"
#include "userspace/shared/util.h"

static char *messages;
static struct config config;

static int parse_bytes(const char *text, size_t length)
{
	size_t size;
	FILE *file;
	int r;

	free(messages);
	messages = NULL;
	file = open_memstream(&messages, &size);
	assert_non_null(file);
	r = config_parse(&config, "x.conf", text, length, file);
	fclose(file);
	return r;
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void assert_invalid(const char *text, const char *location, const char *remedy)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_int_equal(strncmp(messages, location, strlen(location)), 0);
	assert_non_null(strstr(messages, remedy));
}

static int teardown(void **state)
{
	config_done(&config);
	free(messages);
	messages = NULL;
	return 0;
}

static void test_defaults(void **state)
{
	assert_int_equal(parse(""), 0);
	assert_string_equal(messages, "");
	assert_true(strv_contains(config.classes, "user"));
	assert_true(strv_contains(config.classes, "user-early-light"));
	assert_false(strv_contains(config.classes, "greeter"));
	assert_null(config.exempt_users[0].name);
	assert_int_equal(config.escalate, 10);
	assert_true(config.notice);
	assert_true(config.message[0]);
	assert_true(config.kvp);
	assert_true(config.vsock);
}

static void test_every_setting(void **state)
{
	assert_int_equal(parse("# comment\n; comment\n\n [Logoff] \r\n"
			       "Classes = user, user-light\n"
			       "ExemptUsers=root  1000,alice\n"
			       "EscalateSec=3600\n"
			       "IncludeLingering=yes\n"
			       "Notice=no\n"
			       "\tMessage = Good = bye \n"
			       "[Kvp]\nEnabled=no\n"
			       "[Vsock]\nEnabled=no\n"),
			 0);
	assert_true(strv_contains(config.classes, "user-light"));
	assert_false(strv_contains(config.classes, "user-early"));
	assert_string_equal(config.exempt_users[0].name, "root");
	assert_string_equal(config.exempt_users[1].name, "1000");
	assert_string_equal(config.exempt_users[2].name, "alice");
	assert_null(config.exempt_users[3].name);
	assert_int_equal(config.escalate, 3600);
	assert_true(config.include_lingering);
	assert_false(config.notice);
	assert_string_equal(config.message, "Good = bye");
	assert_false(config.kvp);
	assert_false(config.vsock);
}

static void test_last_line_without_newline(void **state)
{
	assert_int_equal(parse("[Logoff]\nEscalateSec=7"), 0);
	assert_int_equal(config.escalate, 7);
}

static void test_invalid_lines(void **state)
{
	assert_invalid("[Logoff]\nSpeed=1\n", "x.conf:2: ", "EscalateSec=");
	assert_invalid("[Logout]\n", "x.conf:1: ", "use [Logoff]");
	assert_invalid("\nNotice=yes\n", "x.conf:2: ", "move it below [Logoff]");
	assert_invalid("[Logoff]\nEnabled=no\n", "x.conf:2: ", "move it below [Kvp]");
	assert_invalid("[Kvp]\nNotice=no\n", "x.conf:2: ", "move it below [Logoff]");
	assert_invalid("[Kvp]\nEnabled=1\n", "x.conf:2: ", "Enabled=yes");
	assert_invalid("[Logoff]\nEnabled=no\n", "x.conf:2: ", "or [Vsock]");
	assert_invalid("Enabled=no\n", "x.conf:1: ", "[Kvp] or [Vsock]");
	assert_invalid("[Vsock]\nNotice=no\n", "x.conf:2: ", "move it below [Logoff]");
	assert_invalid("[Vsock]\nEnabled=true\n", "x.conf:2: ", "requests by sockets");
	assert_invalid("[Vsock]\nEnabled=no\nEnabled=no\n", "x.conf:3: ", "already set");
	assert_invalid("[Logoff]\n\nNotice\n", "x.conf:3: ", "use Key=value");
	assert_invalid("[Logoff]\nNotice=maybe\n", "x.conf:2: ", "Notice=yes");
	assert_invalid("[Logoff]\nIncludeLingering=1\n", "x.conf:2: ", "IncludeLingering=yes");
	assert_invalid("[Logoff]\nClasses=\n", "x.conf:2: ", "Classes=user");
	assert_invalid("[Logoff]\nExemptUsers=a:b\n", "x.conf:2: ", "ExemptUsers=root 1000");
	assert_invalid("[Logoff]\nNotice=no\nNotice=no\n", "x.conf:3: ", "remove one");
}

static void test_classes(void **state)
{
	assert_int_equal(parse("[Logoff]\nClasses=user background background-light none\n"), 0);
	assert_string_equal(messages, "");
	assert_true(strv_contains(config.classes, "background"));
	assert_false(strv_contains(config.classes, "user-early"));
}

/* Their sessions are ended by systemd-logind itself, after the user's last session. */
static void test_manager_classes_are_refused(void **state)
{
	assert_invalid("[Logoff]\nClasses=user manager\n", "x.conf:2: \"manager\" ", "remove it");
	assert_invalid("[Logoff]\nClasses=manager-early\n", "x.conf:2: ", "remove it");
	assert_invalid("[Logoff]\nClasses=User\n", "x.conf:2: ", "lowercase");
	assert_invalid("[Logoff]\nClasses=\"user\"\n", "x.conf:2: ", "lowercase");
}

static void assert_warning(const char *text, const char *class, const char *reason)
{
	assert_int_equal(parse(text), 0);
	assert_int_equal(strncmp(messages, "x.conf:2: Warning: ", strlen("x.conf:2: Warning: ")),
			 0);
	assert_non_null(strstr(messages, reason));
	assert_true(strv_contains(config.classes, class));
	config_done(&config);
}

static void test_classes_that_cause_a_warning(void **state)
{
	assert_warning("[Logoff]\nClasses=user greeter\n", "greeter", "login screen");
	assert_warning("[Logoff]\nClasses=lock-screen\n", "lock-screen", "unlocked");
	assert_warning("[Logoff]\nClasses=usr\n", "usr", "not a session class that");
}

static void test_exempt_names(void **state)
{
	assert_int_equal(parse("[Logoff]\nExemptUsers=\"DOMAIN\\John Smith\", 'Anna, B.' "
			       "DOMAIN\\bob john@example.com\n"),
			 0);
	assert_string_equal(config.exempt_users[0].name, "DOMAIN\\John Smith");
	assert_string_equal(config.exempt_users[1].name, "Anna, B.");
	assert_string_equal(config.exempt_users[2].name, "DOMAIN\\bob");
	assert_string_equal(config.exempt_users[3].name, "john@example.com");
	assert_null(config.exempt_users[4].name);
}

static void test_invalid_exempt_names(void **state)
{
	static const char *const values[] = {"a/b", "a;b", "a\x1b[2J", "\xff", "\"\"", "o'neill"};
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(text, sizeof(text), "[Logoff]\nExemptUsers=x %s\n", values[i]);
		assert_invalid(text, "x.conf:2: ", "is not a valid user");
		assert_null(strchr(messages, '\x1b'));
	}
	assert_invalid("[Logoff]\nExemptUsers=\"a b\n", "x.conf:2: ", "quote");
	assert_invalid("[Logoff]\nExemptUsers=\"a\"b\n", "x.conf:2: ", "quote");
}

static void test_invalid_times(void **state)
{
	static const char *const values[] = {
		"", "0", "3601", "-1", "+5", "1.5", "10s", "ten", "18446744073709551617"};
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(text, sizeof(text), "[Logoff]\nEscalateSec=%s\n", values[i]);
		assert_invalid(text, "x.conf:2: ", "an integer from 1 to 3600");
	}
}

static void test_every_invalid_line_is_reported(void **state)
{
	assert_invalid("[Logoff]\nNotice=1\nEscalateSec=0\n", "x.conf:2: ", "\nx.conf:3: ");
}

static void test_nul_byte(void **state)
{
	static const char text[] = "[Logoff]\nNot\0ice=no\n";

	assert_int_equal(parse_bytes(text, sizeof(text) - 1), -EINVAL);
	assert_non_null(strstr(messages, "x.conf:2: This line contains a NUL byte"));
}

static void test_file_too_long(void **state)
{
	static char text[20000];

	memset(text, '\n', sizeof(text));
	assert_int_equal(parse_bytes(text, sizeof(text)), -EFBIG);
	assert_non_null(strstr(messages, "x.conf: The file is longer than 16384 bytes"));
	assert_int_equal(parse_bytes(text, 16384), 0);
}

static void test_missing_file(void **state)
{
	assert_int_equal(config_read(&config, "/does/not/exist", stderr), 0);
	assert_int_equal(config.escalate, 10);
}

static void test_unreadable_file(void **state)
{
	size_t size;
	FILE *file = open_memstream(&messages, &size);

	assert_int_equal(config_read(&config, "/proc", file), -EISDIR);
	fclose(file);
	assert_string_equal(messages, "/proc: Cannot read the file: Is a directory.\n");
}

static void test_shipped_file_has_defaults(void **state)
{
	_cleanup_free_ char *uncommented = NULL;
	char line[256];
	size_t size;
	FILE *out;
	FILE *in;

	assert_int_equal(config_read(&config, "userspace/guest/hv-logoffd.conf", stderr), 0);
	config_done(&config);

	/* With the settings uncommented, the values are the defaults too. */
	out = open_memstream(&uncommented, &size);
	in = fopen("userspace/guest/hv-logoffd.conf", "r");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in))
		fputs(line[0] == '#' && line[1] != ' ' ? line + 1 : line, out);
	fclose(in);
	fclose(out);
	assert_int_equal(parse(uncommented), 0);
	assert_string_equal(messages, "");
	assert_true(strv_contains(config.classes, "user-early-light"));
	assert_int_equal(config.escalate, 10);
	assert_true(config.notice);
	assert_string_equal(config.message,
			    "The administrator of this machine's host is logging off all users.");
}

static bool is_ours(const char *class, uid_t uid, const char *user)
{
	struct session session;
	bool ours;

	assert_int_equal(session_init(&session, "1", uid, user, class, "", "", 0), 0);
	ours = session_is_eligible(&session, &config);
	session_done(&session);
	return ours;
}

static void test_which_sessions_are_ended(void **state)
{
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

/* A lookup has found that root is 0, ops is 1001, and that there is no user ghost. */
static void test_exempt_users_with_uids(void **state)
{
	assert_int_equal(parse("[Logoff]\nExemptUsers=root ops ghost 1002 1003\n"), 0);
	config.exempt_users[0].has_uid = true;
	config.exempt_users[1].has_uid = true;
	config.exempt_users[1].uid = 1001;
	/* The name 1003 is of another uid. */
	config.exempt_users[4].has_uid = true;
	config.exempt_users[4].uid = 5000;
	assert_false(is_ours("user", 0, "toor"));
	assert_false(is_ours("user", 1001, "DOMAIN\\ops"));
	assert_false(is_ours("user", 4711, "ops"));
	assert_false(is_ours("user", 4711, "ghost"));
	assert_false(is_ours("user", 1002, "alice"));
	assert_false(is_ours("user", 5000, "1003"));
	assert_true(is_ours("user", 1003, "alice"));
	assert_true(is_ours("user", 4711, "bob"));
}

#define CONFIG_TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CONFIG_TEST(test_defaults),
		CONFIG_TEST(test_every_setting),
		CONFIG_TEST(test_last_line_without_newline),
		CONFIG_TEST(test_invalid_lines),
		CONFIG_TEST(test_classes),
		CONFIG_TEST(test_manager_classes_are_refused),
		CONFIG_TEST(test_classes_that_cause_a_warning),
		CONFIG_TEST(test_exempt_names),
		CONFIG_TEST(test_invalid_exempt_names),
		CONFIG_TEST(test_exempt_users_with_uids),
		CONFIG_TEST(test_invalid_times),
		CONFIG_TEST(test_every_invalid_line_is_reported),
		CONFIG_TEST(test_nul_byte),
		CONFIG_TEST(test_file_too_long),
		CONFIG_TEST(test_missing_file),
		CONFIG_TEST(test_unreadable_file),
		CONFIG_TEST(test_shipped_file_has_defaults),
		CONFIG_TEST(test_which_sessions_are_ended),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
