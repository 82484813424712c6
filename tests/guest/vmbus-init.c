// SPDX-License-Identifier: GPL-2.0-or-later
/* The whole user space of a guest that only has to meet VMBus. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYSLOG_ACTION_CONSOLE_LEVEL 8

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

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
	/* It is built into some kernels. */
	if (access("/hv_vmbus.ko", F_OK) == 0)
		load("/hv_vmbus.ko");
	load("/hv_utils.ko");
	for (;;)
		pause();
}
