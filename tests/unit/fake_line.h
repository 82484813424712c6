/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines that a fake host receives from a client. */
#ifndef UNIT_FAKE_LINE_H
#define UNIT_FAKE_LINE_H

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * Adds what @fd has received to @line, of which *@length bytes are used. Returns 1 after a whole
 * line, which is terminated instead of its newline; 0 if there is none yet; -1 if the client has
 * disconnected. Aborts the test program if a line is too long.
 */
static inline int fake_line_receive(int fd, char *line, size_t size, size_t *length)
{
	ssize_t got;

	while ((got = recv(fd, line + *length, 1, MSG_DONTWAIT)) == 1) {
		if (line[*length] == '\n') {
			line[*length] = '\0';
			*length = 0;
			return 1;
		}
		if (++*length == size) {
			fputs("a line is too long\n", stderr);
			abort();
		}
	}
	return got < 0 && errno == EAGAIN ? 0 : -1;
}

#endif /* UNIT_FAKE_LINE_H */
