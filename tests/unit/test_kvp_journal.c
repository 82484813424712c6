// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal of requests by KVP: across restarts, when it is full, when it is damaged. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/guest/transport/kvp_journal.h"
#include "userspace/shared/util.h"

static struct kvp_journal journal;

static int setup(void **state)
{
	make_folder();
	return kvp_journal_load(&journal, folder);
}

static int teardown(void **state)
{
	kvp_journal_done(&journal);
	remove_folder();
	return 0;
}

static void reload(void)
{
	assert_int_equal(kvp_journal_save(&journal), 0);
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&journal, folder), 0);
}

/* Valid until the next call. */
static const char *id_of(unsigned int number)
{
	static char id[KVP_ID_SIZE];

	snprintf(id, sizeof(id), "id-%u", number);
	return id;
}

static void add(unsigned int number, int64_t end)
{
	kvp_journal_add(&journal, id_of(number), end);
}

static bool knows(unsigned int number)
{
	return kvp_journal_knows(&journal, id_of(number));
}

/* The expiry times are in no order. */
static int64_t expiry_of(unsigned int number)
{
	return 1000 + number * 7919 % 5000;
}

static void test_empty(void **state)
{
	assert_int_equal(journal.count, 0);
	assert_false(kvp_journal_may_know(&journal, 1));
	reload();
	assert_int_equal(journal.count, 0);
	assert_string_equal(journal.begun, "");
	assert_string_equal(journal.answer.id, "");
}

static void test_round_trip(void **state)
{
	struct kvp_answer answer = {
		.id = "id-1",
		.state = HV_LOGOFF_DONE,
		.percent = 55,
		.found = 3,
		.ended = 1,
		.failed = 2,
		.result = HV_LOGOFF_E_TIMED_OUT,
		.text = "2 of 3 are left: a (b)",
	};

	add(1, 100);
	add(2, 50);
	add(1, 100);
	assert_int_equal(journal.count, 2);
	strcpy(journal.begun, "id-2");
	journal.answer = answer;
	journal.floor = 7;
	reload();
	assert_true(knows(1));
	assert_true(knows(2));
	assert_false(knows(3));
	assert_int_equal(journal.entries[1].end, 50);
	assert_string_equal(journal.begun, "id-2");
	assert_memory_equal(&journal.answer, &answer, sizeof(answer));
	assert_true(kvp_journal_may_know(&journal, 7));
	assert_false(kvp_journal_may_know(&journal, 8));
	assert_string_equal(journal.directory, folder);
}

static void test_longest_values(void **state)
{
	memset(journal.answer.id, 'i', sizeof(journal.answer.id) - 1);
	memset(journal.answer.text, 't', sizeof(journal.answer.text) - 1);
	memset(journal.begun, 'b', sizeof(journal.begun) - 1);
	kvp_journal_add(&journal, journal.begun, INT64_MAX);
	reload();
	assert_int_equal(strlen(journal.answer.id), sizeof(journal.answer.id) - 1);
	assert_int_equal(strlen(journal.answer.text), sizeof(journal.answer.text) - 1);
	assert_int_equal(strlen(journal.begun), sizeof(journal.begun) - 1);
	assert_true(kvp_journal_knows(&journal, journal.begun));
}

static void test_answer_without_text(void **state)
{
	strcpy(journal.answer.id, "-");
	reload();
	assert_string_equal(journal.answer.id, "-");
	assert_string_equal(journal.answer.text, "");
}

/* Whatever entries are dropped, a known request is never taken for a new one. */
static void test_full(void **state)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < 4 * KVP_JOURNAL_MAX; i++) {
		add(i, expiry_of(i));
		assert_true(knows(i) || kvp_journal_may_know(&journal, expiry_of(i)));
	}
	reload();
	assert_int_equal(journal.count, KVP_JOURNAL_MAX);
	for (unsigned int i = 0; i < 4 * KVP_JOURNAL_MAX; i++) {
		assert_true(knows(i) || kvp_journal_may_know(&journal, expiry_of(i)));
		kept += knows(i);
	}
	assert_int_equal(kept, KVP_JOURNAL_MAX);
	/* A request that expires after all of them is certainly new. */
	assert_false(kvp_journal_may_know(&journal, 6000));
}

/* A request that expires before all others is dropped itself. */
static void test_full_of_later_expiries(void **state)
{
	for (unsigned int i = 0; i < KVP_JOURNAL_MAX; i++)
		add(i, 1000);
	assert_false(kvp_journal_may_know(&journal, 500));
	add(KVP_JOURNAL_MAX, 500);
	assert_true(kvp_journal_may_know(&journal, 500));
	assert_false(kvp_journal_may_know(&journal, 501));
	assert_true(knows(0));
}

static void test_damaged(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"hv-logoff kvp journal 1\n",
		"hv-logoff kvp journal 2\nfloor 0\nend\n",
		"hv-logoff kvp journal 1\nfloor 0\nid a 1\n",
		"hv-logoff kvp journal 1\nfloor 0\nid a 1\nen",
		"hv-logoff kvp journal 1\nfloor x\nend\n",
		"hv-logoff kvp journal 1\nfloor 0\nid a\nend\n",
		"hv-logoff kvp journal 1\nfloor 0\nbegun\nend\n",
		"hv-logoff kvp journal 1\nfloor 0\nanswer a 1 2 3\nend\n",
		"hv-logoff kvp journal 1\nfloor 0\nwhat\nend\n",
	};

	kvp_journal_done(&journal);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file(KVP_JOURNAL_NAME, texts[i], strlen(texts[i]));
		assert_int_equal(kvp_journal_load(&journal, folder), -EBADMSG);
	}
}

static void test_interrupted_save(void **state)
{
	add(1, 100);
	assert_int_equal(kvp_journal_save(&journal), 0);
	/* The temporary file that an interrupted save leaves is ignored. */
	write_file(KVP_JOURNAL_NAME ".new", "hv-log", 6);
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&journal, folder), 0);
	assert_true(knows(1));
	add(2, 100);
	reload();
	assert_true(knows(2));
}

static void test_file_mode(void **state)
{
	struct stat status;

	reload();
	assert_int_equal(stat(path_of(KVP_JOURNAL_NAME), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_symlink_not_followed(void **state)
{
	reload();
	assert_int_equal(unlink(path_of(KVP_JOURNAL_NAME)), 0);
	assert_int_equal(symlink("elsewhere", path_of(KVP_JOURNAL_NAME)), 0);
	write_file("elsewhere", "hv-logoff kvp journal 1\nfloor 0\nend\n", 36);
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&journal, folder), -ELOOP);
}

static void test_folder_is_created(void **state)
{
	kvp_journal_done(&journal);
	remove_folder();
	assert_int_equal(kvp_journal_load(&journal, folder), 0);
	add(1, 100);
	reload();
	assert_true(knows(1));
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&journal, "/does/not/exist"), -ENOENT);
}

/* Two daemons would both carry out a request that neither has seen. */
static void test_second_daemon(void **state)
{
	struct kvp_journal other;

	assert_int_equal(kvp_journal_load(&other, folder), -EWOULDBLOCK);
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&other, folder), 0);
	kvp_journal_done(&other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_round_trip),
		TEST(test_longest_values),
		TEST(test_answer_without_text),
		TEST(test_full),
		TEST(test_full_of_later_expiries),
		TEST(test_damaged),
		TEST(test_interrupted_save),
		TEST(test_file_mode),
		TEST(test_symlink_not_followed),
		TEST(test_folder_is_created),
		TEST(test_second_daemon),
	};

	return cmocka_run_group_tests_name("kvp_journal", tests, NULL, NULL);
}
