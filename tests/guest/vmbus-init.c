// SPDX-License-Identifier: GPL-2.0-or-later
/* The init of a guest that only connects to VMBus. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYSLOG_ACTION_READ_ALL      3
#define SYSLOG_ACTION_CONSOLE_LEVEL 8

/* In the order of their dependencies. */
static const char *const modules[] = {
	"/pps_core.ko",
	"/ptp.ko",
	"/hv_vmbus.ko",
	"/hv_utils.ko",
};

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* It is built into the kernel. */
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0) == 0)
		return;
	perror(path);
	reboot(RB_POWER_OFF);
}

/* A built-in bus driver prints its version before the console is enabled. */
static void repeat_version(void)
{
	static char log[1 << 18];
	int size = klogctl(SYSLOG_ACTION_READ_ALL, log, sizeof(log) - 1);

	log[size > 0 ? size : 0] = '\0';
	for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
		if (strstr(line, "Vmbus version"))
			fprintf(stderr, "%s\n", line);
}

int main(void)
{
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	dup2(open("/dev/console", O_RDWR), STDERR_FILENO);
	klogctl(SYSLOG_ACTION_CONSOLE_LEVEL, NULL, 7);
	repeat_version();
	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++)
		load(modules[i]);
	for (;;)
		pause();
}
