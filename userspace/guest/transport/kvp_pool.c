// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

struct record {
	char key[KVP_KEY_SIZE];
	char value[KVP_VALUE_SIZE];
};

#define RECORDS_MAX 4096

struct pool_file {
	int fd;
	off_t size;
	mode_t mode;
};

static void pool_file_closep(struct pool_file *file)
{
	closep(&file->fd);
}

#define _cleanup_file_ _cleanup_(pool_file_closep)

const char *kvp_pool_name(enum hv_kvp_exchg_pool number)
{
	static const char *const names[KVP_POOL_COUNT] = {
		".kvp_pool_0", ".kvp_pool_1", ".kvp_pool_2", ".kvp_pool_3", ".kvp_pool_4",
	};

	return names[number];
}

const char *kvp_pool_explain(int error)
{
	switch (error) {
	case -ELOOP:
		return "is a symbolic link; remove it, and restart hv-kvp-daemon.";
	case -ENOTDIR:
		return "is below a symbolic link or a file; replace that with a directory.";
	case -EMLINK:
		return "has a second hard link; remove that link.";
	case -EPERM:
		return "or its directory is not owned by root, or others may write to it; "
		       "run chown root and chmod go-w on both.";
	case -EINVAL:
		return "is not a regular file; remove it, and restart hv-kvp-daemon.";
	case -EFBIG:
		return "is too large for the items of any host; remove unneeded items.";
	case -EBADMSG:
		return "does not end with a whole record; restart hv-kvp-daemon, or truncate it to "
		       "a multiple of 2560 bytes.";
	default:
		return strerror(-error);
	}
}

/* Writing to a pool is the permission to log off all users, so only root may. */
static int check_owner(const struct stat *status)
{
	return status->st_uid == geteuid() && !(status->st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}

static int open_directory(const char *directory)
{
	int fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &status) < 0 ? -errno : check_owner(&status);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int check_file(struct pool_file *file)
{
	struct stat status;

	if (fstat(file->fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (status.st_nlink != 1)
		return -EMLINK;
	if (status.st_size > (off_t)(RECORDS_MAX * sizeof(struct record)))
		return -EFBIG;
	file->size = status.st_size;
	file->mode = status.st_mode;
	return check_owner(&status);
}

/* Excludes hv_kvp_daemon, which truncates and rewrites the file. Closing the file unlocks it. */
static int lock_fcntl(int fd, int mode)
{
	struct flock range = {
		.l_type = mode == O_RDONLY ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (fcntl(fd, F_SETLK, &range) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/*
 * Excludes writers that do not use hv_kvp_daemon's lock, such as cloud-init. The lock is exclusive
 * also for reading: success means that writing would not wait either.
 */
static int lock_flock(int fd, uint64_t *since)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		*since = 0;
	else if (errno != EWOULDBLOCK)
		return -errno;
	else if (!*since)
		*since = monotonic_usec();
	return *since && monotonic_usec() - *since < KVP_FLOCK_PATIENCE ? -EAGAIN : 0;
}

/* The caller closes @file, even if this fails. */
static int open_file(struct pool_file *file, const struct kvp_pool *pool, int mode)
{
	_cleanup_close_ int parent = open_directory(pool->directory);

	*file = (struct pool_file){.fd = -1};
	if (parent < 0)
		return parent;
	/* With O_NONBLOCK, opening a FIFO does not block. */
	file->fd = openat(parent, kvp_pool_name(pool->number),
			  mode | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return file->fd < 0 ? -errno : 0;
}

/* The size is read under the lock. The caller closes @file, even if this fails. */
static int open_locked(struct pool_file *file, struct kvp_pool *pool, int mode)
{
	int r = open_file(file, pool, mode);

	if (r >= 0)
		r = lock_fcntl(file->fd, mode);
	if (r >= 0)
		r = lock_flock(file->fd, &pool->flocked);
	return r < 0 ? r : check_file(file);
}

int kvp_pool_make_private(const struct kvp_pool *pool)
{
	_cleanup_file_ struct pool_file file;
	int r = open_file(&file, pool, O_RDONLY);

	if (r >= 0)
		r = check_file(&file);
	if (r < 0 || !(file.mode & (S_IRWXG | S_IRWXO)))
		return r;
	return fchmod(file.fd, S_IRUSR | S_IWUSR) < 0 ? -errno : 1;
}

static int read_at(const struct pool_file *file, void *target, size_t size, off_t offset)
{
	ssize_t got = pread(file->fd, target, size, offset);

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EIO;
}

static int write_at(const struct pool_file *file, const void *source, size_t size, off_t offset)
{
	ssize_t written = pwrite(file->fd, source, size, offset);

	if (written < 0)
		return -errno;
	return (size_t)written == size ? 0 : -ENOSPC;
}

/* Returns 1 and the record's offset, or 0. Bytes after the last whole record are not a record. */
static int find(const struct pool_file *file, const char *wanted, off_t *offset)
{
	const off_t step = sizeof(struct record);
	char key[KVP_KEY_SIZE];

	for (*offset = 0; *offset + step <= file->size; *offset += step) {
		int r = read_at(file, key, sizeof(key), *offset);

		if (r < 0)
			return r;
		if (!strncmp(key, wanted, sizeof(key)))
			return 1;
	}
	return 0;
}

int kvp_pool_read(struct kvp_pool *pool, const char *key, char value[KVP_VALUE_SIZE + 1])
{
	_cleanup_file_ struct pool_file file;
	off_t offset;
	int r = open_locked(&file, pool, O_RDONLY);

	if (r >= 0)
		r = find(&file, key, &offset);
	if (r <= 0)
		return r;
	value[KVP_VALUE_SIZE] = '\0';
	r = read_at(&file, value, KVP_VALUE_SIZE, offset + offsetof(struct record, value));
	return r < 0 ? r : 1;
}

/* If the disk is full, no partial record is left. */
static int append(const struct pool_file *file, const struct record *record)
{
	int r;

	if (file->size % sizeof(*record))
		return -EBADMSG;
	r = write_at(file, record, sizeof(*record), file->size);
	if (r < 0 && ftruncate(file->fd, file->size) < 0)
		return -errno;
	return r;
}

int kvp_pool_write(struct kvp_pool *pool, const char *key, const char *value)
{
	_cleanup_file_ struct pool_file file;
	struct record record = {0};
	off_t offset;
	int r = open_locked(&file, pool, O_RDWR);

	if (r < 0)
		return r;
	strncpy(record.key, key, sizeof(record.key) - 1);
	strncpy(record.value, value, sizeof(record.value) - 1);
	r = find(&file, key, &offset);
	if (r == 0)
		return append(&file, &record);
	return r < 0 ? r
		     : write_at(&file, record.value, sizeof(record.value),
				offset + offsetof(struct record, value));
}

int kvp_pool_remove(struct kvp_pool *pool, const char *key)
{
	_cleanup_free_ char *rest = NULL;
	_cleanup_file_ struct pool_file file;
	off_t offset;
	size_t size;
	int r = open_locked(&file, pool, O_RDWR);

	if (r >= 0)
		r = find(&file, key, &offset);
	if (r <= 0)
		return r;
	size = file.size - offset - sizeof(struct record);
	rest = malloc(size + 1);
	if (!rest)
		return -ENOMEM;
	r = read_at(&file, rest, size, offset + sizeof(struct record));
	if (r >= 0)
		r = write_at(&file, rest, size, offset);
	if (r >= 0 && ftruncate(file.fd, offset + size) < 0)
		r = -errno;
	return r;
}
