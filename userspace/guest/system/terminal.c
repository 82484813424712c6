// SPDX-License-Identifier: GPL-2.0-or-later
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

#include "process.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define NOTICE_SIZE 2048

/*
 * A terminal may have been closed and reused. It still belongs to the session if the session's user
 * owns it, or, after su, if it is the controlling terminal of the session's leader.
 */
static int check_tty(int fd, const struct session *session)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISCHR(status.st_mode) || !isatty(fd))
		return -ENOTTY;
	if (status.st_uid == session->uid)
		return 0;
	return session->leader > 0 && process_terminal(session->leader) == status.st_rdev ? 0
											  : -EPERM;
}

static int open_tty(const struct session *session)
{
	const char *tty = session->tty;
	char path[64];
	int fd;
	int r;

	if (!tty[0] || tty[0] == '/' || strstr(tty, "..") ||
	    snprintf(path, sizeof(path), "/dev/%s", tty) >= (int)sizeof(path))
		return -EINVAL;
	/* Without O_NONBLOCK, opening a serial line waits for the carrier. */
	fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r = check_tty(fd, session);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* On other terminals, each byte of a UTF-8 character is a character, possibly a C1 control. */
static bool is_utf8(int fd)
{
	struct termios settings;

	return tcgetattr(fd, &settings) == 0 && settings.c_iflag & IUTF8;
}

/* The terminal may be in raw mode: every line needs a carriage return. */
static size_t compose(char *target, size_t size, const char *text, bool utf8)
{
	char clean[NOTICE_SIZE];
	size_t used;

	text_clean(clean, sizeof(clean), text, sizeof(clean));
	if (!utf8)
		text_make_ascii(clean);
	used = snprintf(target, size, "\r\n\a\r\n");
	for (const char *next = clean; *next && used + 4 < size; next++) {
		if (*next == '\n')
			target[used++] = '\r';
		target[used++] = *next;
	}
	target[used++] = '\r';
	target[used++] = '\n';
	return used;
}

int terminal_write(const struct session *session, const char *text)
{
	_cleanup_close_ int fd = open_tty(session);
	char notice[2 * NOTICE_SIZE];
	size_t size;
	ssize_t written;

	if (fd < 0)
		return fd;
	size = compose(notice, sizeof(notice), text, is_utf8(fd));
	written = write(fd, notice, size);
	if (written < 0)
		return -errno;
	return (size_t)written == size ? 0 : -EAGAIN;
}
