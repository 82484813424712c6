// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "userspace/shared/util.h"

#define NEW_NAME KVP_JOURNAL_NAME ".new"
#define HEADER   "hv-logoff kvp journal 1"
#define END      "end"

bool kvp_journal_knows(const struct kvp_journal *journal, const char *id)
{
	for (unsigned int i = 0; i < journal->count; i++)
		if (!strcmp(journal->entries[i].id, id))
			return true;
	return false;
}

bool kvp_journal_may_know(const struct kvp_journal *journal, int64_t end)
{
	return end <= journal->floor;
}

/* Drops the entry whose life ends first, which may be the new one. */
static void replace_first(struct kvp_journal *journal, struct kvp_entry *entry)
{
	struct kvp_entry *first = entry;

	for (unsigned int i = 0; i < journal->count; i++)
		if (journal->entries[i].end < first->end)
			first = &journal->entries[i];
	if (first->end > journal->floor)
		journal->floor = first->end;
	*first = *entry;
}

void kvp_journal_add(struct kvp_journal *journal, const char *id, int64_t end)
{
	struct kvp_entry entry = {.end = end};

	if (kvp_journal_knows(journal, id))
		return;
	strncpy(entry.id, id, sizeof(entry.id) - 1);
	if (journal->count < KVP_JOURNAL_MAX)
		journal->entries[journal->count++] = entry;
	else
		replace_first(journal, &entry);
}

static int print(FILE *file, const struct kvp_journal *journal)
{
	const struct kvp_answer *answer = &journal->answer;

	fprintf(file, HEADER "\nfloor %" PRId64 "\n", journal->floor);
	if (journal->begun[0])
		fprintf(file, "begun %s\n", journal->begun);
	if (answer->id[0])
		fprintf(file,
			"answer %s %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " 0x%08" PRIx32
			" %s\n",
			answer->id, answer->percent, answer->found, answer->ended, answer->failed,
			answer->result, answer->text);
	for (unsigned int i = 0; i < journal->count; i++)
		fprintf(file, "id %s %" PRId64 "\n", journal->entries[i].id,
			journal->entries[i].end);
	fputs(END "\n", file);
	if (fflush(file) || fsync(fileno(file)) < 0)
		return -errno;
	return ferror(file) ? -EIO : 0;
}

static int write_new(const struct kvp_journal *journal)
{
	_cleanup_fclose_ FILE *file = NULL;
	int fd;

	/* A previous save may have been interrupted. */
	if (unlinkat(journal->fd, NEW_NAME, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(journal->fd, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	return print(file, journal);
}

int kvp_journal_save(const struct kvp_journal *journal)
{
	int r = write_new(journal);

	if (r >= 0 && renameat(journal->fd, NEW_NAME, journal->fd, KVP_JOURNAL_NAME) < 0)
		r = -errno;
	if (r >= 0 && fsync(journal->fd) < 0)
		r = -errno;
	return r;
}

static int load_answer(struct kvp_answer *answer, const char *line)
{
	int text = 0;

	*answer = (struct kvp_answer){.state = HV_LOGOFF_DONE};
	if (sscanf(line,
		   "answer %36s %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNx32 " %n",
		   answer->id, &answer->percent, &answer->found, &answer->ended, &answer->failed,
		   &answer->result, &text) != 6 ||
	    !text)
		return -EBADMSG;
	snprintf(answer->text, sizeof(answer->text), "%s", line + text);
	return 0;
}

static int load_entry(struct kvp_journal *journal, const char *line)
{
	struct kvp_entry entry;

	if (journal->count == KVP_JOURNAL_MAX ||
	    sscanf(line, "id %36s %" SCNd64, entry.id, &entry.end) != 2)
		return -EBADMSG;
	journal->entries[journal->count++] = entry;
	return 0;
}

static int load_line(struct kvp_journal *journal, const char *line)
{
	if (!strncmp(line, "id ", 3))
		return load_entry(journal, line);
	if (!strncmp(line, "answer ", 7))
		return load_answer(&journal->answer, line);
	if (!strncmp(line, "begun ", 6))
		return sscanf(line, "begun %36s", journal->begun) == 1 ? 0 : -EBADMSG;
	return sscanf(line, "floor %" SCNd64, &journal->floor) == 1 ? 0 : -EBADMSG;
}

/* A journal without the last line is incomplete. */
static int load(struct kvp_journal *journal, FILE *file)
{
	char line[2 * KVP_TEXT_MAX];
	int r = 0;

	if (!fgets(line, sizeof(line), file) || strcmp(line, HEADER "\n") != 0)
		return -EBADMSG;
	while (r >= 0 && fgets(line, sizeof(line), file)) {
		if (!strcmp(line, END "\n"))
			return 0;
		line[strcspn(line, "\n")] = '\0';
		r = load_line(journal, line);
	}
	return ferror(file) ? -EIO : -EBADMSG;
}

static int load_file(struct kvp_journal *journal)
{
	int fd = openat(journal->fd, KVP_JOURNAL_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = NULL;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	file = fdopen(fd, "r");
	if (file)
		return load(journal, file);
	close(fd);
	return -ENOMEM;
}

int kvp_journal_load(struct kvp_journal *journal, const char *directory)
{
	int r;

	*journal = (struct kvp_journal){.directory = directory, .fd = -1};
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return -errno;
	journal->fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal->fd < 0)
		return -errno;
	r = flock(journal->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : load_file(journal);
	if (r < 0)
		kvp_journal_done(journal);
	return r;
}

void kvp_journal_done(struct kvp_journal *journal)
{
	closep(&journal->fd);
	*journal = (struct kvp_journal){.directory = journal->directory, .fd = -1};
}
