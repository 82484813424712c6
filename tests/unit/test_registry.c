// SPDX-License-Identifier: GPL-2.0-or-later
/* The lookup of machines. Each test runs in a child with its own /run. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "userspace/host/libvmguestos/registry.h"

#define NOBODY 65534

static bool make(const char *path)
{
	return mkdir(path, 0755) == 0;
}

/* Root's registry and the user's have one machine each, and one of the same name. */
static bool make_registries(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, "mode=755") == 0 && make("/run/hvhost") &&
	       make("/run/hvhost/both") && make("/run/hvhost/roots") && make("/run/user") &&
	       make("/run/user/hvhost") && make("/run/user/hvhost/both") &&
	       make("/run/user/hvhost/mine");
}

static bool is_found(const char *name, const char *wanted)
{
	char *directory = NULL;
	int ret = vmg_registry_find(name, &directory);
	bool same = wanted ? ret == 0 && strcmp(directory, wanted) == 0 : ret == -ENOENT;

	free(directory);
	return same;
}

static bool is_default(const char *wanted)
{
	char *directory = NULL;
	bool same = vmg_registry_own(&directory) == 0 && strcmp(directory, wanted) == 0;

	free(directory);
	return same;
}

/* @wanted has a blank after each name. */
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
	setenv("XDG_RUNTIME_DIR", "/run/user", 1);
	return setuid(NOBODY) == 0 && is_default("/run/user/hvhost") &&
	       is_found("mine", "/run/user/hvhost/mine") &&
	       is_found("both", "/run/user/hvhost/both") &&
	       is_found("roots", "/run/hvhost/roots") && is_found("none", NULL) &&
	       names_are("both mine roots ");
}

/* Root does not use $XDG_RUNTIME_DIR. */
static bool as_root(void)
{
	setenv("XDG_RUNTIME_DIR", "/run/user", 1);
	return is_default("/run/hvhost") && is_found("both", "/run/hvhost/both") &&
	       is_found("mine", NULL) && names_are("both roots ");
}

static bool without_session(void)
{
	unsetenv("XDG_RUNTIME_DIR");
	return setuid(NOBODY) == 0 && is_default("/run/hvhost") && is_found("mine", NULL) &&
	       names_are("both roots ");
}

static bool with_hvhost_dir(void)
{
	setenv("XDG_RUNTIME_DIR", "/run/user", 1);
	setenv("HVHOST_DIR", "/run/user/hvhost", 1);
	return is_default("/run/user/hvhost") && is_found("mine", "/run/user/hvhost/mine") &&
	       is_found("roots", NULL) && names_are("both mine ");
}

static bool without_access(void)
{
	char *directory;

	unsetenv("XDG_RUNTIME_DIR");
	return chmod("/run/hvhost", 0700) == 0 && setuid(NOBODY) == 0 &&
	       vmg_registry_find("roots", &directory) == -EACCES;
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
	assert_lookup(as_user);
}

static void test_root(void **state)
{
	assert_lookup(as_root);
}

static void test_without_session(void **state)
{
	assert_lookup(without_session);
}

static void test_hvhost_dir(void **state)
{
	assert_lookup(with_hvhost_dir);
}

static void test_no_access(void **state)
{
	assert_lookup(without_access);
}

#define GUID "0f8fad5b-d9cb-469f-a165-70867728950e"

/* Writes a machine.json with @guid into a new machine @name. */
static bool make_machine(const char *name, const char *guid)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/run/hvhost/%s", name);
	if (!make(path))
		return false;
	snprintf(path, sizeof(path), "/run/hvhost/%s/machine.json", name);
	file = fopen(path, "we");
	return file && fprintf(file, "{\"name\": \"x\", \"guid\": %s}", guid) > 0 &&
	       fclose(file) == 0;
}

static bool guid_is(const char *directory, const char *wanted)
{
	char guid[VMG_GUID_SIZE];

	vmg_registry_guid(directory, guid);
	return strcmp(guid, wanted) == 0;
}

static bool by_guid(void)
{
	return make_machine("good", "\"0F8FAD5B-D9CB-469F-A165-70867728950E\"") &&
	       make_machine("number", "1") && make_machine("short", "\"0f8fad5b\"") &&
	       make_machine("invalid", "\"0f8fad5b-d9cb-469f-a165-70867728950g\"") &&
	       guid_is("/run/hvhost/good", GUID) && guid_is("/run/hvhost/number", "") &&
	       guid_is("/run/hvhost/short", "") && guid_is("/run/hvhost/invalid", "") &&
	       guid_is("/run/hvhost/roots", "") && is_found(GUID, "/run/hvhost/good") &&
	       is_found("{0F8fad5b-d9cb-469f-a165-70867728950e}", "/run/hvhost/good") &&
	       is_found("{" GUID, NULL) && is_found(GUID "}", NULL) && is_found("", NULL) &&
	       is_found("0f8fad5b-d9cb-469f-a165-70867728950f", NULL) && is_found("{", NULL);
}

/* A name that looks like the GUID of another machine is the name. */
static bool by_name_first(void)
{
	return make_machine("good", "\"" GUID "\"") && make("/run/hvhost/" GUID) &&
	       is_found(GUID, "/run/hvhost/" GUID);
}

static void test_guid(void **state)
{
	assert_lookup(by_guid);
	assert_lookup(by_name_first);
}

static void test_names(void **state)
{
	static const char *const invalid[] = {"",   ".",  "..",  "../tmp", "a/b",
					      "-x", "_x", "a b", "ä"};
	char name[67];

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		assert_false(vmg_registry_is_name(invalid[i]));
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
		cmocka_unit_test(test_names),      cmocka_unit_test(test_user),
		cmocka_unit_test(test_root),       cmocka_unit_test(test_without_session),
		cmocka_unit_test(test_hvhost_dir), cmocka_unit_test(test_no_access),
		cmocka_unit_test(test_guid),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
