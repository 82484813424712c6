// SPDX-License-Identifier: GPL-2.0-or-later
/* The owner of a lock in /proc/locks. */
#include <string.h>
#include <sys/sysmacros.h>

#include "unit.h"
#include "userspace/guest/transport/kvp_locks.h"
#include "userspace/shared/util.h"

#define INODE 1234

static struct kvp_lock lock;

static bool find(const char *table)
{
	FILE *file = fmemopen((char *)table, strlen(table), "r");
	bool found;

	assert_non_null(file);
	memset(&lock, 0, sizeof(lock));
	found = kvp_locks_find(&lock, file, makedev(0xfe, 0x1a), INODE);
	fclose(file);
	return found;
}

static void test_owner(void **state)
{
	assert_true(find("1: POSIX  ADVISORY  WRITE 7 fe:1a:99 0 EOF\n"
			 "2: POSIX  ADVISORY  READ 42 fe:1a:1234 0 EOF\n"));
	assert_int_equal(lock.pid, 42);
	assert_false(lock.flock);
}

static void test_other_files(void **state)
{
	assert_false(find("1: POSIX  ADVISORY  READ 42 fe:1b:1234 0 EOF\n"
			  "2: POSIX  ADVISORY  READ 42 fe:1a:12345 0 EOF\n"
			  "3: LEASE  ACTIVE    READ 42 00:1a:1234 0 EOF\n"));
	assert_false(find("1: "));
	assert_false(find("nonsense\n\n"));
}

/* hv_kvp_daemon waits for the lock: it is not the owner. */
static void test_waiting_process(void **state)
{
	assert_false(find("1: -> POSIX  ADVISORY  WRITE 43 fe:1a:1234 0 EOF\n"));
	assert_true(find("1: POSIX  ADVISORY  READ 42 fe:1a:1234 0 EOF\n"
			 "1: -> POSIX  ADVISORY  WRITE 43 fe:1a:1234 0 EOF\n"));
	assert_int_equal(lock.pid, 42);
}

static void test_kinds(void **state)
{
	assert_true(find("1: OFDLCK ADVISORY  READ -1 fe:1a:1234 0 EOF\n"));
	assert_int_equal(lock.pid, -1);
	assert_true(find("1: FLOCK  ADVISORY  WRITE 41 fe:1a:1234 0 EOF\n"));
	assert_int_equal(lock.pid, 41);
	assert_true(lock.flock);
	assert_true(find("1: FLOCK  ADVISORY  WRITE 41 fe:1a:1234 0 EOF\n"
			 "2: POSIX  ADVISORY  READ 42 fe:1a:1234 0 EOF\n"
			 "3: FLOCK  ADVISORY  WRITE 43 fe:1a:1234 0 EOF\n"));
	assert_int_equal(lock.pid, 42);
	assert_false(lock.flock);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_waiting_process),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests_name("kvp_locks", tests, NULL, NULL);
}
