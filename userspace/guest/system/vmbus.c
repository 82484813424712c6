// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmbus.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "userspace/shared/util.h"

#define DEVICES "/sys/bus/vmbus/devices"

bool vmbus_exists(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" DEVICES, root);
	return access(path, F_OK) == 0;
}

static bool has_class(const char *path, const char *class)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char line[64];

	if (!file || !fgets(line, sizeof(line), file))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return !strcasecmp(line, class);
}

bool vmbus_offers(const char *root, const char *class)
{
	char pattern[PATH_MAX];
	bool found = false;
	glob_t paths;

	snprintf(pattern, sizeof(pattern), "%s" DEVICES "/*/class_id", root);
	if (glob(pattern, 0, NULL, &paths))
		return false;
	for (size_t i = 0; i < paths.gl_pathc && !found; i++)
		found = has_class(paths.gl_pathv[i], class);
	globfree(&paths);
	return found;
}
