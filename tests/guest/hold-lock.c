// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hold-lock FILE: locks FILE like hv_kvp_daemon, but for reading, which requires only read access.
 * Prints a line once it has the lock, and holds it until it is killed.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd;

	if (argc != 2)
		errx(EXIT_FAILURE, "usage: hold-lock FILE");
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_SETLKW, &range) < 0)
		err(EXIT_FAILURE, "%s", argv[1]);
	puts("locked");
	fflush(stdout);
	for (;;)
		pause();
}
