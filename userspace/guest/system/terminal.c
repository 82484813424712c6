// SPDX-License-Identifier: GPL-2.0-or-later
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "process.h"
#include "scope.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define NOTICE_SIZE 2048

void terminals_done(struct terminals *terminals)
{
	free(terminals->items);
	*terminals = (struct terminals){0};
}

static bool terminals_include(const struct terminals *terminals, dev_t terminal)
{
	for (size_t i = 0; i < terminals->count; i++)
		if (terminals->items[i] == terminal)
			return true;
	return false;
}

/* If memory is exhausted, the terminal is left out. */
static void terminals_add(struct terminals *terminals, dev_t terminal)
{
	dev_t *items;

	if (terminals_include(terminals, terminal))
		return;
	items = reallocarray(terminals->items, terminals->count + 1, sizeof(*items));
	if (!items)
		return;
	terminals->items = items;
	items[terminals->count++] = terminal;
}

/* @tty is a name below /dev. Returns a descriptor or -errno. */
static int open_tty(const char *tty, struct stat *status)
{
	char path[64];
	int fd;

	if (!tty[0] || tty[0] == '/' || strstr(tty, "..") ||
	    snprintf(path, sizeof(path), "/dev/%s", tty) >= (int)sizeof(path))
		return -EINVAL;
	/* Without O_NONBLOCK, opening a serial line waits for the carrier. */
	fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, status) == 0 && S_ISCHR(status->st_mode) && isatty(fd))
		return fd;
	close(fd);
	return -ENOTTY;
}

/*
 * A terminal may have been closed and reused. It still belongs to the session if the session's user
 * owns it, or, after su, if it is the controlling terminal of the session's leader.
 */
static bool belongs_to(const struct stat *status, const struct session *session)
{
	return status->st_uid == session->uid ||
	       (session->leader > 0 && process_terminal(session->leader) == status->st_rdev);
}

/* The name below /dev, from the kernel. Empty if there is none. */
static void name_of(dev_t terminal, char *name, size_t size)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	size_t line_size = 0;
	char path[64];

	name[0] = '\0';
	if (major(terminal) == UNIX98_PTY_SLAVE_MAJOR) {
		snprintf(name, size, "pts/%u", minor(terminal));
		return;
	}
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/uevent", major(terminal),
		 minor(terminal));
	file = fopen(path, "re");
	while (file && getline(&line, &line_size, file) > 0)
		if (!strncmp(line, "DEVNAME=", strlen("DEVNAME="))) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(name, size, "%s", line + strlen("DEVNAME="));
		}
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

static int write_notice(int fd, const char *text)
{
	char notice[2 * NOTICE_SIZE];
	size_t size = compose(notice, sizeof(notice), text, is_utf8(fd));
	ssize_t written = write(fd, notice, size);

	if (written < 0)
		return -errno;
	return (size_t)written == size ? 0 : -EAGAIN;
}

/* Returns 1 or -errno. */
static int write_once(struct terminals *told, int fd, dev_t terminal, const char *text)
{
	int r;

	if (terminals_include(told, terminal))
		return 1;
	r = write_notice(fd, text);
	if (r < 0)
		return r;
	terminals_add(told, terminal);
	return 1;
}

/*
 * Only if the user owns it: the terminal may be that of a container, whose device has the number of
 * another user's terminal, and the PID of the process may have been reused. Returns 1 or -errno.
 */
static int write_to(struct terminals *told, dev_t terminal, uid_t uid, const char *text)
{
	_cleanup_close_ int fd = -1;
	struct stat status = {0};
	char name[64];

	name_of(terminal, name, sizeof(name));
	fd = open_tty(name, &status);
	if (fd < 0)
		return fd;
	if (status.st_rdev != terminal || status.st_uid != uid)
		return -EPERM;
	return write_once(told, fd, terminal, text);
}

static void add_terminal_of(void *userdata, pid_t pid)
{
	dev_t terminal = process_terminal(pid);

	if (terminal)
		terminals_add(userdata, terminal);
}

/* Returns the number of terminals with the notice, or -errno if there is none. */
static int write_to_all(struct terminals *told, const struct terminals *terminals, uid_t uid,
			const char *text)
{
	int error = -ENXIO;
	int count = 0;

	for (size_t i = 0; i < terminals->count; i++) {
		int r = write_to(told, terminals->items[i], uid, text);

		if (r < 0)
			error = r;
		else
			count += r;
	}
	return count > 0 ? count : error;
}

int terminal_write_session(struct terminals *told, const char *root, const struct session *session,
			   const char *text)
{
	_cleanup_(terminals_done) struct terminals terminals = {0};
	_cleanup_close_ int fd = -1;
	struct stat status = {0};

	fd = open_tty(session->tty, &status);
	if (fd >= 0 && belongs_to(&status, session))
		return write_once(told, fd, status.st_rdev, text);
	scope_for_each_process(root, session, add_terminal_of, &terminals);
	return write_to_all(told, &terminals, session->uid, text);
}

int terminal_write_manager(struct terminals *told, const char *root, uid_t uid, const char *text)
{
	_cleanup_(terminals_done) struct terminals terminals = {0};

	scope_manager_for_each_process(root, uid, add_terminal_of, &terminals);
	return write_to_all(told, &terminals, uid, text);
}

bool terminal_of_manager(const char *root, uid_t uid)
{
	_cleanup_(terminals_done) struct terminals terminals = {0};

	scope_manager_for_each_process(root, uid, add_terminal_of, &terminals);
	return terminals.count > 0;
}
