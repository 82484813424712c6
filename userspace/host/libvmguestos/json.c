// SPDX-License-Identifier: GPL-2.0-or-later
#include "json.h"

#include <stdlib.h>

const char *vmg_json_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

uint32_t vmg_json_count(const json_t *object, const char *name)
{
	json_int_t count = json_integer_value(json_object_get(object, name));

	return count < 0 || count > UINT32_MAX ? 0 : (uint32_t)count;
}

uint64_t vmg_json_id(const json_t *object, const char *name)
{
	return strtoull(vmg_json_text(object, name), NULL, 16);
}
