// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util.h"

static int make_address(const char *directory, const char *name, struct sockaddr_un *address)
{
	size_t size = sizeof(address->sun_path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (snprintf(address->sun_path, size, "%s/%s", directory, name) >= (int)size)
		return -ENAMETOOLONG;
	return 0;
}

static int listen_at(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	unlink(address->sun_path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    chmod(address->sun_path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
		error = -errno;
	if (error)
		closep(&fd);
	return error ? error : fd;
}

int socket_listen(const char *directory, const char *name)
{
	struct sockaddr_un address;
	int fd;

	if (make_address(directory, name, &address) < 0) {
		log_line("The path %s/%s is too long for a socket: set HVHOST_DIR to a shorter "
			 "one.",
			 directory, name);
		return -ENAMETOOLONG;
	}
	fd = listen_at(&address);
	if (fd < 0)
		log_line("%s: %s.", address.sun_path, strerror(-fd));
	return fd;
}

void socket_unlink(const char *directory, const char *name)
{
	struct sockaddr_un address;

	if (make_address(directory, name, &address) == 0)
		unlink(address.sun_path);
}

int socket_connect(const char *directory, const char *name, int flags)
{
	struct sockaddr_un address;
	int fd, error = make_address(directory, name, &address);

	if (error < 0)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		error = -errno;
	if (error)
		closep(&fd);
	return error ? error : fd;
}
