// SPDX-License-Identifier: GPL-2.0-or-later
#include "permission.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/hvhost/util.h"

static bool id_list_add(struct id_list *list, id_t id)
{
	id_t *ids = realloc(list->ids, (list->count + 1) * sizeof(*ids));

	if (!ids)
		return false;
	ids[list->count++] = id;
	list->ids = ids;
	return true;
}

static bool id_list_has(const struct id_list *list, id_t id)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->ids[i] == id)
			return true;
	}
	return false;
}

void access_done(struct access *access)
{
	free(access->users.ids);
	free(access->groups.ids);
	*access = (struct access){0};
}

/* (uid_t)-1 and (gid_t)-1 are not valid: system calls use them for "no change". */
static bool parse_id(const char *text, id_t *id)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (text[strspn(text, "0123456789")] || end == text || number >= UINT32_MAX)
		return false;
	*id = (id_t)number;
	return true;
}

/* getpwnam() would load shared libraries, but hvhost is linked statically. */
static bool find_user(const char *name, id_t *id)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry = NULL;

	while (file && (entry = fgetpwent(file)) && strcmp(entry->pw_name, name) != 0)
		;
	if (entry)
		*id = entry->pw_uid;
	if (file)
		fclose(file);
	return entry;
}

static bool find_group(const char *name, id_t *id)
{
	FILE *file = fopen("/etc/group", "re");
	const struct group *entry = NULL;

	while (file && (entry = fgetgrent(file)) && strcmp(entry->gr_name, name) != 0)
		;
	if (entry)
		*id = entry->gr_gid;
	if (file)
		fclose(file);
	return entry;
}

bool access_allow_user(struct access *access, const char *user)
{
	id_t id;

	return (parse_id(user, &id) || find_user(user, &id)) && id_list_add(&access->users, id);
}

bool access_allow_group(struct access *access, const char *group)
{
	id_t id;

	return (parse_id(group, &id) || find_group(group, &id)) && id_list_add(&access->groups, id);
}

enum permission access_of(const struct access *access, uid_t user, const gid_t *groups,
			  size_t count)
{
	if (user == 0 || user == access->owner)
		return PERMISSION_OWNER;
	if (id_list_has(&access->users, user))
		return PERMISSION_EXECUTE;
	for (size_t i = 0; i < count; i++) {
		if (id_list_has(&access->groups, groups[i]))
			return PERMISSION_EXECUTE;
	}
	return PERMISSION_NONE;
}

json_t *id_list_to_json(const struct id_list *list)
{
	json_t *json = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(json, json_integer(list->ids[i]));
	return json;
}

int id_list_from_json(const json_t *json, struct id_list *list)
{
	for (size_t i = 0; i < json_array_size(json); i++) {
		json_int_t id = json_integer_value(json_array_get(json, i));

		if (!json_is_integer(json_array_get(json, i)) || id < 0 || id >= UINT32_MAX)
			return -EINVAL;
		if (!id_list_add(list, (id_t)id))
			return -ENOMEM;
	}
	return 0;
}
