// SPDX-License-Identifier: GPL-2.0-or-later
/* What vmlogoff.exe needs from Windows: patterns, events, and the credential for a host. */
#include "tests/wmi/windows_unit.h"

#include <wchar.h>
#include <windows.h>

#include <wincred.h>

#include "userspace/host/vmlogoff/system.h"
#include "userspace/shared/util.h"

#define TARGET L"vmlogoff:hv-logoff-test.invalid"
#define HOST   "hv-logoff-test.invalid"

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"web1", "WEB1", true},
		{"\xc3\x84*", "\xc3\xa4rzte", true}, /* Ä, ä */
		{"vdi-*", "vdi-01", true},
		{"vdi-*", "xvdi-01", false},
		{"*-01", "vdi-01", true},
		{"*-0*-0", "a-0-1-0", true},
		{"*ab", "aab", true},
		{"*ab", "aabc", false},
		{"a**b", "ab", true},
		{"?", "\xe2\x82\xac", true},     /* € */
		{"?", "\xf0\x9f\x98\x80", true}, /* two units of UTF-16 */
		{"*?", "\xf0\x9f\x98\x80", true},
		{"?", "ab", false},
		{"[a-c]1", "B1", true},
		{"[a-c]1", "d1", false},
		{"[!a-c]1", "d1", true},
		{"[^a-c]1", "a1", false},
		{"[]a]", "]", true},
		{"[a-]", "-", true},
		{"[ab", "[ab", true},
		{"[ab", "a", false},
		{"[", "[", true},
		{"\\*", "*", true},
		{"\\*", "a", false},
		{"a\\", "a\\", true},
		{"\xff", "\xff", false}, /* not UTF-8 */
	};

	for (size_t index = 0; index < ARRAY_SIZE(cases); index++) {
		if (system_matches(cases[index].pattern, cases[index].name) != cases[index].matches)
			fail_msg("\"%s\", \"%s\"", cases[index].pattern, cases[index].name);
	}
}

static void events(void **state)
{
	waitable one = system_event(), other = system_event();
	const waitable any[] = {-1, one, other};

	assert_true(one >= 0 && other >= 0);
	assert_false(system_is_ready(one));
	assert_false(system_is_ready(-1));
	system_set(other);
	assert_int_equal(system_wait(any, ARRAY_SIZE(any)), 2);
	system_set(one);
	assert_int_equal(system_wait(any, ARRAY_SIZE(any)), 1);
	assert_true(system_is_ready(other));
	system_close(&one);
	system_close(&other);
	system_close(&other);
	assert_int_equal(other, -1);
}

static void write_credential(const WCHAR *user, const WCHAR *password)
{
	CREDENTIALW credential = {
		.Type = CRED_TYPE_GENERIC,
		.TargetName = (WCHAR *)TARGET,
		.UserName = (WCHAR *)user,
		.CredentialBlob = (BYTE *)password,
		.CredentialBlobSize = (DWORD)(wcslen(password) * sizeof(WCHAR)),
		.Persist = CRED_PERSIST_SESSION,
	};

	assert_true(CredWriteW(&credential, 0));
}

static int delete_credential(void **state)
{
	CredDeleteW(TARGET, CRED_TYPE_GENERIC, 0);
	return 0;
}

static void credentials(void **state)
{
	static WCHAR longest[VM_HOST_USER_MAX + 2];
	VMHost host = {.size = sizeof(host), .name = HOST};
	VMHost other = {.size = sizeof(other), .name = HOST, .user = "HV01\\other"};

	/* The account of this process. */
	assert_true(system_find_account(&host));
	assert_null(host.user);
	write_credential(L"HV01\\admin", L"s\u20acret");
	assert_true(system_find_account(&host));
	assert_string_equal(host.user, "HV01\\admin");
	assert_string_equal(host.password, "s\xe2\x82\xacret");
	host = (VMHost){.size = sizeof(host), .name = HOST, .user = "hv01\\ADMIN"};
	assert_true(system_find_account(&host));
	assert_string_equal(host.password, "s\xe2\x82\xacret");
	/* That of another user is not used, and standard input is no console. */
	assert_false(system_find_account(&other));
	assert_string_equal(other.user, "HV01\\other");
	assert_null(other.password);
	/* A password is not cut. */
	wmemset(longest, L'x', VM_HOST_USER_MAX + 1);
	write_credential(L"HV01\\other", longest);
	assert_false(system_find_account(&other));
	assert_null(other.password);
}

static void this_computer(void **state)
{
	assert_true(system_is_this_computer(NULL));
	assert_true(system_is_this_computer("."));
	assert_true(system_is_this_computer("LocalHost"));
	assert_false(system_is_this_computer(HOST));
}

#define SERVICES                                                                                   \
	L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Virtualization\\"                       \
	L"GuestCommunicationServices"
#define SERVICE SERVICES L"\\{0000036d-facb-11e6-bd58-64006a7986d3}"
#define OTHER   SERVICES L"\\{00000380-facb-11e6-bd58-64006a7986d3}"

static LSTATUS read_name(const WCHAR *key, WCHAR name[32])
{
	DWORD size = 32 * sizeof(WCHAR);

	return RegGetValueW(HKEY_LOCAL_MACHINE, key, L"ElementName", RRF_RT_REG_SZ, NULL, name,
			    &size);
}

static int delete_services(void **state)
{
	RegDeleteTreeW(HKEY_LOCAL_MACHINE, SERVICES);
	return 0;
}

/* Only the key of hv-logoff is added, and removed. */
static void registration(void **state)
{
	WCHAR name[32];

	assert_true(system_has_registration());
	assert_int_equal(RegSetKeyValueW(HKEY_LOCAL_MACHINE, OTHER, L"ElementName", REG_SZ,
					 L"another", sizeof(L"another")),
			 ERROR_SUCCESS);
	for (unsigned int times = 0; times < 2; times++) {
		assert_hresult(system_set_registration(true), S_OK);
		assert_int_equal(read_name(SERVICE, name), ERROR_SUCCESS);
		assert_int_equal(wcscmp(name, L"hv-logoff"), 0);
	}
	for (unsigned int times = 0; times < 2; times++) {
		assert_hresult(system_set_registration(false), S_OK);
		assert_int_equal(read_name(SERVICE, name), ERROR_FILE_NOT_FOUND);
	}
	assert_int_equal(read_name(OTHER, name), ERROR_SUCCESS);
	assert_int_equal(wcscmp(name, L"another"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(events),
		cmocka_unit_test_teardown(credentials, delete_credential),
		cmocka_unit_test(this_computer),
		cmocka_unit_test_teardown(registration, delete_services),
	};

	return cmocka_run_group_tests_name("system", tests, NULL, NULL);
}
