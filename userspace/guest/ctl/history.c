// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "commands.h"
#include "userspace/guest/audit.h"
#include "userspace/shared/text.h"
#include "userspace/shared/utc.h"
#include "userspace/shared/util.h"

#define MESSAGE_SIZE 1024

static const char *const kinds[] = {AUDIT_REQUEST, AUDIT_SESSION, AUDIT_USER};

/* Fields of the daemon's entries, and their names in JSON. */
static const struct {
	const char *field;
	const char *name;
} fields[] = {
	{"HV_LOGOFF_REQUEST_ID", "request"},
	{"HV_LOGOFF_OUTCOME", "outcome"},
	{"HV_LOGOFF_SESSION", "session"},
	{"HV_LOGOFF_USER", "user"},
	{"HV_LOGOFF_UID", "uid"},
	{"MESSAGE", "message"},
};

/* Any user may write entries with such fields. Those that start with _ are journald's own. */
static int add_matches(sd_journal *journal, const char *id)
{
	_cleanup_free_ char *request = NULL;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && r >= 0; i++)
		r = sd_journal_add_match(journal, kinds[i], 0);
	if (r >= 0)
		r = sd_journal_add_match(journal, "_UID=0", 0);
	if (r >= 0)
		r = sd_journal_add_match(journal, "_COMM=hv-logoffd", 0);
	if (r >= 0 && id) {
		if (asprintf(&request, "HV_LOGOFF_REQUEST_ID=%s", id) < 0)
			return -ENOMEM;
		r = sd_journal_add_match(journal, request, 0);
	}
	return r;
}

/* Copies the field's value; empty if the entry has no such field. */
static void read_field(sd_journal *journal, const char *field, char value[MESSAGE_SIZE])
{
	char text[MESSAGE_SIZE] = "";
	size_t skip = strlen(field) + 1;
	const void *data;
	size_t length;

	if (sd_journal_get_data(journal, field, &data, &length) >= 0 && length > skip) {
		length -= skip;
		if (length >= sizeof(text))
			length = sizeof(text) - 1;
		memcpy(text, (const char *)data + skip, length);
		text[length] = '\0';
	}
	text_clean_line(value, MESSAGE_SIZE, text);
}

static void print_entry(sd_journal *journal, bool json)
{
	char time[UTC_SIZE], value[MESSAGE_SIZE];
	uint64_t usec = 0;
	json_t *entry;

	sd_journal_get_realtime_usec(journal, &usec);
	utc_format(time, (int64_t)(usec / USEC_PER_SEC));
	if (!json) {
		read_field(journal, "MESSAGE", value);
		printf("%s %s\n", time, value);
		return;
	}
	entry = json_pack("{ss}", "time", time);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		read_field(journal, fields[i].field, value);
		if (value[0])
			json_object_set_new(entry, fields[i].name, json_string(value));
	}
	json_dumpf(entry, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(entry);
}

/* Moves to the oldest of the last @lines entries. Returns whether there is one, or -errno. */
static int seek(sd_journal *journal, unsigned int lines)
{
	int r = sd_journal_seek_tail(journal);

	if (r >= 0)
		r = sd_journal_previous_skip(journal, lines);
	return r;
}

int command_history(bool json, unsigned int lines, const char *id)
{
	sd_journal *journal = NULL;
	int r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);

	if (r >= 0)
		r = add_matches(journal, id);
	if (r >= 0)
		r = seek(journal, lines);
	while (r > 0) {
		print_entry(journal, json);
		r = sd_journal_next(journal);
	}
	sd_journal_close(journal);
	if (r < 0)
		fprintf(stderr, "hv-logoffctl: Cannot read the journal: %s.\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
