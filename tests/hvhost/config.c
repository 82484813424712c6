// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "machine.h"
#include "util.h"

void machine_config_done(struct machine_config *config)
{
	free(config->name);
	free(config->directory);
	free(config->kernel);
	free(config->initrd);
	free(config->append);
	*config = (struct machine_config){0};
}

json_t *machine_config_to_json(const struct machine_config *config)
{
	return json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:i, s:i, s:i}", "name", config->name,
			 "directory", config->directory, "kernel", config->kernel, "initrd",
			 config->initrd, "append", config->append, "memory", (int)config->memory,
			 "cpus", (int)config->cpus, "vmbus", (int)config->vmbus_version);
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
	int memory, cpus, version;

	*config = (struct machine_config){0};
	if (json_unpack((json_t *)json, "{s:s, s:s, s:s, s?:s, s?:s, s:i, s:i, s:i}", "name", &name,
			"directory", &directory, "kernel", &kernel, "initrd", &initrd, "append",
			&append, "memory", &memory, "cpus", &cpus, "vmbus", &version) < 0)
		return -EINVAL;
	config->memory = (unsigned int)memory;
	config->cpus = (unsigned int)cpus;
	config->vmbus_version = (uint32_t)version;
	if (copy(&config->name, name) && copy(&config->directory, directory) &&
	    copy(&config->kernel, kernel) && copy(&config->initrd, initrd) &&
	    copy(&config->append, append))
		return 0;
	machine_config_done(config);
	return -ENOMEM;
}
