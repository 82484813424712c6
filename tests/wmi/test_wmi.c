// SPDX-License-Identifier: GPL-2.0-or-later
/* The generic part of the WMI layer, against Wine's own classes and its StdRegProv. */
#include "tests/wmi/ports.h"
#include "tests/wmi/windows_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/host/windows/com.h"
#include "userspace/host/windows/probe.h"
#include "userspace/host/windows/wmi.h"

#define KEY "Software\\hv-logoff test"

static const struct wmi_wait bounded = {.ms = 60000};

static struct wmi *connect_to(const char *space)
{
	const struct wmi_target target = {.space = space};
	struct wmi *wmi;

	assert_hresult(wmi_connect(&wmi, &target, &bounded), S_OK);
	assert_non_null(wmi);
	return wmi;
}

static void a_query_returns_objects(void **state)
{
	struct wmi *wmi = connect_to("root\\cimv2");
	_cleanup_objects_ struct wmi_objects systems = {}, processes = {}, none = {};
	_cleanup_free_ char *version = NULL, *name = NULL;
	uint32_t bits;

	assert_hresult(wmi_query(wmi, "SELECT * FROM Win32_OperatingSystem", &bounded, &systems),
		       S_OK);
	assert_int_equal(systems.count, 1);
	assert_hresult(wmi_get_string(systems.items[0], L"Version", &version), S_OK);
	assert_true(strchr(version, '.'));
	assert_hresult(wmi_get_number(systems.items[0], L"ProductType", &bits), S_OK);
	assert_hresult(wmi_get_number(systems.items[0], L"Version", &bits), WBEM_E_TYPE_MISMATCH);
	assert_hresult(wmi_get_string(systems.items[0], L"ProductType", &name),
		       WBEM_E_TYPE_MISMATCH);
	assert_hresult(wmi_get_string(systems.items[0], L"NoSuchProperty", &name),
		       WBEM_E_NOT_FOUND);

	assert_hresult(wmi_query(wmi, "SELECT * FROM Win32_Process", &bounded, &processes), S_OK);
	assert_true(processes.count > 1);
	assert_hresult(wmi_query(wmi, "SELECT * FROM Win32_Process WHERE Caption = 'none'",
				 &bounded, &none),
		       S_OK);
	assert_int_equal(none.count, 0);
	wmi_free(wmi);
}

static void invalid_queries_fail(void **state)
{
	struct wmi *wmi = connect_to("root\\cimv2");
	struct wmi_objects objects;

	assert_hresult(wmi_query(wmi, "SELECT FROM WHERE", &bounded, &objects),
		       WBEM_E_INVALID_QUERY);
	assert_int_equal(objects.count, 0);
	assert_true(FAILED(wmi_query(wmi, "\xff", &bounded, &objects)));
	wmi_free(wmi);
}

static void an_object_by_its_path(void **state)
{
	struct wmi *wmi = connect_to("root\\cimv2");
	_cleanup_release_ IWbemClassObject *disk = NULL, *none = NULL;
	_cleanup_free_ char *id = NULL, *path = NULL;

	assert_hresult(wmi_get(wmi, "Win32_LogicalDisk.DeviceID=\"C:\"", &bounded, &disk), S_OK);
	assert_hresult(wmi_get_string(disk, L"DeviceID", &id), S_OK);
	assert_string_equal(id, "C:");
	assert_hresult(wmi_get_string(disk, L"__PATH", &path), S_OK);
	assert_true(strstr(path, "Win32_LogicalDisk"));
	assert_true(FAILED(wmi_get(wmi, "NoSuchClass.Key=\"1\"", &bounded, &none)));
	assert_null(none);
	wmi_free(wmi);
}

static void associated_objects(void **state)
{
	struct wmi *wmi = connect_to("root\\cimv2");
	_cleanup_objects_ struct wmi_objects partitions = {};
	_cleanup_free_ char *id = NULL;

	assert_hresult(wmi_associators(wmi, "Win32_LogicalDisk.DeviceID='C:'",
				       "Win32_DiskPartition", &bounded, &partitions),
		       S_OK);
	assert_int_equal(partitions.count, 1);
	assert_hresult(wmi_get_string(partitions.items[0], L"DeviceID", &id), S_OK);
	wmi_free(wmi);
}

static uint32_t call_registry(struct wmi *wmi, const char *method, IWbemClassObject *in,
			      IWbemClassObject **out)
{
	uint32_t value = UINT32_MAX;

	assert_hresult(wmi_put_number(in, L"hDefKey", 0x80000001), S_OK);
	assert_hresult(wmi_put_string(in, L"sSubKeyName", KEY), S_OK);
	assert_hresult(wmi_exec(wmi, "StdRegProv", method, in, &bounded, out), S_OK);
	assert_hresult(wmi_get_number(*out, L"ReturnValue", &value), S_OK);
	return value;
}

static IWbemClassObject *registry_method(struct wmi *wmi, const char *method)
{
	IWbemClassObject *in = NULL;

	assert_hresult(wmi_method(wmi, "StdRegProv", method, &bounded, &in), S_OK);
	assert_non_null(in);
	return in;
}

/* What the provider writes is read by the registry's own functions, and the other way round. */
static void a_method_is_executed(void **state)
{
	struct wmi *wmi = connect_to("root\\default");
	_cleanup_release_ IWbemClassObject *in = registry_method(wmi, "SetStringValue"),
					   *out = NULL;
	WCHAR text[32];
	DWORD size = sizeof(text);
	HKEY key;

	RegCreateKeyW(HKEY_CURRENT_USER, L"" KEY, &key);
	assert_hresult(wmi_put_string(in, L"sValueName", "f\xc3\xbcnf"), S_OK);
	assert_hresult(wmi_put_string(in, L"sValue", "\xe2\x82\xac"), S_OK);
	assert_int_equal(call_registry(wmi, "SetStringValue", in, &out), 0);
	assert_int_equal(RegQueryValueExW(key, L"f\u00fcnf", NULL, NULL, (BYTE *)text, &size), 0);
	assert_memory_equal(text, L"\u20ac", size);
	RegCloseKey(key);
	RegDeleteTreeW(HKEY_CURRENT_USER, L"" KEY);
	wmi_free(wmi);
}

static void an_array_is_returned(void **state)
{
	struct wmi *wmi = connect_to("root\\default");
	_cleanup_release_ IWbemClassObject *in = registry_method(wmi, "EnumKey"), *out = NULL;
	char **names;
	size_t count;
	HKEY key;

	RegCreateKeyW(HKEY_CURRENT_USER, L"" KEY "\\one", &key);
	RegCloseKey(key);
	RegCreateKeyW(HKEY_CURRENT_USER, L"" KEY "\\two", &key);
	RegCloseKey(key);
	assert_int_equal(call_registry(wmi, "EnumKey", in, &out), 0);
	assert_hresult(wmi_get_strings(out, L"sNames", &names, &count), S_OK);
	assert_int_equal(count, 2);
	assert_string_equal(names[0], "one");
	assert_string_equal(names[1], "two");
	wmi_strings_free(names, count);
	assert_hresult(wmi_get_strings(out, L"ReturnValue", &names, &count), WBEM_E_TYPE_MISMATCH);
	RegDeleteTreeW(HKEY_CURRENT_USER, L"" KEY);
	wmi_free(wmi);
}

static void a_missing_method(void **state)
{
	struct wmi *wmi = connect_to("root\\default");
	IWbemClassObject *in, *out;

	assert_hresult(wmi_method(wmi, "StdRegProv", "NoSuchMethod", &bounded, &in),
		       WBEM_E_NOT_FOUND);
	assert_null(in);
	assert_true(FAILED(wmi_exec(wmi, "StdRegProv", "NoSuchMethod", NULL, &bounded, &out)));
	assert_null(out);
	wmi_free(wmi);
}

/* Wine has no Hyper-V, as a host without the role. */
static void a_missing_namespace(void **state)
{
	const struct wmi_target target = {.space = "root\\virtualization\\v2"};
	struct wmi *wmi;

	assert_hresult(wmi_connect(&wmi, &target, &bounded), WBEM_E_INVALID_NAMESPACE);
	assert_null(wmi);
}

static void credentials_are_for_other_computers(void **state)
{
	static const char *const hosts[] = {NULL, "", ".", "localhost", "LOCALHOST"};
	struct wmi_target target = {
		.space = "root\\cimv2", .user = "HV01\\admin", .password = "secret"};
	struct wmi *wmi;

	for (size_t index = 0; index < ARRAY_SIZE(hosts); index++) {
		target.host = hosts[index];
		assert_hresult(wmi_connect(&wmi, &target, &bounded), WBEM_E_LOCAL_CREDENTIALS);
		assert_null(wmi);
	}
}

static void another_computer_is_probed(void **state)
{
	const struct wmi_target target = {.host = "127.0.0.1", .space = "root\\cimv2"};
	struct wmi *wmi;
	WSADATA data;

	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &data), 0);
	wmi_probe_port = free_port();
	assert_hresult(wmi_connect(&wmi, &target, &bounded), PROBE_E_REFUSED);
	assert_null(wmi);
	wmi_probe_port = PROBE_RPC_PORT;
	WSACleanup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_returns_objects),
		cmocka_unit_test(invalid_queries_fail),
		cmocka_unit_test(an_object_by_its_path),
		cmocka_unit_test(associated_objects),
		cmocka_unit_test(a_method_is_executed),
		cmocka_unit_test(an_array_is_returned),
		cmocka_unit_test(a_missing_method),
		cmocka_unit_test(a_missing_namespace),
		cmocka_unit_test(credentials_are_for_other_computers),
		cmocka_unit_test(another_computer_is_probed),
	};

	return cmocka_run_group_tests_name("wmi", tests, NULL, NULL);
}
