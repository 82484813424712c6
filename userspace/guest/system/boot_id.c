// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot_id.h"

#include <errno.h>
#include <fcntl.h>

#include "userspace/shared/util.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

int boot_id_read(char id[BOOT_ID_SIZE])
{
	_cleanup_close_ int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = read(fd, id, BOOT_ID_SIZE - 1);
	if (size < 0)
		return -errno;
	id[size] = '\0';
	return 0;
}
