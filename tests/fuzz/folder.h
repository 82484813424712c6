/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory for the files of a fuzzer, if possible in memory. */
#ifndef FUZZ_FOLDER_H
#define FUZZ_FOLDER_H

#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"

static char folder[64];

static inline void path_of(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", folder, name);
}

/* @remove removes the files and the directory at exit. */
static inline void make_folder(void (*remove)(void))
{
	if (folder[0])
		return;
	snprintf(folder, sizeof(folder), "%s/hv-logoff-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(folder));
	atexit(remove);
}

static inline void write_file(const char *name, const void *bytes, size_t size)
{
	char path[128];
	int fd;

	path_of(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

#endif /* FUZZ_FOLDER_H */
