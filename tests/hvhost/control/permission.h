/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Users' permissions for a machine. */
#ifndef HVHOST_PERMISSION_H
#define HVHOST_PERMISSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Each includes the previous ones. */
enum permission {
	PERMISSION_NONE,    /* anyone: "status" */
	PERMISSION_EXECUTE, /* allowed users and groups: the components' functions */
	PERMISSION_OWNER,   /* root, and the user who started the machine: everything */
};

struct id_list {
	id_t *ids;
	size_t count;
};

struct access {
	uid_t owner;
	struct id_list users;
	struct id_list groups;
};

void access_done(struct access *access);
/* By name in /etc/passwd or /etc/group, or by number. False if not found or out of memory. */
bool access_allow_user(struct access *access, const char *user);
bool access_allow_group(struct access *access, const char *group);
enum permission access_of(const struct access *access, uid_t user, const gid_t *groups,
			  size_t count);

/* NULL if out of memory; 0 or -errno. */
json_t *id_list_to_json(const struct id_list *list);
int id_list_from_json(const json_t *json, struct id_list *list);

#endif /* HVHOST_PERMISSION_H */
