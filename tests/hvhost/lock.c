// SPDX-License-Identifier: GPL-2.0-or-later
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "util.h"

#define POLL_US 20000

int lock_open(const char *directory, bool create)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/lock", directory) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
	return fd < 0 ? -errno : fd;
}

bool lock_take(int fd, unsigned int milliseconds)
{
	uint64_t deadline = now_us() + 1000ULL * milliseconds;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (now_us() >= deadline)
			return false;
		usleep(POLL_US);
	}
	return true;
}

void lock_release(int fd)
{
	flock(fd, LOCK_UN);
}

int lock_write_target(int fd, pid_t target)
{
	char text[16];
	int length = target ? snprintf(text, sizeof(text), "%d\n", target) : 0;

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) != length)
		return -errno;
	return 0;
}

pid_t lock_read_target(int fd)
{
	char text[16];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	if (got <= 0)
		return 0;
	text[got] = 0;
	return (pid_t)strtol(text, NULL, 10);
}
