// SPDX-License-Identifier: GPL-2.0-or-later
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "userspace/shared/util.h"

#define LINE_MAX_SIZE 1024
#define NAME_SIZE     64
#define ENDING        "ending"
#define END           "end"

/* Returns its index, or the number of entries. */
static unsigned int find(const struct journal *journal, const char *id)
{
	unsigned int i = 0;

	while (i < journal->count && strcmp(journal->entries[i].id, id) != 0)
		i++;
	return i;
}

const struct journal_entry *journal_find(const struct journal *journal, const char *id)
{
	unsigned int i = find(journal, id);

	return i < journal->count ? &journal->entries[i] : NULL;
}

bool journal_may_know(const struct journal *journal, int64_t end)
{
	return end <= journal->floor;
}

static void remove_at(struct journal *journal, unsigned int i)
{
	struct journal_entry *entry = &journal->entries[i];

	memmove(entry, entry + 1, (--journal->count - i) * sizeof(*entry));
}

void journal_remove(struct journal *journal, const char *id)
{
	unsigned int i = find(journal, id);

	if (i < journal->count)
		remove_at(journal, i);
}

static void raise_floor(struct journal *journal, int64_t end)
{
	if (end > journal->floor)
		journal->floor = end;
}

/* Drops the entry whose life ends first. Returns false if that is the one to be added. */
static bool drop_first(struct journal *journal, int64_t end)
{
	unsigned int first = 0;

	for (unsigned int i = 1; i < journal->count; i++)
		if (journal->entries[i].end < journal->entries[first].end)
			first = i;
	if (end < journal->entries[first].end) {
		raise_floor(journal, end);
		return false;
	}
	raise_floor(journal, journal->entries[first].end);
	remove_at(journal, first);
	return true;
}

void journal_add(struct journal *journal, const char *id, int64_t end)
{
	struct journal_entry *entry;

	if (journal_find(journal, id))
		return;
	if (journal->count == JOURNAL_MAX && !drop_first(journal, end))
		return;
	entry = &journal->entries[journal->count++];
	*entry = (struct journal_entry){.end = end};
	strncpy(entry->id, id, sizeof(entry->id) - 1);
}

bool journal_begin_ending(struct journal *journal, const char *id)
{
	unsigned int i = find(journal, id);

	if (i == journal->count || journal->entries[i].ending)
		return false;
	journal->entries[i].ending = true;
	return true;
}

bool journal_finish(struct journal *journal, const struct journal_result *result)
{
	unsigned int i = find(journal, result->id);

	if (i < journal->count)
		journal->entries[i].result = *result;
	return i < journal->count;
}

/* The name without its "-journal" is the transport. */
static void format_header(char header[NAME_SIZE], const struct journal *journal)
{
	snprintf(header, NAME_SIZE, "hv-logoff %.*s journal 1", (int)strcspn(journal->name, "-"),
		 journal->name);
}

static void print_users(FILE *file, const struct kvp_users *users)
{
	static const struct kvp_users none;

	if (memcmp(users, &none, sizeof(none)) != 0)
		fprintf(file,
			" users=%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
			",%" PRIu32,
			users->managers, users->managers_left, users->returned, users->lingering,
			users->outside, users->untold);
}

static void print_result(FILE *file, const char *keyword, const struct journal_result *result)
{
	if (!result->id[0])
		return;
	fprintf(file, "%s %s %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " 0x%08" PRIx32, keyword,
		result->id, result->percent, result->found, result->ended, result->failed,
		result->result);
	print_users(file, &result->users);
	fprintf(file, " %s\n", result->text);
}

static int print(FILE *file, const struct journal *journal)
{
	char header[NAME_SIZE];

	format_header(header, journal);
	fprintf(file, "%s\n", header);
	if (journal->boot)
		fprintf(file, "boot %s\n", journal->boot);
	fprintf(file, "floor %" PRId64 "\n", journal->floor);
	if (journal->begun[0])
		fprintf(file, "begun %s\n", journal->begun);
	print_result(file, "answer", &journal->answer);
	for (unsigned int i = 0; i < journal->count; i++) {
		fprintf(file, "id %s %" PRId64 "%s\n", journal->entries[i].id,
			journal->entries[i].end, journal->entries[i].ending ? " " ENDING : "");
		print_result(file, "result", &journal->entries[i].result);
	}
	fputs(END "\n", file);
	if (fflush(file) || fsync(fileno(file)) < 0)
		return -errno;
	return ferror(file) ? -EIO : 0;
}

static int create(const struct journal *journal, const char *name)
{
	return openat(journal->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int write_new(const struct journal *journal, const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	int fd = create(journal, name);

	/* A previous save was interrupted. */
	if (fd < 0 && errno == EEXIST && unlinkat(journal->fd, name, 0) == 0)
		fd = create(journal, name);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	return print(file, journal);
}

int journal_save(const struct journal *journal)
{
	char name[NAME_SIZE];
	int r;

	snprintf(name, sizeof(name), "%s.new", journal->name);
	r = write_new(journal, name);
	if (r >= 0 && renameat(journal->fd, name, journal->fd, journal->name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(journal->fd, name, 0);
	else if (fsync(journal->fd) < 0)
		r = -errno;
	return r;
}

/*
 * Returns the text behind the numbers of users. A daemon before 1.2 reads them as part of the text,
 * so that a journal is not damaged for it.
 */
static const char *load_users(struct kvp_users *users, const char *text)
{
	struct kvp_users found;
	int end = 0;

	if (sscanf(text,
		   "users=%" SCNu32 ",%" SCNu32 ",%" SCNu32 ",%" SCNu32 ",%" SCNu32 ",%" SCNu32
		   " %n",
		   &found.managers, &found.managers_left, &found.returned, &found.lingering,
		   &found.outside, &found.untold, &end) == 6)
		*users = found;
	return text + end;
}

/* The line, with its keyword. The counts must be such as the driver accepts. */
static int load_result(struct journal_result *result, const char *line)
{
	int text = 0;

	*result = (struct journal_result){0};
	if (sscanf(line, "%*s %39s %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNx32 " %n",
		   result->id, &result->percent, &result->found, &result->ended, &result->failed,
		   &result->result, &text) != 6 ||
	    !text || result->percent > 100 ||
	    (uint64_t)result->ended + result->failed > result->found)
		return -EBADMSG;
	line = load_users(&result->users, line + text);
	if (!strncmp(line, "users=", 6))
		return -EBADMSG;
	snprintf(result->text, sizeof(result->text), "%s", line);
	return 0;
}

static int load_entry_result(struct journal *journal, const char *line)
{
	struct journal_result result;
	int r = load_result(&result, line);

	if (r < 0)
		return r;
	return journal_finish(journal, &result) ? 0 : -EBADMSG;
}

static int load_entry(struct journal *journal, const char *line)
{
	struct journal_entry entry = {0};
	char word[8] = "";

	if (journal->count == JOURNAL_MAX ||
	    sscanf(line, "id %39s %" SCNd64 " %7s", entry.id, &entry.end, word) < 2)
		return -EBADMSG;
	entry.ending = !strcmp(word, ENDING);
	journal->entries[journal->count++] = entry;
	return 0;
}

static int load_line(struct journal *journal, const char *line)
{
	if (!strncmp(line, "id ", 3))
		return load_entry(journal, line);
	if (!strncmp(line, "result ", 7))
		return load_entry_result(journal, line);
	if (!strncmp(line, "answer ", 7))
		return load_result(&journal->answer, line);
	if (!strncmp(line, "begun ", 6))
		return sscanf(line, "begun %39s", journal->begun) == 1 ? 0 : -EBADMSG;
	return sscanf(line, "floor %" SCNd64, &journal->floor) == 1 ? 0 : -EBADMSG;
}

static bool read_line(char line[LINE_MAX_SIZE], FILE *file)
{
	if (!fgets(line, LINE_MAX_SIZE, file))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

/* Returns 1, 0 if the journal is of another boot, or -EBADMSG. */
static int load_head(const struct journal *journal, FILE *file)
{
	char header[NAME_SIZE];
	char line[LINE_MAX_SIZE];

	format_header(header, journal);
	if (!read_line(line, file) || strcmp(line, header) != 0)
		return -EBADMSG;
	if (!journal->boot)
		return 1;
	if (!read_line(line, file) || strncmp(line, "boot ", 5) != 0)
		return -EBADMSG;
	return !strcmp(line + 5, journal->boot);
}

/* A journal without the last line is incomplete. */
static int load(struct journal *journal, FILE *file)
{
	char line[LINE_MAX_SIZE];
	int r = load_head(journal, file);

	if (r <= 0)
		return r;
	while (r >= 0 && read_line(line, file)) {
		if (!strcmp(line, END))
			return 0;
		r = load_line(journal, line);
	}
	return ferror(file) ? -EIO : -EBADMSG;
}

static int load_file(struct journal *journal)
{
	int fd = openat(journal->fd, journal->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = NULL;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	file = fdopen(fd, "r");
	if (file)
		return load(journal, file);
	close(fd);
	return -ENOMEM;
}

int journal_load(struct journal *journal, const char *directory, const char *name, const char *boot)
{
	int r;

	*journal = (struct journal){
		.directory = directory,
		.name = name,
		.boot = boot,
		.fd = -1,
	};
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return -errno;
	journal->fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal->fd < 0)
		return -errno;
	r = flock(journal->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : load_file(journal);
	if (r < 0)
		journal_done(journal);
	return r;
}

void journal_done(struct journal *journal)
{
	closep(&journal->fd);
	*journal = (struct journal){.directory = journal->directory, .fd = -1};
}

const char *journal_explain(int error)
{
	if (error == -EBADMSG)
		return "it is damaged";
	if (error == -EWOULDBLOCK)
		return "another hv-logoffd uses it";
	return strerror(-error);
}
