// SPDX-License-Identifier: GPL-2.0-or-later
/* hvhost vsock: connects standard input and output with a port of the guest. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cli.h"
#include "client.h"
#include "tests/hvhost/socket.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vsock/address.h"

static int copy(int from, int to)
{
	char bytes[65536];
	ssize_t got;
	int ret = 0;

	while (ret == 0 && (got = read(from, bytes, sizeof(bytes))) > 0)
		ret = write_all(to, bytes, (size_t)got);
	return ret;
}

/* A thread of its own, so that neither direction waits for the other. */
static void *copy_input(void *argument)
{
	int fd = *(int *)argument;

	copy(STDIN_FILENO, fd);
	shutdown(fd, SHUT_WR);
	return NULL;
}

/* Whether the guest has accepted the connection. */
static bool is_accepted(int fd)
{
	char line[VSOCK_LINE_MAX] = "";
	size_t length = 0;

	while (length < sizeof(line) - 1 && read(fd, line + length, 1) == 1) {
		if (line[length++] == '\n')
			return strncmp(line, "OK ", 3) == 0;
	}
	return false;
}

static int run(const char *name, int fd, uint32_t port)
{
	pthread_t input;
	int ret;

	if (dprintf(fd, "CONNECT %u\n", port) < 0 || !is_accepted(fd)) {
		fprintf(stderr,
			"hvhost: the guest of \"%s\" has not accepted a connection to port %u: "
			"nobody "
			"listens there, or its module hv_sock is not loaded, or you are not "
			"allowed to "
			"use the machine (\"hvhost status\" shows the permission).\n",
			name, port);
		return EXIT_FAILURE;
	}
	ret = pthread_create(&input, NULL, copy_input, &fd);
	if (ret == 0)
		ret = -copy(fd, STDOUT_FILENO);
	if (ret == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "hvhost: %s\n", strerror(ret));
	return EXIT_FAILURE;
}

int cli_vsock(int argc, char **argv)
{
	_cleanup_close_ int fd = -1;
	char line[VSOCK_LINE_MAX];
	uint32_t port;

	if (argc != 3 || snprintf(line, sizeof(line), "CONNECT %s", argv[2]) >= (int)sizeof(line) ||
	    !parse_connect(line, &port))
		return cli_usage(argv[0]);
	signal(SIGPIPE, SIG_IGN); /* the guest may close while input is left */
	fd = client_socket(argv[1], VSOCK_SOCKET);
	if (fd < 0) {
		client_report_not_running(argv[1]);
		return EXIT_FAILURE;
	}
	return run(argv[1], fd, port);
}
