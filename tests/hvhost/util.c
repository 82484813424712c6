// SPDX-License-Identifier: GPL-2.0-or-later
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

uint64_t now_us(void)
{
	return monotonic_usec();
}

int write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		ssize_t written = write(fd, at, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		length -= (size_t)written;
	}
	return 0;
}

static int read_all(int fd, char *data, size_t size)
{
	while (size) {
		ssize_t got = read(fd, data, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		data += got;
		size -= (size_t)got;
	}
	return 0;
}

int read_file(const char *path, void **data, size_t *size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *content = NULL;
	struct stat status;
	int ret;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	content = malloc((size_t)status.st_size + 1);
	if (!content)
		return -ENOMEM;
	ret = read_all(fd, content, (size_t)status.st_size);
	if (ret < 0)
		return ret;
	*size = (size_t)status.st_size;
	*data = content;
	content = NULL;
	return 0;
}

void log_line(const char *format, ...)
{
	uint64_t now = now_us();
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		text = NULL;
		return;
	}
	fprintf(stderr, "%llu.%03llu %s\n", (unsigned long long)(now / 1000000),
		(unsigned long long)(now / 1000 % 1000), text);
}
