// SPDX-License-Identifier: GPL-2.0-or-later
#include "scope.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

/* The control groups of the machine. */
struct tree {
	char path[64]; /* of the hierarchy in which systemd keeps its units */
	bool v2;       /* its version */
	int freezer;   /* the root group of the version 1 freezer, or -1 */
};

static void tree_done(struct tree *tree)
{
	closep(&tree->freezer);
}

static bool mounted(const char *path, long magic)
{
	struct statfs kind;

	return !statfs(path, &kind) && kind.f_type == magic;
}

static int open_freezer(const char *root)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/freezer", root);
	return mounted(path, CGROUP_SUPER_MAGIC) ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)
						 : -1;
}

/*
 * There are three layouts: version 2; version 2 next to other hierarchies of version 1 (hybrid);
 * and version 1 (legacy).
 */
static int tree_init(struct tree *tree, const char *root)
{
	static const char *const v2[] = {"", "/unified"};

	tree->freezer = open_freezer(root);
	for (size_t i = 0; i < ARRAY_SIZE(v2); i++) {
		snprintf(tree->path, sizeof(tree->path), "%s%s", root, v2[i]);
		tree->v2 = mounted(tree->path, CGROUP2_SUPER_MAGIC);
		if (tree->v2)
			return 0;
	}
	snprintf(tree->path, sizeof(tree->path), "%s/systemd", root);
	return mounted(tree->path, CGROUP_SUPER_MAGIC) ? 0 : -EOPNOTSUPP;
}

/* Opens the file @name of @group. Returns a descriptor or -errno. */
static int open_in(const struct tree *tree, const char *group, const char *name, int flags)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (asprintf(&path, "%s%s/%s", tree->path, group, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int scope_open(const char *root)
{
	_cleanup_(tree_done) struct tree tree;
	int fd = tree_init(&tree, root);

	if (fd < 0)
		return fd;
	fd = open(tree.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool scope_has_ended(int hierarchy, const char *id, uid_t uid)
{
	_cleanup_free_ char *group = group_of(id, uid);
	_cleanup_free_ char *state = NULL;
	struct stat status;

	/* The path in a hierarchy has no leading slash. */
	return group && fstatat(hierarchy, group + 1, &status, AT_SYMLINK_NOFOLLOW) < 0 &&
	       errno == ENOENT && sd_session_get_state(id, &state) >= 0 &&
	       !strcmp(state, "closing");
}

/* What to do with one process of @group. Returns a number to count, or -errno to stop. */
typedef int (*process_function_t)(const struct tree *tree, pid_t pid, const char *group,
				  void *userdata);

/* Calls @function for the processes of one group. Returns the sum of its results or -errno. */
static int for_processes(const struct tree *tree, const char *group, process_function_t function,
			 void *userdata)
{
	_cleanup_fclose_ FILE *file = NULL;
	int count = 0;
	int r = 0;
	int pid;
	int fd;

	fd = open_in(tree, group, "cgroup.procs", O_RDONLY);
	if (fd < 0)
		return fd;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	/* 0 is a process in another PID namespace. */
	while (r >= 0 && fscanf(file, "%d", &pid) == 1) {
		r = pid > 0 ? function(tree, pid, group, userdata) : 0;
		count += r;
	}
	if (r < 0)
		return r;
	return ferror(file) ? -EIO : count;
}

/*
 * Returns whether the process was signaled. The PID may have been reused, so the control group is
 * checked once a pidfd refers to the process.
 */
static int signal_process(const struct tree *tree, pid_t pid, const char *group, void *userdata)
{
	_cleanup_close_ int fd = pidfd_open(pid, 0);

	(void)tree;
	(void)userdata;
	return fd >= 0 && process_is_in(pid, group) && !pidfd_send_signal(fd, SIGTERM, NULL, 0) &&
	       !pidfd_send_signal(fd, SIGHUP, NULL, 0) && !pidfd_send_signal(fd, SIGCONT, NULL, 0);
}

/* Whether the process belongs to @group, and the freezer of version 1 has frozen it. */
static bool is_frozen_by_v1(const struct tree *tree, pid_t pid, const char *group)
{
	_cleanup_fclose_ FILE *file = process_open_cgroup(pid);
	_cleanup_free_ char *path = file ? process_cgroup_path(file) : NULL;
	_cleanup_free_ char *freezer = NULL;
	_cleanup_free_ char *state = NULL;
	_cleanup_close_ int fd = -1;
	char value[8] = "";

	if (!path || strcmp(path, group) != 0)
		return false;
	rewind(file);
	freezer = process_freezer_path(file);
	/* The root group has no state. */
	if (!freezer || asprintf(&state, ".%s/freezer.state", freezer) < 0) {
		state = NULL;
		return false;
	}
	fd = openat(tree->freezer, state, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, value, sizeof(value) - 1) > 0 &&
	       strncmp(value, "THAWED", 6) != 0;
}

/*
 * Moves the process to the root group of the version 1 freezer, which cannot be frozen. Its own
 * group may have processes that the request does not end. A process that is frozen cannot end, so
 * its PID is not reused before the move; all others are left where they are.
 */
static int free_process(const struct tree *tree, pid_t pid, const char *group, void *userdata)
{
	_cleanup_close_ int fd = -1;
	int r = 0;

	(void)userdata;
	if (!is_frozen_by_v1(tree, pid, group))
		return 0;
	fd = openat(tree->freezer, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || dprintf(fd, "%d", (int)pid) < 0)
		r = -errno;
	if (r == -ESRCH)
		return 0;
	if (r < 0)
		log_message(LOG_INFO, "Cannot thaw the processes of %s: %s.", group, strerror(-r));
	return r;
}

static bool is_frozen(const struct tree *tree, const char *group)
{
	_cleanup_close_ int fd = open_in(tree, group, "cgroup.freeze", O_RDONLY);
	char value;

	return fd >= 0 && read(fd, &value, 1) == 1 && value == '1';
}

static void thaw(const struct tree *tree, const char *group)
{
	_cleanup_close_ int fd = -1;

	if (!is_frozen(tree, group))
		return;
	fd = open_in(tree, group, "cgroup.freeze", O_WRONLY);
	if (fd >= 0 && write(fd, "0", 1) < 0)
		log_message(LOG_INFO, "Cannot thaw %s: %s.", group, strerror(errno));
}

/* A user can create any number of groups below the user manager's. */
#define GROUPS_MAX 4096

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

	if (group && groups->count < GROUPS_MAX)
		items = reallocarray(groups->items, groups->count + 1, sizeof(*items));
	if (!items) {
		free(group);
		return -ENOMEM;
	}
	groups->items = items;
	items[groups->count++] = group;
	return 0;
}

static int add_children(struct groups *groups, const struct tree *tree, const char *group)
{
	_cleanup_(closedirp) DIR *directory = NULL;
	const struct dirent *entry;
	char *child;
	int r = 0;
	int fd;

	fd = open_in(tree, group, "", O_RDONLY | O_DIRECTORY);
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

/* What to do with one group. Returns a number to count or -errno. */
typedef int (*group_function_t)(const struct tree *tree, const char *group, void *userdata);

/*
 * Calls @function for @group and the groups below it. Returns the sum of its results; or -errno if
 * @group cannot be read. Ignores groups that have been removed in the meantime, threaded ones, and
 * those beyond GROUPS_MAX.
 */
static int for_groups(const struct tree *tree, const char *group, group_function_t function,
		      void *userdata)
{
	_cleanup_(groups_done) struct groups groups = {0};
	int count = 0;
	int r;

	r = groups_add(&groups, strdup(group));
	if (r < 0)
		return r;
	for (size_t i = 0; i < groups.count; i++) {
		r = function(tree, groups.items[i], userdata);
		if (r < 0 && i == 0)
			return r;
		count += r > 0 ? r : 0;
		add_children(&groups, tree, groups.items[i]);
	}
	return count;
}

static int thaw_group(const struct tree *tree, const char *group, void *userdata)
{
	(void)userdata;
	thaw(tree, group);
	return 0;
}

static int free_group(const struct tree *tree, const char *group, void *userdata)
{
	return for_processes(tree, group, free_process, userdata);
}

static int signal_group(const struct tree *tree, const char *group, void *userdata)
{
	return for_processes(tree, group, signal_process, userdata);
}

/* Frozen processes handle no signal except SIGKILL; frozen by version 1, not even that. */
static void thaw_groups(const struct tree *tree, const char *group)
{
	if (tree->freezer >= 0)
		for_groups(tree, group, free_group, NULL);
	if (tree->v2)
		for_groups(tree, group, thaw_group, NULL);
}

/* A frozen slice is not thawed: it also has processes that the request does not end. */
static bool slice_is_frozen(const struct tree *tree, uid_t uid)
{
	_cleanup_free_ char *slice = slice_of(uid);

	return slice && (is_frozen(tree, slice) || is_frozen(tree, "/user.slice"));
}

int scope_signal(const char *root, const struct session *session)
{
	_cleanup_(tree_done) struct tree tree;
	_cleanup_free_ char *group = group_of(session->id, session->uid);
	int count = tree_init(&tree, root);

	if (count < 0)
		return count;
	if (!group)
		return -EINVAL;
	count = tree.v2 ? for_groups(&tree, group, signal_group, NULL) : -EOPNOTSUPP;
	thaw_groups(&tree, group);
	return count > 0 && slice_is_frozen(&tree, session->uid) ? -EBUSY : count;
}

struct visitor {
	process_handler handle;
	void *userdata;
};

static int visit_process(const struct tree *tree, pid_t pid, const char *group, void *userdata)
{
	const struct visitor *visitor = userdata;

	(void)tree;
	(void)group;
	visitor->handle(visitor->userdata, pid);
	return 0;
}

static int visit_group(const struct tree *tree, const char *group, void *userdata)
{
	return for_processes(tree, group, visit_process, userdata);
}

static int visit(const char *root, const char *group, process_handler handle, void *userdata)
{
	_cleanup_(tree_done) struct tree tree;
	struct visitor visitor = {.handle = handle, .userdata = userdata};
	int r = tree_init(&tree, root);

	return r < 0 ? r : for_groups(&tree, group, visit_group, &visitor);
}

int scope_for_each_process(const char *root, const struct session *session, process_handler handle,
			   void *userdata)
{
	_cleanup_free_ char *group = group_of(session->id, session->uid);

	return group ? visit(root, group, handle, userdata) : -EINVAL;
}

static int kill_group(const struct tree *tree, const char *group)
{
	_cleanup_close_ int fd = -1;

	if (tree->freezer >= 0)
		for_groups(tree, group, free_group, NULL);
	if (!tree->v2)
		return -EOPNOTSUPP;
	fd = open_in(tree, group, "cgroup.kill", O_WRONLY);
	if (fd < 0)
		return fd;
	return write(fd, "1", 1) == 1 ? 0 : -errno;
}

int scope_kill(const char *root, const struct session *session)
{
	_cleanup_(tree_done) struct tree tree;
	_cleanup_free_ char *group = group_of(session->id, session->uid);
	int r = tree_init(&tree, root);

	if (r < 0)
		return r;
	return group ? kill_group(&tree, group) : -EINVAL;
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
	_cleanup_(tree_done) struct tree tree;
	_cleanup_free_ char *slice = slice_of(uid);
	_cleanup_close_ int fd = -1;
	int r = tree_init(&tree, root);

	if (r >= 0 && !tree.v2)
		r = -EOPNOTSUPP;
	if (r < 0 || !slice)
		return r < 0 ? r : -ENOMEM;
	fd = open_in(&tree, slice, "cgroup.events", O_RDONLY);
	if (fd == -ENOENT)
		return 0;
	return fd < 0 ? fd : is_populated(fd);
}

void scope_user_thaw(const char *root, uid_t uid)
{
	_cleanup_(tree_done) struct tree tree;
	_cleanup_free_ char *slice = slice_of(uid);

	if (tree_init(&tree, root) >= 0 && slice)
		thaw_groups(&tree, slice);
}

/* The control group of the user's manager, allocated; or NULL. */
static char *manager_group_of(uid_t uid)
{
	_cleanup_free_ char *slice = slice_of(uid);
	_cleanup_free_ char *unit = scope_manager_unit(uid);
	char *group;

	return !slice || !unit || asprintf(&group, "%s/%s", slice, unit) < 0 ? NULL : group;
}

int scope_manager_for_each_process(const char *root, uid_t uid, process_handler handle,
				   void *userdata)
{
	_cleanup_free_ char *group = manager_group_of(uid);

	return group ? visit(root, group, handle, userdata) : -ENOMEM;
}

int scope_user_kill(const char *root, uid_t uid)
{
	_cleanup_(tree_done) struct tree tree;
	_cleanup_free_ char *slice = slice_of(uid);
	_cleanup_free_ char *manager = manager_group_of(uid);
	int r = tree_init(&tree, root);

	if (r < 0)
		return r;
	if (!slice || !manager)
		return -ENOMEM;
	r = kill_group(&tree, manager);
	return r == -ENOENT || !tree.v2 ? kill_group(&tree, slice) : r;
}
