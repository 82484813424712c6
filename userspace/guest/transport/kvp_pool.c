// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "userspace/shared/util.h"

struct record {
	char key[KVP_KEY_SIZE];
	char value[KVP_VALUE_SIZE];
};

#define RECORDS_MAX 4096

struct pool {
	int fd;
	off_t size;
};

static void pool_closep(struct pool *pool)
{
	closep(&pool->fd);
}

#define _cleanup_pool_ _cleanup_(pool_closep)

const char *kvp_pool_name(enum hv_kvp_exchg_pool pool)
{
	return pool == KVP_POOL_EXTERNAL ? ".kvp_pool_0" : ".kvp_pool_1";
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

static int check_file(struct pool *pool)
{
	struct stat status;

	if (fstat(pool->fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (status.st_nlink != 1)
		return -EMLINK;
	if (status.st_size > (off_t)(RECORDS_MAX * sizeof(struct record)))
		return -EFBIG;
	pool->size = status.st_size;
	return check_owner(&status);
}

/* Excludes hv_kvp_daemon, which truncates and rewrites the file. Closing the file unlocks it. */
static int lock(int fd, int mode)
{
	struct flock range = {
		.l_type = mode == O_RDONLY ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (fcntl(fd, F_SETLK, &range) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/* The caller closes @pool, even if this fails. */
static int open_pool(struct pool *pool, const char *directory, enum hv_kvp_exchg_pool number,
		     int mode)
{
	_cleanup_close_ int parent = open_directory(directory);
	int r;

	*pool = (struct pool){.fd = -1};
	if (parent < 0)
		return parent;
	/* With O_NONBLOCK, opening a FIFO does not block. */
	pool->fd = openat(parent, kvp_pool_name(number),
			  mode | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (pool->fd < 0)
		return -errno;
	r = lock(pool->fd, mode);
	return r < 0 ? r : check_file(pool);
}

static int read_at(const struct pool *pool, void *target, size_t size, off_t offset)
{
	ssize_t got = pread(pool->fd, target, size, offset);

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EIO;
}

static int write_at(const struct pool *pool, const void *source, size_t size, off_t offset)
{
	ssize_t written = pwrite(pool->fd, source, size, offset);

	if (written < 0)
		return -errno;
	return (size_t)written == size ? 0 : -ENOSPC;
}

/* Returns 1 and the record's offset, or 0. Bytes after the last whole record are not a record. */
static int find(const struct pool *pool, const char *wanted, off_t *offset)
{
	const off_t step = sizeof(struct record);
	char key[KVP_KEY_SIZE];

	for (*offset = 0; *offset + step <= pool->size; *offset += step) {
		int r = read_at(pool, key, sizeof(key), *offset);

		if (r < 0)
			return r;
		if (!strncmp(key, wanted, sizeof(key)))
			return 1;
	}
	return 0;
}

int kvp_pool_read(const char *directory, enum hv_kvp_exchg_pool number, const char *key,
		  char value[KVP_VALUE_SIZE + 1])
{
	_cleanup_pool_ struct pool pool;
	off_t offset;
	int r = open_pool(&pool, directory, number, O_RDONLY);

	if (r >= 0)
		r = find(&pool, key, &offset);
	if (r <= 0)
		return r;
	value[KVP_VALUE_SIZE] = '\0';
	r = read_at(&pool, value, KVP_VALUE_SIZE, offset + offsetof(struct record, value));
	return r < 0 ? r : 1;
}

/* If the disk is full, no partial record is left. */
static int append(const struct pool *pool, const struct record *record)
{
	int r;

	if (pool->size % sizeof(*record))
		return -EBADMSG;
	r = write_at(pool, record, sizeof(*record), pool->size);
	if (r < 0 && ftruncate(pool->fd, pool->size) < 0)
		return -errno;
	return r;
}

int kvp_pool_write(const char *directory, enum hv_kvp_exchg_pool number, const char *key,
		   const char *value)
{
	_cleanup_pool_ struct pool pool;
	struct record record = {0};
	off_t offset;
	int r = open_pool(&pool, directory, number, O_RDWR);

	if (r < 0)
		return r;
	strncpy(record.key, key, sizeof(record.key) - 1);
	strncpy(record.value, value, sizeof(record.value) - 1);
	r = find(&pool, key, &offset);
	if (r == 0)
		return append(&pool, &record);
	return r < 0 ? r
		     : write_at(&pool, record.value, sizeof(record.value),
				offset + offsetof(struct record, value));
}

int kvp_pool_remove(const char *directory, enum hv_kvp_exchg_pool number, const char *key)
{
	_cleanup_free_ char *rest = NULL;
	_cleanup_pool_ struct pool pool;
	off_t offset;
	size_t size;
	int r = open_pool(&pool, directory, number, O_RDWR);

	if (r >= 0)
		r = find(&pool, key, &offset);
	if (r <= 0)
		return r;
	size = pool.size - offset - sizeof(struct record);
	rest = malloc(size + 1);
	if (!rest)
		return -ENOMEM;
	r = read_at(&pool, rest, size, offset + sizeof(struct record));
	if (r >= 0)
		r = write_at(&pool, rest, size, offset);
	if (r >= 0 && ftruncate(pool.fd, offset + size) < 0)
		r = -errno;
	return r;
}
