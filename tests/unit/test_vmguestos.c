// SPDX-License-Identifier: GPL-2.0-or-later
/* libvmguestos, against a host that says what the test wants. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_host.h"
#include "userspace/host/libvmguestos/kvp.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/host/vmlogoff/status.h"
#include "userspace/host/vmlogoff/suggest.h"

/* Longer than anything takes that happens at all. */
#define BOUND_MS 60000

static int setup_registry(void **state)
{
	(void)state;
	fake_host_registry();
	return 0;
}

static int setup_host(void **state)
{
	setup_registry(state);
	fake_host_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_host_stop();
	fake_host_registry_remove();
	return 0;
}

static IVMGuestOS2 *find(void)
{
	IVMGuestOS *guest;
	void *extended;

	assert_int_equal(VMGuestOS_Find(FAKE_HOST_NAME, &guest), S_OK);
	assert_int_equal(IVMGuestOS_QueryInterface(guest, &IID_IVMGuestOS2, &extended), S_OK);
	IVMGuestOS_Release(guest);
	return extended;
}

static HRESULT try_logoff(IVMTask **task)
{
	IVMGuestOS2 *guest = find();
	HRESULT hr = IVMGuestOS2_Logoff(guest, task);

	assert_int_equal(IVMGuestOS2_Release(guest), 0);
	return hr;
}

static IVMTask2 *logoff(void)
{
	IVMTask *task;

	assert_int_equal(try_logoff(&task), S_OK);
	return (IVMTask2 *)task;
}

static HRESULT error_of(IVMTask2 *task)
{
	HRESULT error;

	assert_int_equal(IVMTask2_get_Error(task, &error), S_OK);
	return error;
}

static VMTaskResult result_of(IVMTask2 *task)
{
	VMTaskResult result;

	assert_int_equal(IVMTask2_get_Result(task, &result), S_OK);
	return result;
}

static bool is_complete(IVMTask2 *task)
{
	bool complete;

	assert_int_equal(IVMTask2_get_IsComplete(task, &complete), S_OK);
	return complete;
}

static bool is_cancelable(IVMTask2 *task)
{
	bool cancelable;

	assert_int_equal(IVMTask2_get_IsCancelable(task, &cancelable), S_OK);
	return cancelable;
}

static int percent_of(IVMTask2 *task)
{
	int32_t percent;

	assert_int_equal(IVMTask2_get_PercentCompleted(task, &percent), S_OK);
	return percent;
}

static VMLogoffState state_of(IVMTask2 *task)
{
	VMLogoffState state;

	assert_int_equal(IVMTask2_get_State(task, &state), S_OK);
	return state;
}

static void assert_text(HRESULT (*get)(IVMTask2 *, char **), IVMTask2 *task, const char *wanted)
{
	char *text;

	assert_int_equal(get(task, &text), S_OK);
	assert_string_equal(text, wanted);
	free(text);
}

static void assert_sessions(IVMTask2 *task, uint32_t found, uint32_t ended, uint32_t failed)
{
	uint32_t is[3];

	assert_int_equal(IVMTask2_get_Sessions(task, &is[0], &is[1], &is[2]), S_OK);
	assert_int_equal(is[0], found);
	assert_int_equal(is[1], ended);
	assert_int_equal(is[2], failed);
}

static void wait_for_state(IVMTask2 *task, VMLogoffState wanted)
{
	struct pollfd news = {.events = POLLIN};

	assert_int_equal(IVMTask2_get_Descriptor(task, &news.fd), S_OK);
	while (state_of(task) != wanted)
		assert_int_equal(poll(&news, 1, BOUND_MS), 1);
}

static void complete(IVMTask2 *task)
{
	assert_int_equal(IVMTask2_WaitForCompletion(task, BOUND_MS), S_OK);
	assert_true(is_complete(task));
	assert_int_equal(state_of(task), vmLogoffState_Done);
	assert_false(is_cancelable(task));
}

/* A task that ended with that. */
static IVMTask2 *completed(HRESULT hr)
{
	IVMTask2 *task = logoff();

	fake_host_complete((uint32_t)hr);
	complete(task);
	return task;
}

static void test_unknown_machine(void **state)
{
	static const char *const names[] = {"", "nobody", ".", "..", "../tmp", "a/b", "-x"};
	IVMGuestOS *guest;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		guest = (IVMGuestOS *)&guest;
		assert_int_equal(VMGuestOS_Find(names[i], &guest), VM_E_VM_UNKNOWN);
		assert_null(guest);
	}
	assert_int_equal(VMGuestOS_Find(NULL, &guest), E_POINTER);
	assert_int_equal(VMGuestOS_Find(FAKE_HOST_NAME, NULL), E_POINTER);
	setenv("HVHOST_DIR", "/nowhere/at/all", 1);
	assert_int_equal(VMGuestOS_Find(FAKE_HOST_NAME, &guest), VM_E_VM_UNKNOWN);
}

static void make(const char *name, mode_t mode)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/../%s", fake_host_folder(), name);
	if (S_ISDIR(mode)) {
		assert_int_equal(mkdir(path, 0755), 0);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
}

static void unmake(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/../%s", fake_host_folder(), name);
	assert_int_equal(remove(path), 0);
}

static void test_names(void **state)
{
	char **names;

	(void)state;
	make("zebra", S_IFDIR);
	make("aardvark", S_IFDIR);
	make(".hidden", S_IFDIR);
	make("file", S_IFREG);
	assert_int_equal(VMGuestOS_Names(&names), S_OK);
	assert_string_equal(names[0], "aardvark");
	assert_string_equal(names[1], FAKE_HOST_NAME);
	assert_string_equal(names[2], "zebra");
	assert_null(names[3]);
	free(names);
	unmake("zebra");
	unmake("aardvark");
	unmake(".hidden");
	unmake("file");
	assert_int_equal(VMGuestOS_Names(NULL), E_POINTER);
	setenv("HVHOST_DIR", "/nowhere/at/all", 1);
	assert_int_equal(VMGuestOS_Names(&names), S_OK);
	assert_null(names[0]);
	free(names);
}

static void test_not_running(void **state)
{
	IVMGuestOS2 *guest = find();
	IVMTask *task = (IVMTask *)guest;

	(void)state;
	/* Never started; started and killed; gone altogether. */
	assert_int_equal(IVMGuestOS2_Logoff(guest, &task), VM_E_VM_NOT_RUNNING);
	assert_null(task);
	fake_host_start();
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), S_OK);
	fake_host_stop();
	assert_int_equal(IVMGuestOS2_Logoff(guest, &task), VM_E_VM_NOT_RUNNING);
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), VM_E_VM_NOT_RUNNING);
	IVMGuestOS2_Release(guest);
}

static void test_too_long_a_path(void **state)
{
	static const char name[] =
		"a-name-that-is-just-about-as-long-as-a-machine-is-allowed-to-have";
	char registry[160], deeper[128];
	IVMGuestOS *guest;
	IVMTask *task;

	(void)state;
	snprintf(deeper, sizeof(deeper), "%.63s", name);
	make(deeper, S_IFDIR);
	snprintf(registry, sizeof(registry), "%s/../%s", fake_host_folder(), deeper);
	snprintf(deeper, sizeof(deeper), "%.63s/%.63s", name, name);
	make(deeper, S_IFDIR);
	setenv("HVHOST_DIR", registry, 1);
	snprintf(registry, sizeof(registry), "%.63s", name);
	assert_int_equal(VMGuestOS_Find(registry, &guest), S_OK);
	assert_int_equal(IVMGuestOS_Logoff(guest, &task), VM_E_VM_NOT_RUNNING);
	IVMGuestOS_Release(guest);
	unmake(deeper);
	unmake(registry);
}

/* In a process of its own, as somebody who may do nothing. */
static void assert_as_nobody(HRESULT wanted, HRESULT (*call)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit((getuid() == 0 && setuid(65534) < 0) || call() != wanted);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static HRESULT call_find(void)
{
	IVMGuestOS *guest;

	return VMGuestOS_Find(FAKE_HOST_NAME, &guest);
}

static HRESULT call_logoff(void)
{
	IVMGuestOS *guest;
	IVMTask *task;
	HRESULT hr = VMGuestOS_Find(FAKE_HOST_NAME, &guest);

	return hr == S_OK ? IVMGuestOS_Logoff(guest, &task) : hr;
}

static void test_access_denied(void **state)
{
	char socket[160];

	(void)state;
	snprintf(socket, sizeof(socket), "%s/control.sock", fake_host_folder());
	assert_int_equal(chmod(fake_host_registry_path(), 0755), 0);
	assert_int_equal(chmod(socket, 0666), 0);
	assert_as_nobody(S_OK, call_logoff);
	assert_int_equal(chmod(socket, 0), 0);
	assert_as_nobody(E_ACCESSDENIED, call_logoff);
	assert_int_equal(chmod(fake_host_registry_path(), 0), 0);
	assert_as_nobody(E_ACCESSDENIED, call_find);
	assert_int_equal(chmod(fake_host_registry_path(), 0700), 0);
	assert_int_equal(HRESULT_FROM_WIN32(ERROR_ACCESS_DENIED), E_ACCESSDENIED);
}

static void test_not_available(void **state)
{
	IVMGuestOS2 *guest = find();
	IVMTask *task = (IVMTask *)guest;

	(void)state;
	fake_host_negotiated(false);
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_int_equal(IVMGuestOS2_Logoff(guest, &task), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_null(task);
	IVMGuestOS2_Release(guest);
}

static void test_refused(void **state)
{
	IVMGuestOS2 *guest;
	IVMTask *task;

	(void)state;
	fake_host_refuses((uint32_t)E_ACCESSDENIED);
	assert_int_equal(try_logoff(&task), E_ACCESSDENIED);
	assert_string_equal(VMGuestOS_LastErrorText(), "No.");
	guest = find();
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), E_ACCESSDENIED);
	IVMGuestOS2_Release(guest);
	/* A refusal that is none. */
	fake_host_refuses(1);
	assert_int_equal(try_logoff(&task), DISP_E_EXCEPTION);
	fake_host_refuses(0);
	assert_int_equal(try_logoff(&task), S_OK);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	IVMTask_Release(task);
}

static void test_logoff_null(void **state)
{
	IVMGuestOS2 *guest = find();
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 1};
	IVMTask *task;

	(void)state;
	assert_int_equal(IVMGuestOS2_Logoff(guest, NULL), E_POINTER);
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, NULL), E_POINTER);
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, NULL, &task), E_POINTER);
	assert_string_equal(fake_host_heard("logoff"), "");
	IVMGuestOS2_Release(guest);
}

static void test_guest_interfaces(void **state)
{
	static const IID *const known[] = {&IID_IUnknown, &IID_IVMGuestOS, &IID_IVMGuestOS2};
	IVMGuestOS2 *guest = find();
	void *other;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(IVMGuestOS2_QueryInterface(guest, known[i], &other), S_OK);
		assert_ptr_equal(other, guest);
		assert_int_equal(IVMGuestOS2_Release(guest), 1);
	}
	assert_int_equal(IVMGuestOS2_QueryInterface(guest, &IID_IVMTask, &other), E_NOINTERFACE);
	assert_null(other);
	assert_int_equal(IVMGuestOS2_QueryInterface(guest, NULL, &other), E_POINTER);
	assert_int_equal(IVMGuestOS2_QueryInterface(guest, &IID_IUnknown, NULL), E_POINTER);
	assert_int_equal(IVMGuestOS2_AddRef(guest), 2);
	assert_int_equal(IVMGuestOS2_Release(guest), 1);
	assert_int_equal(IVMGuestOS2_Release(guest), 0);
}

static void test_task_interfaces(void **state)
{
	static const IID *const known[] = {&IID_IUnknown, &IID_IVMTask, &IID_IVMTask2};
	IVMTask2 *task = logoff();
	void *other;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(IVMTask2_QueryInterface(task, known[i], &other), S_OK);
		assert_ptr_equal(other, task);
		assert_int_equal(IVMTask2_Release(task), 1);
	}
	assert_int_equal(IVMTask2_QueryInterface(task, &IID_IVMGuestOS, &other), E_NOINTERFACE);
	assert_null(other);
	assert_int_equal(IVMTask2_QueryInterface(task, NULL, &other), E_POINTER);
	assert_int_equal(IVMTask2_QueryInterface(task, &IID_IUnknown, NULL), E_POINTER);
	assert_int_equal(IVMTask2_AddRef(task), 2);
	assert_int_equal(IVMTask2_Release(task), 1);
	assert_int_equal(IVMTask2_Release(task), 0);
}

static void test_documented_iids(void **state)
{
	static const struct {
		const IID *iid;
		const char *text;
	} iids[] = {
		{&IID_IUnknown, "00000000-0000-0000-c000-000000000046"},
		{&IID_IVMGuestOS, "99fea0db-4880-499a-b6d8-73dff9bc91be"},
		{&IID_IVMTask, "ab72b222-6e9c-48ae-aa54-85e3e635767c"},
		{&IID_IVMGuestOS2, "d135ada4-7314-4f00-9843-0b76d662e85b"},
		{&IID_IVMTask2, "80efb3d1-f1a2-465a-8366-9296f3fa2feb"},
		{&DIID_IVMVirtualMachineEvents, "9d84f560-bb67-4961-bd12-a4da780c67e4"},
		{&IID_IVMVirtualMachineEvents2, "4928d8ec-7803-40bd-9744-833097cfba79"},
	};
	char text[37];

	(void)state;
	for (size_t i = 0; i < sizeof(iids) / sizeof(iids[0]); i++) {
		const IID *iid = iids[i].iid;
		const uint8_t *last = iid->Data4;

		snprintf(text, sizeof(text), "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 iid->Data1, iid->Data2, iid->Data3, last[0], last[1], last[2], last[3],
			 last[4], last[5], last[6], last[7]);
		assert_string_equal(text, iids[i].text);
	}
}

static void test_task_from_start_to_end(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	assert_false(is_complete(task));
	assert_true(is_cancelable(task));
	assert_int_equal(percent_of(task), 0);
	assert_int_equal(state_of(task), vmLogoffState_Pending);
	assert_int_equal(error_of(task), S_OK);
	assert_text(task->lpVtbl->get_Description, task,
		    "Logging off the users of " FAKE_HOST_NAME);
	fake_host_progress("grace", 10, "Waiting.");
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(percent_of(task), 10);
	assert_sessions(task, 3, 1, 0);
	assert_text(task->lpVtbl->get_StatusText, task, "Waiting.");
	assert_text(task->lpVtbl->get_ErrorDescription, task, "");
	assert_true(is_cancelable(task));
	fake_host_progress("ending", 5, "");
	wait_for_state(task, vmLogoffState_Ending);
	assert_int_equal(percent_of(task), 10);
	assert_false(is_cancelable(task));
	assert_false(is_complete(task));
	fake_host_complete(S_OK);
	complete(task);
	assert_int_equal(percent_of(task), 100);
	assert_sessions(task, 3, 2, 1);
	assert_int_equal(error_of(task), S_OK);
	assert_int_equal(result_of(task), vmTaskResult_Success);
	assert_text(task->lpVtbl->get_ErrorDescription, task, "");
	assert_int_equal(IVMTask2_Release(task), 0);
}

static void test_getters_take_no_null(void **state)
{
	IVMTask2 *task = logoff();
	VMSessionResult *results;
	uint32_t count;

	(void)state;
	assert_int_equal(IVMTask2_get_Description(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_Error(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_ErrorDescription(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_ID(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_IsCancelable(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_IsComplete(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_PercentCompleted(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_Result(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_State(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_Sessions(task, NULL, &count, &count), E_POINTER);
	assert_int_equal(IVMTask2_get_Sessions(task, &count, NULL, &count), E_POINTER);
	assert_int_equal(IVMTask2_get_Sessions(task, &count, &count, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_StatusText(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_Descriptor(task, NULL), E_POINTER);
	assert_int_equal(IVMTask2_get_SessionResults(task, NULL, &count), E_POINTER);
	assert_int_equal(IVMTask2_get_SessionResults(task, &results, NULL), E_POINTER);
	IVMTask2_Release(task);
}

static void test_results(void **state)
{
	static const struct {
		HRESULT error;
		VMTaskResult result;
	} ends[] = {
		{HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION), vmTaskResult_UnexpectedError},
		{HRESULT_FROM_WIN32(ERROR_CANCELLED), vmTaskResult_Cancelled},
		{HRESULT_FROM_WIN32(ERROR_BUSY), vmTaskResult_UnexpectedError},
		{VM_E_TIMED_OUT, vmTaskResult_TimeOut},
		{DISP_E_EXCEPTION, vmTaskResult_UnexpectedError},
		{E_INVALIDARG, vmTaskResult_IllegalValue},
		{E_FAIL, vmTaskResult_UnexpectedError},
		{E_OUTOFMEMORY, vmTaskResult_OutOfMemory},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		IVMTask2 *task = completed(ends[i].error);

		assert_int_equal(error_of(task), ends[i].error);
		assert_int_equal(result_of(task), ends[i].result);
		assert_text(task->lpVtbl->get_ErrorDescription, task, "The end.");
		assert_int_equal(percent_of(task), 90);
		IVMTask2_Release(task);
	}
}

static void test_host_gives_up(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_progress("ending", 40, "");
	fake_host_say("{\"ok\":false,\"error\":\"The channel was closed.\",\"hresult\":2147614729,"
		      "\"id\":\"0x1\"}\n");
	complete(task);
	assert_int_equal(error_of(task), DISP_E_EXCEPTION);
	assert_sessions(task, 3, 1, 0);
	assert_int_equal(percent_of(task), 40);
	assert_text(task->lpVtbl->get_ErrorDescription, task, "The channel was closed.");
	IVMTask2_Release(task);
}

static void test_an_error_has_words(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_say("{\"ok\":true,\"hresult\":2147943712,\"id\":\"0x1\"}\n");
	complete(task);
	assert_text(task->lpVtbl->get_ErrorDescription, task,
		    VMGuestOS_ErrorText(HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION)));
	IVMTask2_Release(task);
}

static void test_wait(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	assert_int_equal(IVMTask2_WaitForCompletion(task, -2), E_INVALIDARG);
	assert_int_equal(IVMTask2_WaitForCompletion(task, INT32_MIN), E_INVALIDARG);
	assert_int_equal(IVMTask2_WaitForCompletion(task, 4000001), E_INVALIDARG);
	assert_int_equal(IVMTask2_WaitForCompletion(task, INT32_MAX), E_INVALIDARG);
	assert_int_equal(IVMTask2_WaitForCompletion(task, 0), S_OK);
	assert_false(is_complete(task));
	assert_int_equal(IVMTask2_WaitForCompletion(task, 50), S_OK);
	assert_false(is_complete(task));
	fake_host_complete(S_OK);
	assert_int_equal(IVMTask2_WaitForCompletion(task, 4000000), S_OK);
	assert_true(is_complete(task));
	assert_int_equal(IVMTask2_WaitForCompletion(task, -1), S_OK);
	assert_int_equal(IVMTask2_WaitForCompletion(task, 0), S_OK);
	IVMTask2_Release(task);
}

static void test_cancel(void **state)
{
	IVMTask2 *task = logoff();
	char id[64];
	uint64_t number;

	(void)state;
	assert_int_equal(IVMTask2_get_ID(task, &number), S_OK);
	snprintf(id, sizeof(id), "\"id\":\"%#llx\"", (unsigned long long)number);
	assert_non_null(strstr(fake_host_heard("logoff"), id));
	assert_int_equal(IVMTask2_Cancel(task), S_OK);
	assert_non_null(strstr(fake_host_heard("cancel"), id));
	/* Taken, but not over: what came of it is still to come. */
	assert_false(is_complete(task));
	fake_host_complete((uint32_t)HRESULT_FROM_WIN32(ERROR_CANCELLED));
	complete(task);
	assert_int_equal(result_of(task), vmTaskResult_Cancelled);
	IVMTask2_Release(task);
}

static void test_too_late_to_cancel(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_cancels((uint32_t)E_FAIL);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	fake_host_cancels((uint32_t)HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	/* Known without asking, from here on. */
	fake_host_cancels(S_OK);
	fake_host_progress("ending", 10, "");
	wait_for_state(task, vmLogoffState_Ending);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	fake_host_complete(S_OK);
	complete(task);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	IVMTask2_Release(task);
}

static void test_machine_stops(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_progress("grace", 10, "Waiting.");
	fake_host_stop();
	complete(task);
	assert_int_equal(error_of(task), VM_E_VM_NOT_RUNNING);
	assert_int_equal(result_of(task), vmTaskResult_ShutdownAbort);
	assert_int_equal(percent_of(task), 10);
	assert_text(task->lpVtbl->get_ErrorDescription, task,
		    "The machine ended before it answered.");
	IVMTask2_Release(task);
}

static void test_options_are_sent(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options),
					 .flags = VM_LOGOFF_FORCE,
					 .timeout = 300,
					 .grace = 200,
					 .message = "\"M\xc3\xb6\"\n"};
	IVMGuestOS2 *guest = find();
	IVMTask *task;
	const char *heard;

	(void)state;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), S_OK);
	heard = fake_host_heard("logoff");
	assert_non_null(strstr(heard, "\"timeout\":300"));
	assert_non_null(strstr(heard, "\"grace\":200"));
	assert_non_null(strstr(heard, "\"force\":true"));
	assert_non_null(strstr(heard, "\"message\":\"\\\"M\xc3\xb6\\\"\\n\""));
	IVMTask_Release(task);
	assert_int_equal(IVMGuestOS2_Logoff(guest, &task), S_OK);
	heard = fake_host_heard("logoff");
	assert_non_null(strstr(heard, "\"timeout\":60"));
	assert_non_null(strstr(heard, "\"grace\":0"));
	assert_non_null(strstr(heard, "\"force\":false"));
	assert_null(strstr(heard, "message"));
	/* A guest that knows nothing of these is not troubled with them. */
	assert_null(strstr(heard, "user"));
	assert_null(strstr(heard, "session"));
	assert_null(strstr(heard, "dry_run"));
	IVMTask_Release(task);
	IVMGuestOS2_Release(guest);
}

static void test_wrong_options(void **state)
{
	static char longest[VM_LOGOFF_MESSAGE_MAX + 2];
	const uint32_t size = sizeof(VMLogoffOptions);
	const VMLogoffOptions wrong[] = {
		{.size = 0, .timeout = 60},
		{.size = offsetof(VMLogoffOptions, user) - 1, .timeout = 60},
		{.size = UINT32_MAX, .timeout = 60},
		{.size = size, .timeout = 0},
		{.size = size, .timeout = VM_LOGOFF_TIMEOUT_MAX + 1},
		{.size = size, .timeout = 60, .grace = 60},
		{.size = size, .timeout = 60, .flags = 16},
		{.size = size, .timeout = 60, .flags = VM_LOGOFF_VIA_VMBUS | VM_LOGOFF_VIA_KVP},
		{.size = size, .timeout = 60, .message = "\xff"},
		{.size = size, .timeout = 60, .message = longest},
		{.size = size, .timeout = 60, .user = ""},
		{.size = size, .timeout = 60, .user = "\xff"},
		{.size = size, .timeout = 60, .user = longest},
		{.size = size, .timeout = 60, .session = ""},
		{.size = size, .timeout = 60, .session = longest},
	};
	IVMGuestOS2 *guest = find();
	VMLogoffOptions right = {.size = size, .timeout = VM_LOGOFF_TIMEOUT_MAX};
	IVMTask *task;

	(void)state;
	memset(longest, 'x', VM_LOGOFF_MESSAGE_MAX + 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		task = (IVMTask *)guest;
		assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &wrong[i], &task),
				 E_INVALIDARG);
		assert_null(task);
	}
	assert_string_equal(fake_host_heard("logoff"), "");
	right.grace = VM_LOGOFF_TIMEOUT_MAX - 1;
	right.message = longest + 1;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &right, &task), S_OK);
	IVMTask_Release(task);
	IVMGuestOS2_Release(guest);
}

static void test_target_is_sent(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options),
					 .flags = VM_LOGOFF_DRY_RUN,
					 .timeout = 60,
					 .user = "anna",
					 .session = "c3"};
	IVMGuestOS2 *guest = find();
	IVMTask *task;
	const char *heard;

	(void)state;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), S_OK);
	heard = fake_host_heard("logoff");
	assert_non_null(strstr(heard, "\"user\":\"anna\""));
	assert_non_null(strstr(heard, "\"session\":\"c3\""));
	assert_non_null(strstr(heard, "\"dry_run\":true"));
	IVMTask_Release(task);
	IVMGuestOS2_Release(guest);
}

/* The options of a program that was compiled with another version of the header. */
static void test_sizes_of_options(void **state)
{
	struct {
		VMLogoffOptions known;
		uint64_t unknown;
	} newer = {.known = {.size = sizeof(newer), .timeout = 60, .user = "anna"}};
	VMLogoffOptions older = {.size = offsetof(VMLogoffOptions, user), .timeout = 60};
	IVMGuestOS2 *guest = find();
	IVMTask *task;

	(void)state;
	/* That isn't there for the library. */
	older.user = (const char *)1;
	older.session = (const char *)1;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &older, &task), S_OK);
	assert_null(strstr(fake_host_heard("logoff"), "user"));
	IVMTask_Release(task);
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &newer.known, &task), S_OK);
	assert_non_null(strstr(fake_host_heard("logoff"), "\"user\":\"anna\""));
	IVMTask_Release(task);
	newer.unknown = 1;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &newer.known, &task), E_INVALIDARG);
	IVMGuestOS2_Release(guest);
}

static void test_session_results(void **state)
{
	IVMTask2 *task = logoff();
	VMSessionResult *none, *results;
	uint32_t count;

	(void)state;
	assert_int_equal(IVMTask2_get_SessionResults(task, &none, &count), S_OK);
	assert_int_equal(count, 0);
	free(none);
	fake_host_session("0x1", "failed", "normal", "c1");
	fake_host_session("0x1", "selected", "normal", "c\\u001b2");
	fake_host_session("0x1", "vanished", "normal", "c3");
	/* It went after all: the last word counts. */
	fake_host_session("0x1", "ended", "external", "c1");
	fake_host_complete(S_OK);
	complete(task);
	assert_int_equal(IVMTask2_get_SessionResults(task, &results, &count), S_OK);
	assert_int_equal(IVMTask2_Release(task), 0);
	assert_int_equal(count, 2);
	assert_string_equal(results[0].session, "c1");
	assert_string_equal(results[0].user, "anna");
	assert_int_equal(results[0].uid, 1000);
	assert_int_equal(results[0].outcome, vmSessionOutcome_Ended);
	assert_string_equal(results[1].session, "c?2");
	assert_int_equal(results[1].outcome, vmSessionOutcome_Selected);
	free(results);
}

/* More than the first room for them. */
static void test_many_sessions(void **state)
{
	IVMTask2 *task = logoff();
	VMSessionResult *results;
	uint32_t count;
	char name[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		fake_host_session("0x1", "ended", "external", name);
	}
	fake_host_complete(S_OK);
	complete(task);
	assert_int_equal(IVMTask2_get_SessionResults(task, &results, &count), S_OK);
	assert_int_equal(count, 100);
	assert_string_equal(results[99].session, "c99");
	free(results);
	IVMTask2_Release(task);
}

static void test_descriptor(void **state)
{
	IVMTask2 *task = logoff();
	struct pollfd news = {.events = POLLIN};

	(void)state;
	assert_int_equal(IVMTask2_get_Descriptor(task, &news.fd), S_OK);
	assert_int_equal(poll(&news, 1, 0), 0);
	fake_host_progress("grace", 10, "");
	assert_int_equal(poll(&news, 1, BOUND_MS), 1);
	assert_int_equal(state_of(task), vmLogoffState_Grace);
	assert_int_equal(poll(&news, 1, 0), 0);
	fake_host_complete(S_OK);
	assert_int_equal(poll(&news, 1, BOUND_MS), 1);
	assert_true(is_complete(task));
	assert_int_equal(poll(&news, 1, 0), 1);
	assert_int_equal(poll(&news, 1, 0), 1);
	IVMTask2_Release(task);
}

#define EARLY_PROGRESS                                                                             \
	"{\"event\":\"progress\",\"state\":\"grace\",\"percent\":7,\"found\":1,\"ended\":0,"       \
	"\"failed\":0,\"text\":\"\"}\n"
#define EARLY_END "{\"ok\":true,\"hresult\":2147942570,\"id\":\"0x1\"}\n"

/* What comes together with the answer to the status lets no poll() wait in vain. */
static void test_early_news(void **state)
{
	struct pollfd news = {.events = POLLIN};
	IVMTask2 *task;

	(void)state;
	fake_host_says_early(EARLY_PROGRESS, EARLY_END);
	task = logoff();
	assert_int_equal(IVMTask2_get_Descriptor(task, &news.fd), S_OK);
	assert_int_equal(poll(&news, 1, BOUND_MS), 1);
	complete(task);
	assert_int_equal(percent_of(task), 7);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_BUSY));
	IVMTask2_Release(task);
	/* A guest that is faster than its host. */
	fake_host_says_early(EARLY_END, NULL);
	task = logoff();
	complete(task);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_BUSY));
	IVMTask2_Release(task);
}

static void test_lines_in_pieces(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_say("{\"event\":\"progress\",\"sta");
	assert_int_equal(state_of(task), vmLogoffState_Pending);
	fake_host_say("te\":\"grace\",\"percent\":12}");
	assert_int_equal(state_of(task), vmLogoffState_Pending);
	fake_host_say("\n{\"ok\":true,\"hresult\":0}\n{\"event\":\"progress\",\"percent\":50}\n");
	complete(task);
	assert_int_equal(error_of(task), S_OK);
	IVMTask2_Release(task);
}

static void test_wrong_lines(void **state)
{
	static const char *const lines[] = {
		"hello\n",
		"\n",
		"{\"ok\":\n",
		"[]\n",
		"{}\n",
		"{\"ok\":true}\n",
		"{\"ok\":false}\n",
		"{\"ok\":true,\"hresult\":\"0\"}\n",
		"{\"ok\":false,\"hresult\":0}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		IVMTask2 *task = logoff();

		fake_host_say(lines[i]);
		complete(task);
		assert_int_equal(error_of(task), DISP_E_EXCEPTION);
		IVMTask2_Release(task);
	}
}

static void test_odd_reports(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_say("{\"event\":\"progress\",\"state\":\"unheard-of\",\"percent\":-5,"
		      "\"found\":-1,\"ended\":99999999999,\"failed\":null,\"text\":7}\n"
		      "{\"event\":\"progress\",\"state\":\"grace\",\"percent\":1000}\n");
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(percent_of(task), 100);
	assert_sessions(task, 0, 0, 0);
	assert_text(task->lpVtbl->get_StatusText, task, "");
	IVMTask2_Release(task);
}

static void test_endless_line(void **state)
{
	static char piece[4097];
	IVMTask2 *task = logoff();

	(void)state;
	memset(piece, 'x', sizeof(piece) - 1);
	for (int i = 0; i < 2048 && !is_complete(task); i++)
		fake_host_say(piece);
	complete(task);
	assert_int_equal(error_of(task), DISP_E_EXCEPTION);
	IVMTask2_Release(task);
}

static void test_no_control_characters(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_progress("grace", 1, "a\\u001b[2Jb\\u009bc\\nd\\u007fe \xc3\xb6");
	wait_for_state(task, vmLogoffState_Grace);
	assert_text(task->lpVtbl->get_StatusText, task, "a?[2Jb?c d?e \xc3\xb6");
	IVMTask2_Release(task);
}

static void test_release_cancels_nothing(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_progress("grace", 1, "");
	assert_int_equal(IVMTask2_Release(task), 0);
	fake_host_wait_hangup();
	assert_string_equal(fake_host_heard("cancel"), "");
}

static void *wait_in_thread(void *task)
{
	HRESULT hr = IVMTask_WaitForCompletion((IVMTask *)task, BOUND_MS);

	IVMTask_Release((IVMTask *)task);
	return hr == S_OK ? task : NULL;
}

static void *ask_in_thread(void *pointer)
{
	IVMTask2 *task = pointer;
	uint32_t found, ended, failed;
	int32_t percent = 0, before = 0;
	bool done = false, ordered = true;

	while (!done) {
		char *text = NULL, *error = NULL;
		void *again;

		IVMTask2_get_IsComplete(task, &done);
		IVMTask2_get_PercentCompleted(task, &percent);
		ordered = ordered && percent >= before;
		before = percent;
		IVMTask2_get_Sessions(task, &found, &ended, &failed);
		IVMTask2_get_StatusText(task, &text);
		IVMTask2_get_ErrorDescription(task, &error);
		free(text);
		free(error);
		IVMTask2_QueryInterface(task, &IID_IVMTask, &again);
		IVMTask_Release((IVMTask *)again);
	}
	IVMTask2_Release(task);
	return ordered ? task : NULL;
}

static void *cancel_in_thread(void *task)
{
	bool good = true;

	for (int i = 0; i < 20; i++) {
		HRESULT hr = IVMTask_Cancel((IVMTask *)task);

		good = good && (hr == S_OK || hr == E_FAIL);
	}
	IVMTask_Release((IVMTask *)task);
	return good ? task : NULL;
}

static void *poll_in_thread(void *task)
{
	struct pollfd news = {.events = POLLIN};

	IVMTask2_get_Descriptor((IVMTask2 *)task, &news.fd);
	while (!is_complete(task)) {
		if (poll(&news, 1, BOUND_MS) != 1)
			break;
	}
	news.revents = 0;
	poll(&news, 1, 0);
	IVMTask_Release((IVMTask *)task);
	return news.revents ? task : NULL;
}

/* One task in many hands; ThreadSanitizer looks on. */
static void test_threads_on_one_task(void **state)
{
	static void *(*const jobs[])(void *) = {
		wait_in_thread, wait_in_thread, wait_in_thread,   ask_in_thread,
		ask_in_thread,  poll_in_thread, cancel_in_thread,
	};
	enum { JOBS = sizeof(jobs) / sizeof(jobs[0]) };
	pthread_t threads[JOBS];
	IVMTask2 *task = logoff();
	void *good;

	(void)state;
	for (size_t i = 0; i < JOBS; i++) {
		IVMTask2_AddRef(task);
		assert_int_equal(pthread_create(&threads[i], NULL, jobs[i], task), 0);
	}
	for (int percent = 0; percent <= 90; percent++)
		fake_host_progress(percent < 80 ? "grace" : "ending", percent, "On the way.");
	fake_host_complete(S_OK);
	for (size_t i = 0; i < JOBS; i++) {
		pthread_join(threads[i], &good);
		assert_ptr_equal(good, task);
	}
	complete(task);
	assert_int_equal(IVMTask2_Release(task), 0);
}

static void *logoff_in_thread(void *pointer)
{
	IVMGuestOS2 *guest = pointer;
	bool good = true;

	for (int i = 0; i < 10; i++) {
		IVMTask *task;
		HRESULT hr = IVMGuestOS2_Logoff(guest, &task);

		good = good && hr == S_OK && IVMTask_WaitForCompletion(task, BOUND_MS) == S_OK &&
		       IVMTask_get_Error(task, &hr) == S_OK &&
		       hr == HRESULT_FROM_WIN32(ERROR_BUSY) && IVMTask_Release(task) == 0;
	}
	IVMGuestOS2_Release(guest);
	return good ? pointer : NULL;
}

static void test_threads_on_one_machine(void **state)
{
	IVMGuestOS2 *guest = find();
	pthread_t threads[4];
	void *good;

	(void)state;
	fake_host_says_early(EARLY_PROGRESS EARLY_END, NULL);
	for (size_t i = 0; i < 4; i++) {
		IVMGuestOS2_AddRef(guest);
		assert_int_equal(pthread_create(&threads[i], NULL, logoff_in_thread, guest), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &good);
		assert_ptr_equal(good, guest);
	}
	assert_int_equal(IVMGuestOS2_Release(guest), 0);
}

/* Somebody who listens. */
struct sink {
	IVMVirtualMachineEvents2 face;
	bool plain; /* knows only IVMVirtualMachineEvents */
	atomic_uint references;
	IVMGuestOS2 *leaves; /* at the first event, with this cookie; 0: by giving the guest back */
	uint32_t cookie;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;
	unsigned int types[3], sessions, changes, ends;
	bool reports;
	HRESULT reason;
	uint64_t task;
	uint32_t uid, lost;
	char user[32], session[32];
};

static uint32_t sink_add_ref(IVMVirtualMachineEvents2 *This)
{
	return atomic_fetch_add(&((struct sink *)This)->references, 1) + 1;
}

static uint32_t sink_release(IVMVirtualMachineEvents2 *This)
{
	return atomic_fetch_sub(&((struct sink *)This)->references, 1) - 1;
}

static HRESULT sink_query(IVMVirtualMachineEvents2 *This, const IID *iid, void **out)
{
	const struct sink *sink = (struct sink *)This;

	*out = NULL;
	if (memcmp(iid, &DIID_IVMVirtualMachineEvents, sizeof(*iid)) != 0 &&
	    (sink->plain || memcmp(iid, &IID_IVMVirtualMachineEvents2, sizeof(*iid)) != 0))
		return E_NOINTERFACE;
	*out = This;
	sink_add_ref(This);
	return S_OK;
}

static HRESULT sink_query_nothing(IVMVirtualMachineEvents2 *This, const IID *iid, void **out)
{
	(void)This;
	(void)iid;
	*out = NULL;
	return E_NOINTERFACE;
}

static void leave(struct sink *sink)
{
	IVMGuestOS2 *guest = sink->leaves;

	sink->leaves = NULL;
	if (guest && sink->cookie)
		IVMGuestOS2_Unadvise(guest, sink->cookie);
	else if (guest)
		IVMGuestOS2_Release(guest);
}

static HRESULT sink_logoff(IVMVirtualMachineEvents2 *This, VMLogoffType type)
{
	struct sink *sink = (struct sink *)This;

	pthread_mutex_lock(&sink->lock);
	sink->types[type]++;
	pthread_cond_broadcast(&sink->news);
	leave(sink);
	pthread_mutex_unlock(&sink->lock);
	return S_OK;
}

static HRESULT sink_session(IVMVirtualMachineEvents2 *This, const VMLogoffEvent *event)
{
	struct sink *sink = (struct sink *)This;

	pthread_mutex_lock(&sink->lock);
	sink->sessions++;
	sink->task = event->task;
	sink->uid = event->uid;
	sink->lost = event->lost;
	snprintf(sink->user, sizeof(sink->user), "%s", event->user);
	snprintf(sink->session, sizeof(sink->session), "%s", event->session);
	pthread_cond_broadcast(&sink->news);
	pthread_mutex_unlock(&sink->lock);
	return S_OK;
}

static HRESULT sink_reporting(IVMVirtualMachineEvents2 *This, bool reports)
{
	struct sink *sink = (struct sink *)This;

	pthread_mutex_lock(&sink->lock);
	sink->changes++;
	sink->reports = reports;
	pthread_cond_broadcast(&sink->news);
	pthread_mutex_unlock(&sink->lock);
	return S_OK;
}

static HRESULT sink_end(IVMVirtualMachineEvents2 *This, HRESULT reason)
{
	struct sink *sink = (struct sink *)This;

	pthread_mutex_lock(&sink->lock);
	sink->ends++;
	sink->reason = reason;
	pthread_cond_broadcast(&sink->news);
	pthread_mutex_unlock(&sink->lock);
	return S_OK;
}

static void sink_init(struct sink *sink)
{
	static const IVMVirtualMachineEvents2Vtbl table = {
		.QueryInterface = sink_query,
		.AddRef = sink_add_ref,
		.Release = sink_release,
		.OnGuestLogoff = sink_logoff,
		.OnSessionEnded = sink_session,
		.OnReporting = sink_reporting,
		.OnEnd = sink_end,
	};

	*sink = (struct sink){.face = {&table}};
	atomic_init(&sink->references, 1);
	pthread_mutex_init(&sink->lock, NULL);
	pthread_cond_init(&sink->news, NULL);
}

static uint32_t advise(IVMGuestOS2 *guest, struct sink *sink)
{
	uint32_t cookie;

	assert_int_equal(IVMGuestOS2_Advise(guest, (IVMVirtualMachineEvents *)&sink->face, &cookie),
			 S_OK);
	assert_int_not_equal(cookie, 0);
	return cookie;
}

/* Until so many of them have come. */
static void sink_wait(struct sink *sink, const unsigned int *what, unsigned int count)
{
	pthread_mutex_lock(&sink->lock);
	while (*what < count)
		pthread_cond_wait(&sink->news, &sink->lock);
	pthread_mutex_unlock(&sink->lock);
}

static void assert_unused(struct sink *sink)
{
	assert_int_equal(atomic_load(&sink->references), 1);
}

static void test_events(void **state)
{
	IVMGuestOS2 *guest = find();
	struct sink sink;
	uint32_t cookie;

	(void)state;
	sink_init(&sink);
	cookie = advise(guest, &sink);
	sink_wait(&sink, &sink.changes, 1);
	assert_true(sink.reports);
	fake_host_session("0x0", "ended", "normal", "c3");
	sink_wait(&sink, &sink.sessions, 1);
	assert_int_equal(sink.types[vmLogoffType_Normal], 1);
	assert_int_equal(sink.task, 0);
	assert_int_equal(sink.uid, 1000);
	assert_int_equal(sink.lost, 3);
	assert_string_equal(sink.user, "anna");
	assert_string_equal(sink.session, "c3");
	fake_host_session("0x0", "ended", "forced", "c4");
	fake_host_session("0x1f", "failed", "normal", "c5");
	fake_host_session("0x1f", "selected", "normal", "c5");
	fake_host_session("0x1f", "ended", "external", "c6");
	sink_wait(&sink, &sink.sessions, 3);
	assert_int_equal(sink.types[vmLogoffType_Normal], 1);
	assert_int_equal(sink.types[vmLogoffType_Forced], 1);
	assert_int_equal(sink.types[vmLogoffType_External], 1);
	assert_int_equal(sink.task, 0x1f);
	assert_int_equal(IVMGuestOS2_Unadvise(guest, cookie), S_OK);
	fake_host_wait_unwatched();
	assert_unused(&sink);
	assert_int_equal(sink.ends, 0);
	assert_int_equal(IVMGuestOS2_Unadvise(guest, cookie), CONNECT_E_NOCONNECTION);
	assert_int_equal(IVMGuestOS2_Unadvise(guest, 0), CONNECT_E_NOCONNECTION);
	IVMGuestOS2_Release(guest);
}

static void test_plain_events(void **state)
{
	IVMGuestOS2 *guest = find();
	struct sink sink;

	(void)state;
	sink_init(&sink);
	sink.plain = true;
	advise(guest, &sink);
	fake_host_session("0x0", "ended", "normal", "c3");
	fake_host_session("0x0", "ended", "forced", "c4");
	sink_wait(&sink, &sink.types[vmLogoffType_Forced], 1);
	/* The last Release() gives back what was advised. */
	assert_int_equal(IVMGuestOS2_Release(guest), 0);
	assert_unused(&sink);
	assert_int_equal(sink.sessions + sink.changes + sink.ends, 0);
	assert_int_equal(sink.types[vmLogoffType_Normal], 1);
}

static void test_reporting(void **state)
{
	IVMGuestOS2 *guest = find();
	struct sink sink;

	(void)state;
	fake_host_version("1.0");
	sink_init(&sink);
	advise(guest, &sink);
	sink_wait(&sink, &sink.changes, 1);
	assert_false(sink.reports);
	/* What doesn't change isn't said again. */
	fake_host_watched("{\"event\":\"component\",\"negotiated\":true,\"version\":\"1.0\"}\n");
	fake_host_watched("{\"event\":\"component\",\"negotiated\":true,\"version\":\"1.1\"}\n");
	sink_wait(&sink, &sink.changes, 2);
	assert_true(sink.reports);
	fake_host_watched("{\"event\":\"component\",\"negotiated\":false,\"version\":null}\n");
	sink_wait(&sink, &sink.changes, 3);
	assert_false(sink.reports);
	fake_host_watched("{\"event\":\"unheard-of\"}\n");
	fake_host_stop();
	sink_wait(&sink, &sink.ends, 1);
	assert_int_equal(sink.reason, VM_E_VM_NOT_RUNNING);
	assert_int_equal(sink.changes, 3);
	IVMGuestOS2_Release(guest);
	assert_unused(&sink);
}

static void test_end_of_events(void **state)
{
	IVMGuestOS2 *guest = find();
	struct sink sink;
	uint32_t cookie;

	(void)state;
	sink_init(&sink);
	cookie = advise(guest, &sink);
	fake_host_watched("{\"ok\":false,\"hresult\":2684617222,\"error\":\"It stops.\"}\n");
	sink_wait(&sink, &sink.ends, 1);
	assert_int_equal(sink.reason, VM_E_VM_NOT_RUNNING);
	assert_int_equal(IVMGuestOS2_Unadvise(guest, cookie), S_OK);
	advise(guest, &sink);
	fake_host_watched("gibberish\n");
	sink_wait(&sink, &sink.ends, 2);
	assert_int_equal(sink.reason, DISP_E_EXCEPTION);
	IVMGuestOS2_Release(guest);
	assert_unused(&sink);
}

static void test_advise_fails(void **state)
{
	IVMVirtualMachineEvents2Vtbl no_sink = {.QueryInterface = sink_query_nothing};
	IVMGuestOS2 *guest = find();
	struct sink sink;
	IVMVirtualMachineEvents *events = (IVMVirtualMachineEvents *)&sink.face;
	uint32_t cookie = 7;

	(void)state;
	sink_init(&sink);
	assert_int_equal(IVMGuestOS2_Advise(guest, NULL, &cookie), E_POINTER);
	assert_int_equal(IVMGuestOS2_Advise(guest, events, NULL), E_POINTER);
	fake_host_refuses((uint32_t)E_ACCESSDENIED);
	assert_int_equal(IVMGuestOS2_Advise(guest, events, &cookie), E_ACCESSDENIED);
	assert_int_equal(cookie, 0);
	assert_string_equal(VMGuestOS_LastErrorText(), "No.");
	fake_host_stop();
	assert_int_equal(IVMGuestOS2_Advise(guest, events, &cookie), VM_E_VM_NOT_RUNNING);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	sink.face.lpVtbl = &no_sink;
	assert_int_equal(IVMGuestOS2_Advise(guest, events, &cookie), CONNECT_E_CANNOTCONNECT);
	assert_unused(&sink);
	IVMGuestOS2_Release(guest);
}

/* In the middle of a call Unadvise() and the last Release() wait for nobody. */
static void test_leave_within_a_call(void **state)
{
	for (int by_release = 0; by_release < 2; by_release++) {
		IVMGuestOS2 *guest = find();
		struct sink sink;

		(void)state;
		sink_init(&sink);
		pthread_mutex_lock(&sink.lock);
		sink.cookie = advise(guest, &sink);
		sink.leaves = guest;
		if (by_release)
			sink.cookie = 0;
		pthread_mutex_unlock(&sink.lock);
		fake_host_session("0x0", "ended", "normal", "c3");
		fake_host_session("0x0", "ended", "normal", "c4");
		fake_host_wait_unwatched();
		while (atomic_load(&sink.references) > 1)
			usleep(1000);
		assert_int_equal(sink.types[vmLogoffType_Normal], 1);
		assert_int_equal(sink.sessions, 0);
		if (!by_release)
			assert_int_equal(IVMGuestOS2_Release(guest), 0);
	}
}

static void *advise_in_thread(void *pointer)
{
	IVMGuestOS2 *guest = pointer;
	bool good = true;

	for (int i = 0; i < 20; i++) {
		struct sink sink;
		uint32_t cookie;

		sink_init(&sink);
		cookie = advise(guest, &sink);
		if (i % 2)
			sink_wait(&sink, &sink.types[vmLogoffType_Normal], 1);
		good = good && IVMGuestOS2_Unadvise(guest, cookie) == S_OK &&
		       atomic_load(&sink.references) == 1 && sink.ends == 0;
	}
	IVMGuestOS2_Release(guest);
	return good ? pointer : NULL;
}

static void *report_in_thread(void *pointer)
{
	while (!atomic_load((atomic_bool *)pointer)) {
		fake_host_session("0x0", "ended", "normal", "c3");
		usleep(1000);
	}
	return NULL;
}

/* Many come, listen and go on one machine; ThreadSanitizer looks on. */
static void test_threads_listen(void **state)
{
	IVMGuestOS2 *guest = find();
	pthread_t threads[4], reporter;
	atomic_bool over;
	void *good;

	(void)state;
	atomic_init(&over, false);
	assert_int_equal(pthread_create(&reporter, NULL, report_in_thread, &over), 0);
	for (size_t i = 0; i < 4; i++) {
		IVMGuestOS2_AddRef(guest);
		assert_int_equal(pthread_create(&threads[i], NULL, advise_in_thread, guest), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &good);
		assert_ptr_equal(good, guest);
	}
	atomic_store(&over, true);
	pthread_join(reporter, NULL);
	assert_int_equal(IVMGuestOS2_Release(guest), 0);
}

#define IDLE "v=1 state=idle boot=b0-1 time=2026-11-22T16:00:03Z"

/* A guest without the component, but with the other way in. */
static int setup_kvp(void **state)
{
	setup_host(state);
	fake_host_negotiated(false);
	fake_host_kvp_answers(IDLE);
	vmg_kvp_times = (struct kvp_times){.poll_ms = 10, .life = 120, .backstop_ms = 60000};
	return 0;
}

static HRESULT try_options(const VMLogoffOptions *options, IVMTask **task)
{
	IVMGuestOS2 *guest = find();
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest, options, task);

	IVMGuestOS2_Release(guest);
	return hr;
}

static void test_kvp_from_start_to_end(void **state)
{
	IVMTask2 *task;
	uint64_t id;
	char words[64];

	(void)state;
	task = logoff();
	IVMTask2_get_ID(task, &id);
	snprintf(words, sizeof(words), "v=1 id=%016llx-1 issued=20", (unsigned long long)id);
	assert_ptr_equal(
		strstr(fake_host_kvp_wait("life=120 do=logoff boot=b0-1 timeout=60 grace=0"),
		       words),
		fake_host_kvp_wait(""));
	assert_int_equal(state_of(task), vmLogoffState_Pending);
	assert_true(is_cancelable(task));
	fake_host_kvp_answers("v=1 id=@ state=grace percent=40 found=3 ended=1 failed=0 boot=b0-1 "
			      "time=2026-11-22T16:00:04Z text=Waiting for it.");
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(percent_of(task), 40);
	assert_sessions(task, 3, 1, 0);
	assert_text(task->lpVtbl->get_StatusText, task, "Waiting for it.");
	fake_host_kvp_answers("v=1 id=@ state=ending percent=60 found=3 ended=2 failed=0 text=");
	wait_for_state(task, vmLogoffState_Ending);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	fake_host_kvp_answers("v=1 id=@ state=done percent=60 found=3 ended=2 failed=1 "
			      "result=0xa0040202 text=No.");
	complete(task);
	assert_int_equal(error_of(task), VM_E_TIMED_OUT);
	assert_int_equal(result_of(task), vmTaskResult_TimeOut);
	assert_sessions(task, 3, 2, 1);
	assert_text(task->lpVtbl->get_ErrorDescription, task, "No.");
	assert_non_null(strstr(fake_host_kvp_wait("do=forget"), words));
	/* It can be polled by who comes late. */
	wait_for_state(task, vmLogoffState_Done);
	IVMTask2_Release(task);
}

static void test_kvp_descriptor_at_the_end(void **state)
{
	struct pollfd news = {.events = POLLIN};
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_kvp_answers("v=1 id=@ state=done result=0x00000000 percent=90 text=");
	complete(task);
	assert_int_equal(percent_of(task), 100);
	assert_int_equal(IVMTask2_get_Descriptor(task, &news.fd), S_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(poll(&news, 1, BOUND_MS), 1);
		assert_true(is_complete(task));
	}
	IVMTask2_Release(task);
}

static void test_kvp_options(void **state)
{
	VMLogoffOptions options = {.size = sizeof(options),
				   .flags = VM_LOGOFF_FORCE | VM_LOGOFF_DRY_RUN | VM_LOGOFF_VIA_KVP,
				   .timeout = 300,
				   .grace = 200,
				   .user = "anna",
				   .session = "c3",
				   .message = "Save your work,  please"};
	char longest[VM_LOGOFF_MESSAGE_MAX + 1] = "";
	IVMTask *task;

	(void)state;
	/* There is one already, of whoever. */
	fake_host_kvp_put("v=1 id=old issued=2026-11-22T16:00:03Z life=1 do=forget");
	/* It is asked for, though there is the component. */
	fake_host_negotiated(true);
	assert_int_equal(try_options(&options, &task), S_OK);
	fake_host_kvp_wait(" timeout=300 grace=200 force=yes dry-run=yes user=anna session=c3 "
			   "message=Save your work,  please");
	assert_string_equal(fake_host_heard("logoff"), "");
	IVMTask_Release(task);
	memset(longest, 'x', sizeof(longest) - 1);
	options.message = longest;
	assert_int_equal(try_options(&options, &task), E_INVALIDARG);
	assert_non_null(strstr(VMGuestOS_LastErrorText(), "too long"));
	options.message = NULL;
	options.user = "anna force=yes";
	assert_int_equal(try_options(&options, &task), E_INVALIDARG);
	assert_non_null(strstr(VMGuestOS_LastErrorText(), "blank"));
	fake_host_kvp_wait("message=Save");
}

static void test_which_way(void **state)
{
	VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMGuestOS2 *guest = find();
	IVMTask *task;

	(void)state;
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), S_OK);
	options.flags = VM_LOGOFF_VIA_VMBUS;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task),
			 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_string_equal(VMGuestOS_LastErrorText(), "No.");
	/* The component comes first. */
	fake_host_negotiated(true);
	options.flags = 0;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), S_OK);
	assert_string_not_equal(fake_host_heard("logoff"), "");
	IVMTask_Release(task);
	/* Neither. */
	fake_host_negotiated(false);
	fake_host_kvp_answers("");
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task),
			 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	/* One that can't be understood. */
	fake_host_kvp_answers("v=2 state=idle");
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task),
			 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	fake_host_kvp_answers(IDLE);
	fake_host_refuses((uint32_t)E_ACCESSDENIED);
	options.flags = VM_LOGOFF_VIA_KVP;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), E_ACCESSDENIED);
	assert_string_equal(VMGuestOS_LastErrorText(), "No.");
	IVMGuestOS2_Release(guest);
	fake_host_stop();
	assert_int_equal(try_options(&options, &task), VM_E_VM_NOT_RUNNING);
}

static void test_kvp_cancel(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_kvp_answers("v=1 id=@ state=grace percent=4 text=");
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(IVMTask2_Cancel(task), S_OK);
	assert_null(strstr(fake_host_kvp_wait("do=cancel boot=b0-1"), "timeout"));
	assert_false(is_complete(task));
	fake_host_kvp_answers("v=1 id=@ state=done result=0x800704c7 text=Cancelled.");
	complete(task);
	assert_int_equal(result_of(task), vmTaskResult_Cancelled);
	IVMTask2_Release(task);
}

static void assert_busy(IVMTask2 *task)
{
	complete(task);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_BUSY));
	IVMTask2_Release(task);
}

static void test_kvp_busy(void **state)
{
	IVMTask2 *task;

	(void)state;
	/* Seen before it is asked, and not disturbed. */
	fake_host_kvp_answers("v=1 id=other state=grace percent=4 text=");
	assert_busy(logoff());
	assert_string_equal(fake_host_kvp_wait(""), "");
	/* What is over is in nobody's way. */
	fake_host_kvp_answers("v=1 id=other state=done result=0x00000000 text=");
	task = logoff();
	fake_host_kvp_wait("do=logoff");
	fake_host_kvp_answers("v=1 id=other state=ending busy=@ percent=4 text=");
	assert_busy(task);
	fake_host_kvp_wait("do=forget");
	/* Somebody else was a little later. */
	fake_host_kvp_answers(IDLE);
	task = logoff();
	fake_host_kvp_put("v=1 id=other do=logoff");
	assert_busy(task);
	assert_string_equal(fake_host_kvp_wait(""), "v=1 id=other do=logoff");
	/* And this one when it was over: nothing of that is forgotten. */
	task = logoff();
	fake_host_kvp_answers("v=1 id=@ state=ending percent=4 text=");
	wait_for_state(task, vmLogoffState_Ending);
	fake_host_kvp_answers("v=1 id=@ state=done result=0x00000000 text=");
	fake_host_kvp_put("v=1 id=other do=logoff");
	complete(task);
	assert_int_equal(error_of(task), S_OK);
	assert_string_equal(fake_host_kvp_wait(""), "v=1 id=other do=logoff");
	IVMTask2_Release(task);
}

/* The guest's clock is a year behind, or ahead: it is asked again by its own time. */
static void test_kvp_clocks(void **state)
{
	IVMTask2 *task;

	(void)state;
	task = logoff();
	fake_host_kvp_wait("-1 issued=");
	fake_host_kvp_answers("v=1 id=@ state=done result=0x80070576 boot=b0-1 "
			      "time=2025-11-22T16:00:03Z text=The request was issued in 2026.");
	assert_int_equal(IVMTask2_WaitForCompletion(task, 1), S_OK);
	while (!is_complete(task) && !strstr(fake_host_kvp_wait(""), "-2 issued="))
		usleep(1000);
	fake_host_kvp_wait("-2 issued=2025-11-22T16:00:03Z life=120 do=logoff boot=b0-1");
	assert_false(is_complete(task));
	/* Once, and no more. */
	fake_host_kvp_answers("v=1 id=@ state=done result=0x800705b4 boot=b0-1 "
			      "time=2026-11-22T16:00:03Z text=Stale.");
	complete(task);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_TIMEOUT));
	IVMTask2_Release(task);
	/* The idle answer says already how late it is at least. */
	fake_host_kvp_answers("v=1 state=idle boot=b0-2 time=2099-01-01T00:00:00Z");
	task = logoff();
	fake_host_kvp_wait("issued=2099-01-01T00:00:00Z life=120 do=logoff boot=b0-2");
	IVMTask2_Release(task);
}

static void test_kvp_nobody_answers(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 1};
	IVMTask *task;

	(void)state;
	/* What never begins is withdrawn, … */
	vmg_kvp_times.life = 1;
	assert_int_equal(try_options(&options, &task), S_OK);
	complete((IVMTask2 *)task);
	assert_int_equal(error_of((IVMTask2 *)task), VM_E_TIMED_OUT);
	fake_host_kvp_wait("do=cancel");
	IVMTask_Release(task);
	/* … and what has begun is not. */
	vmg_kvp_times.backstop_ms = 1;
	assert_int_equal(try_options(&options, &task), S_OK);
	fake_host_kvp_answers("v=1 id=@ state=ending percent=4 text=");
	complete((IVMTask2 *)task);
	assert_int_equal(error_of((IVMTask2 *)task), VM_E_TIMED_OUT);
	fake_host_kvp_wait("do=logoff");
	IVMTask_Release(task);
}

static void test_kvp_machine_stops(void **state)
{
	IVMTask2 *task = logoff();

	(void)state;
	fake_host_kvp_answers("v=1 id=@ state=grace percent=4 text=");
	wait_for_state(task, vmLogoffState_Grace);
	fake_host_stop();
	complete(task);
	assert_int_equal(error_of(task), VM_E_VM_NOT_RUNNING);
	assert_int_equal(percent_of(task), 4);
	IVMTask2_Release(task);
}

/* As with the component: one task in many hands. */
static void test_threads_on_one_kvp_task(void **state)
{
	static void *(*const jobs[])(void *) = {
		wait_in_thread, wait_in_thread, ask_in_thread, poll_in_thread, cancel_in_thread,
	};
	enum { JOBS = sizeof(jobs) / sizeof(jobs[0]) };
	pthread_t threads[JOBS];
	IVMTask2 *task = logoff();
	char value[96];
	void *good;

	(void)state;
	for (size_t i = 0; i < JOBS; i++) {
		IVMTask2_AddRef(task);
		assert_int_equal(pthread_create(&threads[i], NULL, jobs[i], task), 0);
	}
	for (int percent = 0; percent <= 90; percent++) {
		snprintf(value, sizeof(value), "v=1 id=@ state=%s percent=%d text=On the way.",
			 percent < 80 ? "grace" : "ending", percent);
		fake_host_kvp_answers(value);
		usleep(2000);
	}
	fake_host_kvp_answers("v=1 id=@ state=done result=0x00000000 text=");
	for (size_t i = 0; i < JOBS; i++) {
		pthread_join(threads[i], &good);
		assert_ptr_equal(good, task);
	}
	complete(task);
	assert_int_equal(IVMTask2_Release(task), 0);
}

static void test_codes(void **state)
{
	(void)state;
	assert_string_equal(VMGuestOS_ErrorName(VM_E_TIMED_OUT), "VM_E_TIMED_OUT");
	assert_string_equal(VMGuestOS_ErrorName((HRESULT)0x80070520),
			    "ERROR_NO_SUCH_LOGON_SESSION");
	assert_string_equal(VMGuestOS_ErrorName((HRESULT)0x80001234), "unknown");
	assert_non_null(strstr(VMGuestOS_ErrorText(S_OK), "succeeded"));
	assert_non_null(VMGuestOS_ErrorText((HRESULT)0x80001234));
}

static void test_statuses(void **state)
{
	static const HRESULT codes[] = {
		S_OK,
		DISP_E_EXCEPTION,
		HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION),
		VM_E_TIMED_OUT,
		HRESULT_FROM_WIN32(ERROR_CANCELLED),
		HRESULT_FROM_WIN32(ERROR_BUSY),
		VM_E_VM_UNKNOWN,
		VM_E_VM_NOT_RUNNING,
		VM_E_ADDITIONS_FEATURE_NOT_AVAIL,
		E_ACCESSDENIED,
		E_INVALIDARG,
		E_FAIL,
		E_OUTOFMEMORY,
		HRESULT_FROM_WIN32(ERROR_TIMEOUT),
		HRESULT_FROM_WIN32(ERROR_TIME_SKEW),
		HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH),
		HRESULT_FROM_WIN32(ERROR_ALREADY_EXISTS),
	};
	bool seen[256] = {[EXIT_FAILURE] = true};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		int status = status_of(codes[i]);

		assert_in_range(status, 0, 63);
		assert_false(seen[status]);
		seen[status] = true;
	}
	assert_int_equal(status_of(S_OK), 0);
	assert_int_equal(status_of((HRESULT)0x80001234), EXIT_FAILURE);
}

static void test_similar_names(void **state)
{
	(void)state;
	assert_true(suggest_is_similar("wbe1", "web1"));
	assert_true(suggest_is_similar("web2", "web1"));
	assert_true(suggest_is_similar("Web1", "web1"));
	assert_true(suggest_is_similar("we", "web1"));
	assert_true(suggest_is_similar("databse", "database"));
	assert_false(suggest_is_similar("mail", "web1"));
	assert_false(suggest_is_similar("", "web1"));
	assert_false(suggest_is_similar("x", "web1"));
}

#define HOST(name)     cmocka_unit_test_setup_teardown(name, setup_host, teardown)
#define KVP(name)      cmocka_unit_test_setup_teardown(name, setup_kvp, teardown)
#define REGISTRY(name) cmocka_unit_test_setup_teardown(name, setup_registry, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		REGISTRY(test_unknown_machine),
		REGISTRY(test_names),
		REGISTRY(test_not_running),
		REGISTRY(test_too_long_a_path),
		HOST(test_access_denied),
		HOST(test_not_available),
		HOST(test_refused),
		HOST(test_logoff_null),
		HOST(test_guest_interfaces),
		HOST(test_task_interfaces),
		cmocka_unit_test(test_documented_iids),
		HOST(test_task_from_start_to_end),
		HOST(test_getters_take_no_null),
		HOST(test_results),
		HOST(test_host_gives_up),
		HOST(test_an_error_has_words),
		HOST(test_wait),
		HOST(test_cancel),
		HOST(test_too_late_to_cancel),
		HOST(test_machine_stops),
		HOST(test_options_are_sent),
		HOST(test_wrong_options),
		HOST(test_target_is_sent),
		HOST(test_sizes_of_options),
		HOST(test_session_results),
		HOST(test_many_sessions),
		HOST(test_descriptor),
		HOST(test_early_news),
		HOST(test_lines_in_pieces),
		HOST(test_wrong_lines),
		HOST(test_odd_reports),
		HOST(test_endless_line),
		HOST(test_no_control_characters),
		HOST(test_release_cancels_nothing),
		HOST(test_threads_on_one_task),
		HOST(test_threads_on_one_machine),
		HOST(test_events),
		HOST(test_plain_events),
		HOST(test_reporting),
		HOST(test_end_of_events),
		HOST(test_advise_fails),
		HOST(test_leave_within_a_call),
		HOST(test_threads_listen),
		KVP(test_kvp_from_start_to_end),
		KVP(test_kvp_descriptor_at_the_end),
		KVP(test_kvp_options),
		KVP(test_which_way),
		KVP(test_kvp_cancel),
		KVP(test_kvp_busy),
		KVP(test_kvp_clocks),
		KVP(test_kvp_nobody_answers),
		KVP(test_kvp_machine_stops),
		KVP(test_threads_on_one_kvp_task),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_similar_names),
	};

	return cmocka_run_group_tests_name("vmguestos", tests, NULL, NULL);
}
