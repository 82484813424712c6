// SPDX-License-Identifier: GPL-2.0-or-later
/* libvmguestos for Windows, with the stand-in for Hyper-V's provider and its guest. */
#include "tests/wmi/ports.h"
#include "tests/wmi/stand_in.h"
#include "tests/wmi/windows_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/host/libvmguestos/transport/kvp_machine.h"
#include "userspace/host/windows/hyperv.h"
#include "userspace/host/windows/probe.h"
#include "userspace/host/windows/remedy.h"

/* The time limit for an event that must occur. */
#define LIMIT_MS 60000

#define WEB1_GUID "5f0c6a52-8d6e-4f6b-9a55-6a1e4f9d2c11"

static struct stand_in stand_in;

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

static void begin(const WCHAR *behavior)
{
	stand_in.reset(behavior);
	vmg_kvp_times = (struct kvp_times){.poll_ms = 10, .life = 120, .backstop_ms = 60000};
}

static IVMGuestOS2 *find(const char *name)
{
	IVMGuestOS *guest;
	void *extended;

	assert_hresult(VMGuestOS_Find(name, &guest), S_OK);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	assert_hresult(IVMGuestOS_QueryInterface(guest, &IID_IVMGuestOS2, &extended), S_OK);
	IVMGuestOS_Release(guest);
	return extended;
}

static HRESULT try_options(const char *name, const VMLogoffOptions *options, IVMTask2 **task)
{
	IVMGuestOS2 *guest = find(name);
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest, options, (IVMTask **)task);

	assert_int_equal(IVMGuestOS2_Release(guest), 0);
	return hr;
}

/* With a timeout of @timeout seconds. */
static IVMTask2 *logoff(uint32_t timeout)
{
	const VMLogoffOptions options = {
		.size = sizeof(options), .timeout = timeout, .message = "<\xe2\x82\xac> & \"x\""};
	IVMTask2 *task;

	assert_hresult(try_options("web1", &options, &task), S_OK);
	return task;
}

static VMLogoffState state_of(IVMTask2 *task)
{
	VMLogoffState state;

	assert_hresult(IVMTask2_get_State(task, &state), S_OK);
	return state;
}

static DWORD wait_for_change(IVMTask2 *task, DWORD ms)
{
	int descriptor;

	assert_hresult(IVMTask2_get_Descriptor(task, &descriptor), S_OK);
	return WaitForSingleObject(LongToHandle(descriptor), ms);
}

static void wait_for_state(IVMTask2 *task, VMLogoffState wanted)
{
	while (state_of(task) != wanted) {
		assert_int_not_equal(state_of(task), vmLogoffState_Done);
		assert_int_equal(wait_for_change(task, LIMIT_MS), WAIT_OBJECT_0);
	}
}

/* Ends with that error, and releases the task. */
static void assert_ends(IVMTask2 *task, HRESULT error, const char *text)
{
	_cleanup_free_ char *description = NULL;
	bool complete, cancelable;
	HRESULT found;

	assert_hresult(IVMTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
	assert_hresult(IVMTask2_get_IsComplete(task, &complete), S_OK);
	assert_true(complete);
	assert_hresult(IVMTask2_get_IsCancelable(task, &cancelable), S_OK);
	assert_false(cancelable);
	assert_hresult(IVMTask2_get_Error(task, &found), S_OK);
	assert_hresult(found, error);
	assert_int_equal(wait_for_change(task, 0), WAIT_OBJECT_0);
	assert_hresult(IVMTask2_get_ErrorDescription(task, &description), S_OK);
	assert_contains(description, text);
	assert_hresult(IVMTask2_Cancel(task), E_FAIL);
	assert_int_equal(IVMTask2_Release(task), 0);
}

/* The host's HvLogoffRequest of web1. */
static void assert_request(const char *part)
{
	const struct wmi_target target = {.space = HYPERV_NAMESPACE};
	const struct wmi_wait wait = {.ms = LIMIT_MS};
	struct hyperv_machine machine;
	struct hyperv_items items;
	struct wmi *wmi;
	const char *data;

	assert_hresult(wmi_connect(&wmi, &target, &wait), S_OK);
	assert_hresult(hyperv_find(wmi, "web1", true, &wait, &machine), S_OK);
	assert_hresult(hyperv_items(wmi, &machine, HYPERV_HOST, &wait, &items), S_OK);
	data = hyperv_item_data(&items, KVP_REQUEST_KEY);
	assert_contains(data ? data : "", part);
	hyperv_items_clear(&items);
	hyperv_machine_clear(&machine);
	wmi_free(wmi);
}

static void machines_are_found(void **state)
{
	static const char *const names[] = {"web1", "WEB1", WEB1_GUID, "{" WEB1_GUID "}"};

	begin(L"");
	for (size_t index = 0; index < ARRAY_SIZE(names); index++) {
		IVMGuestOS2 *guest = find(names[index]);
		_cleanup_free_ char *name = NULL, *guid = NULL;

		assert_hresult(IVMGuestOS2_get_Name(guest, &name), S_OK);
		assert_string_equal(name, "web1");
		assert_hresult(IVMGuestOS2_get_Guid(guest, &guid), S_OK);
		assert_string_equal(guid, WEB1_GUID);
		IVMGuestOS2_Release(guest);
	}
}

static void names_are_sorted(void **state)
{
	static const char *const expected[] = {"db1", "old1", "twin", "twin", "web1"};
	char **names;

	begin(L"");
	assert_hresult(VMGuestOS_Names(&names), S_OK);
	for (size_t index = 0; index < ARRAY_SIZE(expected); index++)
		assert_string_equal(names[index], expected[index]);
	assert_null(names[ARRAY_SIZE(expected)]);
	free(names);
}

static void errors_of_finding_have_a_remedy(void **state)
{
	static const struct {
		const WCHAR *behavior;
		const char *name;
		HRESULT hr;
		const char *text;
	} cases[] = {
		{L"connect=dcom-denied", "web1", E_ACCESSDENIED, "Distributed COM Users"},
		{L"connect=namespace-denied", "web1", WBEM_E_ACCESS_DENIED, "Remote Enable"},
		{L"connect=no-role", "web1", WBEM_E_INVALID_NAMESPACE,
		 "no Hyper-V on this computer"},
		{L"connect=service-stopped", "web1", HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED),
		 "winmgmt"},
		{L"connect=unavailable", "web1", HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE),
		 "firewall"},
		{L"query=denied", "web1", WBEM_E_ACCESS_DENIED, "Hyper-V Administrators"},
		{L"query=provider", "web1", WBEM_E_PROVIDER_LOAD_FAILURE, "vmms"},
		{L"machines=none", "web1", HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED),
		 "elevated administrator"},
		{L"", "none", VM_E_VM_UNKNOWN, "no virtual machine none on this computer"},
		{L"", "twin", TYPE_E_AMBIGUOUSNAME, "are named twin; use the GUID"},
	};

	for (size_t index = 0; index < ARRAY_SIZE(cases); index++) {
		IVMGuestOS *guest;
		char **names;

		begin(cases[index].behavior);
		assert_hresult(VMGuestOS_Find(cases[index].name, &guest), cases[index].hr);
		assert_null(guest);
		assert_contains(VMGuestOS_LastErrorText(), cases[index].text);
		if (!*cases[index].behavior)
			continue;
		assert_hresult(VMGuestOS_Names(&names), cases[index].hr);
		assert_null(names);
		assert_contains(VMGuestOS_LastErrorText(), cases[index].text);
	}
}

static void other_hosts(void **state)
{
	/* Longer than a label of a name may be, so that no server is asked. */
	static const char unknown[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaa.invalid";
	VMHost host = {.size = sizeof(host), .name = unknown};
	IVMGuestOS *guest;

	begin(L"");
	assert_hresult(VMGuestOS_FindOn(&host, "web1", &guest), PROBE_E_NAME);
	assert_contains(VMGuestOS_LastErrorText(), unknown);
	assert_contains(VMGuestOS_LastErrorText(), "is not known");
	host.name = "127.0.0.1";
	wmi_probe_port = free_port();
	assert_hresult(VMGuestOS_FindOn(&host, "web1", &guest), PROBE_E_REFUSED);
	assert_contains(VMGuestOS_LastErrorText(), "127.0.0.1 refuses");
	wmi_probe_port = PROBE_RPC_PORT;
	host = (VMHost){.size = sizeof(host), .user = "HV01\\admin", .password = "secret"};
	assert_hresult(VMGuestOS_FindOn(&host, "web1", &guest), WBEM_E_LOCAL_CREDENTIALS);
	assert_contains(VMGuestOS_LastErrorText(), "cannot be given for this computer");
}

static void texts_are_clean(void **state)
{
	char text[512];

	remedy_text(text, sizeof(text), REMEDY_FIND, VM_E_VM_UNKNOWN, "h{host}", "a\nb {x} \x1b[m");
	assert_string_equal(text, "There is no virtual machine a b {x} ?[m on h{host}.");
	remedy_text(text, sizeof(text), REMEDY_CONNECT, PROBE_E_NO_ANSWER, "hv01", NULL);
	assert_contains(text, "hv01 does not answer on TCP port 135");
	remedy_text(text, sizeof(text), REMEDY_ITEMS, E_ACCESSDENIED, "hv01", "web1");
	assert_contains(text, "does not permit this account to change web1");
	remedy_text(text, sizeof(text), REMEDY_ITEMS, (HRESULT)0x80041234, NULL, NULL);
	assert_contains(text, "WMI on this computer failed with 0x80041234");
	remedy_text(text, 10, REMEDY_ITEMS, (HRESULT)0x80041234, NULL, NULL);
	assert_string_equal(text, "WMI on th");
}

static void assert_outcomes(IVMTask2 *task)
{
	_cleanup_free_ VMSessionResult *results = NULL;
	uint32_t count;

	assert_hresult(IVMTask2_get_SessionResults(task, &results, &count), S_OK);
	assert_int_equal(count, 3);
	assert_int_equal(results[0].outcome, vmSessionOutcome_Lingering);
	assert_string_equal(results[0].session, "");
	assert_string_equal(results[2].session, "c1");
	assert_string_equal(results[2].user, "jane doe");
	assert_int_equal(results[2].uid, 1001);
	assert_int_equal(results[2].outcome, vmSessionOutcome_Ended);
}

/* With each generation, and each way in which a method ends. */
static void logoffs_succeed(void **state)
{
	static const WCHAR *const behaviors[] = {
		L"guest=logoff generation=2012r2",
		L"guest=logoff generation=2016",
		L"guest=logoff generation=2025",
		L"guest=logoff generation=2012r2 job=direct",
		L"guest=logoff generation=2025 job=direct",
		L"guest=logoff job=slow",
		L"guest=logoff delay=20",
		L"guest=skewed",
	};

	for (size_t index = 0; index < ARRAY_SIZE(behaviors); index++) {
		_cleanup_free_ char *text = NULL;
		uint32_t found, ended, failed;
		int32_t percent;
		IVMTask2 *task;

		begin(behaviors[index]);
		task = logoff(60);
		assert_hresult(IVMTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
		assert_hresult(IVMTask2_get_PercentCompleted(task, &percent), S_OK);
		assert_int_equal(percent, 100);
		assert_hresult(IVMTask2_get_Sessions(task, &found, &ended, &failed), S_OK);
		assert_int_equal(found, 2);
		assert_int_equal(ended, 2);
		assert_int_equal(failed, 0);
		assert_hresult(IVMTask2_get_StatusText(task, &text), S_OK);
		assert_string_equal(text, "All.");
		assert_outcomes(task);
		assert_request("do=forget");
		assert_ends(task, S_OK, "");
	}
}

static void progress_and_cancel(void **state)
{
	_cleanup_free_ char *description = NULL, *text = NULL;
	VMTaskResult result;
	int32_t percent;
	IVMTask2 *task;
	uint64_t id;

	begin(L"guest=stays");
	task = logoff(60);
	wait_for_state(task, vmLogoffState_Grace);
	assert_hresult(IVMTask2_get_PercentCompleted(task, &percent), S_OK);
	assert_int_equal(percent, 10);
	assert_hresult(IVMTask2_get_StatusText(task, &text), S_OK);
	assert_string_equal(text, "It waits.");
	assert_hresult(IVMTask2_get_Description(task, &description), S_OK);
	assert_string_equal(description, "Logging off the users of web1");
	assert_hresult(IVMTask2_get_ID(task, &id), S_OK);
	assert_true(id);
	assert_request("message=<\xe2\x82\xac> & \"x\"");
	assert_hresult(IVMTask2_Cancel(task), S_OK);
	assert_hresult(IVMTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
	assert_hresult(IVMTask2_get_Result(task, &result), S_OK);
	assert_int_equal(result, vmTaskResult_Cancelled);
	assert_ends(task, HRESULT_FROM_WIN32(ERROR_CANCELLED), "Cancelled.");
}

static HRESULT cancel_of_web1(uint64_t id)
{
	IVMGuestOS2 *guest = find("web1");
	HRESULT hr = IVMGuestOS2_CancelLogoff(guest, id);

	IVMGuestOS2_Release(guest);
	return hr;
}

static void cancel_of_another_program(void **state)
{
	IVMTask2 *task;
	uint64_t id;

	begin(L"guest=stays");
	assert_hresult(cancel_of_web1(0), HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	task = logoff(60);
	wait_for_state(task, vmLogoffState_Grace);
	assert_hresult(IVMTask2_get_ID(task, &id), S_OK);
	assert_hresult(cancel_of_web1(id + 1), HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	assert_hresult(cancel_of_web1(id), S_OK);
	assert_ends(task, HRESULT_FROM_WIN32(ERROR_CANCELLED), "Cancelled.");
	begin(L"guest=ending");
	task = logoff(60);
	wait_for_state(task, vmLogoffState_Ending);
	assert_hresult(cancel_of_web1(0), E_FAIL);
	IVMTask2_Release(task);
}

static void too_late_to_cancel(void **state)
{
	IVMTask2 *task;
	bool complete;

	begin(L"guest=ending");
	task = logoff(60);
	wait_for_state(task, vmLogoffState_Ending);
	assert_hresult(IVMTask2_Cancel(task), E_FAIL);
	assert_hresult(IVMTask2_WaitForCompletion(task, 50), S_OK);
	assert_hresult(IVMTask2_get_IsComplete(task, &complete), S_OK);
	assert_false(complete);
	/* The guest continues. */
	assert_int_equal(IVMTask2_Release(task), 0);
	assert_request("do=logoff");
}

static void refused_and_busy(void **state)
{
	begin(L"guest=refuses");
	assert_ends(logoff(60), E_ACCESSDENIED, "Not by KVP.");
	begin(L"guest=busy");
	assert_ends(logoff(60), HRESULT_FROM_WIN32(ERROR_BUSY), "another request");
}

static void timed_out(void **state)
{
	begin(L"guest=silent");
	vmg_kvp_times.life = 1;
	assert_ends(logoff(60), VM_E_TIMED_OUT, "hv_kvp_daemon and hv-logoffd");
	assert_request("do=cancel");
	begin(L"guest=silent status=12");
	vmg_kvp_times.life = 1;
	assert_ends(logoff(60), VM_E_TIMED_OUT, "no contact with Data Exchange in web1");
	begin(L"guest=ending");
	vmg_kvp_times.backstop_ms = 1;
	assert_ends(logoff(1), VM_E_TIMED_OUT, "did not answer in time");
}

static void machines_of_a_cluster(void **state)
{
	static const struct {
		const WCHAR *behavior;
		const char *name, *text;
	} cases[] = {
		{L"cluster=yes", "WEB9",
		 "WEB9 is on HV03, another node of the cluster of this computer; name that host."},
		{L"cluster=yes", "none", "There is no virtual machine none on this computer."},
		{L"cluster=denied", "web9", "There is no virtual machine web9 on this computer."},
		{L"", "web9", "There is no virtual machine web9 on this computer."},
	};

	for (size_t index = 0; index < ARRAY_SIZE(cases); index++) {
		IVMGuestOS *guest;

		begin(cases[index].behavior);
		assert_hresult(VMGuestOS_Find(cases[index].name, &guest), VM_E_VM_UNKNOWN);
		assert_contains(VMGuestOS_LastErrorText(), cases[index].text);
	}
	begin(L"guest=moves cluster=yes");
	assert_ends(logoff(60), VM_E_VM_UNKNOWN, "web1 is on HV02, another node");
}

static void machines_that_end(void **state)
{
	begin(L"guest=stops");
	assert_ends(logoff(60), VM_E_VM_NOT_RUNNING, "web1 is not running");
	begin(L"guest=moves");
	assert_ends(logoff(60), VM_E_VM_UNKNOWN, "moved to another host");
}

static void assert_unavailable(const char *name, HRESULT hr, const char *text)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMGuestOS2 *guest = find(name);
	IVMTask *task = (IVMTask *)guest;

	assert_hresult(IVMGuestOS2_CanLogoff(guest), hr);
	assert_contains(VMGuestOS_LastErrorText(), text);
	assert_hresult(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), hr);
	assert_null(task);
	assert_contains(VMGuestOS_LastErrorText(), text);
	IVMGuestOS2_Release(guest);
}

static void guests_that_are_not_available(void **state)
{
	IVMGuestOS2 *guest;

	begin(L"");
	assert_unavailable("db1", VM_E_VM_NOT_RUNNING, "db1 is not running");
	assert_unavailable("old1", VM_E_ADDITIONS_FEATURE_NOT_AVAIL,
			   "Data Exchange is not enabled");
	assert_unavailable("web1", VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "no answer of hv-logoffd");
	begin(L"status=7");
	assert_unavailable("web1", VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "no protocol version");
	begin(L"status=12");
	assert_unavailable("web1", VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "no contact");
	begin(L"status=13");
	assert_unavailable("web1", VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "lost contact");
	/* What Hyper-V reports about older protocols does not matter. */
	begin(L"guest=logoff status=3");
	guest = find("web1");
	assert_hresult(IVMGuestOS2_CanLogoff(guest), S_OK);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	IVMGuestOS2_Release(guest);
}

static void the_host_refuses(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMTask2 *task;

	begin(L"guest=logoff job=failed");
	assert_hresult(try_options("web1", &options, &task), E_FAIL);
	assert_contains(VMGuestOS_LastErrorText(), "WMI on this computer failed with 0x80004005");
	begin(L"guest=logoff vmms=none");
	assert_hresult(try_options("web1", &options, &task),
		       HRESULT_FROM_WIN32(ERROR_SERVICE_NOT_ACTIVE));
	assert_contains(VMGuestOS_LastErrorText(), "(vmms) is not running on this computer");
}

/* The host is not available for a while, or refuses access from now on. */
static void the_host_fails_in_between(void **state)
{
	IVMTask2 *task;

	begin(L"guest=stays");
	task = logoff(60);
	stand_in.fail_queries(WBEM_E_PROVIDER_LOAD_FAILURE, 5);
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(stand_in.fail_queries(S_OK, 0), 0);
	stand_in.fail_queries(WBEM_E_ACCESS_DENIED, UINT_MAX);
	assert_ends(task, WBEM_E_ACCESS_DENIED, "Hyper-V Administrators");
}

static HRESULT sink_query(IVMVirtualMachineEvents *This, const IID *iid, void **out)
{
	*out = This;
	return S_OK;
}

static uint32_t sink_release(IVMVirtualMachineEvents *This)
{
	return 1;
}

static void what_hyper_v_lacks(void **state)
{
	static const IVMVirtualMachineEventsVtbl table = {.QueryInterface = sink_query,
							  .Release = sink_release};
	const VMLogoffOptions options = {
		.size = sizeof(options), .timeout = 60, .flags = VM_LOGOFF_VIA_VMBUS};
	IVMVirtualMachineEvents sink = {&table};
	IVMGuestOS2 *guest;
	IVMTask *task;
	uint32_t cookie;

	begin(L"guest=logoff");
	guest = find("web1");
	assert_hresult(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), E_NOTIMPL);
	assert_null(task);
	assert_contains(VMGuestOS_LastErrorText(), "key-value pairs (kvp)");
	assert_hresult(IVMGuestOS2_Advise(guest, &sink, &cookie), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_contains(VMGuestOS_LastErrorText(), "hv-logoffd.socket");
	assert_hresult(IVMGuestOS2_Unadvise(guest, 1), CONNECT_E_NOCONNECTION);
	IVMGuestOS2_Release(guest);
}

static void invalid_arguments(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options)};
	char message[VM_LOGOFF_MESSAGE_MAX + 1] = "";
	const VMLogoffOptions longest = {
		.size = sizeof(longest), .timeout = 60, .message = message};
	IVMGuestOS *guest;
	IVMTask2 *task;

	begin(L"guest=logoff");
	assert_hresult(VMGuestOS_Find(NULL, &guest), E_POINTER);
	assert_hresult(VMGuestOS_Names(NULL), E_POINTER);
	assert_hresult(try_options("web1", NULL, &task), E_POINTER);
	assert_hresult(try_options("web1", &options, &task), E_INVALIDARG);
	memset(message, 'x', sizeof(message) - 1);
	assert_hresult(try_options("web1", &longest, &task), E_INVALIDARG);
	assert_contains(VMGuestOS_LastErrorText(), "too long for KVP");
}

static DWORD WINAPI wait_in_thread(void *task)
{
	return (DWORD)IVMTask2_WaitForCompletion((IVMTask2 *)task, LIMIT_MS);
}

static DWORD WINAPI cancel_in_thread(void *task)
{
	return (DWORD)IVMTask2_Cancel((IVMTask2 *)task);
}

static void threads_share_a_task(void **state)
{
	HANDLE threads[4];
	IVMTask2 *task;
	DWORD hr;

	begin(L"guest=stays");
	task = logoff(60);
	wait_for_state(task, vmLogoffState_Grace);
	for (size_t index = 0; index < ARRAY_SIZE(threads); index++)
		threads[index] = CreateThread(
			NULL, 0, index % 2 ? cancel_in_thread : wait_in_thread, task, 0, NULL);
	assert_int_equal(WaitForMultipleObjects(ARRAY_SIZE(threads), threads, TRUE, LIMIT_MS),
			 WAIT_OBJECT_0);
	for (size_t index = 0; index < ARRAY_SIZE(threads); index++) {
		assert_true(GetExitCodeThread(threads[index], &hr));
		/* The second cancellation may find the task complete. */
		assert_true(hr == S_OK || (index % 2 && hr == (DWORD)E_FAIL));
		CloseHandle(threads[index]);
	}
	assert_ends(task, HRESULT_FROM_WIN32(ERROR_CANCELLED), "Cancelled.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines_are_found),
		cmocka_unit_test(names_are_sorted),
		cmocka_unit_test(errors_of_finding_have_a_remedy),
		cmocka_unit_test(other_hosts),
		cmocka_unit_test(texts_are_clean),
		cmocka_unit_test(logoffs_succeed),
		cmocka_unit_test(progress_and_cancel),
		cmocka_unit_test(cancel_of_another_program),
		cmocka_unit_test(too_late_to_cancel),
		cmocka_unit_test(refused_and_busy),
		cmocka_unit_test(timed_out),
		cmocka_unit_test(machines_that_end),
		cmocka_unit_test(machines_of_a_cluster),
		cmocka_unit_test(guests_that_are_not_available),
		cmocka_unit_test(the_host_refuses),
		cmocka_unit_test(the_host_fails_in_between),
		cmocka_unit_test(what_hyper_v_lacks),
		cmocka_unit_test(invalid_arguments),
		cmocka_unit_test(threads_share_a_task),
	};
	WSADATA data;
	int failed;

	if (WSAStartup(MAKEWORD(2, 2), &data) != 0 || !stand_in_load(&stand_in))
		return 1;
	failed = cmocka_run_group_tests_name("guestos", tests, NULL, NULL);
	stand_in_unload(&stand_in);
	WSACleanup();
	return failed;
}
