// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The journals of received requests: across restarts and boots, when they are full, when they are
 * damaged, and when they cannot be written.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/guest/transport/journal.h"
#include "userspace/shared/util.h"

#define KVP_NAME    "kvp-journal"
#define DEVICE_NAME "device-journal"
#define BOOT        "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"
#define OTHER_BOOT  "5d5f2a4b-0f7f-4a53-8a0b-58b6f2f1a111"

static struct journal journal;

static int setup(void **state)
{
	make_folder();
	return journal_load(&journal, folder, KVP_NAME, NULL);
}

static int teardown(void **state)
{
	journal_done(&journal);
	remove_folder();
	return 0;
}

static void reload(void)
{
	assert_int_equal(journal_save(&journal), 0);
	journal_done(&journal);
	assert_int_equal(journal_load(&journal, folder, KVP_NAME, NULL), 0);
}

/* Uses the device's journal instead, in this boot. */
static void load_device(const char *boot)
{
	journal_done(&journal);
	assert_int_equal(journal_load(&journal, folder, DEVICE_NAME, boot), 0);
}

static void assert_file(const char *name, const char *text)
{
	_cleanup_free_ char *found = NULL;
	size_t size;

	found = read_file(name, &size);
	assert_string_equal(found, text);
}

/* Valid until the next call. */
static const char *id_of(unsigned int number)
{
	static char id[LOGOFF_ID_SIZE];

	snprintf(id, sizeof(id), "id-%u", number);
	return id;
}

static void add(unsigned int number, int64_t end)
{
	journal_add(&journal, id_of(number), end);
}

static bool knows(unsigned int number)
{
	return journal_find(&journal, id_of(number));
}

/* The expiry times are in no order. */
static int64_t expiry_of(unsigned int number)
{
	return 1000 + number * 7919 % 5000;
}

static void test_empty(void **state)
{
	assert_int_equal(journal.count, 0);
	assert_false(journal_may_know(&journal, 1));
	reload();
	assert_int_equal(journal.count, 0);
	assert_string_equal(journal.begun, "");
	assert_string_equal(journal.answer.id, "");
}

static void test_round_trip(void **state)
{
	struct journal_result answer = {
		.id = "id-1",
		.percent = 55,
		.found = 3,
		.ended = 1,
		.failed = 2,
		.result = HV_LOGOFF_E_TIMED_OUT,
		.users = {.managers = 1,
			  .managers_left = 2,
			  .returned = 3,
			  .lingering = 4,
			  .outside = 5,
			  .untold = 6},
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
	assert_true(journal_may_know(&journal, 7));
	assert_false(journal_may_know(&journal, 8));
	assert_string_equal(journal.directory, folder);
}

static void test_longest_values(void **state)
{
	memset(journal.answer.id, 'i', sizeof(journal.answer.id) - 1);
	memset(journal.answer.text, 't', sizeof(journal.answer.text) - 1);
	memset(journal.begun, 'b', sizeof(journal.begun) - 1);
	journal_add(&journal, journal.begun, INT64_MAX);
	reload();
	assert_int_equal(strlen(journal.answer.id), sizeof(journal.answer.id) - 1);
	assert_int_equal(strlen(journal.answer.text), sizeof(journal.answer.text) - 1);
	assert_int_equal(strlen(journal.begun), sizeof(journal.begun) - 1);
	assert_non_null(journal_find(&journal, journal.begun));
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

	for (unsigned int i = 0; i < 4 * JOURNAL_MAX; i++) {
		add(i, expiry_of(i));
		assert_true(knows(i) || journal_may_know(&journal, expiry_of(i)));
	}
	reload();
	assert_int_equal(journal.count, JOURNAL_MAX);
	for (unsigned int i = 0; i < 4 * JOURNAL_MAX; i++) {
		assert_true(knows(i) || journal_may_know(&journal, expiry_of(i)));
		kept += knows(i);
	}
	assert_int_equal(kept, JOURNAL_MAX);
	/* A request that expires after all of them is certainly new. */
	assert_false(journal_may_know(&journal, 6000));
}

/* A request that expires before all others is dropped itself. */
static void test_full_of_later_expiries(void **state)
{
	for (unsigned int i = 0; i < JOURNAL_MAX; i++)
		add(i, 1000);
	assert_false(journal_may_know(&journal, 500));
	add(JOURNAL_MAX, 500);
	assert_true(journal_may_know(&journal, 500));
	assert_false(journal_may_know(&journal, 501));
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
		"hv-logoff kvp journal 1\nfloor 0\nanswer a 0 0 0 0 0x0 users=1,2,3 x\nend\n",
	};

	journal_done(&journal);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file(KVP_NAME, texts[i], strlen(texts[i]));
		assert_int_equal(journal_load(&journal, folder, KVP_NAME, NULL), -EBADMSG);
	}
}

static void test_interrupted_save(void **state)
{
	add(1, 100);
	assert_int_equal(journal_save(&journal), 0);
	/* The temporary file that an interrupted save leaves is ignored. */
	write_file(KVP_NAME ".new", "hv-log", 6);
	journal_done(&journal);
	assert_int_equal(journal_load(&journal, folder, KVP_NAME, NULL), 0);
	assert_true(knows(1));
	add(2, 100);
	reload();
	assert_true(knows(2));
}

static void test_file_mode(void **state)
{
	struct stat status;

	reload();
	assert_int_equal(stat(path_of(KVP_NAME), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_symlink_not_followed(void **state)
{
	reload();
	assert_int_equal(unlink(path_of(KVP_NAME)), 0);
	assert_int_equal(symlink("elsewhere", path_of(KVP_NAME)), 0);
	write_file("elsewhere", "hv-logoff kvp journal 1\nfloor 0\nend\n", 36);
	journal_done(&journal);
	assert_int_equal(journal_load(&journal, folder, KVP_NAME, NULL), -ELOOP);
}

static void test_folder_is_created(void **state)
{
	journal_done(&journal);
	remove_folder();
	assert_int_equal(journal_load(&journal, folder, KVP_NAME, NULL), 0);
	add(1, 100);
	reload();
	assert_true(knows(1));
	journal_done(&journal);
	assert_int_equal(journal_load(&journal, "/does/not/exist", KVP_NAME, NULL), -ENOENT);
}

/* Two daemons would both carry out a request that neither has seen. */
static void test_second_daemon(void **state)
{
	struct journal other;

	assert_int_equal(journal_load(&other, folder, KVP_NAME, NULL), -EWOULDBLOCK);
	journal_done(&journal);
	assert_int_equal(journal_load(&other, folder, KVP_NAME, NULL), 0);
	journal_done(&other);
}

/* A file of version 1.1 loads, and a file without results is still such a file. */
static void test_kvp_file_of_1_1(void **state)
{
	static const char text[] =
		"hv-logoff kvp journal 1\n"
		"floor 7\n"
		"begun b-2\n"
		"answer a-1 100 3 2 1 0xa0040202 1 of 3 sessions are left: c3 (anna)\n"
		"id a-1 1795363500\n"
		"id b-2 1795363600\n"
		"end\n";

	write_file(KVP_NAME, text, strlen(text));
	journal_done(&journal);
	assert_int_equal(journal_load(&journal, folder, KVP_NAME, NULL), 0);
	assert_int_equal(journal.count, 2);
	assert_int_equal(journal_find(&journal, "b-2")->end, 1795363600);
	assert_string_equal(journal.begun, "b-2");
	assert_string_equal(journal.answer.id, "a-1");
	assert_int_equal(journal.answer.result, HV_LOGOFF_E_TIMED_OUT);
	assert_string_equal(journal.answer.text, "1 of 3 sessions are left: c3 (anna)");
	assert_int_equal(journal_save(&journal), 0);
	assert_file(KVP_NAME, text);
}

/* A daemon that does not know the word reads the line as before. */
static void test_ending(void **state)
{
	load_device(BOOT);
	add(1, 0);
	add(2, 0);
	assert_true(journal_begin_ending(&journal, "id-2"));
	assert_false(journal_begin_ending(&journal, "id-2"));
	assert_false(journal_begin_ending(&journal, "id-3"));
	assert_int_equal(journal_save(&journal), 0);
	assert_file(DEVICE_NAME, "hv-logoff device journal 1\n"
				 "boot " BOOT "\n"
				 "floor 0\n"
				 "id id-1 0\n"
				 "id id-2 0 ending\n"
				 "end\n");
	load_device(BOOT);
	assert_false(journal_find(&journal, "id-1")->ending);
	assert_true(journal_find(&journal, "id-2")->ending);
}

static void test_results(void **state)
{
	struct journal_result result = {
		.id = "id-2",
		.percent = 100,
		.found = 2,
		.ended = 2,
		.text = "All 2 sessions have ended.",
	};

	load_device(BOOT);
	add(1, 0);
	add(2, 0);
	add(3, 0);
	assert_true(journal_finish(&journal, &result));
	strcpy(result.id, "id-3");
	result.result = HV_LOGOFF_E_CANCELLED;
	strcpy(result.text, "");
	assert_true(journal_finish(&journal, &result));
	strcpy(result.id, "id-4");
	assert_false(journal_finish(&journal, &result));
	assert_int_equal(journal_save(&journal), 0);
	assert_file(DEVICE_NAME, "hv-logoff device journal 1\n"
				 "boot " BOOT "\n"
				 "floor 0\n"
				 "id id-1 0\n"
				 "id id-2 0\n"
				 "result id-2 100 2 2 0 0x00000000 All 2 sessions have ended.\n"
				 "id id-3 0\n"
				 "result id-3 100 2 2 0 0x800704c7 \n"
				 "end\n");
	load_device(BOOT);
	assert_int_equal(journal.count, 3);
	assert_string_equal(journal_find(&journal, "id-1")->result.id, "");
	assert_string_equal(journal_find(&journal, "id-2")->result.id, "id-2");
	assert_string_equal(journal_find(&journal, "id-2")->result.text,
			    "All 2 sessions have ended.");
	assert_int_equal(journal_find(&journal, "id-3")->result.result, HV_LOGOFF_E_CANCELLED);
	assert_null(journal_find(&journal, "id-4"));
}

static void test_remove(void **state)
{
	for (unsigned int i = 1; i <= 3; i++)
		add(i, i);
	journal_remove(&journal, "id-2");
	journal_remove(&journal, "id-2");
	reload();
	assert_int_equal(journal.count, 2);
	assert_true(knows(1) && !knows(2) && knows(3));
	journal_remove(&journal, "id-3");
	journal_remove(&journal, "id-1");
	assert_int_equal(journal.count, 0);
}

static void test_other_boot(void **state)
{
	load_device(BOOT);
	add(1, 0);
	assert_int_equal(journal_save(&journal), 0);
	load_device(OTHER_BOOT);
	assert_int_equal(journal.count, 0);
	add(2, 0);
	assert_int_equal(journal_save(&journal), 0);
	load_device(OTHER_BOOT);
	assert_true(!knows(1) && knows(2));
	load_device(BOOT);
	assert_int_equal(journal.count, 0);
}

/* Without times, the ids that arrived first are dropped, with their results. */
static void test_full_without_times(void **state)
{
	struct journal_result result = {0};

	load_device(BOOT);
	for (unsigned int i = 0; i < 3 * JOURNAL_MAX; i++) {
		add(i, 0);
		assert_true(knows(i));
		snprintf(result.id, sizeof(result.id), "%s", id_of(i));
		result.found = i;
		assert_true(journal_finish(&journal, &result));
	}
	assert_int_equal(journal_save(&journal), 0);
	load_device(BOOT);
	assert_int_equal(journal.count, JOURNAL_MAX);
	for (unsigned int i = 0; i < 3 * JOURNAL_MAX; i++)
		assert_int_equal(knows(i), i >= 2 * JOURNAL_MAX);
	for (unsigned int i = 2 * JOURNAL_MAX; i < 3 * JOURNAL_MAX; i++)
		assert_int_equal(journal_find(&journal, id_of(i))->result.found, i);
}

static void test_damaged_device_file(void **state)
{
#define HEAD "hv-logoff device journal 1\nboot " BOOT "\nfloor 0\nid a 0\n"
	static const char *const texts[] = {
		"hv-logoff kvp journal 1\nfloor 0\nend\n",
		"hv-logoff device journal 1\n",
		"hv-logoff device journal 1\nfloor 0\nend\n",
		HEAD,
		HEAD "result a 100 2 2 0 0x0\n",
		HEAD "result b 100 2 2 0 0x0 unknown id\nend\n",
		HEAD "result a 101 2 2 0 0x0 percent\nend\n",
		HEAD "result a 100 2 2 1 0x0 counts\nend\n",
		HEAD "result a 100 4294967294 4294967295 4294967295 0x0 counts\nend\n",
		HEAD "boot " BOOT "\nend\n",
	};

	journal_done(&journal);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_file(DEVICE_NAME, texts[i], strlen(texts[i]));
		assert_int_equal(journal_load(&journal, folder, DEVICE_NAME, BOOT), -EBADMSG);
		assert_int_equal(journal.count, 0);
	}
#undef HEAD
	assert_string_equal(journal_explain(-EBADMSG), "it is damaged");
	assert_string_equal(journal_explain(-ENOSPC), strerror(ENOSPC));
}

/* As on a full disk, a part of the file can be written. The old file remains, and nothing else. */
static void test_full_disk(void **state)
{
	const struct rlimit little = {.rlim_cur = 1024, .rlim_max = RLIM_INFINITY};
	const struct rlimit unlimited = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

	add(1, 100);
	assert_int_equal(journal_save(&journal), 0);
	for (unsigned int i = 2; i <= JOURNAL_MAX; i++)
		add(i, 100);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_int_equal(journal_save(&journal), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
	assert_int_equal(access(path_of(KVP_NAME ".new"), F_OK), -1);
	assert_file(KVP_NAME, "hv-logoff kvp journal 1\nfloor 0\nid id-1 100\nend\n");
	assert_int_equal(journal_save(&journal), 0);
	reload();
	assert_int_equal(journal.count, JOURNAL_MAX);
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
		TEST(test_kvp_file_of_1_1),
		TEST(test_ending),
		TEST(test_results),
		TEST(test_remove),
		TEST(test_other_boot),
		TEST(test_full_without_times),
		TEST(test_damaged_device_file),
		TEST(test_full_disk),
	};

	/* A write beyond the limit fails instead. */
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
