// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpio.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int pad(FILE *archive)
{
	long position = ftell(archive);

	if (position < 0)
		return -errno;
	for (; position % 4; position++) {
		if (putc(0, archive) == EOF)
			return -EIO;
	}
	return 0;
}

static int entry(FILE *archive, const char *name, mode_t mode, dev_t device, size_t size)
{
	if (size > UINT32_MAX)
		return -EFBIG;

	/* magic, inode, mode, uid, gid, links, mtime, size, dev, rdev, namesize, checksum */
	if (fprintf(archive, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s%c", 0u,
		    (unsigned int)mode, 0u, 0u, 1u, 0u, (unsigned int)size, 0u, 0u, major(device),
		    minor(device), (unsigned int)strlen(name) + 1, 0u, name, '\0') < 0)
		return -EIO;
	return pad(archive);
}

int cpio_directory(FILE *archive, const char *name)
{
	return entry(archive, name, S_IFDIR | 0755, 0, 0);
}

int cpio_device(FILE *archive, const char *name, mode_t mode, dev_t device)
{
	return entry(archive, name, mode, device, 0);
}

int cpio_bytes(FILE *archive, const char *name, const void *bytes, size_t size)
{
	int error = entry(archive, name, S_IFREG | 0644, 0, size);

	if (error)
		return error;
	if (fwrite(bytes, 1, size, archive) != size)
		return -EIO;
	return pad(archive);
}

static int copy(FILE *archive, FILE *file, size_t size)
{
	char buffer[65536];

	while (size > 0) {
		size_t part = size < sizeof(buffer) ? size : sizeof(buffer);

		if (fread(buffer, 1, part, file) != part ||
		    fwrite(buffer, 1, part, archive) != part)
			return -EIO;
		size -= part;
	}
	return pad(archive);
}

int cpio_file(FILE *archive, const char *name, mode_t mode, const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	int error = 0;

	if (!file)
		return -errno;
	if (fstat(fileno(file), &status) < 0)
		error = -errno;
	if (!error)
		error = entry(archive, name, S_IFREG | mode, 0, (size_t)status.st_size);
	if (!error)
		error = copy(archive, file, (size_t)status.st_size);
	fclose(file);
	return error;
}

int cpio_end(FILE *archive)
{
	int error = entry(archive, "TRAILER!!!", 0, 0, 0);

	if (!error && fflush(archive) == EOF)
		error = -errno;
	return error;
}
