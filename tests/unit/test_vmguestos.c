// SPDX-License-Identifier: GPL-2.0-or-later
/* libvmguestos with a fake host. */
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_host.h"
#include "unit.h"
#include "userspace/host/libvmguestos/transport/kvp_machine.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/shared/kvp_value.h"

/* The time limit for an event that must occur. */
#define LIMIT_MS 60000

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" contains \"%s\"", text, part);
}

static int setup_registry(void **state)
{
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

static bool is_readable(IVMTask2 *task, int timeout)
{
	struct pollfd descriptor = {.events = POLLIN};

	return IVMTask2_get_Descriptor(task, &descriptor.fd) == S_OK &&
	       poll(&descriptor, 1, timeout) == 1 && descriptor.revents;
}

static void wait_for_state(IVMTask2 *task, VMLogoffState wanted)
{
	while (state_of(task) != wanted)
		assert_true(is_readable(task, LIMIT_MS));
}

static void complete(IVMTask2 *task)
{
	assert_int_equal(IVMTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
	assert_true(is_complete(task));
	assert_int_equal(state_of(task), vmLogoffState_Done);
	assert_false(is_cancelable(task));
}

/* A task that is complete, with the error @hr. */
static IVMTask2 *completed(HRESULT hr)
{
	IVMTask2 *task = logoff();

	fake_host_send_result((uint32_t)hr);
	complete(task);
	return task;
}

static void test_unknown_machine(void **state)
{
	static const char *const names[] = {"", "nobody", ".", "..", "../tmp", "a/b", "-x"};
	IVMGuestOS *guest;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		guest = (IVMGuestOS *)&guest;
		assert_int_equal(VMGuestOS_Find(names[i], &guest), VM_E_VM_UNKNOWN);
		assert_null(guest);
	}
	assert_int_equal(VMGuestOS_Find(NULL, &guest), E_POINTER);
	assert_int_equal(VMGuestOS_Find(FAKE_HOST_NAME, NULL), E_POINTER);
	setenv("HVHOST_DIR", "/nowhere/at/all", 1);
	assert_int_equal(VMGuestOS_Find(FAKE_HOST_NAME, &guest), VM_E_VM_UNKNOWN);
}

static void create(const char *name, mode_t mode)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/../%s", fake_host_directory(), name);
	if (S_ISDIR(mode)) {
		assert_int_equal(mkdir(path, 0755), 0);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
}

static void remove_entry(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/../%s", fake_host_directory(), name);
	assert_int_equal(remove(path), 0);
}

static void test_names(void **state)
{
	char **names;

	create("zebra", S_IFDIR);
	create("aardvark", S_IFDIR);
	create(".hidden", S_IFDIR);
	create("file", S_IFREG);
	assert_int_equal(VMGuestOS_Names(&names), S_OK);
	assert_string_equal(names[0], "aardvark");
	assert_string_equal(names[1], FAKE_HOST_NAME);
	assert_string_equal(names[2], "zebra");
	assert_null(names[3]);
	free(names);
	remove_entry("zebra");
	remove_entry("aardvark");
	remove_entry(".hidden");
	remove_entry("file");
	assert_int_equal(VMGuestOS_Names(NULL), E_POINTER);
	setenv("HVHOST_DIR", "/nowhere/at/all", 1);
	assert_int_equal(VMGuestOS_Names(&names), S_OK);
	assert_null(names[0]);
	free(names);
}

static void assert_machine(const char *found_by, const char *wanted_guid)
{
	char *name, *guid;
	IVMGuestOS *guest;
	IVMGuestOS2 *extended;

	assert_int_equal(VMGuestOS_Find(found_by, &guest), S_OK);
	extended = (IVMGuestOS2 *)guest;
	assert_int_equal(IVMGuestOS2_get_Name(extended, &name), S_OK);
	assert_int_equal(IVMGuestOS2_get_Guid(extended, &guid), S_OK);
	assert_int_equal(IVMGuestOS2_get_Name(extended, NULL), E_POINTER);
	assert_int_equal(IVMGuestOS2_get_Guid(extended, NULL), E_POINTER);
	assert_string_equal(name, FAKE_HOST_NAME);
	assert_string_equal(guid, wanted_guid);
	free(name);
	free(guid);
	IVMGuestOS_Release(guest);
}

static void test_guid(void **state)
{
	static const char guid[] = "0f8fad5b-d9cb-469f-a165-70867728950e";
	char path[160];
	FILE *file;

	assert_machine(FAKE_HOST_NAME, "");
	snprintf(path, sizeof(path), "%s/machine.json", fake_host_directory());
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "{\"guid\": \"%s\"}", guid);
	fclose(file);
	assert_machine(FAKE_HOST_NAME, guid);
	assert_machine(guid, guid);
	unlink(path);
}

/* Only the library for Windows reaches other computers. */
static void test_hosts(void **state)
{
	static const VMHost this_one = {.size = sizeof(this_one), .name = ""},
			    other = {.size = sizeof(other), .name = "hv01"},
			    user = {.size = sizeof(user), .user = "HV01\\admin"},
			    invalid[] = {{.size = 4},
					 {.size = sizeof(invalid[0]), .name = "\xff"},
					 {.size = sizeof(invalid[0]), .user = ""},
					 {.size = sizeof(invalid[0]), .password = "x"}};
	IVMGuestOS *guest;
	char **names;

	assert_int_equal(VMGuestOS_FindOn(&this_one, FAKE_HOST_NAME, &guest), S_OK);
	IVMGuestOS_Release(guest);
	assert_int_equal(VMGuestOS_NamesOn(&this_one, &names), S_OK);
	assert_string_equal(names[0], FAKE_HOST_NAME);
	free(names);
	assert_int_equal(VMGuestOS_FindOn(&other, FAKE_HOST_NAME, &guest), E_NOTIMPL);
	assert_null(guest);
	assert_contains(VMGuestOS_LastErrorText(), "this computer");
	assert_int_equal(VMGuestOS_NamesOn(&other, &names), E_NOTIMPL);
	assert_null(names);
	assert_int_equal(VMGuestOS_FindOn(&user, FAKE_HOST_NAME, &guest), E_NOTIMPL);
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		assert_int_equal(VMGuestOS_FindOn(&invalid[i], "x", &guest), E_INVALIDARG);
		assert_int_equal(VMGuestOS_NamesOn(&invalid[i], &names), E_INVALIDARG);
	}
	assert_int_equal(VMGuestOS_FindOn(NULL, "nobody", &guest), VM_E_VM_UNKNOWN);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
}

static void test_not_running(void **state)
{
	IVMGuestOS2 *guest = find();
	IVMTask *task = (IVMTask *)guest;

	/* Never started; started and killed. */
	assert_int_equal(IVMGuestOS2_Logoff(guest, &task), VM_E_VM_NOT_RUNNING);
	assert_null(task);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	fake_host_start();
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), S_OK);
	fake_host_stop();
	assert_int_equal(IVMGuestOS2_Logoff(guest, &task), VM_E_VM_NOT_RUNNING);
	/* The text of the HRESULT says to start it. */
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), VM_E_VM_NOT_RUNNING);
	IVMGuestOS2_Release(guest);
}

static void test_path_too_long(void **state)
{
	static const char name[] =
		"a-name-that-is-just-about-as-long-as-a-machine-is-allowed-to-have";
	char registry[160], deeper[128];
	IVMGuestOS *guest;
	IVMTask *task;

	snprintf(deeper, sizeof(deeper), "%.63s", name);
	create(deeper, S_IFDIR);
	snprintf(registry, sizeof(registry), "%s/../%s", fake_host_directory(), deeper);
	snprintf(deeper, sizeof(deeper), "%.63s/%.63s", name, name);
	create(deeper, S_IFDIR);
	setenv("HVHOST_DIR", registry, 1);
	snprintf(registry, sizeof(registry), "%.63s", name);
	assert_int_equal(VMGuestOS_Find(registry, &guest), S_OK);
	assert_int_equal(IVMGuestOS_Logoff(guest, &task), VM_E_VM_NOT_RUNNING);
	IVMGuestOS_Release(guest);
	remove_entry(deeper);
	remove_entry(registry);
}

/* Calls @call in a child process, as an unprivileged user. */
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

	snprintf(socket, sizeof(socket), "%s/control.sock", fake_host_directory());
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

	fake_host_set_negotiated(false);
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_int_equal(IVMGuestOS2_Logoff(guest, &task), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_null(task);
	IVMGuestOS2_Release(guest);
}

static void test_refused(void **state)
{
	IVMGuestOS2 *guest;
	IVMTask *task;

	fake_host_set_refusal((uint32_t)E_ACCESSDENIED);
	assert_int_equal(try_logoff(&task), E_ACCESSDENIED);
	assert_string_equal(VMGuestOS_LastErrorText(), "No.");
	guest = find();
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), E_ACCESSDENIED);
	IVMGuestOS2_Release(guest);
	/* A refusal with the code of a success. */
	fake_host_set_refusal(1);
	assert_int_equal(try_logoff(&task), DISP_E_EXCEPTION);
	fake_host_set_refusal(0);
	assert_int_equal(try_logoff(&task), S_OK);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	IVMTask_Release(task);
}

static void test_logoff_null(void **state)
{
	IVMGuestOS2 *guest = find();
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 1};
	IVMTask *task;

	assert_int_equal(IVMGuestOS2_Logoff(guest, NULL), E_POINTER);
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, NULL), E_POINTER);
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, NULL, &task), E_POINTER);
	assert_string_equal(fake_host_received("logoff"), "");
	IVMGuestOS2_Release(guest);
}

/* All interfaces start with the functions of IUnknown. */
static void assert_interfaces(void *object, const IID *const known[3], const IID *unknown)
{
	IVMTask *task = object;
	void *other;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(IVMTask_QueryInterface(task, known[i], &other), S_OK);
		assert_ptr_equal(other, object);
		assert_int_equal(IVMTask_Release(task), 1);
	}
	assert_int_equal(IVMTask_QueryInterface(task, unknown, &other), E_NOINTERFACE);
	assert_null(other);
	assert_int_equal(IVMTask_QueryInterface(task, NULL, &other), E_POINTER);
	assert_int_equal(IVMTask_QueryInterface(task, &IID_IUnknown, NULL), E_POINTER);
	assert_int_equal(IVMTask_AddRef(task), 2);
	assert_int_equal(IVMTask_Release(task), 1);
	assert_int_equal(IVMTask_Release(task), 0);
}

static void test_guest_interfaces(void **state)
{
	static const IID *const known[] = {&IID_IUnknown, &IID_IVMGuestOS, &IID_IVMGuestOS2};

	assert_interfaces(find(), known, &IID_IVMTask);
}

static void test_task_interfaces(void **state)
{
	static const IID *const known[] = {&IID_IUnknown, &IID_IVMTask, &IID_IVMTask2};

	assert_interfaces(logoff(), known, &IID_IVMGuestOS);
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

	for (size_t i = 0; i < ARRAY_SIZE(iids); i++) {
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

	assert_false(is_complete(task));
	assert_true(is_cancelable(task));
	assert_int_equal(percent_of(task), 0);
	assert_int_equal(state_of(task), vmLogoffState_Pending);
	assert_int_equal(error_of(task), S_OK);
	assert_text(task->lpVtbl->get_Description, task,
		    "Logging off the users of " FAKE_HOST_NAME);
	fake_host_send_progress("grace", 10, "Waiting.");
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(percent_of(task), 10);
	assert_sessions(task, 3, 1, 0);
	assert_text(task->lpVtbl->get_StatusText, task, "Waiting.");
	assert_text(task->lpVtbl->get_ErrorDescription, task, "");
	assert_true(is_cancelable(task));
	fake_host_send_progress("ending", 5, "");
	wait_for_state(task, vmLogoffState_Ending);
	assert_int_equal(percent_of(task), 10);
	assert_false(is_cancelable(task));
	assert_false(is_complete(task));
	fake_host_send_result(S_OK);
	complete(task);
	assert_int_equal(percent_of(task), 100);
	assert_sessions(task, 3, 2, 1);
	assert_int_equal(error_of(task), S_OK);
	assert_int_equal(result_of(task), vmTaskResult_Success);
	assert_text(task->lpVtbl->get_ErrorDescription, task, "");
	assert_int_equal(IVMTask2_Release(task), 0);
}

static void test_getters_refuse_null(void **state)
{
	IVMTask2 *task = logoff();
	VMSessionResult *results;
	uint32_t count;

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
	} outcomes[] = {
		{HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION), vmTaskResult_UnexpectedError},
		{HRESULT_FROM_WIN32(ERROR_CANCELLED), vmTaskResult_Cancelled},
		{HRESULT_FROM_WIN32(ERROR_BUSY), vmTaskResult_UnexpectedError},
		{VM_E_TIMED_OUT, vmTaskResult_TimeOut},
		{DISP_E_EXCEPTION, vmTaskResult_UnexpectedError},
		{E_INVALIDARG, vmTaskResult_IllegalValue},
		{E_FAIL, vmTaskResult_UnexpectedError},
		{E_OUTOFMEMORY, vmTaskResult_OutOfMemory},
	};

	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		IVMTask2 *task = completed(outcomes[i].error);

		assert_int_equal(error_of(task), outcomes[i].error);
		assert_int_equal(result_of(task), outcomes[i].result);
		assert_text(task->lpVtbl->get_ErrorDescription, task, "The end.");
		assert_int_equal(percent_of(task), 90);
		IVMTask2_Release(task);
	}
}

static void test_host_ends_the_request(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_send_progress("ending", 40, "");
	fake_host_send("{\"ok\":false,\"error\":\"The channel was closed.\",\"hresult\":2147614729,"
		       "\"id\":\"0x1\"}\n");
	complete(task);
	assert_int_equal(error_of(task), DISP_E_EXCEPTION);
	assert_sessions(task, 3, 1, 0);
	assert_int_equal(percent_of(task), 40);
	assert_text(task->lpVtbl->get_ErrorDescription, task, "The channel was closed.");
	IVMTask2_Release(task);
}

static void test_default_error_text(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_send("{\"ok\":true,\"hresult\":2147943712,\"id\":\"0x1\"}\n");
	complete(task);
	assert_text(task->lpVtbl->get_ErrorDescription, task,
		    VMGuestOS_ErrorText(HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION)));
	IVMTask2_Release(task);
}

static void test_wait(void **state)
{
	IVMTask2 *task = logoff();

	assert_int_equal(IVMTask2_WaitForCompletion(task, -2), E_INVALIDARG);
	assert_int_equal(IVMTask2_WaitForCompletion(task, INT32_MIN), E_INVALIDARG);
	assert_int_equal(IVMTask2_WaitForCompletion(task, 4000001), E_INVALIDARG);
	assert_int_equal(IVMTask2_WaitForCompletion(task, INT32_MAX), E_INVALIDARG);
	assert_int_equal(IVMTask2_WaitForCompletion(task, 0), S_OK);
	assert_false(is_complete(task));
	assert_int_equal(IVMTask2_WaitForCompletion(task, 50), S_OK);
	assert_false(is_complete(task));
	fake_host_send_result(S_OK);
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

	assert_int_equal(IVMTask2_get_ID(task, &number), S_OK);
	snprintf(id, sizeof(id), "\"id\":\"%#llx\"", (unsigned long long)number);
	assert_contains(fake_host_received("logoff"), id);
	assert_int_equal(IVMTask2_Cancel(task), S_OK);
	assert_contains(fake_host_received("cancel"), id);
	/* The cancellation is accepted; the result follows. */
	assert_false(is_complete(task));
	fake_host_send_result((uint32_t)HRESULT_FROM_WIN32(ERROR_CANCELLED));
	complete(task);
	assert_int_equal(result_of(task), vmTaskResult_Cancelled);
	IVMTask2_Release(task);
}

static void test_too_late_to_cancel(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_set_cancel_result((uint32_t)E_FAIL);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	fake_host_set_cancel_result((uint32_t)HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	/* In this state, the library does not send a cancel. */
	fake_host_set_cancel_result(S_OK);
	fake_host_send_progress("ending", 10, "");
	wait_for_state(task, vmLogoffState_Ending);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	fake_host_send_result(S_OK);
	complete(task);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	IVMTask2_Release(task);
}

static void test_machine_stops(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_send_progress("grace", 10, "Waiting.");
	fake_host_stop();
	complete(task);
	assert_int_equal(error_of(task), VM_E_VM_NOT_RUNNING);
	assert_int_equal(result_of(task), vmTaskResult_ShutdownAbort);
	assert_int_equal(percent_of(task), 10);
	assert_text(task->lpVtbl->get_ErrorDescription, task,
		    "The machine ended before it answered.");
	IVMTask2_Release(task);
}

static HRESULT try_options(const VMLogoffOptions *options, IVMTask **task)
{
	IVMGuestOS2 *guest = find();
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest, options, task);

	IVMGuestOS2_Release(guest);
	return hr;
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
	const char *command;

	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), S_OK);
	command = fake_host_received("logoff");
	assert_contains(command, "\"timeout\":300");
	assert_contains(command, "\"grace\":200");
	assert_contains(command, "\"force\":true");
	assert_contains(command, "\"message\":\"\\\"M\xc3\xb6\\\"\\n\"");
	IVMTask_Release(task);
	assert_int_equal(IVMGuestOS2_Logoff(guest, &task), S_OK);
	command = fake_host_received("logoff");
	assert_contains(command, "\"timeout\":60");
	assert_contains(command, "\"grace\":0");
	assert_contains(command, "\"force\":false");
	assert_lacks(command, "message");
	/* Guests with hv-logoff 1.0 do not support these members. */
	assert_lacks(command, "user");
	assert_lacks(command, "session");
	assert_lacks(command, "dry_run");
	/* Nor do those with 1.1 support these. */
	assert_lacks(command, "include_lingering");
	assert_lacks(command, "no_logins");
	IVMTask_Release(task);
	IVMGuestOS2_Release(guest);
}

static void test_invalid_options(void **state)
{
	static char longest[VM_LOGOFF_MESSAGE_MAX + 2];
	const uint32_t size = sizeof(VMLogoffOptions);
	const VMLogoffOptions invalid[] = {
		{.size = 0, .timeout = 60},
		{.size = offsetof(VMLogoffOptions, user) - 1, .timeout = 60},
		{.size = UINT32_MAX, .timeout = 60},
		{.size = size, .timeout = 0},
		{.size = size, .timeout = VM_LOGOFF_TIMEOUT_MAX + 1},
		{.size = size, .timeout = 60, .grace = 60},
		{.size = size, .timeout = 60, .flags = 128},
		{.size = size, .timeout = 60, .flags = VM_LOGOFF_VIA_VMBUS | VM_LOGOFF_VIA_KVP},
		{.size = size, .timeout = 60, .flags = VM_LOGOFF_VIA_VSOCK | VM_LOGOFF_VIA_KVP},
		{.size = size, .timeout = 60, .message = "\xff"},
		{.size = size, .timeout = 60, .message = longest},
		{.size = size, .timeout = 60, .user = ""},
		{.size = size, .timeout = 60, .user = "\xff"},
		{.size = size, .timeout = 60, .user = longest},
		{.size = size, .timeout = 60, .session = ""},
		{.size = size, .timeout = 60, .session = longest},
	};
	IVMGuestOS2 *guest = find();
	VMLogoffOptions valid = {.size = size, .timeout = VM_LOGOFF_TIMEOUT_MAX};
	IVMTask *task;

	memset(longest, 'x', VM_LOGOFF_MESSAGE_MAX + 1);
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		task = (IVMTask *)guest;
		assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &invalid[i], &task),
				 E_INVALIDARG);
		assert_null(task);
	}
	assert_string_equal(fake_host_received("logoff"), "");
	valid.grace = VM_LOGOFF_TIMEOUT_MAX - 1;
	valid.message = longest + 1;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &valid, &task), S_OK);
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
	const char *command;

	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), S_OK);
	command = fake_host_received("logoff");
	assert_contains(command, "\"user\":\"anna\"");
	assert_contains(command, "\"session\":\"c3\"");
	assert_contains(command, "\"dry_run\":true");
	IVMTask_Release(task);
	IVMGuestOS2_Release(guest);
}

/* An older host ignores members that it does not support, so it must not receive such a request. */
static void test_flags_of_1_2(void **state)
{
	static const struct {
		uint32_t flag;
		const char *member, *why;
	} flags[] = {
		{VM_LOGOFF_INCLUDE_LINGERING, "\"include_lingering\":true",
		 "older than 1.2 and does not support ending the programs of lingering users"},
		{VM_LOGOFF_NO_LOGINS, "\"no_logins\":true",
		 "older than 1.2 and does not support preventing logins"},
	};
	static const char *const older[] = {"1.0", "1.1", "0.9", "later"};
	static const char *const newer[] = {"1.2", "1.10", "2.0"};
	VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMTask *task;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		options.flags = flags[i].flag;
		for (size_t j = 0; j < ARRAY_SIZE(older); j++) {
			fake_host_set_version(older[j]);
			assert_int_equal(try_options(&options, &task),
					 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
			assert_contains(VMGuestOS_LastErrorText(), flags[i].why);
		}
	}
	assert_string_equal(fake_host_received("logoff"), "");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		options.flags = flags[i].flag;
		for (size_t j = 0; j < ARRAY_SIZE(newer); j++) {
			fake_host_set_version(newer[j]);
			assert_int_equal(try_options(&options, &task), S_OK);
			assert_contains(fake_host_received("logoff"), flags[i].member);
			assert_lacks(fake_host_received("logoff"), flags[!i].member);
			IVMTask_Release(task);
		}
	}
	/* Without the component there is no version, and no reason to update. */
	fake_host_set_negotiated(false);
	fake_host_set_version("");
	assert_int_equal(try_options(&options, &task), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_lacks(VMGuestOS_LastErrorText(), "older");
}

static const char *const user_names[] = {
	"jane doe", "DOMAIN\\user", "DOMAIN\\jane doe", "user@domain",
	"1000",     "\"jane\"",     "Zo\xc3\xab",
};

static void test_user_names(void **state)
{
	VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMTask *task;

	for (size_t i = 0; i < ARRAY_SIZE(user_names); i++) {
		json_t *command;

		options.user = user_names[i];
		assert_int_equal(try_options(&options, &task), S_OK);
		command = json_loads(fake_host_received("logoff"), 0, NULL);
		assert_string_equal(json_string_value(json_object_get(command, "user")),
				    user_names[i]);
		json_decref(command);
		IVMTask_Release(task);
	}
}

/* Options of programs compiled with another version of the header. */
static void test_sizes_of_options(void **state)
{
	struct {
		VMLogoffOptions known;
		uint64_t unknown;
	} newer = {.known = {.size = sizeof(newer), .timeout = 60, .user = "anna"}};
	VMLogoffOptions older = {.size = offsetof(VMLogoffOptions, user), .timeout = 60};
	IVMGuestOS2 *guest = find();
	IVMTask *task;

	/* Beyond the size, and therefore ignored. */
	older.user = (const char *)1;
	older.session = (const char *)1;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &older, &task), S_OK);
	assert_lacks(fake_host_received("logoff"), "user");
	IVMTask_Release(task);
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &newer.known, &task), S_OK);
	assert_contains(fake_host_received("logoff"), "\"user\":\"anna\"");
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

	assert_int_equal(IVMTask2_get_SessionResults(task, &none, &count), S_OK);
	assert_int_equal(count, 0);
	free(none);
	fake_host_send_session("0x1", "failed", "normal", "c1");
	fake_host_send_session("0x1", "selected", "normal", "c\\u001b2");
	fake_host_send_session("0x1", "vanished", "normal", "c3");
	/* A later outcome replaces an earlier one. */
	fake_host_send_session("0x1", "ended", "external", "c1");
	fake_host_send_result(S_OK);
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

/* More sessions than the initial capacity. */
/* Outcomes for users have no session, except RETURNED. */
static void test_user_results(void **state)
{
	static const struct {
		const char *outcome, *session;
	} events[] = {
		{"ended", "c1"},    {"manager-failed", ""}, {"outside", ""},
		{"lingering", ""},  {"manager-ended", ""},  {"outside", ""},
		{"returned", "c9"},
	};
	static const VMSessionOutcome wanted[] = {
		vmSessionOutcome_Ended,     vmSessionOutcome_ManagerEnded, vmSessionOutcome_Outside,
		vmSessionOutcome_Lingering, vmSessionOutcome_Returned,
	};
	IVMTask2 *task = logoff();
	VMSessionResult *results;
	uint32_t count;

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		fake_host_send_session("0x1", events[i].outcome, "normal", events[i].session);
	fake_host_send(
		"{\"event\":\"session\",\"id\":\"0x1\",\"outcome\":\"lingering\","
		"\"kind\":null,\"uid\":1001,\"user\":\"bob\",\"session\":\"\",\"lost\":0}\n");
	fake_host_send_result(S_OK);
	complete(task);
	assert_int_equal(IVMTask2_get_SessionResults(task, &results, &count), S_OK);
	assert_int_equal(count, ARRAY_SIZE(wanted) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_int_equal(results[i].outcome, wanted[i]);
		assert_int_equal(results[i].uid, 1000);
	}
	assert_string_equal(results[1].session, "");
	assert_string_equal(results[4].session, "c9");
	assert_int_equal(results[5].outcome, vmSessionOutcome_Lingering);
	assert_string_equal(results[5].user, "bob");
	free(results);
	IVMTask2_Release(task);
}

static void test_many_sessions(void **state)
{
	IVMTask2 *task = logoff();
	VMSessionResult *results;
	uint32_t count;
	char name[16];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		fake_host_send_session("0x1", "ended", "external", name);
	}
	fake_host_send_result(S_OK);
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

	assert_false(is_readable(task, 0));
	fake_host_send_progress("grace", 10, "");
	assert_true(is_readable(task, LIMIT_MS));
	assert_int_equal(state_of(task), vmLogoffState_Grace);
	assert_false(is_readable(task, 0));
	fake_host_send_result(S_OK);
	assert_true(is_readable(task, LIMIT_MS));
	assert_true(is_complete(task));
	assert_true(is_readable(task, 0));
	assert_true(is_readable(task, 0));
	IVMTask2_Release(task);
}

#define EARLY_PROGRESS                                                                             \
	"{\"event\":\"progress\",\"state\":\"grace\",\"percent\":7,\"found\":1,\"ended\":0,"       \
	"\"failed\":0,\"text\":\"\"}\n"
#define EARLY_END "{\"ok\":true,\"hresult\":2147942570,\"id\":\"0x1\"}\n"

/* poll() also reports output received together with the reply to the status. */
static void test_early_output(void **state)
{
	IVMTask2 *task;

	fake_host_set_early_output(EARLY_PROGRESS, EARLY_END);
	task = logoff();
	assert_true(is_readable(task, LIMIT_MS));
	complete(task);
	assert_int_equal(percent_of(task), 7);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_BUSY));
	IVMTask2_Release(task);
	/* The guest completes before the host replies to the status. */
	fake_host_set_early_output(EARLY_END, NULL);
	task = logoff();
	complete(task);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_BUSY));
	IVMTask2_Release(task);
}

static void test_partial_lines(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_send("{\"event\":\"progress\",\"sta");
	assert_int_equal(state_of(task), vmLogoffState_Pending);
	fake_host_send("te\":\"grace\",\"percent\":12}");
	assert_int_equal(state_of(task), vmLogoffState_Pending);
	fake_host_send("\n{\"ok\":true,\"hresult\":0}\n{\"event\":\"progress\",\"percent\":50}\n");
	complete(task);
	assert_int_equal(error_of(task), S_OK);
	IVMTask2_Release(task);
}

static void test_invalid_lines(void **state)
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

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		IVMTask2 *task = logoff();

		fake_host_send(lines[i]);
		complete(task);
		assert_int_equal(error_of(task), DISP_E_EXCEPTION);
		IVMTask2_Release(task);
	}
}

static void test_invalid_reports(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_send("{\"event\":\"progress\",\"state\":\"unknown\",\"percent\":-5,"
		       "\"found\":-1,\"ended\":99999999999,\"failed\":null,\"text\":7}\n"
		       "{\"event\":\"progress\",\"state\":\"grace\",\"percent\":1000}\n");
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(percent_of(task), 100);
	assert_sessions(task, 0, 0, 0);
	assert_text(task->lpVtbl->get_StatusText, task, "");
	IVMTask2_Release(task);
}

static void test_unlimited_line(void **state)
{
	static char piece[4097];
	IVMTask2 *task = logoff();

	memset(piece, 'x', sizeof(piece) - 1);
	for (int i = 0; i < 2048 && !is_complete(task); i++)
		fake_host_send(piece);
	complete(task);
	assert_int_equal(error_of(task), DISP_E_EXCEPTION);
	IVMTask2_Release(task);
}

static void test_control_characters_are_replaced(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_send_progress("grace", 1, "a\\u001b[2Jb\\u009bc\\nd\\u007fe \xc3\xb6");
	wait_for_state(task, vmLogoffState_Grace);
	assert_text(task->lpVtbl->get_StatusText, task, "a?[2Jb?c d?e \xc3\xb6");
	IVMTask2_Release(task);
}

static void test_release_does_not_cancel(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_send_progress("grace", 1, "");
	assert_int_equal(IVMTask2_Release(task), 0);
	fake_host_wait_disconnect();
	assert_string_equal(fake_host_received("cancel"), "");
}

static void *wait_in_thread(void *task)
{
	HRESULT hr = IVMTask_WaitForCompletion((IVMTask *)task, LIMIT_MS);

	IVMTask_Release((IVMTask *)task);
	return hr == S_OK ? task : NULL;
}

static void *read_in_thread(void *pointer)
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
	bool ok = true;

	for (int i = 0; i < 20; i++) {
		HRESULT hr = IVMTask_Cancel((IVMTask *)task);

		ok = ok && (hr == S_OK || hr == E_FAIL);
	}
	IVMTask_Release((IVMTask *)task);
	return ok ? task : NULL;
}

static void *poll_in_thread(void *pointer)
{
	IVMTask2 *task = pointer;
	bool ok;

	while (!is_complete(task)) {
		if (!is_readable(task, LIMIT_MS))
			break;
	}
	ok = is_readable(task, 0);
	IVMTask2_Release(task);
	return ok ? pointer : NULL;
}

struct threads {
	pthread_t ids[8];
	size_t count;
	void *object;
};

/* Runs @job in a thread with a reference to @object of its own, which the job releases. */
static void start_thread(struct threads *threads, void *(*job)(void *), void *object)
{
	IVMTask_AddRef((IVMTask *)object);
	threads->object = object;
	assert_in_range(threads->count, 0, ARRAY_SIZE(threads->ids) - 1);
	assert_int_equal(pthread_create(&threads->ids[threads->count++], NULL, job, object), 0);
}

/* Every job must have succeeded and returned its object, whose last reference this releases. */
static void join_threads(struct threads *threads)
{
	void *result;

	for (size_t i = 0; i < threads->count; i++) {
		pthread_join(threads->ids[i], &result);
		assert_ptr_equal(result, threads->object);
	}
	assert_int_equal(IVMTask_Release((IVMTask *)threads->object), 0);
}

/* Many threads share a task. Runs with ThreadSanitizer as well. */
static void test_threads_on_one_task(void **state)
{
	static void *(*const jobs[])(void *) = {
		wait_in_thread, wait_in_thread, wait_in_thread,   read_in_thread,
		read_in_thread, poll_in_thread, cancel_in_thread,
	};
	struct threads threads = {0};
	IVMTask2 *task = logoff();

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		start_thread(&threads, jobs[i], task);
	for (int percent = 0; percent <= 90; percent++)
		fake_host_send_progress(percent < 80 ? "grace" : "ending", percent, "In progress.");
	fake_host_send_result(S_OK);
	complete(task);
	join_threads(&threads);
}

static void *logoff_in_thread(void *pointer)
{
	IVMGuestOS2 *guest = pointer;
	bool ok = true;

	for (int i = 0; i < 10; i++) {
		IVMTask *task;
		HRESULT hr = IVMGuestOS2_Logoff(guest, &task);

		ok = ok && hr == S_OK && IVMTask_WaitForCompletion(task, LIMIT_MS) == S_OK &&
		     IVMTask_get_Error(task, &hr) == S_OK && hr == HRESULT_FROM_WIN32(ERROR_BUSY) &&
		     IVMTask_Release(task) == 0;
	}
	IVMGuestOS2_Release(guest);
	return ok ? pointer : NULL;
}

static void test_threads_on_one_machine(void **state)
{
	IVMGuestOS2 *guest = find();
	struct threads threads = {0};

	fake_host_set_early_output(EARLY_PROGRESS EARLY_END, NULL);
	for (size_t i = 0; i < 4; i++)
		start_thread(&threads, logoff_in_thread, guest);
	join_threads(&threads);
}

/* An event sink that records its calls. */
struct sink {
	IVMVirtualMachineEvents2 iface;
	bool plain; /* supports only IVMVirtualMachineEvents */
	atomic_uint references;
	/* At the first event: Unadvise() with this cookie, or Release() if it is 0. */
	IVMGuestOS2 *leave;
	uint32_t cookie;

	pthread_mutex_t lock; /* protects the following */
	pthread_cond_t changed;
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
	*out = NULL;
	return E_NOINTERFACE;
}

static void leave(struct sink *sink)
{
	IVMGuestOS2 *guest = sink->leave;

	sink->leave = NULL;
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
	pthread_cond_broadcast(&sink->changed);
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
	pthread_cond_broadcast(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
	return S_OK;
}

static HRESULT sink_reporting(IVMVirtualMachineEvents2 *This, bool reports)
{
	struct sink *sink = (struct sink *)This;

	pthread_mutex_lock(&sink->lock);
	sink->changes++;
	sink->reports = reports;
	pthread_cond_broadcast(&sink->changed);
	pthread_mutex_unlock(&sink->lock);
	return S_OK;
}

static HRESULT sink_end(IVMVirtualMachineEvents2 *This, HRESULT reason)
{
	struct sink *sink = (struct sink *)This;

	pthread_mutex_lock(&sink->lock);
	sink->ends++;
	sink->reason = reason;
	pthread_cond_broadcast(&sink->changed);
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

	*sink = (struct sink){.iface = {&table}};
	atomic_init(&sink->references, 1);
	pthread_mutex_init(&sink->lock, NULL);
	pthread_cond_init(&sink->changed, NULL);
}

static uint32_t advise(IVMGuestOS2 *guest, struct sink *sink)
{
	uint32_t cookie;

	assert_int_equal(
		IVMGuestOS2_Advise(guest, (IVMVirtualMachineEvents *)&sink->iface, &cookie), S_OK);
	assert_int_not_equal(cookie, 0);
	return cookie;
}

/* Waits until *@what, a counter of the sink, is @count. */
static void sink_wait(struct sink *sink, const unsigned int *what, unsigned int count)
{
	pthread_mutex_lock(&sink->lock);
	while (*what < count)
		pthread_cond_wait(&sink->changed, &sink->lock);
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

	sink_init(&sink);
	cookie = advise(guest, &sink);
	sink_wait(&sink, &sink.changes, 1);
	assert_true(sink.reports);
	fake_host_send_session("0x0", "ended", "normal", "c3");
	sink_wait(&sink, &sink.sessions, 1);
	assert_int_equal(sink.types[vmLogoffType_Normal], 1);
	assert_int_equal(sink.task, 0);
	assert_int_equal(sink.uid, 1000);
	assert_int_equal(sink.lost, 3);
	assert_string_equal(sink.user, "anna");
	assert_string_equal(sink.session, "c3");
	fake_host_send_session("0x0", "ended", "forced", "c4");
	fake_host_send_session("0x1f", "failed", "normal", "c5");
	fake_host_send_session("0x1f", "selected", "normal", "c5");
	fake_host_send_session("0x1f", "ended", "external", "c6");
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

	sink_init(&sink);
	sink.plain = true;
	advise(guest, &sink);
	fake_host_send_session("0x0", "ended", "normal", "c3");
	fake_host_send_session("0x0", "ended", "forced", "c4");
	sink_wait(&sink, &sink.types[vmLogoffType_Forced], 1);
	/* The last Release() removes the sinks. */
	assert_int_equal(IVMGuestOS2_Release(guest), 0);
	assert_unused(&sink);
	assert_int_equal(sink.sessions + sink.changes + sink.ends, 0);
	assert_int_equal(sink.types[vmLogoffType_Normal], 1);
}

static void test_reporting(void **state)
{
	IVMGuestOS2 *guest = find();
	struct sink sink;

	fake_host_set_version("1.0");
	sink_init(&sink);
	advise(guest, &sink);
	sink_wait(&sink, &sink.changes, 1);
	assert_false(sink.reports);
	/* OnReporting() is only called after a change. */
	fake_host_send_event("{\"event\":\"component\",\"negotiated\":true,\"version\":\"1.0\"}\n");
	fake_host_send_event("{\"event\":\"component\",\"negotiated\":true,\"version\":\"1.1\"}\n");
	sink_wait(&sink, &sink.changes, 2);
	assert_true(sink.reports);
	fake_host_send_event("{\"event\":\"component\",\"negotiated\":false,\"version\":null}\n");
	sink_wait(&sink, &sink.changes, 3);
	assert_false(sink.reports);
	fake_host_send_event("{\"event\":\"unknown\"}\n");
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

	sink_init(&sink);
	cookie = advise(guest, &sink);
	fake_host_send_event("{\"ok\":false,\"hresult\":2684617222,\"error\":\"It stops.\"}\n");
	sink_wait(&sink, &sink.ends, 1);
	assert_int_equal(sink.reason, VM_E_VM_NOT_RUNNING);
	assert_int_equal(IVMGuestOS2_Unadvise(guest, cookie), S_OK);
	advise(guest, &sink);
	fake_host_send_event("gibberish\n");
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
	IVMVirtualMachineEvents *events = (IVMVirtualMachineEvents *)&sink.iface;
	uint32_t cookie = 7;

	sink_init(&sink);
	assert_int_equal(IVMGuestOS2_Advise(guest, NULL, &cookie), E_POINTER);
	assert_int_equal(IVMGuestOS2_Advise(guest, events, NULL), E_POINTER);
	fake_host_set_refusal((uint32_t)E_ACCESSDENIED);
	assert_int_equal(IVMGuestOS2_Advise(guest, events, &cookie), E_ACCESSDENIED);
	assert_int_equal(cookie, 0);
	assert_string_equal(VMGuestOS_LastErrorText(), "No.");
	fake_host_stop();
	assert_int_equal(IVMGuestOS2_Advise(guest, events, &cookie), VM_E_VM_NOT_RUNNING);
	assert_string_equal(VMGuestOS_LastErrorText(), "");
	sink.iface.lpVtbl = &no_sink;
	assert_int_equal(IVMGuestOS2_Advise(guest, events, &cookie), CONNECT_E_CANNOTCONNECT);
	assert_unused(&sink);
	IVMGuestOS2_Release(guest);
}

/* Unadvise() and the last Release() do not deadlock when called by the sink. */
static void test_unadvise_within_a_call(void **state)
{
	for (int by_release = 0; by_release < 2; by_release++) {
		IVMGuestOS2 *guest = find();
		struct sink sink;

		sink_init(&sink);
		pthread_mutex_lock(&sink.lock);
		sink.cookie = advise(guest, &sink);
		sink.leave = guest;
		if (by_release)
			sink.cookie = 0;
		pthread_mutex_unlock(&sink.lock);
		fake_host_send_session("0x0", "ended", "normal", "c3");
		fake_host_send_session("0x0", "ended", "normal", "c4");
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
	bool ok = true;

	for (int i = 0; i < 20; i++) {
		struct sink sink;
		uint32_t cookie;

		sink_init(&sink);
		cookie = advise(guest, &sink);
		if (i % 2)
			sink_wait(&sink, &sink.types[vmLogoffType_Normal], 1);
		ok = ok && IVMGuestOS2_Unadvise(guest, cookie) == S_OK &&
		     atomic_load(&sink.references) == 1 && sink.ends == 0;
	}
	IVMGuestOS2_Release(guest);
	return ok ? pointer : NULL;
}

static void *report_in_thread(void *pointer)
{
	while (!atomic_load((atomic_bool *)pointer)) {
		fake_host_send_session("0x0", "ended", "normal", "c3");
		usleep(1000);
	}
	return NULL;
}

/* Many threads advise and unadvise. Runs with ThreadSanitizer as well. */
static void test_threads_advise(void **state)
{
	IVMGuestOS2 *guest = find();
	struct threads threads = {0};
	pthread_t reporter;
	atomic_bool stop;

	atomic_init(&stop, false);
	assert_int_equal(pthread_create(&reporter, NULL, report_in_thread, &stop), 0);
	for (size_t i = 0; i < 4; i++)
		start_thread(&threads, advise_in_thread, guest);
	join_threads(&threads);
	atomic_store(&stop, true);
	pthread_join(reporter, NULL);
}

#define IDLE "v=1 state=idle boot=b0-1 time=2026-11-22T16:00:03Z"

/* A guest without the component that accepts requests by KVP. */
static int setup_kvp(void **state)
{
	setup_host(state);
	fake_host_set_negotiated(false);
	fake_host_kvp_set_answer(IDLE);
	vmg_kvp_times = (struct kvp_times){.poll_ms = 10, .life = 120, .backstop_ms = 60000};
	return 0;
}

static void test_kvp_from_start_to_end(void **state)
{
	IVMTask2 *task;
	uint64_t id;
	char words[64];

	task = logoff();
	IVMTask2_get_ID(task, &id);
	snprintf(words, sizeof(words), "v=1 id=%016llx-1 issued=20", (unsigned long long)id);
	assert_ptr_equal(
		strstr(fake_host_kvp_wait("life=120 do=logoff boot=b0-1 timeout=60 grace=0"),
		       words),
		fake_host_kvp_wait(""));
	assert_int_equal(state_of(task), vmLogoffState_Pending);
	assert_true(is_cancelable(task));
	fake_host_kvp_set_answer(
		"v=1 id=@ state=grace percent=40 found=3 ended=1 failed=0 boot=b0-1 "
		"time=2026-11-22T16:00:04Z text=Waiting for it.");
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(percent_of(task), 40);
	assert_sessions(task, 3, 1, 0);
	assert_text(task->lpVtbl->get_StatusText, task, "Waiting for it.");
	fake_host_kvp_set_answer("v=1 id=@ state=ending percent=60 found=3 ended=2 failed=0 text=");
	wait_for_state(task, vmLogoffState_Ending);
	assert_int_equal(IVMTask2_Cancel(task), E_FAIL);
	fake_host_kvp_set_answer("v=1 id=@ state=done percent=60 found=3 ended=2 failed=1 "
				 "result=0xa0040202 text=No.");
	complete(task);
	assert_int_equal(error_of(task), VM_E_TIMED_OUT);
	assert_int_equal(result_of(task), vmTaskResult_TimeOut);
	assert_sessions(task, 3, 2, 1);
	assert_text(task->lpVtbl->get_ErrorDescription, task, "No.");
	assert_contains(fake_host_kvp_wait("do=forget"), words);
	/* The descriptor remains readable. */
	wait_for_state(task, vmLogoffState_Done);
	IVMTask2_Release(task);
}

static void test_kvp_sessions(void **state)
{
	IVMTask2 *task = logoff();
	VMSessionResult *results;
	uint32_t count;

	fake_host_kvp_set_sessions("v=1 id=@ part=1/1 failed=\"c3:1001:jane doe\" "
				   "manager-ended=:1000:anna ended=4:1000:anna");
	fake_host_kvp_set_answer(
		"v=1 id=@ state=done percent=90 found=2 ended=1 failed=1 "
		"session-items=1 result=0xa0040202 text=1 of 2 sessions are left.");
	complete(task);
	assert_int_equal(error_of(task), VM_E_TIMED_OUT);
	assert_int_equal(IVMTask2_get_SessionResults(task, &results, &count), S_OK);
	assert_int_equal(IVMTask2_Release(task), 0);
	assert_int_equal(count, 3);
	assert_string_equal(results[0].session, "c3");
	assert_string_equal(results[0].user, "jane doe");
	assert_int_equal(results[0].uid, 1001);
	assert_int_equal(results[0].outcome, vmSessionOutcome_Failed);
	assert_string_equal(results[1].session, "");
	assert_int_equal(results[1].outcome, vmSessionOutcome_ManagerEnded);
	assert_int_equal(results[2].outcome, vmSessionOutcome_Ended);
	free(results);
}

static void test_kvp_descriptor_when_complete(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_kvp_set_answer("v=1 id=@ state=done result=0x00000000 percent=90 text=");
	complete(task);
	assert_int_equal(percent_of(task), 100);
	for (int i = 0; i < 3; i++) {
		assert_true(is_readable(task, LIMIT_MS));
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

	/* The host already has such an item. */
	fake_host_kvp_set_request("v=1 id=old issued=2026-11-22T16:00:03Z life=1 do=forget");
	/* KVP is selected although the component is available. */
	fake_host_set_negotiated(true);
	assert_int_equal(try_options(&options, &task), S_OK);
	fake_host_kvp_wait(" timeout=300 grace=200 force=yes dry-run=yes user=anna session=c3 "
			   "message=Save your work,  please");
	assert_string_equal(fake_host_received("logoff"), "");
	IVMTask_Release(task);
	memset(longest, 'x', sizeof(longest) - 1);
	options.message = longest;
	assert_int_equal(try_options(&options, &task), E_INVALIDARG);
	assert_contains(VMGuestOS_LastErrorText(), "too long");
	fake_host_kvp_wait("message=Save");
}

static struct kvp_request kvp_request(void)
{
	struct kvp_answer refusal;
	struct kvp_request request;

	assert_int_equal(kvp_request_parse(&request, fake_host_kvp_wait("do=logoff"), &refusal), 0);
	return request;
}

#define IDLE_2 "v=1 state=idle accepts=2 boot=b0-1 time=2026-11-22T16:00:03Z"

static void test_kvp_version_2(void **state)
{
	VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMTask *task;

	fake_host_kvp_set_answer(IDLE_2);
	assert_int_equal(try_options(&options, &task), S_OK);
	assert_int_equal(strncmp(fake_host_kvp_wait("do=logoff"), "v=1 ", 4), 0);
	IVMTask_Release(task);
	options.flags = VM_LOGOFF_INCLUDE_LINGERING;
	assert_int_equal(try_options(&options, &task), S_OK);
	assert_int_equal(kvp_request().version, 2);
	assert_int_equal(kvp_request().logoff.flags, HV_LOGOFF_INCLUDE_LINGERING);
	IVMTask_Release(task);
	options.flags = VM_LOGOFF_NO_LOGINS;
	assert_int_equal(try_options(&options, &task), S_OK);
	assert_int_equal(kvp_request().logoff.flags, HV_LOGOFF_NO_LOGINS);
	IVMTask_Release(task);
	options.flags = 0;
	for (size_t i = 0; i < ARRAY_SIZE(user_names); i++) {
		options.user = user_names[i];
		assert_int_equal(try_options(&options, &task), S_OK);
		assert_string_equal(kvp_request().logoff.user, user_names[i]);
		IVMTask_Release(task);
	}
}

/* The guest supports version 1 only, as its answer shows: nothing is sent. */
static void test_kvp_older_guest(void **state)
{
	VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMTask *task;

	options.flags = VM_LOGOFF_NO_LOGINS;
	assert_int_equal(try_options(&options, &task), HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH));
	assert_contains(VMGuestOS_LastErrorText(),
			"older than 1.2 and does not support preventing logins; update it, or");
	options.flags = VM_LOGOFF_INCLUDE_LINGERING;
	assert_int_equal(try_options(&options, &task), HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH));
	assert_contains(VMGuestOS_LastErrorText(), "lingering users");
	options.flags = 0;
	options.user = "jane doe";
	assert_int_equal(try_options(&options, &task), HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH));
	assert_contains(VMGuestOS_LastErrorText(), "names with blanks by KVP");
	assert_string_equal(fake_host_kvp_wait(""), "");
	options.user = "jane";
	assert_int_equal(try_options(&options, &task), S_OK);
	fake_host_kvp_wait(" user=jane");
	IVMTask_Release(task);
}

/* The guest's daemon is replaced by an older one after its answer was read. */
static void test_kvp_guest_becomes_older(void **state)
{
	const VMLogoffOptions options = {
		.size = sizeof(options), .timeout = 60, .flags = VM_LOGOFF_NO_LOGINS};
	IVMTask2 *task;

	fake_host_kvp_set_answer(IDLE_2);
	assert_int_equal(try_options(&options, (IVMTask **)&task), S_OK);
	fake_host_kvp_set_answer("v=1 id=@ state=done percent=0 found=0 ended=0 failed=0 "
				 "result=0x8007051a boot=b0-1 time=2026-11-22T16:00:03Z "
				 "text=The request has version 2 of the format; hv-logoffd in "
				 "this guest supports version 1.");
	complete(task);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH));
	assert_text(task->lpVtbl->get_ErrorDescription, task,
		    "hv-logoff in the guest is older than 1.2 and does not support preventing "
		    "logins; update it, or omit this option.");
	IVMTask2_Release(task);
}

/* The numbers of users are in the text, too. */
static void test_kvp_users_in_answer(void **state)
{
	IVMTask2 *task;

	fake_host_kvp_set_answer(IDLE_2);
	task = logoff();
	fake_host_kvp_set_answer("v=1 id=@ state=done percent=100 found=1 ended=1 failed=0 "
				 "managers=1 returned=1 outside=2 result=0x00000000 accepts=2 "
				 "boot=b0-1 time=2026-11-22T16:00:03Z "
				 "text=All sessions have ended. Returned: alice.");
	complete(task);
	assert_int_equal(error_of(task), S_OK);
	assert_sessions(task, 1, 1, 0);
	assert_text(task->lpVtbl->get_StatusText, task,
		    "All sessions have ended. Returned: alice.");
	IVMTask2_Release(task);
}

static void test_transports(void **state)
{
	VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};
	IVMGuestOS2 *guest = find();
	IVMTask *task;

	assert_int_equal(IVMGuestOS2_CanLogoff(guest), S_OK);
	options.flags = VM_LOGOFF_VIA_VMBUS;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task),
			 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_string_equal(VMGuestOS_LastErrorText(), "No.");
	/* The component is preferred. */
	fake_host_set_negotiated(true);
	options.flags = 0;
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task), S_OK);
	assert_string_not_equal(fake_host_received("logoff"), "");
	IVMTask_Release(task);
	/* Neither is available. */
	fake_host_set_negotiated(false);
	fake_host_kvp_set_answer("");
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task),
			 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_int_equal(IVMGuestOS2_CanLogoff(guest), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	/* An unsupported version. */
	fake_host_kvp_set_answer("v=2 state=idle");
	assert_int_equal(IVMGuestOS2_LogoffWithOptions(guest, &options, &task),
			 VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	fake_host_kvp_set_answer(IDLE);
	fake_host_set_refusal((uint32_t)E_ACCESSDENIED);
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

	fake_host_kvp_set_answer("v=1 id=@ state=grace percent=4 text=");
	wait_for_state(task, vmLogoffState_Grace);
	assert_int_equal(IVMTask2_Cancel(task), S_OK);
	assert_lacks(fake_host_kvp_wait("do=cancel boot=b0-1"), "timeout");
	assert_false(is_complete(task));
	fake_host_kvp_set_answer("v=1 id=@ state=done result=0x800704c7 text=Cancelled.");
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

/* By a process that has no task; the component has no request. */
static void test_kvp_cancel_any(void **state)
{
	IVMTask2 *task = logoff();
	IVMGuestOS2 *guest = find();
	uint64_t id;

	IVMTask2_get_ID(task, &id);
	assert_int_equal(IVMGuestOS2_CancelLogoff(guest, id + 1),
			 HRESULT_FROM_WIN32(ERROR_NOT_FOUND));
	assert_int_equal(IVMGuestOS2_CancelLogoff(guest, id), S_OK);
	fake_host_kvp_wait("do=cancel");
	fake_host_kvp_set_answer("v=1 id=@ state=done result=0x800704c7 text=Cancelled.");
	assert_int_equal(IVMTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_CANCELLED));
	IVMTask2_Release(task);
	IVMGuestOS2_Release(guest);
}

static void test_kvp_busy(void **state)
{
	IVMTask2 *task;

	/* Another request is in progress, and is not replaced. */
	fake_host_kvp_set_answer("v=1 id=other state=grace percent=4 text=");
	assert_busy(logoff());
	assert_string_equal(fake_host_kvp_wait(""), "");
	/* A completed request is replaced. */
	fake_host_kvp_set_answer("v=1 id=other state=done result=0x00000000 text=");
	task = logoff();
	fake_host_kvp_wait("do=logoff");
	fake_host_kvp_set_answer("v=1 id=other state=ending busy=@ percent=4 text=");
	assert_busy(task);
	fake_host_kvp_wait("do=forget");
	/* Another program has replaced this request before it began. */
	fake_host_kvp_set_answer(IDLE);
	task = logoff();
	fake_host_kvp_set_request("v=1 id=other do=logoff");
	assert_busy(task);
	assert_string_equal(fake_host_kvp_wait(""), "v=1 id=other do=logoff");
	/* Another program has written a request at the end of this one: it remains. */
	task = logoff();
	fake_host_kvp_set_answer("v=1 id=@ state=ending percent=4 text=");
	wait_for_state(task, vmLogoffState_Ending);
	fake_host_kvp_set_answer("v=1 id=@ state=done result=0x00000000 text=");
	fake_host_kvp_set_request("v=1 id=other do=logoff");
	complete(task);
	assert_int_equal(error_of(task), S_OK);
	assert_string_equal(fake_host_kvp_wait(""), "v=1 id=other do=logoff");
	IVMTask2_Release(task);
}

/* The guest's clock is a year behind or ahead: the request is issued again with its time. */
static void test_kvp_clocks(void **state)
{
	IVMTask2 *task;

	task = logoff();
	fake_host_kvp_wait("-1 issued=");
	fake_host_kvp_set_answer("v=1 id=@ state=done result=0x80070576 boot=b0-1 "
				 "time=2025-11-22T16:00:03Z text=The request was issued in 2026.");
	assert_int_equal(IVMTask2_WaitForCompletion(task, 1), S_OK);
	while (!is_complete(task) && !strstr(fake_host_kvp_wait(""), "-2 issued="))
		usleep(1000);
	fake_host_kvp_wait("-2 issued=2025-11-22T16:00:03Z life=120 do=logoff boot=b0-1");
	assert_false(is_complete(task));
	/* This happens only once. */
	fake_host_kvp_set_answer("v=1 id=@ state=done result=0x800705b4 boot=b0-1 "
				 "time=2026-11-22T16:00:03Z text=Stale.");
	complete(task);
	assert_int_equal(error_of(task), HRESULT_FROM_WIN32(ERROR_TIMEOUT));
	IVMTask2_Release(task);
	/* The time of the idle answer is a lower limit. */
	fake_host_kvp_set_answer("v=1 state=idle boot=b0-2 time=2099-01-01T00:00:00Z");
	task = logoff();
	fake_host_kvp_wait("issued=2099-01-01T00:00:00Z life=120 do=logoff boot=b0-2");
	IVMTask2_Release(task);
}

static void test_kvp_no_answer(void **state)
{
	const VMLogoffOptions options = {.size = sizeof(options), .timeout = 1};
	IVMTask *task;

	/* A request that has not begun is withdrawn, … */
	vmg_kvp_times.life = 1;
	assert_int_equal(try_options(&options, &task), S_OK);
	complete((IVMTask2 *)task);
	assert_int_equal(error_of((IVMTask2 *)task), VM_E_TIMED_OUT);
	fake_host_kvp_wait("do=cancel");
	IVMTask_Release(task);
	/* … and one that has begun is not. */
	vmg_kvp_times.backstop_ms = 1;
	assert_int_equal(try_options(&options, &task), S_OK);
	fake_host_kvp_set_answer("v=1 id=@ state=ending percent=4 text=");
	complete((IVMTask2 *)task);
	assert_int_equal(error_of((IVMTask2 *)task), VM_E_TIMED_OUT);
	fake_host_kvp_wait("do=logoff");
	IVMTask_Release(task);
}

static void test_kvp_machine_stops(void **state)
{
	IVMTask2 *task = logoff();

	fake_host_kvp_set_answer("v=1 id=@ state=grace percent=4 text=");
	wait_for_state(task, vmLogoffState_Grace);
	fake_host_stop();
	complete(task);
	assert_int_equal(error_of(task), VM_E_VM_NOT_RUNNING);
	assert_int_equal(percent_of(task), 4);
	IVMTask2_Release(task);
}

/* Many threads share a task, as with the component. */
static void test_threads_on_one_kvp_task(void **state)
{
	static void *(*const jobs[])(void *) = {
		wait_in_thread, wait_in_thread, read_in_thread, poll_in_thread, cancel_in_thread,
	};
	struct threads threads = {0};
	IVMTask2 *task = logoff();
	char value[96];

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		start_thread(&threads, jobs[i], task);
	for (int percent = 0; percent <= 90; percent++) {
		snprintf(value, sizeof(value), "v=1 id=@ state=%s percent=%d text=In progress.",
			 percent < 80 ? "grace" : "ending", percent);
		fake_host_kvp_set_answer(value);
		usleep(2000);
	}
	fake_host_kvp_set_answer("v=1 id=@ state=done result=0x00000000 text=");
	complete(task);
	join_threads(&threads);
}

static void test_codes(void **state)
{
	assert_string_equal(VMGuestOS_ErrorName(VM_E_TIMED_OUT), "VM_E_TIMED_OUT");
	assert_string_equal(VMGuestOS_ErrorName((HRESULT)0x80070520),
			    "ERROR_NO_SUCH_LOGON_SESSION");
	assert_string_equal(VMGuestOS_ErrorName((HRESULT)0x80001234), "unknown");
	assert_contains(VMGuestOS_ErrorText(S_OK), "succeeded");
	assert_non_null(VMGuestOS_ErrorText((HRESULT)0x80001234));
}

#define HOST(name)     cmocka_unit_test_setup_teardown(name, setup_host, teardown)
#define KVP(name)      cmocka_unit_test_setup_teardown(name, setup_kvp, teardown)
#define REGISTRY(name) cmocka_unit_test_setup_teardown(name, setup_registry, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		REGISTRY(test_unknown_machine),
		REGISTRY(test_names),
		REGISTRY(test_guid),
		REGISTRY(test_hosts),
		REGISTRY(test_not_running),
		REGISTRY(test_path_too_long),
		HOST(test_access_denied),
		HOST(test_not_available),
		HOST(test_refused),
		HOST(test_logoff_null),
		HOST(test_guest_interfaces),
		HOST(test_task_interfaces),
		cmocka_unit_test(test_documented_iids),
		HOST(test_task_from_start_to_end),
		HOST(test_getters_refuse_null),
		HOST(test_results),
		HOST(test_host_ends_the_request),
		HOST(test_default_error_text),
		HOST(test_wait),
		HOST(test_cancel),
		HOST(test_too_late_to_cancel),
		HOST(test_machine_stops),
		HOST(test_options_are_sent),
		HOST(test_invalid_options),
		HOST(test_target_is_sent),
		HOST(test_flags_of_1_2),
		HOST(test_user_names),
		HOST(test_sizes_of_options),
		HOST(test_session_results),
		HOST(test_user_results),
		HOST(test_many_sessions),
		HOST(test_descriptor),
		HOST(test_early_output),
		HOST(test_partial_lines),
		HOST(test_invalid_lines),
		HOST(test_invalid_reports),
		HOST(test_unlimited_line),
		HOST(test_control_characters_are_replaced),
		HOST(test_release_does_not_cancel),
		HOST(test_threads_on_one_task),
		HOST(test_threads_on_one_machine),
		HOST(test_events),
		HOST(test_plain_events),
		HOST(test_reporting),
		HOST(test_end_of_events),
		HOST(test_advise_fails),
		HOST(test_unadvise_within_a_call),
		HOST(test_threads_advise),
		KVP(test_kvp_from_start_to_end),
		KVP(test_kvp_sessions),
		KVP(test_kvp_descriptor_when_complete),
		KVP(test_kvp_options),
		KVP(test_kvp_version_2),
		KVP(test_kvp_older_guest),
		KVP(test_kvp_guest_becomes_older),
		KVP(test_kvp_users_in_answer),
		KVP(test_transports),
		KVP(test_kvp_cancel),
		KVP(test_kvp_cancel_any),
		KVP(test_kvp_busy),
		KVP(test_kvp_clocks),
		KVP(test_kvp_no_answer),
		KVP(test_kvp_machine_stops),
		KVP(test_threads_on_one_kvp_task),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests_name("vmguestos", tests, NULL, NULL);
}
