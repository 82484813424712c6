// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fail-nth PATH OFFER: walks a path of the driver again and again, on a kernel with FAILSLAB. The
 * first time the first allocation fails, the second time the second one, until it is walked
 * without one that fails. Prints how often that was.
 *
 *   bind    the driver is bound to the offer; it is not before, and not after
 *   unbind  the driver is unbound from it; it is not bound before, and not after
 *   device  a daemon opens the device, shakes hands, polls and closes; the driver is bound, and no
 *           other daemon runs
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

/* More than there are on any of the paths. */
#define MOST 2000

static const char *offer;
static int fail_nth, bind_file, unbind_file;

struct path {
	const char *name;
	bool (*before)(void);
	bool (*walk)(void);
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

/* An unbinding that failed early has left it bound. */
static bool bind_again(void)
{
	char link[256];

	snprintf(link, sizeof(link), DRIVER "%s", offer);
	return access(link, F_OK) == 0 || bind_driver();
}

static bool nothing(void)
{
	return true;
}

static bool shake_hands(int fd)
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
	bool good = fd >= 0 && shake_hands(fd);

	if (fd >= 0)
		close(fd);
	return good;
}

static const struct path paths[] = {
	{"bind", nothing, bind_driver, unbind_driver},
	{"unbind", bind_again, unbind_driver, nothing},
	{"device", nothing, use_device, nothing},
};

/* Whether the walk came to its @n-th allocation; *@good says how it ended. */
static bool walk(const struct path *path, int n, bool *good)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(fail_nth, text, size, 0) != size)
		die("fail-nth");
	*good = path->walk();
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

	for (n = 1; failed && n <= MOST; n++) {
		if (!path->before())
			die("before the path");
		failed = walk(path, n, &good);
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
