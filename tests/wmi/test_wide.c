// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/wmi/windows_unit.h"

#include <stdlib.h>

#include "userspace/host/windows/com.h"
#include "userspace/host/windows/wide.h"

static void both_ways(void **state)
{
	static const char *const texts[] = {"", "web1", "Wartung um f\xc3\xbcnf",
					    "\xf0\x9f\x98\x80 \xe2\x82\xac"};

	for (size_t index = 0; index < ARRAY_SIZE(texts); index++) {
		_cleanup_bstr_ BSTR wide = wide_from_utf8(texts[index]);
		_cleanup_free_ char *utf8 = NULL;

		assert_non_null(wide);
		utf8 = wide_to_utf8(wide);
		assert_string_equal(utf8, texts[index]);
	}
}

static void invalid_utf8_is_refused(void **state)
{
	assert_null(wide_from_utf8(NULL));
	assert_null(wide_from_utf8("\xff"));
	assert_null(wide_from_utf8("\xc3"));
	assert_null(wide_from_utf8("\xed\xa0\x80")); /* a surrogate */
	assert_null(wide_from_utf8("\xc0\xaf"));     /* overlong */
}

static void unpaired_surrogate_is_replaced(void **state)
{
	static const WCHAR unpaired[] = {'a', 0xd800, 'b', 0};
	_cleanup_free_ char *utf8 = wide_to_utf8(unpaired);

	assert_string_equal(utf8, "a\xef\xbf\xbd"
				  "b");
}

static void length_is_in_code_units(void **state)
{
	_cleanup_bstr_ BSTR wide = wide_from_utf8("\xf0\x9f\x98\x80");

	assert_int_equal(SysStringLen(wide), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(invalid_utf8_is_refused),
		cmocka_unit_test(unpaired_surrogate_is_replaced),
		cmocka_unit_test(length_is_in_code_units),
	};

	return cmocka_run_group_tests_name("wide", tests, NULL, NULL);
}
