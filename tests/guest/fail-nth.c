// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fail-nth PATH OFFER: runs a path through the driver repeatedly, on a kernel with FAILSLAB. In the
 * first run the first allocation fails, in the second run the second one, and so on until a run has
 * no allocation that fails. Prints the number of allocations.
 *
 *   bind    binds the driver to the offer; it is unbound before and after
 *   unbind  unbinds the driver from the offer, after binding it; it is unbound before and after
 *   device  opens the device as a daemon does, performs the handshake, polls and closes it; the
 *           driver is bound, and no other daemon runs
 */
#include <fcntl.h>
#include <linux/hv_logoff.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVER "/sys/bus/vmbus/drivers/hv_logoff/"
#define DEVICE "/dev/" HV_LOGOFF_DEVICE

/* More allocations than any path has. */
#define ALLOCATIONS_MAX 2000

static const char *offer;
static int fail_nth, bind_file, unbind_file;

struct path {
	const char *name;
	bool (*before)(void);
	bool (*run)(void);
	bool (*after)(void);
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static int open_or_die(const char *file, int flags)
{
	int fd = open(file, flags | O_CLOEXEC);

	if (fd < 0)
		die(file);
	return fd;
}

static bool bind_driver(void)
{
	return write(bind_file, offer, strlen(offer)) > 0;
}

static bool unbind_driver(void)
{
	return write(unbind_file, offer, strlen(offer)) > 0;
}

/* If unbinding failed early, the driver is still bound. */
static bool bind_again(void)
{
	char link[256];

	snprintf(link, sizeof(link), DRIVER "%s", offer);
	return access(link, F_OK) == 0 || bind_driver();
}

static bool no_op(void)
{
	return true;
}

static bool handshake(int fd)
{
	struct hv_logoff_hello hello = {
		.header = {.type = HV_LOGOFF_HELLO, .size = sizeof(hello)},
		.version = HV_LOGOFF_VERSION,
		.minimum = HV_LOGOFF_VERSION_1_0,
	};
	struct pollfd waits = {.fd = fd, .events = POLLIN};

	return write(fd, &hello, sizeof(hello)) == sizeof(hello) && poll(&waits, 1, -1) == 1 &&
	       read(fd, &hello, sizeof(hello)) == sizeof(hello);
}

static bool use_device(void)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	bool good = fd >= 0 && handshake(fd);

	if (fd >= 0)
		close(fd);
	return good;
}

static const struct path paths[] = {
	{"bind", no_op, bind_driver, unbind_driver},
	{"unbind", bind_again, unbind_driver, no_op},
	{"device", no_op, use_device, no_op},
};

/* Whether the run reached its @n-th allocation. Sets *@good to the result of the path. */
static bool run(const struct path *path, int n, bool *good)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(fail_nth, text, size, 0) != size)
		die("fail-nth");
	*good = path->run();
	memset(text, 0, sizeof(text));
	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0 || pwrite(fail_nth, "0", 1, 0) != 1)
		die("fail-nth");
	return atoi(text) == 0;
}

static int sweep(const struct path *path)
{
	bool failed = true;
	bool good = false;
	int n;

	for (n = 1; failed && n <= ALLOCATIONS_MAX; n++) {
		if (!path->before())
			die("before the path");
		failed = run(path, n, &good);
		if (good && !path->after())
			die("after the path");
	}
	printf("%s: each of %d allocations has failed\n", path->name, n - 2);
	return !failed && good && n > 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(argv[1], paths[i].name) != 0)
			continue;
		offer = argv[2];
		fail_nth = open_or_die("/proc/thread-self/fail-nth", O_RDWR);
		bind_file = open_or_die(DRIVER "bind", O_WRONLY);
		unbind_file = open_or_die(DRIVER "unbind", O_WRONLY);
		return sweep(&paths[i]);
	}
	fprintf(stderr, "usage: fail-nth bind|unbind|device OFFER\n");
	return EXIT_FAILURE;
}
