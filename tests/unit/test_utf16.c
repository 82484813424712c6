// SPDX-License-Identifier: GPL-2.0-or-later
/* The UTF-8 and UTF-16 conversion of key-value pairs. */
#include "tests/hvhost/ic/utf16.h"
#include "unit.h"

/* Characters of one to four bytes in UTF-8; the last one is a surrogate pair in UTF-16. */
#define TEXT "a\u00e4\u20ac\U0001f600"
static const uint16_t units[] = {'a', 0xe4, 0x20ac, 0xd83d, 0xde00, 0};

static void test_round_trip(void **state)
{
	uint16_t got[ARRAY_SIZE(units)];
	char text[UTF8_SIZE(ARRAY_SIZE(units))];

	assert_int_equal(utf16_from_utf8(TEXT, got, ARRAY_SIZE(got)), ARRAY_SIZE(units) - 1);
	assert_memory_equal(got, units, sizeof(units));
	utf8_from_utf16(units, ARRAY_SIZE(units), text);
	assert_string_equal(text, TEXT);
}

static void test_limits_of_each_length(void **state)
{
	static const char *const texts[] = {"\x7f",   "\xc2\x80",   "\u07ff",
					    "\u0800", "\ud7ff",     "\ue000",
					    "\uffff", "\U00010000", "\U0010ffff"};
	uint16_t got[3];
	char text[UTF8_SIZE(2)];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		utf8_from_utf16(got, utf16_from_utf8(texts[i], got, ARRAY_SIZE(got)), text);
		assert_string_equal(text, texts[i]);
	}
}

static void test_buffer_too_small(void **state)
{
	uint16_t got[] = {1, 2, 3, 4, 5};

	/* Only half of the surrogate pair would fit. */
	assert_int_equal(utf16_from_utf8(TEXT, got, 5), 5);
	assert_memory_equal(got, units, 3 * sizeof(*units));
	assert_int_equal(got[3], 0);
	assert_int_equal(got[4], 5);
	assert_int_equal(utf16_from_utf8(TEXT, NULL, 0), 5);
	assert_int_equal(utf16_from_utf8("", got, 1), 0);
	assert_int_equal(got[0], 0);
}

static void test_nothing_after_truncation(void **state)
{
	uint16_t got[3];

	assert_int_equal(utf16_from_utf8("a\U0001f600b", got, ARRAY_SIZE(got)), 4);
	assert_int_equal(got[0], 'a');
	assert_int_equal(got[1], 0);
}

static void test_unpaired_surrogates(void **state)
{
	static const uint16_t broken[] = {0xdc00, 'x', 0xd800, 'y', 0xd800};
	char text[UTF8_SIZE(ARRAY_SIZE(broken))];

	utf8_from_utf16(broken, ARRAY_SIZE(broken), text);
	assert_string_equal(text, "\ufffdx\ufffdy\ufffd");
	/* The length cuts the pair in two. */
	utf8_from_utf16(units + 3, 1, text);
	assert_string_equal(text, "\ufffd");
}

static void test_end_of_input(void **state)
{
	char text[UTF8_SIZE(2)] = "?";

	utf8_from_utf16(units, 2, text);
	assert_string_equal(text, "a\u00e4");
	utf8_from_utf16(units, 0, text);
	assert_string_equal(text, "");
	utf8_from_utf16(units + 5, 1, text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_limits_of_each_length),
		cmocka_unit_test(test_buffer_too_small),
		cmocka_unit_test(test_nothing_after_truncation),
		cmocka_unit_test(test_unpaired_surrogates),
		cmocka_unit_test(test_end_of_input),
	};

	return cmocka_run_group_tests_name("utf16", tests, NULL, NULL);
}
