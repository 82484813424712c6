// SPDX-License-Identifier: GPL-2.0-or-later
#include "json.h"

#include <stdlib.h>

#include "userspace/shared/names.h"

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

bool vmg_json_session(VMSessionResult *outcome, const json_t *event)
{
	size_t number = 0;

	if (!NAME_FIND(outcome_names, vmg_json_text(event, "outcome"), &number))
		return false;
	*outcome = (VMSessionResult){
		.outcome = (VMSessionOutcome)number,
		.uid = vmg_json_count(event, "uid"),
		.session = vmg_json_text(event, "session"),
		.user = vmg_json_text(event, "user"),
	};
	return true;
}
