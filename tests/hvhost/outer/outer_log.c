// SPDX-License-Identifier: GPL-2.0-or-later
#include "outer_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int outer_log_open(struct outer_log *log, const char *directory)
{
	char path[512];
	int error;

	snprintf(path, sizeof(path), "%s/" OUTER_LOG, directory);
	*log = (struct outer_log){.fd = open(path, O_RDONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
	if (log->fd >= 0)
		return 0;
	error = -errno;
	fprintf(stderr, "hvhost: %s: %s\n", path, strerror(-error));
	return error;
}

void outer_log_close(struct outer_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

/* The number of bytes copied; a line that fills the buffer is copied in parts. */
static size_t copy_lines(const char *bytes, size_t size, bool all)
{
	size_t done = 0;

	while (done < size) {
		const char *line = bytes + done;
		const char *end = memchr(line, '\n', size - done);
		size_t length = end ? (size_t)(end - line) : size - done;
		size_t text = length;

		if (!end && !all)
			break;
		while (text > 0 && line[text - 1] == '\r')
			text--;
		if (text > 0)
			fprintf(stderr, "outer machine: %.*s\n", (int)text, line);
		done += length + (end ? 1 : 0);
	}
	return done;
}

bool outer_log_relay(struct outer_log *log, bool last)
{
	char bytes[16384];
	ssize_t got;

	while ((got = pread(log->fd, bytes, sizeof(bytes), (off_t)log->copied)) > 0) {
		size_t done = copy_lines(bytes, (size_t)got, last || (size_t)got == sizeof(bytes));

		if (done == 0)
			break;
		log->copied += done;
	}
	return log->copied > 0;
}
