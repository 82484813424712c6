// SPDX-License-Identifier: GPL-2.0-or-later
/* The Hyper-V part of the WMI layer, against the stand-in for Hyper-V's provider. */
#include "tests/wmi/stand_in.h"
#include "tests/wmi/windows_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/host/windows/com.h"
#include "userspace/host/windows/hyperv.h"
#include "userspace/host/windows/wide.h"

#define KEY "HvLogoffRequest"

static const struct wmi_wait bounded = {.ms = 60000};
static const struct wmi_wait brief = {.ms = 200};

#define reset      stand_in.reset
#define guest_item stand_in.guest_item

static struct stand_in stand_in;

static HRESULT connect_with(const struct wmi_wait *wait, struct wmi **wmi)
{
	const struct wmi_target target = {.space = HYPERV_NAMESPACE};

	return wmi_connect(wmi, &target, wait);
}

/* A connection to the stand-in, which behaves as @behavior says. */
static struct wmi *begin(const WCHAR *behavior)
{
	struct wmi *wmi;

	reset(behavior);
	assert_hresult(connect_with(&bounded, &wmi), S_OK);
	return wmi;
}

static struct hyperv_machine find(struct wmi *wmi, const char *name)
{
	struct hyperv_machine machine;

	assert_hresult(hyperv_find(wmi, name, true, &bounded, &machine), S_OK);
	return machine;
}

static HRESULT find_result(struct wmi *wmi, const char *name, bool local)
{
	struct hyperv_machine machine;
	HRESULT hr = hyperv_find(wmi, name, local, &bounded, &machine);

	assert_true(SUCCEEDED(hr) == !!machine.id);
	hyperv_machine_clear(&machine);
	return hr;
}

static void each_error_of_a_connection_is_distinct(void **state)
{
	static const struct {
		const WCHAR *behavior;
		HRESULT hr;
	} cases[] = {
		{L"connect=dcom-denied", E_ACCESSDENIED},
		{L"connect=namespace-denied", WBEM_E_ACCESS_DENIED},
		{L"connect=no-role", WBEM_E_INVALID_NAMESPACE},
		{L"connect=service-stopped", HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED)},
		{L"connect=unavailable", HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)},
	};
	struct wmi *wmi;

	for (size_t index = 0; index < ARRAY_SIZE(cases); index++) {
		reset(cases[index].behavior);
		assert_hresult(connect_with(&bounded, &wmi), cases[index].hr);
		assert_null(wmi);
	}
}

static void a_connection_that_hangs_is_left(void **state)
{
	struct wmi *wmi;

	reset(L"connect=hang");
	assert_hresult(connect_with(&brief, &wmi), WMI_E_TIMEOUT);
	assert_null(wmi);
	reset(L"");
}

static void a_query_that_hangs_is_left(void **state)
{
	struct wmi *wmi = begin(L"query=hang");
	struct wmi_objects objects;

	assert_hresult(wmi_query(wmi, "SELECT * FROM Msvm_ComputerSystem", &brief, &objects),
		       WMI_E_TIMEOUT);
	assert_hresult(wmi_query(wmi, "SELECT * FROM Msvm_ComputerSystem", &bounded, &objects),
		       RPC_E_DISCONNECTED);
	wmi_free(wmi);
	reset(L"");
}

static void queries_that_fail(void **state)
{
	struct wmi *wmi = begin(L"query=denied");

	assert_hresult(find_result(wmi, "web1", true), WBEM_E_ACCESS_DENIED);
	reset(L"query=provider");
	assert_hresult(find_result(wmi, "web1", true), WBEM_E_PROVIDER_LOAD_FAILURE);
	wmi_free(wmi);
}

/* Each call takes longer than a slice, and ends within its bound or not. */
static void slow_calls_are_bounded(void **state)
{
	struct wmi *wmi = begin(L"delay=300");
	struct hyperv_machine machine = find(wmi, "web1");
	struct wmi_wait cancelled = {.ms = 60000, .cancel = CreateEventW(NULL, TRUE, TRUE, NULL)};
	struct wmi_wait whole = {.ms = 60000};
	struct wmi_objects objects;
	IWbemClassObject *object;

	reset(L"delay=30000");
	assert_hresult(wmi_query(wmi, "SELECT * FROM Msvm_ComputerSystem", &brief, &objects),
		       WMI_E_TIMEOUT);
	assert_hresult(wmi_get(wmi, machine.path, &brief, &object), WMI_E_TIMEOUT);
	assert_hresult(wmi_get(wmi, machine.path, &cancelled, &object), WMI_E_CANCELLED);
	whole.end = GetTickCount64() + 200;
	assert_hresult(wmi_get(wmi, machine.path, &whole, &object), WMI_E_TIMEOUT);
	assert_hresult(wmi_get(wmi, machine.path, &whole, &object), WMI_E_TIMEOUT);
	reset(L"");
	assert_hresult(wmi_get(wmi, machine.path, &bounded, &object), S_OK);
	IWbemClassObject_Release(object);
	CloseHandle(cancelled.cancel);
	hyperv_machine_clear(&machine);
	wmi_free(wmi);
}

static void machines_are_found_by_name_and_guid(void **state)
{
	static const char *const names[] = {"web1", "WEB1", "5f0c6a52-8d6e-4f6b-9a55-6a1e4f9d2c11",
					    "{5F0C6A52-8D6E-4F6B-9A55-6A1E4F9D2C11}"};
	struct wmi *wmi = begin(L"");

	for (size_t index = 0; index < ARRAY_SIZE(names); index++) {
		struct hyperv_machine machine = find(wmi, names[index]);

		assert_string_equal(machine.name, "web1");
		assert_string_equal(machine.id, "5F0C6A52-8D6E-4F6B-9A55-6A1E4F9D2C11");
		assert_int_equal(machine.state, HYPERV_RUNNING);
		hyperv_machine_clear(&machine);
	}
	wmi_free(wmi);
}

static void other_names(void **state)
{
	struct wmi *wmi = begin(L"");

	assert_hresult(find_result(wmi, "twin", true), TYPE_E_AMBIGUOUSNAME);
	assert_hresult(find_result(wmi, "a1a1a1a1-0000-4000-8000-000000000002", true), S_OK);
	assert_hresult(find_result(wmi, "none", true), VM_E_VM_UNKNOWN);
	assert_hresult(find_result(wmi, "", true), VM_E_VM_UNKNOWN);
	assert_hresult(find_result(wmi, "x' OR '1'='1", true), VM_E_VM_UNKNOWN);
	/* The host is an instance too, but no machine. */
	assert_hresult(find_result(wmi, "HV01", true), VM_E_VM_UNKNOWN);
	wmi_free(wmi);
}

/* Without elevation UAC hides every instance, and WMI reports no error. */
static void no_machine_is_visible(void **state)
{
	struct wmi *wmi = begin(L"machines=none");

	assert_hresult(find_result(wmi, "web1", true),
		       HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED));
	assert_hresult(find_result(wmi, "web1", false),
		       HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED));
	wmi_free(wmi);
	assert_hresult(hyperv_find_result(0, 0, true),
		       HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED));
	assert_hresult(hyperv_find_result(1, 0, false),
		       HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED));
	assert_hresult(hyperv_find_result(1, 0, true), VM_E_VM_UNKNOWN);
	assert_hresult(hyperv_find_result(2, 1, false), S_OK);
	assert_hresult(hyperv_find_result(3, 2, true), TYPE_E_AMBIGUOUSNAME);
}

static HANDLE impersonation_token(HANDLE token)
{
	HANDLE copy = NULL;

	assert_true(DuplicateTokenEx(token, TOKEN_QUERY | TOKEN_IMPERSONATE, NULL,
				     SecurityImpersonation, TokenImpersonation, &copy));
	return copy;
}

/* As UAC does it: the group is in the token, for denials only. */
static void a_token_without_the_group(void **state)
{
	SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
	SID_AND_ATTRIBUTES group = {};
	HANDLE token, restricted, whole, part;

	assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token));
	assert_true(AllocateAndInitializeSid(&authority, 2, SECURITY_BUILTIN_DOMAIN_RID,
					     DOMAIN_ALIAS_RID_ADMINS, 0, 0, 0, 0, 0, 0,
					     &group.Sid));
	assert_true(CreateRestrictedToken(token, 0, 1, &group, 0, NULL, 0, NULL, &restricted));
	whole = impersonation_token(token);
	part = impersonation_token(restricted);
	assert_true(hyperv_token_has_rights(whole));
	assert_true(hyperv_token_has_rights(NULL));
	assert_false(hyperv_token_has_rights(part));
	FreeSid(group.Sid);
	CloseHandle(whole);
	CloseHandle(part);
	CloseHandle(restricted);
	CloseHandle(token);
}

static void items_of_the_guest(void **state)
{
	struct wmi *wmi = begin(L"");
	struct hyperv_machine machine = find(wmi, "web1");
	struct hyperv_items guest, intrinsic;

	guest_item(L"HvLogoffAnswer", L"v=1 state=idle \u20ac");
	assert_hresult(hyperv_items(wmi, &machine, HYPERV_GUEST, &bounded, &guest), S_OK);
	assert_int_equal(guest.count, 2);
	assert_string_equal(hyperv_item_data(&guest, "hvlogoffanswer"),
			    "v=1 state=idle \xe2\x82\xac");
	assert_string_equal(hyperv_item_data(&guest, "HostName"), "HV01 <\"&'>");
	assert_null(hyperv_item_data(&guest, "none"));
	assert_hresult(hyperv_items(wmi, &machine, HYPERV_INTRINSIC, &bounded, &intrinsic), S_OK);
	assert_string_equal(hyperv_item_data(&intrinsic, "OSName"), "Debian GNU/Linux");
	hyperv_items_clear(&guest);
	hyperv_items_clear(&intrinsic);
	hyperv_machine_clear(&machine);
	wmi_free(wmi);
}

static void assert_no_items(struct wmi *wmi, const char *name, HRESULT hr)
{
	struct hyperv_machine machine = find(wmi, name);
	struct hyperv_items items;

	assert_hresult(hyperv_items(wmi, &machine, HYPERV_GUEST, &bounded, &items), hr);
	assert_hresult(hyperv_items(wmi, &machine, HYPERV_HOST, &bounded, &items), hr);
	assert_int_equal(items.count, 0);
	hyperv_machine_clear(&machine);
}

static void machines_without_items(void **state)
{
	struct wmi *wmi = begin(L"");

	assert_no_items(wmi, "db1", VM_E_VM_NOT_RUNNING);
	assert_no_items(wmi, "old1", VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	wmi_free(wmi);
}

static void assert_host_item(struct wmi *wmi, const struct hyperv_machine *machine,
			     const char *name, const char *data)
{
	struct hyperv_items items;
	const char *found;

	assert_hresult(hyperv_items(wmi, machine, HYPERV_HOST, &bounded, &items), S_OK);
	found = hyperv_item_data(&items, name);
	if (data)
		assert_string_equal(found, data);
	else
		assert_null(found);
	hyperv_items_clear(&items);
}

/* The first item is added, the second one modified, with each generation and kind of answer. */
static void an_item_is_put(void **state)
{
	static const WCHAR *const behaviors[] = {L"generation=2012r2",
						 L"generation=2016",
						 L"generation=2025",
						 L"job=slow",
						 L"generation=2012r2 job=direct",
						 L"generation=2016 job=direct",
						 L"delay=100"};
	static const char odd[] = "<VALUE>&amp;\"'\r\n\t \xe2\x82\xac \xf0\x9f\x98\x80</VALUE>";

	for (size_t index = 0; index < ARRAY_SIZE(behaviors); index++) {
		struct wmi *wmi = begin(behaviors[index]);
		struct hyperv_machine machine = find(wmi, "web1");
		uint32_t error = 1;

		assert_host_item(wmi, &machine, KEY, NULL);
		assert_hresult(hyperv_put_item(wmi, &machine, KEY, "v=1", &bounded, &error), S_OK);
		assert_int_equal(error, 0);
		assert_host_item(wmi, &machine, KEY, "v=1");
		assert_hresult(hyperv_put_item(wmi, &machine, KEY, odd, &bounded, &error), S_OK);
		assert_host_item(wmi, &machine, KEY, odd);
		hyperv_machine_clear(&machine);
		wmi_free(wmi);
	}
}

/* The text of an instance of Msvm_KvpExchangeDataItem, as other clients make it. */
static char *text_of_item(struct wmi *wmi, const char *name, const char *data)
{
	_cleanup_release_ IWbemClassObject *class = NULL, *item = NULL;
	_cleanup_release_ IWbemObjectTextSrc *source = NULL;
	_cleanup_bstr_ BSTR text = NULL;

	assert_hresult(wmi_get(wmi, "Msvm_KvpExchangeDataItem", &bounded, &class), S_OK);
	assert_hresult(IWbemClassObject_SpawnInstance(class, 0, &item), S_OK);
	assert_hresult(wmi_put_string(item, L"Name", name), S_OK);
	assert_hresult(wmi_put_string(item, L"Data", data), S_OK);
	assert_hresult(wmi_put_number(item, L"Source", 0), S_OK);
	assert_hresult(CoCreateInstance(&CLSID_WbemObjectTextSrc, NULL, CLSCTX_INPROC_SERVER,
					&IID_IWbemObjectTextSrc, (void **)&source),
		       S_OK);
	assert_hresult(
		IWbemObjectTextSrc_GetText(source, 0, item, WMI_OBJ_TEXT_CIM_DTD_2_0, NULL, &text),
		S_OK);
	return wide_to_utf8(text);
}

static IWbemClassObject *add_item(struct wmi *wmi, const char *machine, const char *text)
{
	static const char service[] = "Msvm_VirtualSystemManagementService";
	_cleanup_objects_ struct wmi_objects found = {};
	_cleanup_release_ IWbemClassObject *in = NULL;
	_cleanup_free_ char *path = NULL;
	IWbemClassObject *out;

	assert_hresult(wmi_query(wmi, "SELECT * FROM Msvm_VirtualSystemManagementService", &bounded,
				 &found),
		       S_OK);
	assert_hresult(wmi_get_string(found.items[0], L"__PATH", &path), S_OK);
	assert_hresult(wmi_method(wmi, service, "AddKvpItems", &bounded, &in), S_OK);
	assert_hresult(wmi_put_string(in, L"TargetSystem", machine), S_OK);
	assert_hresult(wmi_put_strings(in, L"DataItems", &text, 1), S_OK);
	assert_hresult(wmi_exec(wmi, path, "AddKvpItems", in, &bounded, &out), S_OK);
	return out;
}

/* What libhvee relies on, and wmi.h does not: see docs/testing.md. */
static void an_item_of_another_client(void **state)
{
	struct wmi *wmi = begin(L"job=direct");
	struct hyperv_machine machine = find(wmi, "web1");
	_cleanup_free_ char *text = text_of_item(wmi, KEY, "<&>");
	_cleanup_release_ IWbemClassObject *out = add_item(wmi, machine.path, text), *empty = NULL;
	_cleanup_variant_ VARIANT job = {};
	CIMTYPE type;

	assert_hresult(IWbemClassObject_Get(out, L"Job", 0, &job, &type, NULL), S_OK);
	assert_int_equal(type, CIM_REFERENCE);
	assert_int_equal(V_VT(&job), VT_NULL);
	assert_hresult(wmi_get(wmi, "", &bounded, &empty), S_OK);
	assert_host_item(wmi, &machine, KEY, "<&>");
	hyperv_machine_clear(&machine);
	wmi_free(wmi);
}

static void an_item_is_removed(void **state)
{
	struct wmi *wmi = begin(L"");
	struct hyperv_machine machine = find(wmi, "web1");
	uint32_t error;

	assert_hresult(hyperv_put_item(wmi, &machine, KEY, "v=1", &bounded, &error), S_OK);
	assert_hresult(hyperv_remove_item(wmi, &machine, KEY, &bounded, &error), S_OK);
	assert_host_item(wmi, &machine, KEY, NULL);
	assert_hresult(hyperv_remove_item(wmi, &machine, KEY, &bounded, &error), S_OK);
	hyperv_machine_clear(&machine);
	wmi_free(wmi);
}

static void a_machine_that_is_off_takes_items(void **state)
{
	struct wmi *wmi = begin(L"");
	struct hyperv_machine machine = find(wmi, "db1");
	uint32_t error;

	assert_hresult(hyperv_put_item(wmi, &machine, KEY, "v=1", &bounded, &error), S_OK);
	hyperv_machine_clear(&machine);
	wmi_free(wmi);
}

static void long_and_invalid_values_are_refused(void **state)
{
	struct wmi *wmi = begin(L"");
	struct hyperv_machine machine = find(wmi, "web1");
	char data[1025] = "";
	uint32_t error;

	memset(data, 'x', 1024);
	assert_hresult(hyperv_put_item(wmi, &machine, KEY, data, &bounded, &error), E_INVALIDARG);
	data[1023] = '\0';
	assert_hresult(hyperv_put_item(wmi, &machine, KEY, data, &bounded, &error), S_OK);
	assert_host_item(wmi, &machine, KEY, data);
	assert_hresult(hyperv_put_item(wmi, &machine, KEY, "\x01", &bounded, &error), E_INVALIDARG);
	assert_hresult(hyperv_put_item(wmi, &machine, KEY, "\xff", &bounded, &error), E_INVALIDARG);
	assert_hresult(hyperv_put_item(wmi, &machine, "", "x", &bounded, &error), E_INVALIDARG);
	assert_host_item(wmi, &machine, KEY, data);
	hyperv_machine_clear(&machine);
	wmi_free(wmi);
}

static HRESULT put_with(const WCHAR *behavior, const struct wmi_wait *wait, uint32_t *error)
{
	struct wmi *wmi = begin(behavior);
	struct hyperv_machine machine = find(wmi, "web1");
	HRESULT hr = hyperv_put_item(wmi, &machine, KEY, "v=1", wait, error);

	hyperv_machine_clear(&machine);
	wmi_free(wmi);
	return hr;
}

static void jobs_that_do_not_complete(void **state)
{
	struct wmi_wait cancelled = {.ms = 60000, .cancel = CreateEventW(NULL, TRUE, FALSE, NULL)};
	uint32_t error;

	assert_hresult(put_with(L"job=failed", &bounded, &error), E_FAIL);
	assert_int_equal(error, 32768);
	assert_hresult(put_with(L"job=stuck", &brief, &error), WMI_E_TIMEOUT);
	assert_int_equal(error, 0);
	assert_hresult(put_with(L"job=gone", &bounded, &error), WBEM_E_NOT_FOUND);
	SetEvent(cancelled.cancel);
	assert_hresult(put_with(L"job=stuck", &cancelled, &error), WMI_E_CANCELLED);
	CloseHandle(cancelled.cancel);
}

static void the_service_is_stopped(void **state)
{
	uint32_t error;

	assert_hresult(put_with(L"vmms=none", &bounded, &error),
		       HRESULT_FROM_WIN32(ERROR_SERVICE_NOT_ACTIVE));
}

/* Other namespaces remain Wine's own. */
static void other_namespaces(void **state)
{
	const struct wmi_target target = {.space = "root\\cimv2"};
	_cleanup_objects_ struct wmi_objects systems = {};
	struct wmi *wmi;

	assert_hresult(wmi_connect(&wmi, &target, &bounded), S_OK);
	assert_hresult(wmi_query(wmi, "SELECT * FROM Win32_OperatingSystem", &bounded, &systems),
		       S_OK);
	assert_int_equal(systems.count, 1);
	wmi_free(wmi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_error_of_a_connection_is_distinct),
		cmocka_unit_test(a_connection_that_hangs_is_left),
		cmocka_unit_test(a_query_that_hangs_is_left),
		cmocka_unit_test(queries_that_fail),
		cmocka_unit_test(slow_calls_are_bounded),
		cmocka_unit_test(machines_are_found_by_name_and_guid),
		cmocka_unit_test(other_names),
		cmocka_unit_test(no_machine_is_visible),
		cmocka_unit_test(a_token_without_the_group),
		cmocka_unit_test(items_of_the_guest),
		cmocka_unit_test(machines_without_items),
		cmocka_unit_test(an_item_is_put),
		cmocka_unit_test(an_item_of_another_client),
		cmocka_unit_test(an_item_is_removed),
		cmocka_unit_test(a_machine_that_is_off_takes_items),
		cmocka_unit_test(long_and_invalid_values_are_refused),
		cmocka_unit_test(jobs_that_do_not_complete),
		cmocka_unit_test(the_service_is_stopped),
		cmocka_unit_test(other_namespaces),
	};
	int failed;

	if (FAILED(CoInitializeEx(NULL, COINIT_MULTITHREADED)) || !stand_in_load(&stand_in))
		return 1;
	failed = cmocka_run_group_tests_name("hyperv", tests, NULL, NULL);
	stand_in_unload(&stand_in);
	return failed;
}
