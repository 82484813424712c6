// SPDX-License-Identifier: GPL-2.0-or-later
/* The entries in the Application log. These functions are in place of Windows' event log. */
#include "tests/wmi/stand_in.h"
#include "tests/wmi/windows_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/host/libvmguestos/transport/kvp_machine.h"
#include "userspace/host/windows/audit.h"
#include "userspace/host/windows/wide.h"

#define WEB1_GUID   "5f0c6a52-8d6e-4f6b-9a55-6a1e4f9d2c11"
#define INSERTS     8
#define ENTRIES_MAX 16
#define LIMIT_MS    60000

static struct stand_in stand_in;
static HANDLE hanging; /* if set, the event log answers when it is */
static volatile LONG calls, count;
static struct {
	WORD type;
	DWORD event;
	char *inserts[INSERTS];
} entries[ENTRIES_MAX];

static HANDLE WINAPI register_source(const WCHAR *server, const WCHAR *name)
{
	InterlockedIncrement(&calls);
	if (hanging)
		WaitForSingleObject(hanging, INFINITE);
	return !server && wcscmp(name, L"hv-logoff") == 0 ? (HANDLE)&entries : NULL;
}

static BOOL WINAPI deregister_source(HANDLE source)
{
	return source == (HANDLE)&entries;
}

static BOOL WINAPI report_event(HANDLE source, WORD type, WORD category, DWORD event, PSID sid,
				WORD strings, DWORD size, const WCHAR **texts, void *data)
{
	LONG index = count;

	if (source != (HANDLE)&entries || strings != INSERTS || index >= ENTRIES_MAX)
		return FALSE;
	entries[index].type = type;
	entries[index].event = event;
	for (size_t i = 0; i < INSERTS; i++)
		entries[index].inserts[i] = wide_to_utf8(texts[i]);
	InterlockedIncrement(&count);
	return TRUE;
}

/* The import library of advapi32 has variables of these names. */
void *__imp_RegisterEventSourceW = (void *)register_source;
void *__imp_DeregisterEventSource = (void *)deregister_source;
void *__imp_ReportEventW = (void *)report_event;

static int forget(void **state)
{
	for (LONG index = 0; index < count; index++) {
		for (size_t i = 0; i < INSERTS; i++)
			free(entries[index].inserts[i]);
	}
	count = 0;
	return 0;
}

static void assert_entry(LONG index, WORD type, DWORD event, const char *what, const char *text)
{
	char **inserts = entries[index].inserts;

	assert_true(index < count);
	assert_int_equal(entries[index].type, type);
	assert_int_equal(entries[index].event, event);
	assert_non_null(strchr(inserts[0], '\\')); /* a domain, or the computer */
	assert_string_equal(inserts[1], "web1");
	assert_string_equal(inserts[2], WEB1_GUID);
	assert_string_equal(inserts[3], "this computer");
	assert_string_equal(inserts[4], "the same");
	assert_string_equal(inserts[6], what);
	assert_string_equal(inserts[7], text);
}

static IVMGuestOS2 *find(void)
{
	IVMGuestOS *guest;
	void *extended;

	vmg_kvp_times = (struct kvp_times){.poll_ms = 10, .life = 120, .backstop_ms = 60000};
	assert_hresult(VMGuestOS_Find("web1", &guest), S_OK);
	assert_hresult(IVMGuestOS_QueryInterface(guest, &IID_IVMGuestOS2, &extended), S_OK);
	IVMGuestOS_Release(guest);
	return extended;
}

/* Requests a logoff, and waits until it has ended. Returns its error. */
static HRESULT logoff(const WCHAR *behavior, const VMLogoffOptions *options)
{
	IVMGuestOS2 *guest;
	IVMTask *task;
	HRESULT hr;

	stand_in.reset(behavior);
	guest = find();
	hr = IVMGuestOS2_LogoffWithOptions(guest, options, &task);
	IVMGuestOS2_Release(guest);
	if (FAILED(hr))
		return hr;
	assert_hresult(IVMTask_WaitForCompletion(task, LIMIT_MS), S_OK);
	IVMTask_get_Error(task, &hr);
	IVMTask_Release(task);
	return hr;
}

/* Nothing that others write can look like an insert or like another line of the entry. */
static void a_request_and_its_result(void **state)
{
	const VMLogoffOptions options = {
		.size = sizeof(options),
		.flags = VM_LOGOFF_FORCE | VM_LOGOFF_INCLUDE_LINGERING,
		.timeout = 120,
		.grace = 5,
		.user = "anna",
		.message = "at 5%\r\nResult: %7 %%1 \xe2\x82\xac",
	};

	assert_hresult(logoff(L"guest=logoff", &options), S_OK);
	assert_int_equal(count, 2);
	assert_entry(0, EVENTLOG_INFORMATION_TYPE, AUDIT_REQUESTED,
		     "timeout 120 s, grace 5 s, user anna, force, include lingering, message: "
		     "at 5%? Result: \xef\xbc\x85"
		     "7 \xef\xbc\x85\xef\xbc\x85"
		     "1 \xe2\x82\xac",
		     "");
	assert_entry(1, EVENTLOG_INFORMATION_TYPE, AUDIT_ENDED, "0x00000000 S_OK", "All.");
	assert_memory_equal(entries[0].inserts[5], "0x", 2);
	assert_string_equal(entries[0].inserts[5], entries[1].inserts[5]);
}

static void failures(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};

	assert_hresult(logoff(L"guest=late", &options), VM_E_TIMED_OUT);
	assert_int_equal(count, 2);
	assert_entry(1, EVENTLOG_WARNING_TYPE, AUDIT_FAILED, "0xa0040202 VM_E_TIMED_OUT",
		     "Two are left.");
	/* It ends at once. */
	assert_hresult(logoff(L"guest=busy", &options), HRESULT_FROM_WIN32(ERROR_BUSY));
	assert_int_equal(count, 4);
	assert_int_equal(entries[2].event, AUDIT_REQUESTED);
	assert_int_equal(entries[3].event, AUDIT_FAILED);
	assert_string_equal(entries[3].inserts[6], "0x800700aa ERROR_BUSY");
}

static void cancellations(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMGuestOS2 *guest;
	IVMTask *task;

	stand_in.reset(L"guest=stays");
	guest = find();
	assert_hresult(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), S_OK);
	assert_hresult(IVMTask_Cancel(task), S_OK);
	assert_hresult(IVMTask_WaitForCompletion(task, LIMIT_MS), S_OK);
	IVMTask_Release(task);
	assert_int_equal(count, 3);
	assert_int_equal(entries[1].event, AUDIT_CANCELLED);
	assert_string_equal(entries[1].inserts[6], "0x00000000 S_OK");
	assert_string_equal(entries[1].inserts[5], entries[0].inserts[5]);
	assert_string_equal(entries[2].inserts[6], "0x800704c7 ERROR_CANCELLED");
	/* Of another program. */
	IVMGuestOS2_CancelLogoff(guest, 0);
	IVMGuestOS2_Release(guest);
	assert_int_equal(count, 4);
	assert_int_equal(entries[3].event, AUDIT_CANCELLED);
	assert_string_equal(entries[3].inserts[5], "the one in progress");
}

/* Each event has its text in vmlogoff.exe, with all inserts that it gets. */
static void texts_of_events(void **state)
{
	static const struct {
		DWORD event;
		unsigned int inserts;
	} events[] = {
		{AUDIT_REQUESTED, 7}, {AUDIT_ENDED, 8}, {AUDIT_FAILED, 8}, {AUDIT_CANCELLED, 8}};
	static WCHAR *const inserts[] = {L"<1>", L"<2>", L"<3>", L"<4>",
					 L"<5>", L"<6>", L"<7>", L"<8>"};
	HMODULE program = LoadLibraryExW(L"vmlogoff.exe", NULL, LOAD_LIBRARY_AS_DATAFILE);
	WCHAR text[1024];

	assert_non_null(program);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		assert_true(FormatMessageW(
			FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY, program,
			events[i].event, 0, text, ARRAY_SIZE(text), (va_list *)inserts));
		for (unsigned int j = 0; j < events[i].inserts; j++)
			assert_non_null(wcsstr(text, inserts[j]));
		assert_non_null(wcsstr(text, L"\r\n\r\nRequested by: <1>\r\n"));
	}
	FreeLibrary(program);
}

/* The last test: the process writes no entry any more. */
static void an_event_log_that_hangs(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};

	hanging = CreateEventW(NULL, TRUE, FALSE, NULL);
	calls = 0;
	assert_hresult(logoff(L"guest=logoff", &options), S_OK);
	assert_hresult(logoff(L"guest=logoff", &options), S_OK);
	assert_int_equal(calls, 1);
	assert_int_equal(count, 0);
	SetEvent(hanging);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_request_and_its_result, forget),
		cmocka_unit_test_teardown(failures, forget),
		cmocka_unit_test_teardown(cancellations, forget),
		cmocka_unit_test(texts_of_events),
		cmocka_unit_test(an_event_log_that_hangs),
	};
	int failed;

	if (!stand_in_load(&stand_in))
		return 1;
	failed = cmocka_run_group_tests_name("audit", tests, NULL, NULL);
	stand_in_unload(&stand_in);
	return failed;
}
