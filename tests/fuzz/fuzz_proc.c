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
	cgroup(data, size);
	try_valid_cgroup(data, size);
	terminal(data, size);
	try_valid_stat(data, size);
	return 0;
}
