// SPDX-License-Identifier: GPL-2.0-or-later
#include "suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

#include "userspace/shared/util.h"

#define LENGTH_MAX 64

/* The Levenshtein distance, ignoring case. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LENGTH_MAX + 1], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			bool differ = tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]);
			size_t changed = diagonal + differ;

			diagonal = row[j + 1];
			row[j + 1] = MIN(changed, MIN(row[j], row[j + 1]) + 1);
		}
	}
	return row[length];
}

bool suggest_is_similar(const char *typed, const char *name)
{
	size_t length = strlen(typed);

	if (length > LENGTH_MAX || strlen(name) > LENGTH_MAX)
		return false;
	return (length > 1 && strncasecmp(typed, name, length) == 0) ||
	       distance(typed, name) <= MIN(length, MAX(length / 3, 2));
}

static size_t count_similar(const char *typed, char *const *names)
{
	size_t count = 0;

	for (; *names; names++)
		count += suggest_is_similar(typed, *names);
	return count;
}

/* Appends a blank and @name to *@list, which is NULL after there was no memory. */
static void append(char **list, const char *name)
{
	_cleanup_free_ char *before = *list;

	if (!before || asprintf(list, "%s %s", before, name) < 0)
		*list = NULL;
}

void suggest(struct show *show, const char *typed)
{
	_cleanup_free_ char **names = NULL;
	_cleanup_free_ char *list = NULL;
	size_t similar;

	if (FAILED(VMGuestOS_NamesOn(show->machines->host, &names)) || !*names) {
		show_note(show, "there are no machines.");
		return;
	}
	list = strdup("");
	similar = count_similar(typed, names);
	for (char **name = names; *name; name++) {
		if (!similar || suggest_is_similar(typed, *name))
			append(&list, *name);
	}
	if (list)
		show_note(show, similar ? "did you mean:%s?" : "available machines:%s", list);
}
