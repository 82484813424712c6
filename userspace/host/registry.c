// SPDX-License-Identifier: GPL-2.0-or-later
#include "registry.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

#define NAME_LENGTH_MAX 64

static char *registry_folder(void)
{
	const char *own = secure_getenv("HVHOST_DIR"), *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char *path;

	if (own && *own)
		return strdup(own);
	if (asprintf(&path, "%s/hvhost", runtime && *runtime ? runtime : "/run") < 0)
		return NULL;
	return path;
}

/* It is a folder's name: nobody gets out of the registry by it. */
static bool is_machine_name(const char *name)
{
	if (!isalnum((unsigned char)name[0]) || strlen(name) > NAME_LENGTH_MAX)
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	}
	return true;
}

int vmg_registry_find(const char *name, char **folder)
{
	_cleanup_free_ char *registry = registry_folder();
	struct stat status;
	char *path;

	if (!is_machine_name(name))
		return -ENOENT;
	if (!registry || asprintf(&path, "%s/%s", registry, name) < 0)
		return -ENOMEM;
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
		*folder = path;
		return 0;
	}
	free(path);
	return errno == EACCES ? -EACCES : -ENOENT;
}

static int is_machine(const struct dirent *entry)
{
	return is_machine_name(entry->d_name) &&
	       (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

/* One block: the pointers, and behind them the names. */
static char **join(struct dirent **entries, size_t count)
{
	size_t size = (count + 1) * sizeof(char *);
	char **names, *next;

	for (size_t i = 0; i < count; i++)
		size += strlen(entries[i]->d_name) + 1;
	names = malloc(size);
	if (!names)
		return NULL;
	next = (char *)(names + count + 1);
	for (size_t i = 0; i < count; i++) {
		names[i] = next;
		next = stpcpy(next, entries[i]->d_name) + 1;
	}
	names[count] = NULL;
	return names;
}

int vmg_registry_names(char ***names)
{
	_cleanup_free_ char *registry = registry_folder();
	struct dirent **entries = NULL;
	int count;

	if (!registry)
		return -ENOMEM;
	count = scandir(registry, &entries, is_machine, alphasort);
	if (count < 0 && errno != ENOENT)
		return -errno;
	*names = join(entries, count < 0 ? 0 : (size_t)count);
	while (count > 0)
		free(entries[--count]);
	free(entries);
	return *names ? 0 : -ENOMEM;
}
