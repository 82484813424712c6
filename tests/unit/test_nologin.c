// SPDX-License-Identifier: GPL-2.0-or-later
/* The file nologin, in a directory that stands for /run. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "userspace/guest/system/nologin.h"

static char root[32];

static char *path_of(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

/* The content of the file, or NULL. */
static const char *content(void)
{
	static char text[4096];
	FILE *file = fopen(path_of("nologin"), "r");

	if (!file)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static bool exists(const char *name)
{
	struct stat status;

	return lstat(path_of(name), &status) == 0;
}

static int setup(void **state)
{
	/* The inode numbers of a tmpfs are those that /run has. */
	snprintf(root, sizeof(root), "%s/nologin.XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	umask(077);
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = {"nologin", "other", "hv-logoff/nologin"};

	chmod(root, 0700);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(path_of(names[i]));
	rmdir(path_of("nologin"));
	rmdir(path_of("hv-logoff"));
	return rmdir(root);
}

/* pam_nologin reads it as any user. */
static void test_file(void **state)
{
	struct stat status;

	assert_int_equal(nologin_begin(root, "Maintenance at noon.\nSave your work."), 0);
	assert_int_equal(stat(path_of("nologin"), &status), 0);
	assert_int_equal(status.st_mode, S_IFREG | 0644);
	assert_int_equal(status.st_nlink, 1);
	assert_string_equal(content(),
			    "Maintenance at noon.\nSave your work.\n"
			    "hv-logoffd: logons are disabled until the host's logoff request has "
			    "completed.\n");
	assert_int_equal(nologin_end(root), 1);
	assert_false(exists("nologin"));
	assert_false(exists("hv-logoff/nologin"));
	assert_int_equal(nologin_end(root), 0);
}

/* The daemon was killed, and the next one has the request again. */
static void test_repeated_begin(void **state)
{
	assert_int_equal(nologin_begin(root, "first"), 0);
	assert_int_equal(nologin_begin(root, "second"), 0);
	assert_int_equal(strncmp(content(), "second\n", 7), 0);
	assert_int_equal(nologin_end(root), 1);
	assert_false(exists("nologin"));
}

static void assert_kept(const char *text)
{
	assert_int_equal(nologin_begin(root, "text"), -EEXIST);
	assert_int_equal(nologin_end(root), 0);
	assert_string_equal(content(), text);
}

static void test_foreign_file_is_kept(void **state)
{
	write_file("nologin", "System is going down.\n");
	assert_kept("System is going down.\n");
	write_file("nologin", "");
	assert_kept("");
}

static void test_link_and_directory_are_kept(void **state)
{
	write_file("other", "other");
	assert_int_equal(symlink("other", path_of("nologin")), 0);
	assert_kept("other");
	assert_int_equal(unlink(path_of("nologin")), 0);
	assert_int_equal(symlink("missing", path_of("nologin")), 0);
	assert_int_equal(nologin_begin(root, "text"), -EEXIST);
	assert_int_equal(nologin_end(root), 0);
	assert_int_equal(unlink(path_of("nologin")), 0);
	assert_int_equal(mkdir(path_of("nologin"), 0700), 0);
	assert_int_equal(nologin_begin(root, "text"), -EEXIST);
	assert_int_equal(nologin_end(root), 0);
	assert_true(exists("nologin"));
}

/* As systemd does at shutdown, by renaming another file to it. */
static void test_replaced_file_is_kept(void **state)
{
	char other[64];
	const char *own;

	assert_int_equal(nologin_begin(root, "text"), 0);
	own = content();
	write_file("other", own);
	snprintf(other, sizeof(other), "%s", path_of("other"));
	assert_int_equal(rename(other, path_of("nologin")), 0);
	assert_int_equal(nologin_end(root), 0);
	assert_true(exists("nologin"));
	assert_false(exists("hv-logoff/nologin"));
}

/* A file that got the recorded inode number later, or that somebody has written to. */
static void test_file_without_marker_is_kept(void **state)
{
	static const char *const texts[] = {"System is going down.\n", "", "x"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(nologin_begin(root, "text"), 0);
		write_file("nologin", texts[i]);
		assert_int_equal(nologin_end(root), 0);
		assert_string_equal(content(), texts[i]);
		assert_int_equal(unlink(path_of("nologin")), 0);
	}
}

static void test_invalid_record(void **state)
{
	static const char *const records[] = {"", "1", "x y", "-1 -1", "1 99999999999999999999999"};

	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		assert_int_equal(nologin_begin(root, "text"), 0);
		write_file("hv-logoff/nologin", records[i]);
		assert_int_equal(nologin_end(root), 0);
		assert_true(exists("nologin"));
		assert_int_equal(unlink(path_of("nologin")), 0);
	}
}

static void test_removed_by_others(void **state)
{
	assert_int_equal(nologin_begin(root, "text"), 0);
	assert_int_equal(unlink(path_of("nologin")), 0);
	assert_int_equal(nologin_end(root), 0);
	assert_false(exists("hv-logoff/nologin"));
}

static void test_no_directory(void **state)
{
	assert_int_equal(nologin_begin("/nonexistent", "text"), -ENOENT);
	assert_int_equal(nologin_end("/nonexistent"), 0);
}

/* Without a record, the file would stay after its daemon was killed. */
static void test_no_file_without_record(void **state)
{
	write_file("hv-logoff", "not a directory");
	assert_int_equal(nologin_begin(root, "text"), -ENOTDIR);
	assert_false(exists("nologin"));
	assert_int_equal(unlink(path_of("hv-logoff")), 0);
}

/* While its number is unknown, the file is left, and the record with it. */
static void test_unreadable_record(void **state)
{
	assert_int_equal(mkdir(path_of("hv-logoff"), 0700), 0);
	assert_int_equal(mkdir(path_of("hv-logoff/nologin"), 0700), 0);
	assert_int_equal(nologin_begin(root, "text"), -EISDIR);
	assert_false(exists("nologin"));
	assert_int_equal(rmdir(path_of("hv-logoff/nologin")), 0);
}

/* Returns once there has been a file, so that a busy machine cannot kill the process before. */
static pid_t start_to_begin_and_end(void)
{
	int began[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(began), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		nologin_begin(root, "text");
		if (write(began[1], &byte, 1) != 1)
			_exit(1);
		for (;;) {
			nologin_end(root);
			nologin_begin(root, "text");
		}
	}
	assert_int_equal(read(began[0], &byte, 1), 1);
	close(began[0]);
	close(began[1]);
	return pid;
}

/* Wherever the process is killed, the next one removes the file. */
static void test_killed(void **state)
{
	unsigned int removed = 0;
	pid_t pid;
	int r;

	for (unsigned int i = 0; i < 200; i++) {
		pid = start_to_begin_and_end();
		usleep(i * 13 % 500);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		r = nologin_end(root);
		assert_true(r >= 0);
		removed += r;
		assert_false(exists("nologin"));
		assert_false(exists("hv-logoff/nologin"));
	}
	/* Otherwise, all processes were killed while there was no file. */
	assert_true(removed > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_file),
		TEST(test_repeated_begin),
		TEST(test_foreign_file_is_kept),
		TEST(test_link_and_directory_are_kept),
		TEST(test_replaced_file_is_kept),
		TEST(test_file_without_marker_is_kept),
		TEST(test_invalid_record),
		TEST(test_removed_by_others),
		TEST(test_no_directory),
		TEST(test_no_file_without_record),
		TEST(test_unreadable_record),
		TEST(test_killed),
	};

	return cmocka_run_group_tests_name("nologin", tests, NULL, NULL);
}
