// SPDX-License-Identifier: GPL-2.0-or-later
/* The journals of received requests: an input is used as the file of each of them. */

#include "folder.h"
#include "userspace/guest/transport/journal.h"
#include "userspace/shared/util.h"

#define BOOT "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"

static const struct journal_kind {
	const char *name;
	const char *boot;
} kinds[] = {
	{"kvp-journal", NULL},
	{"device-journal", BOOT},
};

static void remove_folder(void)
{
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		path_of(path, kinds[i].name);
		unlink(path);
	}
	rmdir(folder);
}

/* The driver accepts a report with these numbers and this text. */
static void must_be_result(const struct journal_result *result)
{
	const char *end = memchr(result->text, '\0', sizeof(result->text));

	must(memchr(result->id, '\0', sizeof(result->id)));
	must(result->percent <= 100);
	must((uint64_t)result->ended + result->failed <= result->found);
	must(end);
	while (end < result->text + sizeof(result->text))
		must(!*end++);
}

static void must_be_valid(const struct journal *journal)
{
	must(journal->count <= JOURNAL_MAX);
	must_be_result(&journal->answer);
	for (unsigned int i = 0; i < journal->count; i++) {
		const struct journal_entry *entry = &journal->entries[i];

		must(entry->id[0] && journal_find(journal, entry->id));
		must(!entry->result.id[0] || !strcmp(entry->result.id, entry->id));
		must_be_result(&entry->result);
	}
}

static void must_be_same(const struct journal *a, const struct journal *b)
{
	must(a->floor == b->floor && a->count == b->count && !strcmp(a->begun, b->begun));
	must(!memcmp(&a->answer, &b->answer, sizeof(a->answer)));
	for (unsigned int i = 0; i < a->count; i++) {
		must(!strcmp(a->entries[i].id, b->entries[i].id));
		must(a->entries[i].end == b->entries[i].end);
		must(a->entries[i].ending == b->entries[i].ending);
		must(!memcmp(&a->entries[i].result, &b->entries[i].result,
			     sizeof(a->entries[i].result)));
	}
}

/* A journal that is loaded and saved is unchanged when loaded again, and takes another request. */
static void try_journal(const struct journal_kind *kind, const uint8_t *data, size_t size)
{
	static struct journal journal, saved;

	write_file(kind->name, data, size);
	if (journal_load(&journal, folder, kind->name, kind->boot) < 0) {
		must(journal.count == 0 && !journal.begun[0] && journal.fd < 0);
		return;
	}
	must_be_valid(&journal);
	must(journal_save(&journal) == 0);
	saved = journal;
	journal_done(&journal);
	must(journal_load(&journal, folder, kind->name, kind->boot) == 0);
	must_be_same(&journal, &saved);
	journal_add(&journal, "another", INT64_MAX);
	must(journal_find(&journal, "another") && journal.count <= JOURNAL_MAX);
	must(journal_may_know(&journal, journal.floor));
	must(!journal_may_know(&journal, INT64_MAX) || journal.floor == INT64_MAX);
	journal_remove(&journal, "another");
	must(!journal_find(&journal, "another"));
	journal_done(&journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = exact_copy(data, size);

	make_folder(remove_folder);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		try_journal(&kinds[i], copy, size);
	free(copy);
	return 0;
}
