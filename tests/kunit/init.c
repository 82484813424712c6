// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Process 1 of the kernel that runs the suites: loads the module, which runs them,
 * unloads it, looks for leaks, and reboots, which ends the machine. What it finds is in the kernel's log,
 * on the console.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULE "hv_logoff_kunit"

static _Noreturn void stop(const char *what)
{
	printf("kunit-init: %s\n", what);
	sync();
	reboot(RB_AUTOBOOT);
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
	/* kmemleak leaves alone what is younger than 5 seconds, and wants to see it twice. */
	sleep(6);
	for (int i = 0; i < 2; i++)
		if (write(fd, "scan", 4) != 4)
			stop("kmemleak does not scan");
	while ((size = read(fd, text, sizeof(text))) > 0)
		fwrite(text, size, 1, stdout);
	close(fd);
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
	stop("end");
}
