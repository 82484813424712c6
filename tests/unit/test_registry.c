// SPDX-License-Identifier: GPL-2.0-or-later
/* Where machines are looked for: each time in a process and a /run of its own. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "userspace/host/libvmguestos/registry.h"

#define NOBODY 65534

static bool make(const char *path)
{
	return mkdir(path, 0755) == 0;
}

/* Of four machines, one is in both registries. */
static bool make_registries(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0 && make("/run/hvhost") &&
	       make("/run/hvhost/both") && make("/run/hvhost/roots") && make("/run/own") &&
	       make("/run/own/hvhost") && make("/run/own/hvhost/both") &&
	       make("/run/own/hvhost/mine");
}

static bool is_found(const char *name, const char *wanted)
{
	char *folder = NULL;
	int ret = vmg_registry_find(name, &folder);
	bool same = wanted ? ret == 0 && strcmp(folder, wanted) == 0 : ret == -ENOENT;

	free(folder);
	return same;
}

static bool is_own(const char *wanted)
{
	char *folder = NULL;
	bool same = vmg_registry_own(&folder) == 0 && strcmp(folder, wanted) == 0;

	free(folder);
	return same;
}

/* The names, each with a blank behind it. */
static bool names_are(const char *wanted)
{
	char **names, all[256] = "";

	if (vmg_registry_names(&names) < 0)
		return false;
	for (char **name = names; *name; name++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", *name);
	free(names);
	return strcmp(all, wanted) == 0;
}

static bool as_user(void)
{
	setenv("XDG_RUNTIME_DIR", "/run/own", 1);
	return setuid(NOBODY) == 0 && is_own("/run/own/hvhost") &&
	       is_found("mine", "/run/own/hvhost/mine") &&
	       is_found("both", "/run/own/hvhost/both") && is_found("roots", "/run/hvhost/roots") &&
	       is_found("none", NULL) && names_are("both mine roots ");
}

/* No session's folder, not even root's. */
static bool as_root(void)
{
	setenv("XDG_RUNTIME_DIR", "/run/own", 1);
	return is_own("/run/hvhost") && is_found("both", "/run/hvhost/both") &&
	       is_found("mine", NULL) && names_are("both roots ");
}

static bool without_session(void)
{
	unsetenv("XDG_RUNTIME_DIR");
	return setuid(NOBODY) == 0 && is_own("/run/hvhost") && is_found("mine", NULL) &&
	       names_are("both roots ");
}

static bool with_a_named_folder(void)
{
	setenv("XDG_RUNTIME_DIR", "/run/own", 1);
	setenv("HVHOST_DIR", "/run/own/hvhost", 1);
	return is_own("/run/own/hvhost") && is_found("mine", "/run/own/hvhost/mine") &&
	       is_found("roots", NULL) && names_are("both mine ");
}

static bool with_a_closed_folder(void)
{
	char *folder;

	unsetenv("XDG_RUNTIME_DIR");
	return chmod("/run/hvhost", 0700) == 0 && setuid(NOBODY) == 0 &&
	       vmg_registry_find("roots", &folder) == -EACCES;
}

static void assert_lookup(bool (*good)(void))
{
	pid_t child;
	int status;

	if (geteuid() != 0)
		skip();
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		unsetenv("HVHOST_DIR");
		_exit(!make_registries() || !good());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_user(void **state)
{
	(void)state;
	assert_lookup(as_user);
}

static void test_root(void **state)
{
	(void)state;
	assert_lookup(as_root);
}

static void test_without_session(void **state)
{
	(void)state;
	assert_lookup(without_session);
}

static void test_named_folder(void **state)
{
	(void)state;
	assert_lookup(with_a_named_folder);
}

static void test_closed_folder(void **state)
{
	(void)state;
	assert_lookup(with_a_closed_folder);
}

static void test_names(void **state)
{
	static const char *const wrong[] = {"", ".", "..", "../tmp", "a/b", "-x", "_x", "a b", "ä"};
	char name[67];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(vmg_registry_is_name(wrong[i]));
	assert_true(vmg_registry_is_name("web1"));
	assert_true(vmg_registry_is_name("1.A-_."));
	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_true(vmg_registry_is_name(name));
	name[64] = 'a';
	name[65] = '\0';
	assert_false(vmg_registry_is_name(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),        cmocka_unit_test(test_user),
		cmocka_unit_test(test_root),         cmocka_unit_test(test_without_session),
		cmocka_unit_test(test_named_folder), cmocka_unit_test(test_closed_folder),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
