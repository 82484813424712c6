// SPDX-License-Identifier: GPL-2.0-or-later
#include "suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

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
