// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"

#include <stdlib.h>
#include <string.h>

const char *vmg_text_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

uint32_t vmg_count_in(const json_t *object, const char *name)
{
	json_int_t count = json_integer_value(json_object_get(object, name));

	return count < 0 || count > UINT32_MAX ? 0 : (uint32_t)count;
}

uint64_t vmg_id_in(const json_t *object, const char *name)
{
	return strtoull(vmg_text_in(object, name), NULL, 16);
}

bool vmg_text_find(const char *const *names, size_t count, const char *name, size_t *index)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i] && strcmp(names[i], name) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}

char *vmg_text_clean(const char *text)
{
	char *copy = strdup(text);

	for (unsigned char *at = (unsigned char *)copy; at && *at; at++) {
		if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
		else if (*at < ' ' || *at == 0x7f)
			*at = '?';
	}
	return copy;
}
