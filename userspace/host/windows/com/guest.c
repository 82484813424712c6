// SPDX-License-Identifier: GPL-2.0-or-later
/* Virtual PC's IVMGuestOS. */
#include <stdio.h>
#include <stdlib.h>

#include "argument.h"
#include "background.h"
#include "machine.h"
#include "task.h"
#include "userspace/host/windows/machine.h"

struct guest_object {
	struct object object;
	IVMGuestOS2 *guest;
};

static struct guest_object *guest_of(void *This)
{
	return This;
}

/* A call for a guest, which runs in the background. Those that need more begin with this. */
struct guest_call {
	struct background work;
	IVMGuestOS2 *guest;
};

static IVMGuestOS2 *guest_in(struct background *work)
{
	return ((struct guest_call *)work)->guest;
}

/* Sets the error object, unless it succeeds. */
static HRESULT run_call(void *This, struct guest_call *call)
{
	struct guest_object *guest = guest_of(This);
	HRESULT hr;

	call->guest = guest->guest;
	object_add_ref(guest);
	hr = background_run(&call->work);
	if (FAILED(hr))
		object_fail(&guest->object, hr, call->work.text);
	object_release(guest);
	return hr;
}

struct logoff {
	struct guest_call call;
	VMLogoffOptions options;
	char *message, *user, *session;
	IVMTask *task;
};

static void logoff_clear(struct logoff *logoff)
{
	free(logoff->message);
	free(logoff->user);
	free(logoff->session);
}
#define _cleanup_logoff_ _cleanup_(logoff_clear)

static HRESULT start_logoff(struct background *work)
{
	struct logoff *logoff = (struct logoff *)work;

	return IVMGuestOS2_LogoffWithOptions(guest_in(work), &logoff->options, &logoff->task);
}

static HRESULT run_logoff(IHvGuestOS2 *This, struct logoff *logoff, IHvTask2 **out)
{
	HRESULT hr;

	logoff->call.work.run = start_logoff;
	logoff->options.size = sizeof(logoff->options);
	hr = run_call(This, &logoff->call);
	return SUCCEEDED(hr) ? task_object_new((IVMTask2 *)logoff->task, out) : hr;
}

static HRESULT WINAPI logoff(IHvGuestOS2 *This, IHvTask2 **out)
{
	struct logoff logoff = {.options.timeout = VM_LOGOFF_TIMEOUT_DEFAULT};

	if (!out)
		return E_POINTER;
	*out = NULL;
	return run_logoff(This, &logoff, out);
}

static HRESULT WINAPI logoff_with_options(IHvGuestOS2 *This, long flags, long timeout, long grace,
					  VARIANT message, VARIANT user, VARIANT session,
					  IHvTask2 **out)
{
	_cleanup_logoff_ struct logoff logoff = {};
	HRESULT hr;

	if (!out)
		return E_POINTER;
	*out = NULL;
	hr = argument_text(&message, &logoff.message);
	if (SUCCEEDED(hr))
		hr = argument_text(&user, &logoff.user);
	if (SUCCEEDED(hr))
		hr = argument_text(&session, &logoff.session);
	if (FAILED(hr))
		return object_fail(&guest_of(This)->object, hr, NULL);
	/* A negative number is above each limit. */
	logoff.options = (VMLogoffOptions){
		.flags = (uint32_t)flags,
		.timeout = (uint32_t)timeout,
		.grace = (uint32_t)grace,
		.message = logoff.message,
		.user = logoff.user,
		.session = logoff.session,
	};
	return run_logoff(This, &logoff, out);
}

struct cancel_logoff {
	struct guest_call call;
	uint64_t id; /* 0: the one in progress */
};

static HRESULT run_cancel(struct background *work)
{
	return IVMGuestOS2_CancelLogoff(guest_in(work), ((struct cancel_logoff *)work)->id);
}

static bool read_id(const char *text, uint64_t *id)
{
	char *end;

	*id = strtoull(text, &end, 16);
	return *id && !*end && *text != '-';
}

static HRESULT WINAPI cancel_logoff(IHvGuestOS2 *This, VARIANT id)
{
	struct cancel_logoff request = {.call.work.run = run_cancel};
	_cleanup_free_ char *text = NULL;
	HRESULT hr = argument_text(&id, &text);

	if (SUCCEEDED(hr) && text && !read_id(text, &request.id))
		hr = E_INVALIDARG;
	if (FAILED(hr))
		return object_fail(&guest_of(This)->object, hr,
				   "A RequestID has 16 hexadecimal digits.");
	return run_call(This, &request.call);
}

static HRESULT run_can_logoff(struct background *work)
{
	return IVMGuestOS2_CanLogoff(guest_in(work));
}

/* No: for the reasons that Logoff() would give, unless the host could not be asked. */
static HRESULT WINAPI get_can_logoff(IHvGuestOS2 *This, VARIANT_BOOL *out)
{
	struct guest_call call = {.work.run = run_can_logoff};
	HRESULT hr;

	if (!out)
		return E_POINTER;
	hr = run_call(This, &call);
	*out = SUCCEEDED(hr) ? VARIANT_TRUE : VARIANT_FALSE;
	if (hr != VM_E_ADDITIONS_FEATURE_NOT_AVAIL && hr != VM_E_VM_NOT_RUNNING)
		return hr;
	SetErrorInfo(0, NULL);
	return S_OK;
}

static HRESULT result_of(struct background *work, IVMTask *task)
{
	_cleanup_free_ char *text = NULL;
	HRESULT error;
	HRESULT hr = IVMTask_WaitForCompletion(task, -1);

	if (SUCCEEDED(hr))
		hr = IVMTask_get_Error(task, &error);
	if (FAILED(hr))
		return hr;
	if (SUCCEEDED(IVMTask_get_ErrorDescription(task, &text)))
		snprintf(work->text, sizeof(work->text), "%s", text);
	return error;
}

/* A dry run; the request's own timeout is its bound. */
static HRESULT run_dry(struct background *work)
{
	const VMLogoffOptions options = {
		.size = sizeof(options),
		.flags = VM_LOGOFF_DRY_RUN,
		.timeout = VM_LOGOFF_TIMEOUT_DEFAULT,
	};
	IVMTask *task;
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest_in(work), &options, &task);

	if (FAILED(hr))
		return hr;
	hr = result_of(work, task);
	IVMTask_Release(task);
	return hr;
}

/* Remote applications and remote desktops are not distinguished by a guest with Linux. */
static HRESULT WINAPI is_user_logged_on(IHvGuestOS2 *This, long in_rail_session, VARIANT_BOOL *out)
{
	struct guest_call call = {.work.run = run_dry};
	HRESULT hr;

	(void)in_rail_session;
	if (!out)
		return E_POINTER;
	*out = VARIANT_FALSE;
	hr = run_call(This, &call);
	if (SUCCEEDED(hr))
		*out = VARIANT_TRUE;
	if (hr != HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION))
		return hr;
	SetErrorInfo(0, NULL);
	return S_OK;
}

struct shut_down {
	struct guest_call call;
	const struct transport *transport;
	VMLogoffOptions options;
	IVMTask *task;
};

static HRESULT start_shut_down(struct background *work)
{
	struct shut_down *request = (struct shut_down *)work;

	return vmg_task_start(request->transport, vmg_guest_machine(guest_in(work)),
			      &request->options, vmg_task_new_id(), &request->task);
}

static HRESULT run_shut_down(IHvGuestOS2 *This, const struct transport *transport,
			     VARIANT_BOOL forced, IHvTask2 **out)
{
	struct shut_down request = {
		.call.work.run = start_shut_down,
		.transport = transport,
		.options.flags = forced ? VM_LOGOFF_FORCE : 0,
	};
	HRESULT hr;

	if (!out)
		return E_POINTER;
	*out = NULL;
	hr = run_call(This, &request.call);
	return SUCCEEDED(hr) ? task_object_new((IVMTask2 *)request.task, out) : hr;
}

static HRESULT WINAPI shutdown_guest(IHvGuestOS2 *This, VARIANT_BOOL forced, IHvTask2 **out)
{
	return run_shut_down(This, &machine_shutdown, forced, out);
}

static HRESULT WINAPI restart_guest(IHvGuestOS2 *This, VARIANT_BOOL forced, IHvTask2 **out)
{
	return run_shut_down(This, &machine_restart, forced, out);
}

struct read_status {
	struct guest_call call;
	const char *component;
	uint32_t status;
};

static HRESULT run_status(struct background *work)
{
	struct read_status *read = (struct read_status *)work;

	return machine_component_status(vmg_guest_machine(guest_in(work)), read->component,
					&read->status);
}

/* Whether a component works: not if it is disabled, or the machine does not run. */
static HRESULT read_status(IHvGuestOS2 *This, const char *component, VARIANT_BOOL *out)
{
	struct read_status read = {.call.work.run = run_status, .component = component};
	bool works;
	HRESULT hr;

	if (!out)
		return E_POINTER;
	hr = run_call(This, &read.call);
	works = SUCCEEDED(hr) &&
		(read.status == HYPERV_STATUS_OK || read.status == HYPERV_STATUS_DEGRADED);
	*out = works ? VARIANT_TRUE : VARIANT_FALSE;
	if (hr != VM_E_ADDITIONS_FEATURE_NOT_AVAIL && hr != VM_E_VM_NOT_RUNNING)
		return hr;
	SetErrorInfo(0, NULL);
	return S_OK;
}

static HRESULT WINAPI get_can_shutdown(IHvGuestOS2 *This, VARIANT_BOOL *out)
{
	return read_status(This, HYPERV_SHUTDOWN, out);
}

static HRESULT WINAPI get_is_heartbeating(IHvGuestOS2 *This, VARIANT_BOOL *out)
{
	return read_status(This, HYPERV_HEARTBEAT, out);
}

struct read_item {
	struct guest_call call;
	const char *name;
	char *value;
};

static HRESULT run_item(struct background *work)
{
	struct read_item *read = (struct read_item *)work;

	return machine_intrinsic(vmg_guest_machine(guest_in(work)), read->name, &read->value);
}

static HRESULT read_item(IHvGuestOS2 *This, const char *name, BSTR *out)
{
	struct read_item read = {.call.work.run = run_item, .name = name};
	HRESULT hr;

	if (!out)
		return E_POINTER;
	*out = NULL;
	hr = run_call(This, &read.call);
	if (SUCCEEDED(hr))
		hr = object_text(read.value, out);
	free(read.value);
	return hr;
}

static HRESULT WINAPI get_computer_name(IHvGuestOS2 *This, BSTR *out)
{
	return read_item(This, "FullyQualifiedDomainName", out);
}

static HRESULT WINAPI get_os_name(IHvGuestOS2 *This, BSTR *out)
{
	return read_item(This, "OSName", out);
}

static HRESULT WINAPI get_os_version(IHvGuestOS2 *This, BSTR *out)
{
	return read_item(This, "OSVersion", out);
}

static HRESULT WINAPI get_os_major_version(IHvGuestOS2 *This, BSTR *out)
{
	return read_item(This, "OSMajorVersion", out);
}

static HRESULT WINAPI get_os_minor_version(IHvGuestOS2 *This, BSTR *out)
{
	return read_item(This, "OSMinorVersion", out);
}

static HRESULT WINAPI get_os_build_number(IHvGuestOS2 *This, BSTR *out)
{
	return read_item(This, "OSBuildNumber", out);
}

static HRESULT WINAPI get_components_version(IHvGuestOS2 *This, BSTR *out)
{
	return read_item(This, "IntegrationServicesVersion", out);
}

static HRESULT WINAPI not_reported(IHvGuestOS2 *This)
{
	return object_not_reported(&guest_of(This)->object);
}

static void clear(struct object *object)
{
	IVMGuestOS2_Release(guest_of(object)->guest);
}

static const struct object_class class = {
	.iid = &IID_IHvGuestOS2,
	.base = &IID_IHvGuestOS,
	.virtual_pc = &IID_IVMGuestOS,
	.clear = clear,
};

#define NOT_REPORTED ((void *)not_reported)

static const IHvGuestOS2Vtbl table = {
	OBJECT_METHODS,
	.Logoff = logoff,
	.IsUserLoggedOn = is_user_logged_on,
	.Shutdown = shutdown_guest,
	.Restart = restart_guest,
	.GetOsVersionInfo = NOT_REPORTED,
	.GetParameter = NOT_REPORTED,
	.SetParameter = NOT_REPORTED,
	.InstallIntegrationComponents = NOT_REPORTED,
	.get_CanShutdown = get_can_shutdown,
	.get_IsHeartbeating = get_is_heartbeating,
	.get_HeartbeatPercentage = NOT_REPORTED,
	.get_ComputerName = get_computer_name,
	.get_OSName = get_os_name,
	.get_OSVersion = get_os_version,
	.get_OSMajorVersion = get_os_major_version,
	.get_OSMinorVersion = get_os_minor_version,
	.get_OSBuildNumber = get_os_build_number,
	.get_IntegrationComponentsVersion = get_components_version,
	.get_CSDVersion = NOT_REPORTED,
	.get_OSPlatformId = NOT_REPORTED,
	.get_ProductType = NOT_REPORTED,
	.get_ServicePackMajor = NOT_REPORTED,
	.get_ServicePackMinor = NOT_REPORTED,
	.get_SuiteMask = NOT_REPORTED,
	.get_MultipleUserSessionsAllowed = NOT_REPORTED,
	.get_ScreenLocked = NOT_REPORTED,
	.get_TerminalServicesInitialized = NOT_REPORTED,
	.get_TerminalServerPort = NOT_REPORTED,
	.get_IsHostTimeSyncEnabled = NOT_REPORTED,
	.put_IsHostTimeSyncEnabled = NOT_REPORTED,
	.get_CanLogoff = get_can_logoff,
	.LogoffWithOptions = logoff_with_options,
	.CancelLogoff = cancel_logoff,
};

HRESULT guest_object_new(IVMGuestOS2 *guest, IHvGuestOS2 **out)
{
	struct guest_object *object = OBJECT_NEW(struct guest_object, &class, &table);

	*out = (IHvGuestOS2 *)object;
	if (!object) {
		IVMGuestOS2_Release(guest);
		return E_OUTOFMEMORY;
	}
	object->guest = guest;
	return S_OK;
}
