// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "util.h"

void machine_config_done(struct machine_config *config)
{
	free(config->name);
	free(config->guid);
	free(config->directory);
	free(config->kernel);
	free(config->initrd);
	free(config->append);
	free(config->no_offer);
	access_done(&config->access);
	*config = (struct machine_config){0};
}

json_t *machine_config_to_json(const struct machine_config *config)
{
	return json_pack(
		"{s:s, s:s*, s:s, s:s, s:s*, s:s*, s:s*, s:i, s:i, s:i, s:i, s:i, s:o, s:o}",
		"name", config->name, "guid", config->guid, "directory", config->directory,
		"kernel", config->kernel, "initrd", config->initrd, "append", config->append,
		"no_offer", config->no_offer, "memory", (int)config->memory, "persistent",
		(int)config->persistent, "cpus", (int)config->cpus, "vmbus",
		(int)config->vmbus_version, "message", (int)config->message_version, "allow_users",
		id_list_to_json(&config->access.users), "allow_groups",
		id_list_to_json(&config->access.groups));
}

static bool copy(char **to, const char *from)
{
	if (!from)
		return true;
	*to = strdup(from);
	return *to;
}

int machine_config_from_json(const json_t *json, struct machine_config *config)
{
	const char *name, *directory, *kernel, *initrd = NULL, *append = NULL;
	const char *no_offer = NULL, *guid = NULL;
	const json_t *users, *groups;
	int memory, persistent = 0, cpus, version, message;

	*config = (struct machine_config){0};
	if (json_unpack(
		    (json_t *)json,
		    "{s:s, s?:s, s:s, s:s, s?:s, s?:s, s?:s, s:i, s?:i, s:i, s:i, s:i, s:o, s:o}",
		    "name", &name, "guid", &guid, "directory", &directory, "kernel", &kernel,
		    "initrd", &initrd, "append", &append, "no_offer", &no_offer, "memory", &memory,
		    "persistent", &persistent, "cpus", &cpus, "vmbus", &version, "message",
		    &message, "allow_users", &users, "allow_groups", &groups) < 0)
		return -EINVAL;
	config->memory = (unsigned int)memory;
	config->persistent = (unsigned int)persistent;
	config->cpus = (unsigned int)cpus;
	config->vmbus_version = (uint32_t)version;
	config->message_version = (uint32_t)message;
	if (copy(&config->name, name) && copy(&config->guid, guid) &&
	    copy(&config->directory, directory) && copy(&config->kernel, kernel) &&
	    copy(&config->initrd, initrd) && copy(&config->append, append) &&
	    copy(&config->no_offer, no_offer) &&
	    id_list_from_json(users, &config->access.users) == 0 &&
	    id_list_from_json(groups, &config->access.groups) == 0)
		return 0;
	machine_config_done(config);
	return -ENOMEM;
}

int machine_config_save(const struct machine_config *config)
{
	json_auto_t *json = machine_config_to_json(config);
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/machine.json", config->directory) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return json_dump_file(json, path, JSON_INDENT(2)) < 0 ? -EIO : 0;
}

int machine_config_load(const char *directory, struct machine_config *config)
{
	json_auto_t *json = NULL;
	_cleanup_free_ char *path = NULL;

	*config = (struct machine_config){0};
	if (asprintf(&path, "%s/machine.json", directory) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	json = json_load_file(path, 0, NULL);
	return json ? machine_config_from_json(json, config) : -ENOENT;
}
