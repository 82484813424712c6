// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

char folder[64];

void make_folder(void)
{
	/* Prefer a tmpfs, since the journal calls fsync() thousands of times. */
	snprintf(folder, sizeof(folder), "%s/hv-logoff-kvp-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int standard_error = -1;

void mute_stderr(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	standard_error = dup(STDERR_FILENO);
	assert_true(null >= 0 && standard_error >= 0);
	assert_int_equal(dup2(null, STDERR_FILENO), STDERR_FILENO);
	close(null);
}

void unmute_stderr(void)
{
	assert_int_equal(dup2(standard_error, STDERR_FILENO), STDERR_FILENO);
	close(standard_error);
}

struct pool_record make_record(const char *key, const char *value)
{
	struct pool_record record;

	memset(&record, 0xa5, sizeof(record));
	snprintf(record.key, sizeof(record.key), "%s", key);
	snprintf(record.value, sizeof(record.value), "%s", value);
	return record;
}

void write_file(const char *name, const void *bytes, size_t size)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

char *read_file(const char *name, size_t *size)
{
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	*size = status.st_size;
	bytes = calloc(1, *size + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, *size), *size);
	close(fd);
	return bytes;
}

static void take_lock(int fd)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	assert_int_equal(fcntl(fd, F_SETLKW, &range), 0);
}

void rewrite_pool(enum hv_kvp_exchg_pool pool, const struct pool_record *records, size_t count)
{
	int fd = open(path_of(kvp_pool_name(pool)), O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	take_lock(fd);
	write_file(kvp_pool_name(pool), records, count * sizeof(*records));
	close(fd);
}

struct holder hold_lock(enum hv_kvp_exchg_pool pool)
{
	struct holder holder;
	int down[2], up[2];
	char byte = 0;

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	holder.pid = fork();
	assert_true(holder.pid >= 0);
	if (holder.pid == 0) {
		int fd = open(path_of(kvp_pool_name(pool)), O_RDWR | O_CLOEXEC);

		close(down[1]);
		take_lock(fd);
		if (write(up[1], &byte, 1) == 1)
			_exit(read(down[0], &byte, 1));
		_exit(1);
	}
	assert_int_equal(read(up[0], &byte, 1), 1);
	close(up[0]);
	close(up[1]);
	close(down[0]);
	holder.pipe = down[1];
	return holder;
}

void release_lock(struct holder holder)
{
	int status;

	close(holder.pipe);
	assert_int_equal(waitpid(holder.pid, &status, 0), holder.pid);
	assert_int_equal(status, 0);
}
