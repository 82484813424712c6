// SPDX-License-Identifier: GPL-2.0-or-later
#include "registry.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/shared/util.h"

#define NAME_LENGTH_MAX 64
#define SYSTEM_REGISTRY "/run/hvhost"

/* The registries in lookup order. New machines are created in the first one. */
struct registries {
	char *paths[2];
	size_t count;
};

static void registries_done(struct registries *registries)
{
	for (size_t i = 0; i < registries->count; i++)
		free(registries->paths[i]);
}

static bool add_registry(struct registries *registries, const char *directory, const char *suffix)
{
	char *path;

	if (asprintf(&path, "%s%s", directory, suffix) < 0)
		return false;
	registries->paths[registries->count++] = path;
	return true;
}

/* Root's machines belong in the system's registry: a session's directory ends with the session. */
static int find_registries(struct registries *registries)
{
	const char *named = secure_getenv("HVHOST_DIR");
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	bool good;

	registries->count = 0;
	if (named && *named) {
		good = add_registry(registries, named, "");
	} else {
		good = !runtime || !*runtime || geteuid() == 0 ||
		       add_registry(registries, runtime, "/hvhost");
		good = good && add_registry(registries, SYSTEM_REGISTRY, "");
	}
	return good ? 0 : -ENOMEM;
}

bool vmg_registry_is_name(const char *name)
{
	if (!isalnum((unsigned char)name[0]) || strlen(name) > NAME_LENGTH_MAX)
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	}
	return true;
}

int vmg_registry_own(char **directory)
{
	_cleanup_(registries_done) struct registries registries;
	int ret = find_registries(&registries);

	if (ret < 0)
		return ret;
	*directory = registries.paths[0];
	registries.paths[0] = NULL;
	return 0;
}

static int find_in(const char *registry, const char *name, char **directory)
{
	struct stat status;
	char *path;
	int ret;

	if (asprintf(&path, "%s/%s", registry, name) < 0)
		return -ENOMEM;
	ret = stat(path, &status) < 0 ? -errno : 0;
	if (ret == 0 && S_ISDIR(status.st_mode)) {
		*directory = path;
		return 0;
	}
	free(path);
	return ret == -EACCES ? -EACCES : -ENOENT;
}

static int find_name(const char *name, char **directory)
{
	_cleanup_(registries_done) struct registries registries;
	int ret = find_registries(&registries);

	if (ret < 0)
		return ret;
	ret = -ENOENT;
	if (!vmg_registry_is_name(name))
		return ret;
	for (size_t i = 0; ret == -ENOENT && i < registries.count; i++)
		ret = find_in(registries.paths[i], name, directory);
	return ret;
}

/* Copies @text without braces, in lower case. Returns false unless it is a GUID. */
static bool to_guid(char guid[VMG_GUID_SIZE], const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool braces = text[0] == '{';

	text += braces;
	for (size_t i = 0; i < VMG_GUID_SIZE - 1; i++) {
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
		guid[i] = (char)tolower((unsigned char)text[i]);
	}
	guid[VMG_GUID_SIZE - 1] = '\0';
	return strcmp(text + VMG_GUID_SIZE - 1, braces ? "}" : "") == 0;
}

void vmg_registry_guid(const char *directory, char guid[VMG_GUID_SIZE])
{
	_cleanup_free_ char *path = NULL;
	json_auto_t *config = NULL;
	const char *text;

	if (asprintf(&path, "%s/machine.json", directory) < 0)
		path = NULL;
	if (path)
		config = json_load_file(path, 0, NULL);
	text = json_string_value(json_object_get(config, "guid"));
	if (!text || !to_guid(guid, text))
		guid[0] = '\0';
}

static int find_guid(const char *wanted, char **directory)
{
	_cleanup_free_ char **names = NULL;
	int ret = vmg_registry_names(&names);

	for (char **name = names; ret == 0 && *name; name++) {
		_cleanup_free_ char *found = NULL;
		char guid[VMG_GUID_SIZE];

		if (find_name(*name, &found) < 0)
			continue;
		vmg_registry_guid(found, guid);
		if (strcmp(guid, wanted) == 0) {
			*directory = found;
			found = NULL;
			return 0;
		}
	}
	return ret < 0 ? ret : -ENOENT;
}

int vmg_registry_find(const char *name, char **directory)
{
	char guid[VMG_GUID_SIZE];
	int ret = find_name(name, directory);

	return ret == -ENOENT && to_guid(guid, name) ? find_guid(guid, directory) : ret;
}

struct entries {
	struct dirent **list;
	size_t count;
};

static void entries_done(struct entries *entries)
{
	while (entries->count > 0)
		free(entries->list[--entries->count]);
	free(entries->list);
}

static int is_machine(const struct dirent *entry)
{
	return vmg_registry_is_name(entry->d_name) &&
	       (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

static int add_entries(struct entries *entries, const char *registry)
{
	_cleanup_free_ struct dirent **found = NULL;
	int count = scandir(registry, &found, is_machine, NULL);
	struct dirent **list;

	if (count <= 0)
		return count < 0 && errno != ENOENT ? -errno : 0;
	list = realloc(entries->list, (entries->count + (size_t)count) * sizeof(struct dirent *));
	if (!list) {
		while (count > 0)
			free(found[--count]);
		return -ENOMEM;
	}
	memcpy(list + entries->count, found, (size_t)count * sizeof(struct dirent *));
	entries->list = list;
	entries->count += (size_t)count;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct dirent *const *left = a, *const *right = b;

	return strcmp((*left)->d_name, (*right)->d_name);
}

/* Sorts the entries and removes duplicate names. */
static void sort(struct entries *entries)
{
	size_t kept = 0;

	if (entries->count)
		qsort(entries->list, entries->count, sizeof(struct dirent *), compare);
	for (size_t i = 0; i < entries->count; i++) {
		if (kept && compare(&entries->list[kept - 1], &entries->list[i]) == 0)
			free(entries->list[i]);
		else
			entries->list[kept++] = entries->list[i];
	}
	entries->count = kept;
}

/* Allocates one block with the pointers, followed by the names. */
static char **join(const struct entries *entries)
{
	size_t size = (entries->count + 1) * sizeof(char *);
	char **names, *next;

	for (size_t i = 0; i < entries->count; i++)
		size += strlen(entries->list[i]->d_name) + 1;
	names = malloc(size);
	if (!names)
		return NULL;
	next = (char *)(names + entries->count + 1);
	for (size_t i = 0; i < entries->count; i++) {
		names[i] = next;
		next = stpcpy(next, entries->list[i]->d_name) + 1;
	}
	names[entries->count] = NULL;
	return names;
}

int vmg_registry_names(char ***names)
{
	_cleanup_(registries_done) struct registries registries;
	_cleanup_(entries_done) struct entries entries = {0};
	int ret = find_registries(&registries);

	for (size_t i = 0; ret == 0 && i < registries.count; i++)
		ret = add_entries(&entries, registries.paths[i]);
	if (ret < 0)
		return ret;
	sort(&entries);
	*names = join(&entries);
	return *names ? 0 : -ENOMEM;
}
