// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Process 1 of the guest that runs the KUnit suites: loads the driver, which runs them, scans for
 * leaks, unloads the driver, prints its coverage, and powers off. The results are in the kernel's
 * log, on the console.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULE                    "hv_logoff"
#define SYSLOG_ACTION_CONSOLE_OFF 6 /* klogctl(3) has no names */

static _Noreturn void stop(const char *what)
{
	printf("kunit-init: %s\n", what);
	sync();
	reboot(RB_POWER_OFF);
	exit(1);
}

static void load(void)
{
	int fd = open("/" MODULE ".ko", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0) {
		perror("kunit-init: " MODULE);
		stop("the module can't be loaded");
	}
	close(fd);
}

static void scan_for_leaks(void)
{
	int fd = open("/sys/kernel/debug/kmemleak", O_RDWR | O_CLOEXEC);
	char text[4096];
	ssize_t size;

	if (fd < 0)
		stop("there is no kmemleak");
	/* kmemleak ignores objects younger than 5 seconds, and reports at the second scan. */
	sleep(6);
	for (int i = 0; i < 2; i++)
		if (write(fd, "scan", 4) != 4)
			stop("kmemleak does not scan");
	while ((size = read(fd, text, sizeof(text))) > 0)
		fwrite(text, size, 1, stdout);
	close(fd);
}

/* Prints a line for each file of coverage, in hexadecimal; there are none without GCOV_PROFILE. */
static int print_coverage(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	const char *dot = strrchr(path, '.');
	unsigned char bytes[4096];
	ssize_t size;
	int fd;

	(void)status;
	(void)ftw;
	if (type != FTW_F || !dot || strcmp(dot, ".gcda") != 0)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	printf("gcov: %s ", path);
	while ((size = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < size; i++)
			printf("%02x", bytes[i]);
	putchar('\n');
	close(fd);
	return 0;
}

int main(void)
{
	setbuf(stdout, NULL);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL))
		stop("a file system is missing");
	puts("kunit-init: begin");
	load();
	scan_for_leaks();
	if (syscall(SYS_delete_module, MODULE, O_NONBLOCK) < 0)
		stop("the module can't be unloaded");
	/* Kernel messages would break the lines. */
	klogctl(SYSLOG_ACTION_CONSOLE_OFF, NULL, 0);
	nftw("/sys/kernel/debug/gcov", print_coverage, 16, FTW_PHYS);
	stop("end");
}
