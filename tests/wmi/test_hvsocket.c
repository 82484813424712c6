// SPDX-License-Identifier: GPL-2.0-or-later
/* libvmguestos for Windows over Hyper-V sockets, whose connections fake_hvsocket.c replaces. */
#include "tests/wmi/ports.h"
#include "tests/wmi/stand_in.h"
#include "tests/wmi/windows_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wmi/fake_hvsocket.h"
#include "userspace/host/libvmguestos/transport/kvp_machine.h"
#include "userspace/host/libvmguestos/transport/vsock_request.h"
#include "userspace/host/windows/hyperv.h"
#include "userspace/host/windows/probe.h"

/* The time limit for an event that must occur. */
#define LIMIT_MS 60000

#define WEB1_GUID "5f0c6a52-8d6e-4f6b-9a55-6a1e4f9d2c11"

static struct stand_in stand_in;

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

static void begin(const WCHAR *words, enum fake_guest guest)
{
	stand_in.reset(words);
	fake_hvsocket_set(guest);
	vmg_kvp_times = (struct kvp_times){.poll_ms = 10, .life = 120, .backstop_ms = 60000};
	vmg_vsock_times = (struct vsock_times){.connect_ms = LIMIT_MS,
					       .accept_ms = LIMIT_MS,
					       .retry_ms = 1,
					       .outage_ms = LIMIT_MS,
					       .backstop_ms = LIMIT_MS};
}

static HRESULT try_logoff(const VMHost *host, uint32_t flags, IVMTask2 **task)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60, .flags = flags};
	IVMGuestOS *guest;
	HRESULT hr;

	assert_hresult(VMGuestOS_FindOn(host, "web1", &guest), S_OK);
	hr = IVMGuestOS2_LogoffWithOptions((IVMGuestOS2 *)guest, &options, (IVMTask **)task);
	assert_int_equal(IVMGuestOS_Release(guest), 0);
	return hr;
}

static IVMTask2 *logoff(uint32_t flags, uint32_t expected)
{
	IVMTask2 *task;
	uint32_t via;

	assert_hresult(try_logoff(NULL, flags, &task), S_OK);
	assert_hresult(VMGuestOS_TaskTransport((IVMTask *)task, &via), S_OK);
	assert_int_equal(via, expected);
	return task;
}

static uint64_t id_of(IVMTask2 *task)
{
	uint64_t id;

	assert_hresult(IVMTask2_get_ID(task, &id), S_OK);
	return id;
}

static void assert_ends(IVMTask2 *task, HRESULT error)
{
	HRESULT found;
	bool complete;

	assert_hresult(IVMTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
	assert_hresult(IVMTask2_get_IsComplete(task, &complete), S_OK);
	assert_true(complete);
	assert_hresult(IVMTask2_get_Error(task, &found), S_OK);
	assert_hresult(found, error);
	assert_int_equal(IVMTask2_Release(task), 0);
}

static void logoffs_succeed(void **state)
{
	VMSessionResult *results;
	uint32_t count;
	IVMTask2 *task;

	begin(L"guest=logoff vsock=yes", FAKE_LOGS_OFF);
	task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	assert_hresult(IVMTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
	assert_true((uint64_t)fake_hvsocket_id == id_of(task));
	assert_string_equal(fake_hvsocket_guid, WEB1_GUID);
	assert_int_equal(fake_hvsocket_port, 877);
	assert_hresult(IVMTask2_get_SessionResults(task, &results, &count), S_OK);
	assert_int_equal(count, 1);
	assert_string_equal(results[0].user, "anna");
	free(results);
	assert_ends(task, S_OK);
	assert_int_equal(fake_hvsocket_logoffs, 1);
}

static void transports_are_chosen(void **state)
{
	begin(L"guest=logoff", FAKE_LOGS_OFF);
	assert_ends(logoff(0, VM_LOGOFF_VIA_KVP), S_OK);
	assert_int_equal(fake_hvsocket_connections, 0);
	assert_ends(logoff(VM_LOGOFF_VIA_VSOCK, VM_LOGOFF_VIA_VSOCK), S_OK);
	begin(L"guest=logoff vsock=yes", FAKE_LOGS_OFF);
	assert_ends(logoff(VM_LOGOFF_VIA_KVP, VM_LOGOFF_VIA_KVP), S_OK);
	assert_int_equal(fake_hvsocket_connections, 0);
}

static void errors_have_a_remedy(void **state)
{
	static const struct {
		int error;
		HRESULT hr;
		const char *text;
	} rows[] = {
		{WSAEACCES, E_ACCESSDENIED, "vmlogoff --register"},
		{WSAEAFNOSUPPORT, E_NOTIMPL, "Windows Server 2016"},
		{WSAECONNREFUSED, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "hv-logoffd.socket"},
		{WSAETIMEDOUT, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "in time"},
		{WSAEINVAL, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "error 10022"},
	};
	IVMTask2 *task;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(L"guest=logoff vsock=yes", FAKE_LOGS_OFF);
		fake_hvsocket_fail(rows[i].error);
		assert_hresult(try_logoff(NULL, VM_LOGOFF_VIA_VSOCK, &task), rows[i].hr);
		assert_null(task);
		assert_contains(VMGuestOS_LastErrorText(), rows[i].text);
		/* Nothing has happened in the guest, so the other transport is used. */
		assert_ends(logoff(0, VM_LOGOFF_VIA_KVP), S_OK);
		assert_string_equal(VMGuestOS_LastErrorText(), "");
		assert_int_equal(fake_hvsocket_logoffs, 0);
	}
}

static void cancels(void **state)
{
	IVMGuestOS *guest;
	IVMTask2 *task;

	begin(L"guest=logoff vsock=yes", FAKE_STAYS);
	task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	assert_hresult(IVMTask2_Cancel(task), S_OK);
	assert_ends(task, HRESULT_FROM_WIN32(ERROR_CANCELLED));
	/* By another program. */
	task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	assert_hresult(VMGuestOS_Find("web1", &guest), S_OK);
	assert_hresult(IVMGuestOS2_CancelLogoff((IVMGuestOS2 *)guest, id_of(task) + 1),
		       HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	assert_hresult(IVMGuestOS2_CancelLogoff((IVMGuestOS2 *)guest, id_of(task)), S_OK);
	IVMGuestOS_Release(guest);
	IVMTask2_Release(task);
}

/* The guest has completed the request in the meantime, and is not asked to do it twice. */
static void connections_break(void **state)
{
	begin(L"guest=logoff vsock=yes", FAKE_BREAKS);
	assert_ends(logoff(0, VM_LOGOFF_VIA_VSOCK), S_OK);
	assert_int_equal(fake_hvsocket_logoffs, 1);
	assert_int_equal(fake_hvsocket_connections, 2);
}

/* A sink, which sets an event for each session. */
static struct sink {
	IVMVirtualMachineEvents2 iface;
	HANDLE session;
	char user[32];
} sink;

static HRESULT sink_query(IVMVirtualMachineEvents2 *This, const IID *iid, void **out)
{
	*out = This;
	return S_OK;
}

static uint32_t sink_count(IVMVirtualMachineEvents2 *This)
{
	return 1;
}

static HRESULT sink_logoff(IVMVirtualMachineEvents2 *This, VMLogoffType type)
{
	return S_OK;
}

static HRESULT sink_session(IVMVirtualMachineEvents2 *This, const VMLogoffEvent *event)
{
	snprintf(sink.user, sizeof(sink.user), "%s", event->user);
	SetEvent(sink.session);
	return S_OK;
}

static HRESULT sink_reporting(IVMVirtualMachineEvents2 *This, bool reports)
{
	return S_OK;
}

static HRESULT sink_end(IVMVirtualMachineEvents2 *This, HRESULT reason)
{
	return S_OK;
}

static const IVMVirtualMachineEvents2Vtbl sink_table = {
	.QueryInterface = sink_query,
	.AddRef = sink_count,
	.Release = sink_count,
	.OnGuestLogoff = sink_logoff,
	.OnSessionEnded = sink_session,
	.OnReporting = sink_reporting,
	.OnEnd = sink_end,
};

static void events_arrive(void **state)
{
	IVMVirtualMachineEvents *events = (IVMVirtualMachineEvents *)&sink.iface;
	IVMGuestOS *guest;
	uint32_t cookie;

	begin(L"guest=logoff vsock=yes", FAKE_REPORTS);
	sink.iface.lpVtbl = &sink_table;
	sink.session = CreateEventW(NULL, FALSE, FALSE, NULL);
	assert_hresult(VMGuestOS_Find("web1", &guest), S_OK);
	assert_hresult(IVMGuestOS2_Advise((IVMGuestOS2 *)guest, events, &cookie), S_OK);
	assert_int_equal(WaitForSingleObject(sink.session, LIMIT_MS), WAIT_OBJECT_0);
	assert_string_equal(sink.user, "anna");
	assert_hresult(IVMGuestOS2_Unadvise((IVMGuestOS2 *)guest, cookie), S_OK);
	fake_hvsocket_fail(WSAECONNREFUSED);
	assert_hresult(IVMGuestOS2_Advise((IVMGuestOS2 *)guest, events, &cookie),
		       VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_contains(VMGuestOS_LastErrorText(), "hv-logoffd.socket");
	IVMGuestOS_Release(guest);
	CloseHandle(sink.session);
}

/* AF_HYPERV does not reach other computers. */
static void other_hosts_have_no_sockets(void **state)
{
	const VMHost host = {.size = sizeof(host), .name = "127.0.0.1"};
	IVMGuestOS *guest;
	IVMTask2 *task;
	unsigned short port;
	SOCKET listener = bound_socket(&port);
	uint32_t cookie, via;

	begin(L"guest=logoff vsock=yes", FAKE_LOGS_OFF);
	listen(listener, 8);
	wmi_probe_port = port;
	assert_hresult(try_logoff(&host, VM_LOGOFF_VIA_VSOCK, &task), E_NOTIMPL);
	assert_contains(VMGuestOS_LastErrorText(), "only on the host");
	assert_hresult(try_logoff(&host, 0, &task), S_OK);
	assert_hresult(VMGuestOS_TaskTransport((IVMTask *)task, &via), S_OK);
	assert_int_equal(via, VM_LOGOFF_VIA_KVP);
	assert_ends(task, S_OK);
	assert_hresult(VMGuestOS_FindOn(&host, "web1", &guest), S_OK);
	sink.iface.lpVtbl = &sink_table;
	assert_hresult(IVMGuestOS2_Advise((IVMGuestOS2 *)guest,
					  (IVMVirtualMachineEvents *)&sink.iface, &cookie),
		       E_NOTIMPL);
	assert_contains(VMGuestOS_LastErrorText(), "only on the host");
	IVMGuestOS_Release(guest);
	assert_int_equal(fake_hvsocket_connections, 0);
	wmi_probe_port = PROBE_RPC_PORT;
	closesocket(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logoffs_succeed),
		cmocka_unit_test(transports_are_chosen),
		cmocka_unit_test(errors_have_a_remedy),
		cmocka_unit_test(cancels),
		cmocka_unit_test(connections_break),
		cmocka_unit_test(events_arrive),
		cmocka_unit_test(other_hosts_have_no_sockets),
	};
	WSADATA data;
	int failed;

	if (WSAStartup(MAKEWORD(2, 2), &data) != 0 || !stand_in_load(&stand_in))
		return 1;
	fake_hvsocket_start();
	failed = cmocka_run_group_tests_name("hvsocket", tests, NULL, NULL);
	stand_in_unload(&stand_in);
	WSACleanup();
	return failed;
}
