// SPDX-License-Identifier: GPL-2.0-or-later
#include "diagnosis.h"

#include <stdio.h>
#include <string.h>

#include "tests/hvhost/util.h"
#include "userspace/host/libvmguestos/registry.h"

#define REPORT_LINES 12
#define REASON_LINES 5

/* The first line of a report of the kernel contains one of these. See also tests/e2e/machine.py. */
static const char *const reports[] = {
	"Kernel panic",
	"BUG: ",
	"Oops: ",
	"general protection fault",
	"stack guard page was hit",
	"double fault",
	"soft lockup",
	"hard LOCKUP",
	"detected stall",
};

/* Messages of hvhost about the end of the guest, and of its outer machine. */
static const char *const reasons[] = {
	"panicked", "guest is reset", "machine ends", "outer machine has", "QEMU ", "signal ",
};

static bool has_any(const char *line, const char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strstr(line, patterns[i]))
			return true;
	}
	return false;
}

/* The file as a string, which the caller frees; NULL if it cannot be read. */
static char *read_log(const char *directory, const char *file)
{
	_cleanup_free_ char *path = NULL;
	void *bytes = NULL;
	char *text;
	size_t size;

	if (asprintf(&path, "%s/%s", directory, file) < 0) {
		path = NULL;
		return NULL;
	}
	if (read_file(path, &bytes, &size) < 0)
		return NULL;
	text = realloc(bytes, size + 1);
	if (!text) {
		free(bytes);
		return NULL;
	}
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\0' || text[i] == '\r')
			text[i] = ' ';
	}
	text[size] = '\0';
	return text;
}

static bool report_kernel(const char *directory)
{
	_cleanup_free_ char *log = read_log(directory, "console.log");
	unsigned int printed = 0;
	char *state;

	if (!log)
		return false;
	for (char *line = strtok_r(log, "\n", &state); line && printed < REPORT_LINES;
	     line = strtok_r(NULL, "\n", &state)) {
		if (!printed && !has_any(line, reports, ARRAY_SIZE(reports)))
			continue;
		if (!printed)
			fprintf(stderr, "hvhost: the guest's kernel reported:\n");
		fprintf(stderr, "  %s\n", line);
		printed++;
	}
	return printed;
}

static bool report_reason(const char *directory)
{
	_cleanup_free_ char *log = read_log(directory, "hvhost.log");
	const char *last[REASON_LINES] = {0};
	size_t found = 0;
	char *state;

	if (!log)
		return false;
	for (char *line = strtok_r(log, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		if (has_any(line, reasons, ARRAY_SIZE(reasons)) ||
		    has_any(line, reports, ARRAY_SIZE(reports)))
			last[found++ % REASON_LINES] = line;
	}
	if (found)
		fprintf(stderr, "hvhost: %s/hvhost.log contains:\n", directory);
	for (size_t i = found < REASON_LINES ? 0 : found - REASON_LINES; i < found; i++)
		fprintf(stderr, "  %s\n", last[i % REASON_LINES]);
	return found;
}

void print_diagnosis(const char *name, enum symptom symptom)
{
	_cleanup_free_ char *directory = NULL;
	bool reported, reason = false;

	if (vmg_registry_find(name, &directory) < 0 || access(directory, W_OK) < 0)
		return;
	reported = report_kernel(directory);
	if (reported || symptom != SYMPTOM_TIMEOUT)
		reason = report_reason(directory);
	if (symptom == SYMPTOM_ENDED && !reported && !reason)
		fprintf(stderr, "hvhost: its logs state no reason; it was probably killed.\n");
}
