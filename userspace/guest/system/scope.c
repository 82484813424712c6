// SPDX-License-Identifier: GPL-2.0-or-later
#include "scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "pidfd.h"
#include "process.h"
#include "userspace/shared/util.h"

#define PREFIX "session-"
#define SUFFIX ".scope"

char *scope_unit(const struct session *session)
{
	char *unit;

	return asprintf(&unit, PREFIX "%s" SUFFIX, session->id) < 0 ? NULL : unit;
}

char *scope_session(const char *unit)
{
	size_t length = strlen(unit);

	if (length <= strlen(PREFIX SUFFIX) || strncmp(unit, PREFIX, strlen(PREFIX)) != 0 ||
	    strcmp(unit + length - strlen(SUFFIX), SUFFIX) != 0)
		return NULL;
	return strndup(unit + strlen(PREFIX), length - strlen(PREFIX SUFFIX));
}

/* The path in /proc/PID/cgroup. logind puts every session's scope into the slice of its user. */
static char *group_of(const struct session *session)
{
	_cleanup_free_ char *unit = scope_unit(session);
	char *group;

	if (!unit || strchr(unit, '/') ||
	    asprintf(&group, "/user.slice/user-%u.slice/%s", (unsigned int)session->uid, unit) < 0)
		return NULL;
	return group;
}

/* Opens the file @name of @group. Returns a descriptor or -errno; -EOPNOTSUPP without cgroup v2. */
static int open_in(const char *root, const char *group, const char *name, int flags)
{
	_cleanup_free_ char *path = NULL;
	struct statfs kind;
	int fd;

	if (statfs(root, &kind) < 0)
		return -errno;
	if (kind.f_type != CGROUP2_SUPER_MAGIC)
		return -EOPNOTSUPP;
	if (asprintf(&path, "%s%s/%s", root, group, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/*
 * Returns whether the process was signaled. The PID may have been reused, so the control group is
 * checked once a pidfd refers to the process.
 */
static bool signal_process(pid_t pid, const char *group)
{
	_cleanup_close_ int fd = pidfd_open(pid, 0);

	return fd >= 0 && process_is_in(pid, group) && !pidfd_send_signal(fd, SIGTERM, NULL, 0) &&
	       !pidfd_send_signal(fd, SIGHUP, NULL, 0) && !pidfd_send_signal(fd, SIGCONT, NULL, 0);
}

int scope_signal(const char *root, const struct session *session)
{
	_cleanup_free_ char *group = group_of(session);
	_cleanup_fclose_ FILE *file = NULL;
	int count = 0;
	int pid;
	int fd;

	if (!group)
		return -EINVAL;
	fd = open_in(root, group, "cgroup.procs", O_RDONLY);
	if (fd < 0)
		return fd;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	/* 0 is a process in another PID namespace. */
	while (fscanf(file, "%d", &pid) == 1)
		count += pid > 0 && signal_process(pid, group);
	return ferror(file) ? -EIO : count;
}

static int kill_group(const char *root, const char *group)
{
	_cleanup_close_ int fd = open_in(root, group, "cgroup.kill", O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, "1", 1) == 1 ? 0 : -errno;
}

int scope_kill(const char *root, const struct session *session)
{
	_cleanup_free_ char *group = group_of(session);

	return group ? kill_group(root, group) : -EINVAL;
}

char *scope_manager_unit(uid_t uid)
{
	char *unit;

	return asprintf(&unit, "user@%u.service", (unsigned int)uid) < 0 ? NULL : unit;
}

static char *slice_of(uid_t uid)
{
	char *group;

	return asprintf(&group, "/user.slice/user-%u.slice", (unsigned int)uid) < 0 ? NULL : group;
}

/* cgroup.events has one "KEY VALUE" a line. */
static bool is_populated(int fd)
{
	char text[256];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return strstr(text, "populated 1");
}

int scope_user_runs(const char *root, uid_t uid)
{
	_cleanup_free_ char *group = slice_of(uid);
	_cleanup_close_ int fd = -1;

	if (!group)
		return -ENOMEM;
	fd = open_in(root, group, "cgroup.events", O_RDONLY);
	if (fd == -ENOENT)
		return 0;
	return fd < 0 ? fd : is_populated(fd);
}

int scope_user_kill(const char *root, uid_t uid)
{
	_cleanup_free_ char *slice = slice_of(uid);
	_cleanup_free_ char *unit = scope_manager_unit(uid);
	_cleanup_free_ char *manager = NULL;
	int r;

	if (!slice || !unit || asprintf(&manager, "%s/%s", slice, unit) < 0) {
		manager = NULL;
		return -ENOMEM;
	}
	r = kill_group(root, manager);
	return r == -ENOENT ? kill_group(root, slice) : r;
}
