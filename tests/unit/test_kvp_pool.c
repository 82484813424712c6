// SPDX-License-Identifier: GPL-2.0-or-later
/* The pool files: only the own record changes, the lock, and which files are trusted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/shared/util.h"

#define POOL ".kvp_pool_1"
#define KEY  "Mine"

static struct kvp_pool pool;
static char value[KVP_VALUE_SIZE + 1];

static int setup(void **state)
{
	make_folder();
	pool = (struct kvp_pool){.directory = folder, .number = KVP_POOL_GUEST};
	return 0;
}

static int teardown(void **state)
{
	remove_folder();
	return 0;
}

static int read_own(void)
{
	return kvp_pool_read(&pool, KEY, value);
}

static int write_own(const char *text)
{
	return kvp_pool_write(&pool, KEY, text);
}

static int remove_own(void)
{
	return kvp_pool_remove(&pool, KEY);
}

static void assert_pool_bytes(const void *expected, size_t expected_size)
{
	_cleanup_free_ char *bytes = NULL;
	size_t size;

	bytes = read_file(POOL, &size);
	assert_int_equal(size, expected_size);
	assert_memory_equal(bytes, expected, size);
}

static void assert_pool(const struct pool_record *records, size_t count)
{
	assert_pool_bytes(records, count * sizeof(*records));
}

static struct pool_record own_record(const char *text)
{
	struct pool_record record = {.key = KEY};

	snprintf(record.value, sizeof(record.value), "%s", text);
	return record;
}

static void test_no_pool(void **state)
{
	assert_int_equal(read_own(), -ENOENT);
	/* Only hv_kvp_daemon creates it. */
	assert_int_equal(write_own("x"), -ENOENT);
	assert_int_equal(remove_own(), -ENOENT);
	remove_folder();
	assert_int_equal(read_own(), -ENOENT);
}

static void test_append_change_remove(void **state)
{
	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	assert_int_equal(read_own(), 0);
	assert_int_equal(write_own("first"), 0);
	assert_int_equal(read_own(), 1);
	assert_string_equal(value, "first");
	assert_int_equal(write_own("2nd"), 0);
	assert_pool((struct pool_record[]){own_record("2nd")}, 1);
	assert_int_equal(remove_own(), 0);
	assert_int_equal(remove_own(), 0);
	assert_pool(NULL, 0);
}

static void test_other_records_unchanged(void **state)
{
	const struct pool_record a = make_record("Mine too", "a");
	const struct pool_record b = make_record("Min", "b");
	const struct pool_record c = make_record("", "");

	rewrite_pool(KVP_POOL_GUEST, (struct pool_record[]){a, b}, 2);
	assert_int_equal(write_own("x"), 0);
	assert_pool((struct pool_record[]){a, b, own_record("x")}, 3);
	rewrite_pool(KVP_POOL_GUEST, (struct pool_record[]){a, own_record("x"), b, c}, 4);
	assert_int_equal(write_own("y"), 0);
	assert_pool((struct pool_record[]){a, own_record("y"), b, c}, 4);
	assert_int_equal(remove_own(), 0);
	assert_pool((struct pool_record[]){a, b, c}, 3);
}

/* hv_kvp_daemon writes a value up to its NUL, and leaves the old bytes after it. */
static void test_bytes_after_nul_ignored(void **state)
{
	const struct pool_record record = make_record(KEY, "x");

	rewrite_pool(KVP_POOL_GUEST, &record, 1);
	assert_int_equal(read_own(), 1);
	assert_string_equal(value, "x");
}

static void test_longest_value(void **state)
{
	struct pool_record record;

	memset(&record, 'x', sizeof(record));
	rewrite_pool(KVP_POOL_GUEST, &record, 1);
	assert_int_equal(read_own(), 0);
	strcpy(record.key, KEY);
	rewrite_pool(KVP_POOL_GUEST, &record, 1);
	assert_int_equal(read_own(), 1);
	assert_int_equal(strlen(value), KVP_VALUE_SIZE);
}

static void test_truncated_record(void **state)
{
	struct pool_record records[2] = {make_record("Other", "a"), own_record("x")};

	write_file(POOL, records, sizeof(records) - 1);
	assert_int_equal(read_own(), 0);
	assert_int_equal(write_own("x"), -EBADMSG);
	assert_pool_bytes(records, sizeof(records) - 1);
	assert_non_null(strstr(kvp_pool_explain(-EBADMSG), "restart hv-kvp-daemon"));
}

static void test_locked(void **state)
{
	const struct pool_record record = own_record("x");
	struct holder holder;

	rewrite_pool(KVP_POOL_GUEST, &record, 1);
	holder = hold_lock(KVP_POOL_GUEST);
	assert_int_equal(read_own(), -EAGAIN);
	assert_int_equal(write_own("y"), -EAGAIN);
	assert_int_equal(remove_own(), -EAGAIN);
	release_lock(holder);
	assert_pool(&record, 1);
	assert_int_equal(write_own("y"), 0);
}

/* cloud-init locks its writes so. */
static void test_flock_respected(void **state)
{
	int fd;

	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	fd = open(path_of(POOL), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(read_own(), -EAGAIN);
	assert_int_equal(write_own("x"), -EAGAIN);
	assert_int_equal(remove_own(), -EAGAIN);
	close(fd);
	assert_int_equal(write_own("x"), 0);
	assert_int_equal(pool.flocked, 0);
}

/* A process that may only read the pool could hold the lock for ever. */
static void test_flock_respected_for_a_time(void **state)
{
	int fd;

	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	fd = open(path_of(POOL), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(write_own("x"), -EAGAIN);
	assert_true(pool.flocked > 0);
	pool.flocked -= KVP_FLOCK_PATIENCE - 1;
	while (write_own("x") == -EAGAIN)
		continue;
	assert_int_equal(read_own(), 1);
	assert_int_equal(write_own("y"), 0);
	assert_int_equal(remove_own(), 0);
	close(fd);
	/* The next lock is respected again. */
	assert_int_equal(read_own(), 0);
	fd = open(path_of(POOL), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(read_own(), -EAGAIN);
	close(fd);
}

static void assert_mode(mode_t mode)
{
	struct stat status;

	assert_int_equal(stat(path_of(POOL), &status), 0);
	assert_int_equal(status.st_mode & 07777, mode);
}

static void test_made_private(void **state)
{
	static const mode_t modes[] = {0644, 0640, 0604, 0750};
	struct holder holder;

	assert_int_equal(kvp_pool_make_private(&pool), -ENOENT);
	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(path_of(POOL), modes[i]), 0);
		assert_int_equal(kvp_pool_make_private(&pool), 1);
		assert_mode(0600);
		assert_int_equal(kvp_pool_make_private(&pool), 0);
	}
	assert_int_equal(chmod(path_of(POOL), 0644), 0);
	holder = hold_lock(KVP_POOL_GUEST);
	assert_int_equal(kvp_pool_make_private(&pool), 1);
	release_lock(holder);
	assert_mode(0600);
}

/* A pool that others could write to stays refused, since they may have set its items. */
static void test_untrusted_not_made_private(void **state)
{
	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	assert_int_equal(chmod(path_of(POOL), 0666), 0);
	assert_int_equal(kvp_pool_make_private(&pool), -EPERM);
	assert_mode(0666);
	assert_int_equal(chmod(path_of(POOL), 0644), 0);
	{
		_cleanup_free_ char *path = strdup(path_of(POOL));

		assert_int_equal(rename(path, path_of("elsewhere")), 0);
		assert_int_equal(symlink("elsewhere", path), 0);
	}
	assert_int_equal(kvp_pool_make_private(&pool), -ELOOP);
	assert_mode(0644);
}

static void test_linked_files(void **state)
{
	const struct pool_record record = own_record("x");

	write_file("elsewhere", &record, sizeof(record));
	assert_int_equal(symlink("elsewhere", path_of(POOL)), 0);
	assert_int_equal(read_own(), -ELOOP);
	assert_int_equal(write_own("y"), -ELOOP);
	assert_int_equal(unlink(path_of(POOL)), 0);
	write_file(POOL, &record, sizeof(record));
	{
		_cleanup_free_ char *path = strdup(path_of(POOL));

		assert_int_equal(link(path, path_of("second")), 0);
	}
	assert_int_equal(read_own(), -EMLINK);
	assert_int_equal(write_own("y"), -EMLINK);
	assert_pool(&record, 1);
}

static void test_linked_folder(void **state)
{
	char link[80];

	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	snprintf(link, sizeof(link), "%s.link", folder);
	assert_int_equal(symlink(folder, link), 0);
	pool.directory = link;
	assert_int_equal(read_own(), -ENOTDIR);
	unlink(link);
}

static void test_not_a_regular_file(void **state)
{
	assert_int_equal(mkfifo(path_of(POOL), 0600), 0);
	assert_int_equal(read_own(), -EINVAL);
	assert_int_equal(write_own("y"), -EINVAL);
	assert_int_equal(unlink(path_of(POOL)), 0);
	assert_int_equal(mkdir(path_of(POOL), 0700), 0);
	assert_int_equal(read_own(), -EINVAL);
	assert_int_equal(write_own("y"), -EISDIR);
}

static void test_writable_by_others(void **state)
{
	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	assert_int_equal(chmod(path_of(POOL), 0664), 0);
	assert_int_equal(read_own(), -EPERM);
	assert_int_equal(chmod(path_of(POOL), 0646), 0);
	assert_int_equal(write_own("y"), -EPERM);
	assert_int_equal(chmod(path_of(POOL), 0644), 0);
	assert_int_equal(read_own(), 0);
	assert_int_equal(chmod(folder, 0770), 0);
	assert_int_equal(read_own(), -EPERM);
	assert_non_null(strstr(kvp_pool_explain(-EPERM), "chmod go-w"));
}

static void test_owned_by_another_user(void **state)
{
	if (geteuid() != 0)
		skip();
	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	assert_int_equal(chown(path_of(POOL), 12345, 0), 0);
	assert_int_equal(read_own(), -EPERM);
	assert_int_equal(chown(path_of(POOL), 0, 12345), 0);
	assert_int_equal(read_own(), 0);
	assert_int_equal(chown(folder, 12345, 0), 0);
	assert_int_equal(read_own(), -EPERM);
}

static void test_too_long(void **state)
{
	rewrite_pool(KVP_POOL_GUEST, NULL, 0);
	assert_int_equal(truncate(path_of(POOL), 4096 * sizeof(struct pool_record)), 0);
	assert_int_equal(read_own(), 0);
	assert_int_equal(truncate(path_of(POOL), 4097 * sizeof(struct pool_record)), 0);
	assert_int_equal(read_own(), -EFBIG);
	assert_int_equal(write_own("x"), -EFBIG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_no_pool),
		TEST(test_append_change_remove),
		TEST(test_other_records_unchanged),
		TEST(test_bytes_after_nul_ignored),
		TEST(test_longest_value),
		TEST(test_truncated_record),
		TEST(test_locked),
		TEST(test_flock_respected),
		TEST(test_flock_respected_for_a_time),
		TEST(test_made_private),
		TEST(test_untrusted_not_made_private),
		TEST(test_linked_files),
		TEST(test_linked_folder),
		TEST(test_not_a_regular_file),
		TEST(test_writable_by_others),
		TEST(test_owned_by_another_user),
		TEST(test_too_long),
	};

	return cmocka_run_group_tests_name("kvp_pool", tests, NULL, NULL);
}
