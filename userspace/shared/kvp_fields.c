// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_fields.h"

#include <string.h>

void kvp_fields_init(struct kvp_fields *fields, const char *text, const char *last, bool quotes)
{
	*fields = (struct kvp_fields){.next = fields->copy, .last = last, .quotes = quotes};
	strncpy(fields->copy, text, sizeof(fields->copy) - 1);
}

/*
 * Removes the quotes and the escapes of @value in place. Returns the character after it, or NULL
 * unless that is a blank or the end of the text.
 */
static char *unquote(char *value)
{
	char *target = value, *next = value + 1;

	for (; *next && *next != '"'; next++) {
		if (*next == '\\' && *++next != '"' && *next != '\\')
			return NULL;
		*target++ = *next;
	}
	if (*next != '"' || !strchr(KVP_BLANKS, next[1]))
		return NULL;
	*target = '\0';
	return next + 1;
}

char *kvp_fields_next(struct kvp_fields *fields)
{
	char *field = fields->next + strspn(fields->next, KVP_BLANKS);
	char *end = field + strcspn(field, KVP_BLANKS);
	char *value = field + strcspn(field, KVP_BLANKS "=");

	if (fields->last && !strncmp(field, fields->last, strlen(fields->last)))
		end = field + strlen(field);
	else if (fields->quotes && value[0] == '=' && value[1] == '"')
		end = unquote(value + 1);
	fields->malformed = !end;
	if (!end)
		end = field + strlen(field);
	fields->next = end;
	if (*end)
		*fields->next++ = '\0';
	return field[0] ? field : NULL;
}

bool kvp_has_blank(const char *value)
{
	return strpbrk(value, KVP_BLANKS);
}

const char *kvp_quote(char *target, const char *value)
{
	char *next = target;

	if (!kvp_has_blank(value) && value[0] != '"')
		return value;
	*next++ = '"';
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			*next++ = '\\';
		*next++ = *value;
	}
	*next++ = '"';
	*next = '\0';
	return target;
}
