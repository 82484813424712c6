// SPDX-License-Identifier: GPL-2.0-or-later
/* libvmguestos' transport through a stream, with a fake host and a fake guest. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_guest.h"
#include "fake_host.h"
#include "unit.h"
#include "userspace/host/libvmguestos/platform.h"
#include "userspace/host/libvmguestos/transport/kvp_machine.h"
#include "userspace/host/libvmguestos/transport/vsock_request.h"
#include "userspace/host/libvmguestos/vmguestos.h"

/* The time limit for an event that must occur. */
#define LIMIT_MS 60000

#define IDLE       "v=1 state=idle boot=b0-1 time=2026-11-22T16:00:03Z"
#define ADVERTISED IDLE " vsock=877"

/* A guest without the component that accepts requests by KVP and by its socket. */
static int setup(void **state)
{
	fake_host_registry();
	fake_host_start();
	fake_host_set_negotiated(false);
	fake_host_kvp_set_answer(ADVERTISED);
	fake_guest_start(fake_host_directory(), FAKE_GUEST_VERSIONS);
	vmg_kvp_times = (struct kvp_times){.poll_ms = 10, .life = 120, .backstop_ms = 60000};
	vmg_vsock_times = (struct vsock_times){.connect_ms = LIMIT_MS,
					       .accept_ms = LIMIT_MS,
					       .retry_ms = 1,
					       .outage_ms = LIMIT_MS,
					       .backstop_ms = LIMIT_MS};
	return 0;
}

static int teardown(void **state)
{
	fake_guest_stop();
	fake_host_stop();
	fake_host_registry_remove();
	return 0;
}

static IVMGuestOS2 *find_named(const char *name)
{
	IVMGuestOS *guest;

	assert_int_equal(VMGuestOS_Find(name, &guest), S_OK);
	return (IVMGuestOS2 *)guest;
}

static IVMGuestOS2 *find(void)
{
	return find_named(FAKE_HOST_NAME);
}

static HRESULT start(uint32_t flags, IVMTask2 **task)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60, .flags = flags};
	IVMGuestOS2 *guest = find();
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest, &options, (IVMTask **)task);

	IVMGuestOS2_Release(guest);
	return hr;
}

static IVMTask2 *logoff(uint32_t flags, uint32_t expected)
{
	IVMTask2 *task;
	uint32_t via;

	assert_int_equal(start(flags, &task), S_OK);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	assert_int_equal(VMGuestOS_TaskTransport((IVMTask *)task, &via), S_OK);
	assert_int_equal(via, expected);
	return task;
}

static uint64_t id_of(IVMTask2 *task)
{
	uint64_t id;

	assert_int_equal(IVMTask2_get_ID(task, &id), S_OK);
	return id;
}

static VMLogoffState state_of(IVMTask2 *task)
{
	VMLogoffState state;

	assert_int_equal(IVMTask2_get_State(task, &state), S_OK);
	return state;
}

static void wait_for_state(IVMTask2 *task, VMLogoffState wanted)
{
	struct pollfd descriptor = {.events = POLLIN};

	assert_int_equal(IVMTask2_get_Descriptor(task, &descriptor.fd), S_OK);
	while (state_of(task) != wanted)
		assert_int_equal(poll(&descriptor, 1, LIMIT_MS), 1);
}

static void assert_completes(IVMTask2 *task, HRESULT expected)
{
	HRESULT error;
	bool complete;

	assert_int_equal(IVMTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
	assert_int_equal(IVMTask2_get_IsComplete(task, &complete), S_OK);
	assert_true(complete);
	assert_int_equal(IVMTask2_get_Error(task, &error), S_OK);
	assert_int_equal((uint32_t)error, (uint32_t)expected);
	IVMTask2_Release(task);
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

static void test_from_start_to_end(void **state)
{
	IVMTask2 *task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	struct hvl_packet packet = fake_guest_wait_logoff(1);
	uint32_t found, ended, failed, count;
	VMSessionResult *results;
	char *text;

	assert_true(packet.body.op.id == id_of(task));
	assert_int_equal(packet.body.op.op, HVL_OP_LOGOFF);
	assert_int_equal(packet.body.logoff.timeout, 60);
	fake_guest_progress(HV_LOGOFF_GRACE);
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(IVMTask2_get_Sessions(task, &found, &ended, &failed), S_OK);
	assert_int_equal(found, 3);
	assert_int_equal(ended, 2);
	fake_guest_session(id_of(task));
	fake_guest_session(0);
	fake_guest_progress(HV_LOGOFF_ENDING);
	wait_for_state(task, vmLogoffState_Ending);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	assert_int_equal(fake_guest_cancels(), 0);
	assert_int_equal(IVMTask2_get_SessionResults(task, &results, &count), S_OK);
	assert_int_equal(count, 1);
	assert_string_equal(results[0].user, "anna");
	assert_string_equal(results[0].session, "c3");
	free(results);
	fake_guest_complete(HV_LOGOFF_E_TIMED_OUT);
	wait_for_state(task, vmLogoffState_Done);
	assert_int_equal(IVMTask2_get_ErrorDescription(task, &text), S_OK);
	assert_string_equal(text, "The guest's text.");
	free(text);
	assert_completes(task, VM_E_TIMED_OUT);
	assert_string_equal(fake_host_kvp_wait(""), "");
}

/* The component, the socket, key-value pairs; or the one that was asked for. */
static void test_choice(void **state)
{
	IVMTask2 *task;

	fake_host_set_negotiated(true);
	task = logoff(0, VM_LOGOFF_VIA_VMBUS);
	IVMTask2_Release(task);
	task = logoff(VM_LOGOFF_VIA_VSOCK, VM_LOGOFF_VIA_VSOCK);
	fake_guest_complete(0);
	assert_completes(task, S_OK);
	task = logoff(VM_LOGOFF_VIA_KVP, VM_LOGOFF_VIA_KVP);
	IVMTask2_Release(task);
	fake_host_set_negotiated(false);
	fake_host_kvp_set_answer(IDLE);
	task = logoff(0, VM_LOGOFF_VIA_KVP);
	IVMTask2_Release(task);
	assert_int_equal(fake_guest_logoffs(), 1);
	/* A port on which any user of the guest could listen. */
	fake_host_kvp_set_answer(IDLE " vsock=1024");
	task = logoff(0, VM_LOGOFF_VIA_KVP);
	IVMTask2_Release(task);
	/* Whoever asks for the socket may know of a guest without key-value pairs. */
	fake_host_kvp_set_answer("");
	task = logoff(VM_LOGOFF_VIA_VSOCK, VM_LOGOFF_VIA_VSOCK);
	assert_int_equal(fake_guest_logoffs(), 2);
	IVMTask2_Release(task);
	assert_int_equal(VMGuestOS_TaskTransport(NULL, NULL), E_POINTER);
}

static void assert_falls_back(const char *text)
{
	IVMTask2 *task;
	char words[64];

	fake_host_kvp_set_request("");
	task = logoff(0, VM_LOGOFF_VIA_KVP);
	snprintf(words, sizeof(words), "id=%016llx-1 ", (unsigned long long)id_of(task));
	fake_host_kvp_wait(words);
	IVMTask2_Release(task);
	assert_int_equal(fake_guest_logoffs(), 0);
	assert_true(FAILED(start(VM_LOGOFF_VIA_VSOCK, &task)));
	assert_null(task);
	assert_contains(VMGuestOS_LastErrorText(), text);
}

/* Only key-value pairs get the request, with the id of the task. */
static void test_falls_back(void **state)
{
	fake_guest_refuse(true);
	assert_falls_back("hv-logoffd.socket");
	fake_guest_refuse(false);
	/* Neither hvhost nor the guest answers. */
	vmg_vsock_times.connect_ms = 50;
	fake_guest_ignore(true);
	assert_falls_back("");
	fake_guest_stop();
	assert_falls_back("newer hvhost");
}

/* hvhost closes the connections of other users as if nobody listened. */
static void test_no_permission(void **state)
{
	IVMTask2 *task;

	fake_host_set_refusal((uint32_t)E_ACCESSDENIED);
	fake_guest_refuse(true);
	assert_int_equal(start(VM_LOGOFF_VIA_VSOCK, &task), E_ACCESSDENIED);
	assert_contains(VMGuestOS_LastErrorText(), "does not permit this user");
}

/* After the LOGOFF was sent, there is no other transport. */
static void test_does_not_fall_back(void **state)
{
	IVMTask2 *task;

	vmg_vsock_times.outage_ms = 50;
	task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	fake_guest_wait_logoff(1);
	fake_guest_refuse(true);
	fake_guest_drop();
	assert_completes(task, DISP_E_EXCEPTION);
	assert_string_equal(fake_host_kvp_wait(""), "");
	/* The guest declines. */
	fake_guest_refuse(false);
	task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	fake_guest_wait_logoff(2);
	fake_guest_complete(HV_LOGOFF_E_BUSY);
	assert_completes(task, HRESULT_FROM_WIN32(ERROR_BUSY));
	assert_string_equal(fake_host_kvp_wait(""), "");
}

static void test_old_guest(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options),
					 .timeout = 60,
					 .user = "anna",
					 .flags = VM_LOGOFF_VIA_VSOCK};
	IVMGuestOS2 *guest = find();
	IVMTask *task;

	fake_guest_stop();
	fake_guest_start(fake_host_directory(), 1);
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task),
			 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_contains(VMGuestOS_LastErrorText(), "older than 1.1");
	assert_int_equal(fake_guest_logoffs(), 0);
	IVMGuestOS2_Release(guest);
}

/* The connection breaks in each state, and the guest goes on. */
static void test_broken_streams(void **state)
{
	IVMTask2 *task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	unsigned int logoffs = 1;

	for (unsigned int at = HV_LOGOFF_DELIVERED; at <= HV_LOGOFF_ENDING; at++) {
		fake_guest_wait_logoff(logoffs++);
		fake_guest_progress(at);
		wait_for_state(task, (VMLogoffState)at);
		fake_guest_drop();
	}
	fake_guest_wait_logoff(logoffs++);
	fake_guest_garbage();
	fake_guest_wait_logoff(logoffs);
	fake_guest_complete(0);
	assert_completes(task, S_OK);
}

static void test_guest_restarts(void **state)
{
	IVMTask2 *task = logoff(0, VM_LOGOFF_VIA_VSOCK);

	fake_guest_wait_logoff(1);
	fake_guest_progress(HV_LOGOFF_GRACE);
	wait_for_state(task, vmLogoffState_Grace);
	fake_guest_forget();
	fake_guest_drop();
	assert_completes(task, DISP_E_EXCEPTION);
	assert_int_equal(fake_guest_logoffs(), 1);
}

static void test_machine_stops(void **state)
{
	IVMTask2 *task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	char path[160];

	fake_guest_wait_logoff(1);
	snprintf(path, sizeof(path), "%s/control.sock", fake_host_directory());
	fake_host_stop();
	assert_int_equal(remove(path), 0);
	fake_guest_stop();
	assert_completes(task, VM_E_VM_NOT_RUNNING);
}

static void test_cancel(void **state)
{
	IVMTask2 *task = logoff(0, VM_LOGOFF_VIA_VSOCK);

	fake_guest_wait_logoff(1);
	fake_guest_progress(HV_LOGOFF_GRACE);
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(IVMTask2_Cancel(task), S_OK);
	assert_int_equal(fake_guest_cancels(), 1);
	fake_guest_set_cancel_result(HV_LOGOFF_E_FAIL);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	/* On another stream. */
	fake_guest_set_cancel_result(0);
	fake_guest_drop();
	assert_int_equal(IVMTask2_Cancel(task), S_OK);
	fake_guest_complete(HV_LOGOFF_E_CANCELLED);
	assert_completes(task, HRESULT_FROM_WIN32(ERROR_CANCELLED));
}

static void test_cancel_logoff(void **state)
{
	IVMGuestOS2 *guest = find();
	IVMTask2 *task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	uint64_t id = id_of(task);

	fake_guest_wait_logoff(1);
	IVMTask2_Release(task);
	assert_int_equal(fake_guest_cancels(), 0);
	assert_int_equal(IVMGuestOS2_CancelLogoff(guest, id + 1),
			 HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	assert_int_equal(IVMGuestOS2_CancelLogoff(guest, id), S_OK);
	fake_guest_set_cancel_result(HV_LOGOFF_E_FAIL);
	assert_int_equal(IVMGuestOS2_CancelLogoff(guest, id), E_FAIL);
	assert_int_equal(fake_guest_cancels(), 3);
	fake_guest_set_cancel_result(HV_LOGOFF_S_OK);
	assert_int_equal(IVMGuestOS2_CancelLogoff(guest, 0), S_OK);
	assert_int_equal(fake_guest_cancels(), 4);
	fake_guest_complete(HV_LOGOFF_E_CANCELLED);
	assert_int_equal(IVMGuestOS2_CancelLogoff(guest, 0), HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	IVMGuestOS2_Release(guest);
}

/* While a thread waits, others use and cancel the task. */
static void *use_task(void *pointer)
{
	IVMTask2 *task = pointer;

	for (unsigned int i = 0; i < 50; i++) {
		state_of(task);
		IVMTask2_Cancel(task);
		fake_guest_drop();
	}
	return NULL;
}

static void test_threads(void **state)
{
	IVMTask2 *task = logoff(0, VM_LOGOFF_VIA_VSOCK);
	pthread_t threads[4];

	fake_guest_wait_logoff(1);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_task, task), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	fake_guest_complete(0);
	assert_completes(task, S_OK);
}

/* Each has its own stream and thread. */
static void *log_off_and_wait(void *unused)
{
	IVMTask2 *task;

	assert_int_equal(start(VM_LOGOFF_VIA_VSOCK, &task), S_OK);
	assert_completes(task, S_OK);
	return NULL;
}

static void test_many_tasks(void **state)
{
	pthread_t threads[16];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_off_and_wait, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		fake_guest_wait_logoff((unsigned int)i + 1);
	fake_guest_complete(0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}

/* A sink of events, which counts them. */
static struct sink {
	IVMVirtualMachineEvents2 iface;
	atomic_uint sessions, reporting, not_reporting, ends;
	HRESULT reason;
	VMLogoffEvent event;
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
	assert_string_equal(event->user, "anna");
	assert_string_equal(event->session, "c3");
	sink.event = *event;
	atomic_fetch_add(&sink.sessions, 1);
	return S_OK;
}

static HRESULT sink_reporting(IVMVirtualMachineEvents2 *This, bool reports)
{
	atomic_fetch_add(reports ? &sink.reporting : &sink.not_reporting, 1);
	return S_OK;
}

static HRESULT sink_end(IVMVirtualMachineEvents2 *This, HRESULT reason)
{
	sink.reason = reason;
	atomic_fetch_add(&sink.ends, 1);
	return S_OK;
}

static IVMVirtualMachineEvents *sink_new(void)
{
	static const IVMVirtualMachineEvents2Vtbl table = {
		.QueryInterface = sink_query,
		.AddRef = sink_count,
		.Release = sink_count,
		.OnGuestLogoff = sink_logoff,
		.OnSessionEnded = sink_session,
		.OnReporting = sink_reporting,
		.OnEnd = sink_end,
	};

	memset(&sink, 0, sizeof(sink));
	sink.iface.lpVtbl = &table;
	return (IVMVirtualMachineEvents *)&sink.iface;
}

static void sink_wait(const atomic_uint *what, unsigned int count)
{
	for (int64_t end = vmg_now_ms() + LIMIT_MS; atomic_load(what) < count; usleep(1000))
		assert_true(vmg_now_ms() < end);
}

static void test_events(void **state)
{
	IVMGuestOS2 *guest = find();
	uint32_t cookie;

	assert_int_equal(IVMGuestOS2_Advise(guest, sink_new(), &cookie), S_OK);
	sink_wait(&sink.reporting, 1);
	fake_guest_wait_watcher();
	fake_guest_session(0);
	sink_wait(&sink.sessions, 1);
	assert_int_equal(sink.event.type, vmLogoffType_Normal);
	assert_int_equal(sink.event.lost, 3);
	fake_guest_session(7);
	sink_wait(&sink.sessions, 2);
	assert_int_equal(sink.event.type, vmLogoffType_External);
	assert_int_equal(sink.event.task, 7);
	/* A stream that ends is replaced. */
	fake_guest_drop();
	sink_wait(&sink.not_reporting, 1);
	sink_wait(&sink.reporting, 2);
	fake_guest_wait_watcher();
	fake_guest_garbage();
	sink_wait(&sink.not_reporting, 2);
	sink_wait(&sink.reporting, 3);
	fake_guest_wait_watcher();
	fake_guest_session(0);
	sink_wait(&sink.sessions, 3);
	assert_int_equal(IVMGuestOS2_Unadvise(guest, cookie), S_OK);
	assert_int_equal(sink.ends, 0);
	IVMGuestOS2_Release(guest);
}

static void test_end_of_events(void **state)
{
	IVMGuestOS2 *guest = find();
	char path[160];
	uint32_t cookie;

	assert_int_equal(IVMGuestOS2_Advise(guest, sink_new(), &cookie), S_OK);
	snprintf(path, sizeof(path), "%s/control.sock", fake_host_directory());
	fake_host_stop();
	assert_int_equal(remove(path), 0);
	fake_guest_stop();
	sink_wait(&sink.ends, 1);
	assert_int_equal(sink.reason, VM_E_VM_NOT_RUNNING);
	IVMGuestOS2_Release(guest);
}

/* Where the guest does not listen, the component may come later. */
static void test_events_of_component(void **state)
{
	IVMGuestOS2 *guest = find();
	uint32_t cookie;

	fake_guest_refuse(true);
	assert_int_equal(IVMGuestOS2_Advise(guest, sink_new(), &cookie), S_OK);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	sink_wait(&sink.not_reporting, 1);
	fake_host_send_event("{\"event\":\"component\",\"component\":\"logoff\","
			     "\"negotiated\":true,\"version\":\"1.2\"}\n");
	sink_wait(&sink.reporting, 1);
	IVMGuestOS2_Release(guest);
}

/* What is known of a guest without asking it. */
static void test_cid(void **state)
{
	static const char *const invalid[] = {"vsock:", "vsock:x", "vsock:2", "vsock:4294967295"};
	const VMLogoffOptions options = {
		.size = sizeof(options), .timeout = 60, .flags = VM_LOGOFF_VIA_KVP};
	IVMGuestOS2 *guest = find_named("vsock:4294967290");
	IVMGuestOS *none;
	IVMTask *task;
	char *name;

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		assert_int_equal(VMGuestOS_Find(invalid[i], &none), VM_E_VM_UNKNOWN);
		assert_null(none);
	}
	assert_int_equal(IVMGuestOS2_get_Name(guest, &name), S_OK);
	assert_string_equal(name, "vsock:4294967290");
	free(name);
	assert_int_equal(IVMGuestOS2_get_Guid(guest, &name), S_OK);
	assert_string_equal(name, "");
	free(name);
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task),
			 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_contains(VMGuestOS_LastErrorText(), "only be reached by vsock");
	vmg_vsock_times.connect_ms = 100;
	/* The kernel may have no AF_VSOCK, and this process no privileges; there is no such CID. */
	assert_true(FAILED(IVMGuestOS2_Logoff(guest, &task)));
	assert_true(*VMGuestOS_LastErrorText());
	assert_true(FAILED(IVMGuestOS2_CanLogoff(guest)));
	assert_true(*VMGuestOS_LastErrorText());
	assert_true(FAILED(IVMGuestOS2_CancelLogoff(guest, 1)));
	IVMGuestOS2_Release(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_from_start_to_end),
		TEST(test_choice),
		TEST(test_falls_back),
		TEST(test_no_permission),
		TEST(test_does_not_fall_back),
		TEST(test_old_guest),
		TEST(test_broken_streams),
		TEST(test_guest_restarts),
		TEST(test_machine_stops),
		TEST(test_cancel),
		TEST(test_cancel_logoff),
		TEST(test_threads),
		TEST(test_many_tasks),
		TEST(test_events),
		TEST(test_end_of_events),
		TEST(test_events_of_component),
		TEST(test_cid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
