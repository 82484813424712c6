// SPDX-License-Identifier: GPL-2.0-or-later
#include "process.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "userspace/shared/util.h"

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

bool process_cgroup_is(FILE *cgroup, const char *group)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, cgroup)) > 0) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		length -= line[length - 1] == '\n';
		return (size_t)length == 3 + strlen(group) && !memcmp(line + 3, group, length - 3);
	}
	return false;
}

dev_t process_stat_terminal(FILE *stat)
{
	unsigned int number = 0;
	char status[512];
	const char *end;

	/*
	 * PID (NAME) STATE PPID PGRP SESSION TTY: the last ")" is the one after the name. The name
	 * may contain newlines: reading only a line would let it forge the fields after it.
	 */
	status[fread(status, 1, sizeof(status) - 1, stat)] = '\0';
	end = strrchr(status, ')');
	if (!end || sscanf(end, ") %*c %*d %*d %*d %u", &number) != 1)
		return 0;
	return makedev(number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xfff00));
}

/* A line is ID:CONTROLLERS:PATH. Returns the path if the controllers are @controllers, or NULL. */
static const char *group_of_hierarchy(const char *line, const char *controllers)
{
	const char *colon = strchr(line, ':');
	size_t length = strlen(controllers);

	if (!colon || strncmp(colon + 1, controllers, length) != 0 || colon[1 + length] != ':' ||
	    colon[1 + length + 1] != '/')
		return NULL;
	return colon + 1 + length + 1;
}

char *process_cgroup_path(FILE *cgroup)
{
	_cleanup_free_ char *line = NULL;
	char *path = NULL;
	size_t size = 0;

	while (getline(&line, &size, cgroup) > 0) {
		const char *version2 = group_of_hierarchy(line, "");
		const char *group = version2 ? version2 : group_of_hierarchy(line, "name=systemd");

		if (!group)
			continue;
		line[strcspn(line, "\n")] = '\0';
		/* The hierarchy that systemd does not use has all processes in its root. */
		if (path && !strcmp(group, "/"))
			continue;
		free(path);
		path = strdup(group);
		if (version2 && strcmp(group, "/") != 0)
			break;
	}
	return path;
}

char *process_freezer_path(FILE *cgroup)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, cgroup) > 0) {
		const char *group = group_of_hierarchy(line, "freezer");

		if (!group)
			continue;
		line[strcspn(line, "\n")] = '\0';
		return strdup(group);
	}
	return NULL;
}

/* The text behind @key at the start of the line, or NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t length = strlen(key);

	return strncmp(line, key, length) ? NULL : line + length;
}

/* A search reads the status of every process, and most lines are of no interest. */
bool process_read_status(FILE *file, struct process_status *status)
{
	_cleanup_free_ char *line = NULL;
	bool has_state = false, has_uid = false;
	const char *value;
	size_t size = 0;
	char state;
	int inner;

	*status = (struct process_status){0};
	/* The kernel escapes newlines in the name. It may not support PID namespaces. */
	while (getline(&line, &size, file) > 0) {
		if ((value = value_of(line, "State:"))) {
			has_state = sscanf(value, " %c", &state) == 1;
			status->ended = has_state && (state == 'Z' || state == 'X');
		} else if ((value = value_of(line, "Uid:"))) {
			has_uid = sscanf(value, "%u", &status->uid) == 1;
		} else if ((value = value_of(line, "PPid:"))) {
			sscanf(value, "%d", &status->parent);
		} else if ((value = value_of(line, "NSpid:"))) {
			/* A PID for each namespace, from this one inwards. */
			status->nested = sscanf(value, "%*d %d", &inner) == 1;
			break;
		}
	}
	return has_state && has_uid;
}

FILE *process_open_cgroup(pid_t pid)
{
	return open_proc(pid, "cgroup");
}

bool process_is_in(pid_t pid, const char *group)
{
	_cleanup_fclose_ FILE *file = process_open_cgroup(pid);

	return file && process_cgroup_is(file, group);
}

dev_t process_terminal(pid_t pid)
{
	_cleanup_fclose_ FILE *file = open_proc(pid, "stat");

	return file ? process_stat_terminal(file) : 0;
}
