// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vsock-peer connect CID PORT | listen PORT: tries it with AF_VSOCK, and prints what happens: an
 * error, "listens", "closed" if the peer closes the connection, or "data".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

static const char *try_to_connect(int fd, const struct sockaddr_vm *address)
{
	ssize_t size;
	char byte;

	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return strerror(errno);
	size = recv(fd, &byte, 1, 0);
	/* The peer may not have read all. */
	return size == 0 || errno == ECONNRESET ? "closed" : "data";
}

static const char *try_to_listen(int fd, const struct sockaddr_vm *address)
{
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, 1) < 0)
		return strerror(errno);
	return "listens";
}

int main(int argc, char **argv)
{
	struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		puts(strerror(errno));
		return EXIT_FAILURE;
	}
	if (argc == 4 && !strcmp(argv[1], "connect")) {
		address.svm_cid = (unsigned int)strtoul(argv[2], NULL, 0);
		address.svm_port = (unsigned int)strtoul(argv[3], NULL, 0);
		puts(try_to_connect(fd, &address));
	} else if (argc == 3 && !strcmp(argv[1], "listen")) {
		address.svm_port = (unsigned int)strtoul(argv[2], NULL, 0);
		puts(try_to_listen(fd, &address));
	} else {
		fputs("usage: vsock-peer connect CID PORT | listen PORT\n", stderr);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
