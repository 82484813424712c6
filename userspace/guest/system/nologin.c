// SPDX-License-Identifier: GPL-2.0-or-later
#include "nologin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "userspace/shared/util.h"

/* The last line of the file. */
#define MARKER "hv-logoffd: logons are disabled until the host's logoff request has completed.\n"

struct paths {
	char file[256];
	char directory[256];
	char record[256];
};

static struct paths paths_below(const char *root)
{
	struct paths paths;

	snprintf(paths.file, sizeof(paths.file), "%s/nologin", root);
	snprintf(paths.directory, sizeof(paths.directory), "%s/hv-logoff", root);
	snprintf(paths.record, sizeof(paths.record), "%s/hv-logoff/nologin", root);
	return paths;
}

/* systemd creates the directory, unless the daemon is started by hand. */
static int record_inode(const struct paths *paths, const struct stat *status)
{
	_cleanup_close_ int fd = -1;

	if (mkdir(paths->directory, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = open(paths->record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || dprintf(fd, "%" PRIuMAX " %" PRIuMAX "\n", (uintmax_t)status->st_dev,
			      (uintmax_t)status->st_ino) < 0)
		return -errno;
	return 0;
}

/* Returns 1 and the numbers of the recorded file; 0 if there is none; or -errno. */
static int read_record(const struct paths *paths, uintmax_t *device, uintmax_t *inode)
{
	_cleanup_fclose_ FILE *file = fopen(paths->record, "re");

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	return fscanf(file, "%" SCNuMAX " %" SCNuMAX, device, inode) == 2;
}

static bool ends_with_marker(int fd, off_t size)
{
	char end[sizeof(MARKER) - 1];

	return size >= (off_t)sizeof(end) &&
	       pread(fd, end, sizeof(end), size - (off_t)sizeof(end)) == (ssize_t)sizeof(end) &&
	       !memcmp(end, MARKER, sizeof(end));
}

/* Returns whether the file is the recorded one, or -errno. An inode number may be reused. */
static int is_recorded(const struct paths *paths)
{
	_cleanup_close_ int fd = -1;
	uintmax_t device = 0, inode = 0;
	struct stat status;
	int r;

	r = read_record(paths, &device, &inode);
	if (r <= 0)
		return r;
	fd = open(paths->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : -errno;
	if (fstat(fd, &status) < 0)
		return -errno;
	return S_ISREG(status.st_mode) && status.st_dev == device && status.st_ino == inode &&
	       ends_with_marker(fd, status.st_size);
}

/*
 * The file has no name until it is complete and recorded, so that a process that is killed leaves
 * nothing behind. link() does not replace a file.
 */
static int create(const struct paths *paths, const char *root, const char *text)
{
	_cleanup_close_ int fd = open(root, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644);
	struct stat status;
	char unnamed[32];
	int r;

	if (fd < 0 || dprintf(fd, "%s\n%s", text, MARKER) < 0 || fchmod(fd, 0644) < 0 ||
	    fstat(fd, &status) < 0)
		return -errno;
	r = record_inode(paths, &status);
	if (r < 0)
		return r;
	snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, unnamed, AT_FDCWD, paths->file, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int nologin_begin(const char *root, const char *text)
{
	struct paths paths = paths_below(root);
	int r = nologin_end(root);

	if (r < 0)
		return r;
	r = create(&paths, root, text);
	if (r < 0)
		unlink(paths.record);
	return r;
}

int nologin_end(const char *root)
{
	struct paths paths = paths_below(root);
	int r = is_recorded(&paths);

	if (r > 0 && unlink(paths.file) < 0 && errno != ENOENT)
		r = -errno;
	if (r >= 0)
		unlink(paths.record);
	return r;
}
