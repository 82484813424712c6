// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/locks. */
#include <sys/sysmacros.h>

#include "fuzz.h"
#include "userspace/guest/transport/kvp_locks.h"

#define DEVICE makedev(0xfe, 0x1a)
#define INODE  1234

#define LINE(type, pid) "\n9: " type "  ADVISORY  READ " pid " fe:1a:1234 0 EOF\n"

/* The PIDs in lines that are appended; no other line in a corpus has them. */
#define POSIX_PID "4194303"
#define FLOCK_PID "4194302"

static bool find(const uint8_t *data, size_t size, const char *line, struct kvp_lock *lock)
{
	size_t length = strlen(line);
	char *text = malloc(size + length + 1);
	FILE *file;
	bool found;

	must(text);
	memcpy(text, data, size);
	memcpy(text + size, line, length + 1);
	/* fmemopen() requires at least one byte. */
	file = size + length ? fmemopen(text, size + length, "r") : fopen("/dev/null", "r");
	must(file);
	found = kvp_locks_find(lock, file, DEVICE, INODE);
	fclose(file);
	free(text);
	return found;
}

/*
 * A lock is found behind any other lines, the first one that is not made by flock() is preferred,
 * and a process that waits is not the owner.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvp_lock alone = {0}, lock = {0};
	bool found = find(data, size, "", &alone);
	bool posix = found && !alone.flock;

	must(!found || memmem(data, size, "1234", 4));
	must(find(data, size, LINE("POSIX", POSIX_PID), &lock) && !lock.flock);
	must(lock.pid == (posix ? alone.pid : atoi(POSIX_PID)));
	must(find(data, size, LINE("FLOCK", FLOCK_PID), &lock) && lock.flock == !posix);
	must(lock.pid == (posix ? alone.pid : atoi(FLOCK_PID)));
	must(find(data, size, LINE("-> POSIX", POSIX_PID), &lock) == found);
	must(!found || lock.pid == alone.pid);
	return 0;
}
