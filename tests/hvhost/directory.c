// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "util.h"

#define NAME_LENGTH_MAX 64

char *state_directory(void)
{
	const char *own = getenv("HVHOST_DIR"), *runtime = getenv("XDG_RUNTIME_DIR");
	char *path;

	if (own && *own)
		return strdup(own);
	if (asprintf(&path, "%s/hvhost", runtime && *runtime ? runtime : "/run") < 0)
		return NULL;
	return path;
}

char *machine_directory(const char *name)
{
	_cleanup_free_ char *state = state_directory();
	char *path;

	if (!state || asprintf(&path, "%s/%s", state, name) < 0)
		return NULL;
	return path;
}

/* It becomes a folder's name. */
bool is_machine_name(const char *name)
{
	if (!isalnum((unsigned char)name[0]) || strlen(name) > NAME_LENGTH_MAX)
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	}
	return true;
}
