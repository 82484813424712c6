// SPDX-License-Identifier: GPL-2.0-or-later
/* Cleaning of untrusted text. */
#include <string.h>

#include "unit.h"
#include "userspace/shared/text.h"

static char text[64];

static const char *clean(const char *source, size_t size)
{
	memset(text, 0x55, sizeof(text));
	text_clean(text, size, source, strlen(source));
	return text;
}

static void test_clean_text_is_unchanged(void **state)
{
	static const char valid[] = "Gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80\n\ttab";

	assert_string_equal(clean(valid, sizeof(text)), valid);
	assert_string_equal(clean("", sizeof(text)), "");
}

static void test_control_characters(void **state)
{
	assert_string_equal(clean("\x1b[2Jx\r\a\x7f", sizeof(text)), "?[2Jx???");
	/* CSI as a single character, and bidirectional controls. */
	assert_string_equal(clean("a\xc2\x9b"
				  "b",
				  sizeof(text)),
			    "a?b");
	assert_string_equal(clean("a\xe2\x80\xae"
				  "b\xe2\x81\xa6",
				  sizeof(text)),
			    "a?b?");
}

static void test_invalid_utf8(void **state)
{
	assert_string_equal(clean("\xff\xfe", sizeof(text)), "??");
	assert_string_equal(clean("\x80"
				  "a",
				  sizeof(text)),
			    "?a");
	assert_string_equal(clean("\xc3", sizeof(text)), "?");
	assert_string_equal(clean("\xe2\x82", sizeof(text)), "??");
	/* Overlong, a surrogate, above U+10FFFF. */
	assert_string_equal(clean("\xc0\xaf", sizeof(text)), "??");
	assert_string_equal(clean("\xe0\x80\xaf", sizeof(text)), "???");
	assert_string_equal(clean("\xed\xa0\x80", sizeof(text)), "???");
	assert_string_equal(clean("\xf4\x90\x80\x80", sizeof(text)), "????");
}

static void test_characters_are_not_split(void **state)
{
	assert_string_equal(clean("ab\xe2\x82\xac", 5), "ab");
	assert_string_equal(clean("ab\xe2\x82\xac", 6), "ab\xe2\x82\xac");
	assert_string_equal(clean("abc", 1), "");
}

static void test_remainder_is_zero(void **state)
{
	static const char zero[sizeof(text)];

	clean("abc", 32);
	assert_memory_equal(text + 3, zero, 29);
	assert_int_equal(text[32], 0x55);
}

static void test_source_is_not_read_past_its_end(void **state)
{
	/* AddressSanitizer detects reads outside of the array. */
	const char source[3] = {'a', 'b', (char)0xe2};

	text_clean(text, sizeof(text), source, sizeof(source));
	assert_string_equal(text, "ab?");
	text_clean(text, sizeof(text), "ab\0cd", 5);
	assert_string_equal(text, "ab");
}

static void test_one_line(void **state)
{
	char *copy = text_clean_line_dup("a\n\tb\x1b\xff\xe2\x82\xac");

	assert_string_equal(copy, "a  b??\xe2\x82\xac");
	free(copy);
	text_clean_line(text, 4, "a\nb\nc");
	assert_string_equal(text, "a b");
}

static void test_ascii(void **state)
{
	char line[] = "Gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80\n";

	text_make_ascii(line);
	assert_string_equal(line, "Gr??e ? ?\n");
	text_make_ascii(line);
	assert_string_equal(line, "Gr??e ? ?\n");
}

static void test_user_names(void **state)
{
	static const char *const valid[] = {
		"root",        "1000", "DOMAIN\\John Smith", "john.smith@example.com",
		"j\xc3\xb6rg", "pc$",
	};
	static const char *const invalid[] = {
		"",          "x\nMAINPID=1",  "a\tb",          "a\r", "a\x1b[2J",
		"a\x7f",     "\xff",          "a:b",           "a/b", "a\xc2\x9b",
		"a\xc2\x85", "a\xe2\x80\xa8", "a\xe2\x80\xae",
	};

	for (size_t i = 0; i < ARRAY_SIZE(valid); i++)
		assert_true(text_is_name(valid[i]));
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		assert_false(text_is_name(invalid[i]));
}

static void test_session_ids(void **state)
{
	static const char *const invalid[] = {"", "1 2", "1\n", "c-1", "../1", "\xc3\xb6"};

	assert_true(text_is_session("1"));
	assert_true(text_is_session("c12"));
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		assert_false(text_is_session(invalid[i]));
}

static void test_utf8(void **state)
{
	static const char *const wrong[] = {"\xff", "a\x80", "a\xc3", "\xe2\x82", "\xc0\xaf"};

	assert_true(text_is_utf8(""));
	assert_true(text_is_utf8("a\x1b\xc2\x9b\xe2\x80\xae\xf0\x9f\x98\x80"));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(text_is_utf8(wrong[i]));
}

static void test_numbers(void **state)
{
	static const char *const invalid[] = {"",    "0",  "61", "-1",   "+5",
					      "1.5", "5s", " 5", "0x10", "18446744073709551618"};
	uint32_t number = 7;

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		assert_false(text_to_number(&number, invalid[i], 1, 60));
	assert_int_equal(number, 7);
	assert_true(text_to_number(&number, "60", 1, 60));
	assert_int_equal(number, 60);
	assert_true(text_to_number(&number, "4294967295", 0, UINT32_MAX));
	assert_int_equal(number, UINT32_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_text_is_unchanged),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_invalid_utf8),
		cmocka_unit_test(test_characters_are_not_split),
		cmocka_unit_test(test_remainder_is_zero),
		cmocka_unit_test(test_source_is_not_read_past_its_end),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_user_names),
		cmocka_unit_test(test_session_ids),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
