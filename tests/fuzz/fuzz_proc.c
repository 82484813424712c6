// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of /proc about a process, which can give itself any name. */
#include <sys/sysmacros.h>

#include "fuzz.h"
#include "userspace/guest/system/process.h"

#define GROUP "/user.slice/user-1000.slice/session-3.scope"
#define LINE  "0::" GROUP "\n"

/* A task's name has at most 15 bytes; the name of a kernel thread is shown with up to 63. */
#define NAME_MAX 63

static FILE *open_text(const void *text, size_t size)
{
	/* fmemopen() requires at least one byte. */
	FILE *file = size ? fmemopen((void *)text, size, "r") : fopen("/dev/null", "r");

	must(file);
	return file;
}

static bool in_group(const void *text, size_t size)
{
	FILE *file = open_text(text, size);
	bool in = process_cgroup_is(file, GROUP);

	fclose(file);
	return in;
}

static dev_t terminal(const void *text, size_t size)
{
	FILE *file = open_text(text, size);
	dev_t device = process_stat_terminal(file);

	fclose(file);
	return device;
}

/* A process is in the group only if there is a complete line for it, with or without newline. */
static void cgroup(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);
	const char *line = text, *end = text + size;
	bool found = false;

	while (line < end && !found) {
		const char *newline = memchr(line, '\n', end - line);
		size_t length = (newline ? newline : end) - line;

		found = length == strlen(LINE) - 1 && !memcmp(line, LINE, length);
		line += length + 1;
	}
	must(found || !in_group(text, size));
	free(text);
}

/* The line is found after those of other hierarchies, whatever their controllers. */
static void try_valid_cgroup(const uint8_t *data, size_t size)
{
	char text[256];
	int length;

	if (size > NAME_MAX || memchr(data, '\n', size) || memchr(data, 0, size))
		return;
	length = snprintf(text, sizeof(text), "12:%.*s\n" LINE, (int)size, (const char *)data);
	must(in_group(text, length));
}

/* The path of a line is returned as it is. */
static void cgroup_path(const uint8_t *data, size_t size, char *(*read)(FILE *cgroup))
{
	FILE *file = open_text(data, size);
	char *path = read(file);

	fclose(file);
	if (path)
		must(path[0] == '/' && !strchr(path, '\n') &&
		     memmem(data, size, path, strlen(path)));
	free(path);
}

/* The hierarchy of systemd is found, whatever the groups in the others. */
static void try_valid_cgroup_path(const uint8_t *data, size_t size)
{
	char text[512];
	FILE *file;
	char *path;
	int length;

	if (size > NAME_MAX || memchr(data, '\n', size) || memchr(data, 0, size))
		return;
	length = snprintf(text, sizeof(text), "12:cpu:/%.*s\n1:name=systemd:/\n0::" GROUP "\n",
			  (int)size, (const char *)data);
	file = open_text(text, length);
	path = process_cgroup_path(file);
	fclose(file);
	must(path && !strcmp(path, GROUP));
	free(path);
}

static bool read_status(const void *text, size_t size, struct process_status *status)
{
	FILE *file = open_text(text, size);
	bool valid = process_read_status(file, status);

	fclose(file);
	return valid;
}

/* The first bytes of @data are the uid, the others are the name, in which newlines are escaped. */
static void try_valid_status(const uint8_t *data, size_t size)
{
	struct process_status status;
	char text[512];
	uint32_t uid;
	int length;

	if (size < sizeof(uid) || size > sizeof(uid) + NAME_MAX)
		return;
	memcpy(&uid, data, sizeof(uid));
	data += sizeof(uid);
	size -= sizeof(uid);
	if (memchr(data, 0, size) || memchr(data, '\n', size))
		return;
	length = snprintf(text, sizeof(text),
			  "Name:\t%.*s\nUmask:\t0022\nState:\tZ (zombie)\n"
			  "Uid:\t%u\t0\t0\t0\nGid:\t0\t0\t0\t0\nNSpid:\t4711\t1\n",
			  (int)size, (const char *)data, uid);
	must(read_status(text, length, &status));
	must(status.uid == uid && status.ended && status.nested);
}

/* The first bytes of @data are the terminal's number, the others are the name. */
static void try_valid_stat(const uint8_t *data, size_t size)
{
	uint32_t number;
	char text[512];
	int length;

	if (size < sizeof(number) || size > sizeof(number) + NAME_MAX)
		return;
	memcpy(&number, data, sizeof(number));
	data += sizeof(number);
	size -= sizeof(number);
	if (memchr(data, 0, size))
		return;
	length = snprintf(text, sizeof(text),
			  "4711 (%.*s) S 1 4711 4711 %d 4711 4194560 1287 0 0 0 1 0 0 0 20 0 1\n",
			  (int)size, (const char *)data, (int)number);
	must(terminal(text, length) ==
	     makedev(number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xfff00)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct process_status status;

	cgroup(data, size);
	cgroup_path(data, size, process_cgroup_path);
	cgroup_path(data, size, process_freezer_path);
	try_valid_cgroup_path(data, size);
	read_status(data, size, &status);
	try_valid_status(data, size);
	try_valid_cgroup(data, size);
	terminal(data, size);
	try_valid_stat(data, size);
	return 0;
}
