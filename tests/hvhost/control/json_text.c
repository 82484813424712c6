// SPDX-License-Identifier: GPL-2.0-or-later
#include "json_text.h"

#include <stdbool.h>
#include <string.h>

#include "tests/hvhost/util.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* The length in bytes of the character that begins with @lead. */
static size_t character_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xf0)
		return 4;
	return lead >= 0xe0 ? 3 : 2;
}

static bool is_character(const char *data, size_t length)
{
	json_auto_t *json = json_stringn(data, length);

	return json;
}

json_t *text_to_json(const char *data, size_t length)
{
	json_t *json = json_stringn(data, length);
	_cleanup_free_ char *clean = NULL;
	size_t used = 0;

	if (json)
		return json;
	clean = malloc(length * (sizeof(REPLACEMENT) - 1) + 1);
	if (!clean)
		return NULL;
	for (size_t at = 0; at < length;) {
		size_t size = character_length((unsigned char)data[at]);

		if (size <= length - at && is_character(data + at, size)) {
			memcpy(clean + used, data + at, size);
			used += size;
			at += size;
		} else {
			memcpy(clean + used, REPLACEMENT, sizeof(REPLACEMENT) - 1);
			used += sizeof(REPLACEMENT) - 1;
			at++;
		}
	}
	return json_stringn(clean, used);
}
