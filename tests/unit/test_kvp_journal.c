// SPDX-License-Identifier: GPL-2.0-or-later
/* What is remembered of requests by KVP: across restarts, when it is full, when it is damaged. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kvp_fixture.h"
#include "userspace/guest/transport/kvp_journal.h"
#include "userspace/shared/util.h"

static struct kvp_journal journal;

static int setup(void **state)
{
	(void)state;
	make_folder();
	return kvp_journal_load(&journal, folder);
}

static int teardown(void **state)
{
	(void)state;
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

static void add(unsigned int number, int64_t end)
{
	char id[KVP_ID_SIZE];

	snprintf(id, sizeof(id), "id-%u", number);
	kvp_journal_add(&journal, id, end);
}

static bool knows(unsigned int number)
{
	char id[KVP_ID_SIZE];

	snprintf(id, sizeof(id), "id-%u", number);
	return kvp_journal_knows(&journal, id);
}

static void test_empty(void **state)
{
	(void)state;
	assert_int_equal(journal.count, 0);
	assert_false(kvp_journal_may_know(&journal, 1));
	reload();
	assert_int_equal(journal.count, 0);
	assert_string_equal(journal.begun, "");
	assert_string_equal(journal.answer.id, "");
}

static void test_all_comes_back(void **state)
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

	(void)state;
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
	assert_string_equal(journal.folder, folder);
}

static void test_longest_comes_back(void **state)
{
	(void)state;
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

static void test_answer_without_words(void **state)
{
	(void)state;
	strcpy(journal.answer.id, "-");
	reload();
	assert_string_equal(journal.answer.id, "-");
	assert_string_equal(journal.answer.text, "");
}

/* Whatever is dropped, no request is ever taken for one that has not come. */
static void test_full(void **state)
{
	unsigned int kept = 0;

	(void)state;
	/* Lives end in no order. */
	for (unsigned int i = 0; i < 4 * KVP_JOURNAL_MAX; i++) {
		add(i, 1000 + i * 7919 % 5000);
		assert_true(knows(i) || kvp_journal_may_know(&journal, 1000 + i * 7919 % 5000));
	}
	reload();
	assert_int_equal(journal.count, KVP_JOURNAL_MAX);
	for (unsigned int i = 0; i < 4 * KVP_JOURNAL_MAX; i++) {
		int64_t end = 1000 + i * 7919 % 5000;

		assert_true(knows(i) || kvp_journal_may_know(&journal, end));
		kept += knows(i);
	}
	assert_int_equal(kept, KVP_JOURNAL_MAX);
	/* And one that outlives them is let in. */
	assert_false(kvp_journal_may_know(&journal, 6000));
}

/* One whose life ends before that of all others is dropped itself. */
static void test_full_of_longer_lives(void **state)
{
	(void)state;
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

	(void)state;
	kvp_journal_done(&journal);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file(KVP_JOURNAL_NAME, texts[i], strlen(texts[i]));
		assert_int_equal(kvp_journal_load(&journal, folder), -EBADMSG);
	}
}

static void test_interrupted_save(void **state)
{
	(void)state;
	add(1, 100);
	assert_int_equal(kvp_journal_save(&journal), 0);
	/* What a save leaves that did not come to its end is not looked at. */
	write_file(KVP_JOURNAL_NAME ".new", "hv-log", 6);
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&journal, folder), 0);
	assert_true(knows(1));
	add(2, 100);
	reload();
	assert_true(knows(2));
}

static void test_file_is_for_root_alone(void **state)
{
	struct stat status;

	(void)state;
	reload();
	assert_int_equal(stat(path_of(KVP_JOURNAL_NAME), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_link_is_not_followed(void **state)
{
	(void)state;
	reload();
	assert_int_equal(unlink(path_of(KVP_JOURNAL_NAME)), 0);
	assert_int_equal(symlink("elsewhere", path_of(KVP_JOURNAL_NAME)), 0);
	write_file("elsewhere", "hv-logoff kvp journal 1\nfloor 0\nend\n", 36);
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&journal, folder), -ELOOP);
}

static void test_folder_is_made(void **state)
{
	(void)state;
	kvp_journal_done(&journal);
	remove_folder();
	assert_int_equal(kvp_journal_load(&journal, folder), 0);
	add(1, 100);
	reload();
	assert_true(knows(1));
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&journal, "/does/not/exist"), -ENOENT);
}

/* Two daemons would both carry out what neither has seen. */
static void test_one_daemon(void **state)
{
	struct kvp_journal other;

	(void)state;
	assert_int_equal(kvp_journal_load(&other, folder), -EWOULDBLOCK);
	kvp_journal_done(&journal);
	assert_int_equal(kvp_journal_load(&other, folder), 0);
	kvp_journal_done(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_all_comes_back),
		TEST(test_longest_comes_back),
		TEST(test_answer_without_words),
		TEST(test_full),
		TEST(test_full_of_longer_lives),
		TEST(test_damaged),
		TEST(test_interrupted_save),
		TEST(test_file_is_for_root_alone),
		TEST(test_link_is_not_followed),
		TEST(test_folder_is_made),
		TEST(test_one_daemon),
	};

	return cmocka_run_group_tests_name("kvp_journal", tests, NULL, NULL);
}
