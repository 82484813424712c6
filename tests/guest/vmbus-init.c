// SPDX-License-Identifier: GPL-2.0-or-later
/* The whole user space of a guest that only has to meet VMBus. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYSLOG_ACTION_CONSOLE_LEVEL 8

/* Each after those that it needs. */
static const char *const modules[] = {
	"/pps_core.ko",
	"/ptp.ko",
	"/hv_vmbus.ko",
	"/hv_utils.ko",
};

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* It is built into this kernel. */
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0) == 0)
		return;
	perror(path);
	reboot(RB_POWER_OFF);
}

int main(void)
{
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	dup2(open("/dev/console", O_RDWR), STDERR_FILENO);
	klogctl(SYSLOG_ACTION_CONSOLE_LEVEL, NULL, 7);
	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++)
		load(modules[i]);
	for (;;)
		pause();
}
