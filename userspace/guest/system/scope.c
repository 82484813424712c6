// SPDX-License-Identifier: GPL-2.0-or-later
#include "scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <syslog.h>
#include <systemd/sd-login.h>

#include "pidfd.h"
#include "process.h"
#include "userspace/guest/log.h"
#include "userspace/shared/util.h"

#define PREFIX "session-"
#define SUFFIX ".scope"

static void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

char *scope_unit(const char *id)
{
	char *unit;

	return asprintf(&unit, PREFIX "%s" SUFFIX, id) < 0 ? NULL : unit;
}

char *scope_session(const char *unit)
{
	size_t length = strlen(unit);

	if (length <= strlen(PREFIX SUFFIX) || strncmp(unit, PREFIX, strlen(PREFIX)) != 0 ||
	    strcmp(unit + length - strlen(SUFFIX), SUFFIX) != 0)
		return NULL;
	return strndup(unit + strlen(PREFIX), length - strlen(PREFIX SUFFIX));
}

static char *slice_of(uid_t uid)
{
	char *group;

	return asprintf(&group, "/user.slice/user-%u.slice", (unsigned int)uid) < 0 ? NULL : group;
}

/* The path in /proc/PID/cgroup. logind puts every session's scope into the slice of its user. */
static char *group_of(const char *id, uid_t uid)
{
	char *group;

	if (strchr(id, '/') || asprintf(&group, "/user.slice/user-%u.slice/" PREFIX "%s" SUFFIX,
					(unsigned int)uid, id) < 0)
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

bool scope_has_ended(const char *root, const char *id, uid_t uid)
{
	_cleanup_free_ char *group = group_of(id, uid);
	_cleanup_free_ char *state = NULL;
	_cleanup_close_ int fd = -1;

	if (!group)
		return false;
	fd = open_in(root, group, "", O_PATH | O_DIRECTORY);
	return fd == -ENOENT && sd_session_get_state(id, &state) >= 0 && !strcmp(state, "closing");
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

/* Signals the processes of one group. Returns their number or -errno. */
static int signal_group(const char *root, const char *group)
{
	_cleanup_fclose_ FILE *file = NULL;
	int count = 0;
	int pid;
	int fd;

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

static bool is_frozen(const char *root, const char *group)
{
	_cleanup_close_ int fd = open_in(root, group, "cgroup.freeze", O_RDONLY);
	char value;

	return fd >= 0 && read(fd, &value, 1) == 1 && value == '1';
}

/* Frozen processes handle no signal except SIGKILL, so the group is thawed. */
static void thaw(const char *root, const char *group)
{
	_cleanup_close_ int fd = -1;

	if (!is_frozen(root, group))
		return;
	fd = open_in(root, group, "cgroup.freeze", O_WRONLY);
	if (fd >= 0 && write(fd, "0", 1) < 0)
		log_message(LOG_INFO, "Cannot thaw %s: %s.", group, strerror(errno));
}

struct groups {
	char **items;
	size_t count;
};

static void groups_done(struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		free(groups->items[i]);
	free(groups->items);
}

/* Takes ownership of @group, which may be NULL if memory is exhausted. */
static int groups_add(struct groups *groups, char *group)
{
	char **items = NULL;

	if (group)
		items = reallocarray(groups->items, groups->count + 1, sizeof(*items));
	if (!items) {
		free(group);
		return -ENOMEM;
	}
	groups->items = items;
	items[groups->count++] = group;
	return 0;
}

static int add_children(struct groups *groups, const char *root, const char *group)
{
	_cleanup_(closedirp) DIR *directory = NULL;
	const struct dirent *entry;
	char *child;
	int r = 0;
	int fd;

	fd = open_in(root, group, "", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return -ENOMEM;
	}
	while (r >= 0 && (entry = readdir(directory))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		if (asprintf(&child, "%s/%s", group, entry->d_name) < 0)
			child = NULL;
		r = groups_add(groups, child);
	}
	return r;
}

/* A frozen slice is not thawed: it also has processes that the request does not end. */
static bool slice_is_frozen(const char *root, uid_t uid)
{
	_cleanup_free_ char *slice = slice_of(uid);

	return slice && (is_frozen(root, slice) || is_frozen(root, "/user.slice"));
}

/* Ignores groups that have been removed in the meantime, and threaded ones. */
int scope_signal(const char *root, const struct session *session)
{
	_cleanup_(groups_done) struct groups groups = {0};
	int count;
	int r;

	r = groups_add(&groups, group_of(session->id, session->uid));
	if (r < 0)
		return -EINVAL;
	count = signal_group(root, groups.items[0]);
	for (size_t i = 0; i < groups.count && count >= 0; i++) {
		r = i > 0 ? signal_group(root, groups.items[i]) : 0;
		count += r > 0 ? r : 0;
		add_children(&groups, root, groups.items[i]);
		thaw(root, groups.items[i]);
	}
	return count > 0 && slice_is_frozen(root, session->uid) ? -EBUSY : count;
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
	_cleanup_free_ char *group = group_of(session->id, session->uid);

	return group ? kill_group(root, group) : -EINVAL;
}

char *scope_manager_unit(uid_t uid)
{
	char *unit;

	return asprintf(&unit, "user@%u.service", (unsigned int)uid) < 0 ? NULL : unit;
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
