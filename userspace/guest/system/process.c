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

bool process_is_in(pid_t pid, const char *group)
{
	_cleanup_fclose_ FILE *file = open_proc(pid, "cgroup");

	return file && process_cgroup_is(file, group);
}

dev_t process_terminal(pid_t pid)
{
	_cleanup_fclose_ FILE *file = open_proc(pid, "stat");

	return file ? process_stat_terminal(file) : 0;
}
