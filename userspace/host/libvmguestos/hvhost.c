// SPDX-License-Identifier: GPL-2.0-or-later
/* Machines of hvhost, and the guests of other hypervisors with an AF_VSOCK CID. */
#include "hvhost.h"

#include <string.h>

#include "error.h"
#include "json.h"
#include "registry.h"
#include "transport/kvp.h"
#include "transport/vsock.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"
#include "userspace/shared/vsock.h"

#define CID_PREFIX "vsock:"
#define CID_MIN    3 /* the lower ones are the hypervisor, the guest itself and the host */

struct machine {
	char *name;
	char *directory; /* of hvhost; NULL: the guest with that @cid */
	uint32_t cid;
	char guid[VMG_GUID_SIZE];
};

void vmg_machine_free(struct machine *machine)
{
	free(machine->name);
	free(machine->directory);
	free(machine);
}

static HRESULT require_this_computer(const VMHost *host)
{
	if (!host->name && !host->user)
		return S_OK;
	vmg_last_error("On Linux, only machines of this computer can be reached; run this on the "
		       "host, or use hv-logoff for Windows.");
	return E_NOTIMPL;
}

static HRESULT look_up_cid(struct machine *machine, const char *cid)
{
	if (!text_to_number(&machine->cid, cid, CID_MIN, UINT32_MAX - 1)) {
		vmg_last_error("The CID in vsock:CID must be a number of at least 3.");
		return VM_E_VM_UNKNOWN;
	}
	return asprintf(&machine->name, CID_PREFIX "%u", machine->cid) < 0 ? E_OUTOFMEMORY : S_OK;
}

static HRESULT look_up(struct machine *machine, const char *name)
{
	HRESULT hr;

	/* No machine of hvhost has a colon in its name. */
	if (strncmp(name, CID_PREFIX, strlen(CID_PREFIX)) == 0)
		return look_up_cid(machine, name + strlen(CID_PREFIX));
	hr = vmg_hresult_of(vmg_registry_find(name, &machine->directory));

	/* A missing directory means that the machine does not exist. */
	if (hr != S_OK)
		return hr == VM_E_VM_NOT_RUNNING ? VM_E_VM_UNKNOWN : hr;
	/* @name may be the GUID. */
	machine->name = strdup(strrchr(machine->directory, '/') + 1);
	vmg_registry_guid(machine->directory, machine->guid);
	return machine->name ? S_OK : E_OUTOFMEMORY;
}

HRESULT vmg_machine_find(const VMHost *host, const char *name, struct machine **out)
{
	HRESULT hr = require_this_computer(host);
	struct machine *machine;

	if (hr != S_OK)
		return hr;
	machine = calloc(1, sizeof(*machine));
	if (!machine)
		return E_OUTOFMEMORY;
	hr = look_up(machine, name);
	if (hr == S_OK)
		*out = machine;
	else
		vmg_machine_free(machine);
	return hr;
}

HRESULT vmg_machine_names(const VMHost *host, char ***out)
{
	HRESULT hr = require_this_computer(host);

	return hr == S_OK ? vmg_hresult_of(vmg_registry_names(out)) : hr;
}

const char *vmg_machine_name(const struct machine *machine)
{
	return machine->name;
}

const char *vmg_machine_guid(const struct machine *machine)
{
	return machine->guid;
}

const char *vmg_hvhost_directory(const struct machine *machine)
{
	return machine->directory;
}

/* Whether the component is negotiated. An error means that it is not known. */
static HRESULT find_component(const struct machine *machine, bool *negotiated)
{
	json_auto_t *reply = NULL;
	int ret, found = 0;

	ret = vmg_connection_call(machine->directory, json_pack("{s:s}", "command", "status"),
				  &reply);
	*negotiated = false;
	if (ret < 0)
		return vmg_hresult_of(ret);
	if (!json_is_true(json_object_get(reply, "ok")))
		return vmg_hresult_in(reply);
	/* Unlike a logoff, a status requires no permission. */
	if (strcmp(vmg_json_text(reply, "permission"), "none") == 0)
		return E_ACCESSDENIED;
	json_unpack(reply, "{s:{s:{s:b}}}", "components", "logoff", "negotiated", &found);
	*negotiated = found;
	return S_OK;
}

static struct vsock_address address_of(const struct machine *machine, uint32_t port)
{
	return (struct vsock_address){
		.directory = machine->directory, .cid = machine->cid, .port = port};
}

/* Key-value pairs say whether the guest's daemon listens; without a directory, nothing does. */
static HRESULT find_port(const struct machine *machine, uint32_t *port)
{
	*port = HVL_VSOCK_PORT;
	return machine->directory ? vmg_kvp_vsock_port(machine->directory, port) : S_OK;
}

/* hvhost closes the connection of a client without permission, as if nobody listened. */
static bool is_denied(const struct machine *machine)
{
	bool negotiated;

	return machine->directory && find_component(machine, &negotiated) == E_ACCESSDENIED;
}

static HRESULT vsock_start(struct task *task, const struct machine *machine,
			   const VMLogoffOptions *options)
{
	struct vsock_address address = address_of(machine, HVL_VSOCK_PORT);
	HRESULT hr = S_OK;

	/* Whoever asks for this transport may know of a guest without key-value pairs. */
	if (!(options->flags & VM_LOGOFF_VIA_VSOCK))
		hr = find_port(machine, &address.port);
	if (hr == S_OK)
		hr = vmg_vsock_start(task, &address, options, NULL, NULL);
	if (hr != VM_E_ADDITIONS_FEATURE_NOT_AVAIL || !is_denied(machine))
		return hr;
	vmg_task_set_text(task, "The host does not permit this user to log off the users of this "
				"machine.");
	return E_ACCESSDENIED;
}

static const struct transport vsock = {
	.action = VMG_TASK_LOGOFF,
	.via = VM_LOGOFF_VIA_VSOCK,
	.start = vsock_start,
	.process = vmg_vsock_process,
	.wait = vmg_vsock_wait,
	.cancel = vmg_vsock_cancel_task,
	.complete = vmg_vsock_complete,
	.release = vmg_vsock_release,
};

static HRESULT require_transport(const struct machine *machine, uint32_t flags)
{
	if (machine->directory || !(flags & (VM_LOGOFF_VIA_VMBUS | VM_LOGOFF_VIA_KVP)))
		return S_OK;
	vmg_last_error("A guest that is named by its CID can only be reached by vsock.");
	return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
}

/* After an error of this one, before the guest has the request, the next one may be tried. */
static bool may_try_next(HRESULT hr)
{
	return FAILED(hr) && hr != VM_E_VM_NOT_RUNNING && hr != E_OUTOFMEMORY;
}

/*
 * The component, if it is there; then the guest's socket, then key-value pairs. All have the same
 * id: a guest never carries out one request twice.
 */
HRESULT vmg_machine_logoff(struct machine *machine, const VMLogoffOptions *options, IVMTask **out)
{
	uint32_t only = options->flags & VM_LOGOFF_VIA_ANY;
	HRESULT hr = require_transport(machine, only);
	uint64_t id = vmg_task_new_id();

	if (hr != S_OK)
		return hr;
	if (!machine->directory)
		return vmg_task_start(&vsock, machine, options, id, out);
	hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	if (!only || only == VM_LOGOFF_VIA_VMBUS)
		hr = vmg_task_start(&vmg_vmbus, machine, options, id, out);
	if (hr != VM_E_ADDITIONS_FEATURE_NOT_AVAIL || only == VM_LOGOFF_VIA_VMBUS)
		return hr;
	if (!only || only == VM_LOGOFF_VIA_VSOCK)
		hr = vmg_task_start(&vsock, machine, options, id, out);
	if (!only ? may_try_next(hr) : only == VM_LOGOFF_VIA_KVP)
		hr = vmg_task_start(&vmg_kvp, machine, options, id, out);
	if (hr == S_OK)
		vmg_last_error(NULL);
	return hr;
}

static HRESULT cancel_by_vsock(struct machine *machine, uint64_t id)
{
	struct vsock_address address = address_of(machine, HVL_VSOCK_PORT);
	HRESULT hr = find_port(machine, &address.port);

	return hr == S_OK ? vmg_vsock_cancel(&address, id) : hr;
}

static bool is_elsewhere(HRESULT hr)
{
	return hr == VM_E_ADDITIONS_FEATURE_NOT_AVAIL || hr == HRESULT_FROM_WIN32(ERROR_NOT_FOUND);
}

/* A guest can have a request by each of the transports. */
HRESULT vmg_machine_cancel(struct machine *machine, uint64_t id)
{
	HRESULT hr, next;

	if (!machine->directory)
		return cancel_by_vsock(machine, id);
	hr = vmg_vmbus_cancel(machine->directory, id);
	if (!is_elsewhere(hr))
		return hr;
	next = vmg_kvp_cancel(machine->directory, id);
	if (!is_elsewhere(next))
		return next;
	if (next != VM_E_ADDITIONS_FEATURE_NOT_AVAIL)
		hr = next;
	next = cancel_by_vsock(machine, id);
	return next == VM_E_ADDITIONS_FEATURE_NOT_AVAIL ? hr : next;
}

HRESULT vmg_machine_can_logoff(struct machine *machine)
{
	const struct vsock_address address = address_of(machine, HVL_VSOCK_PORT);
	bool negotiated;
	HRESULT hr;

	if (!machine->directory)
		return vmg_vsock_available(&address);
	hr = find_component(machine, &negotiated);
	return hr != S_OK || negotiated ? hr : vmg_kvp_available(machine->directory);
}

/* The component, if it is there or nothing else is: it may be there later. */
HRESULT vmg_machine_events(struct machine *machine, struct events_source **source)
{
	struct vsock_address address = address_of(machine, HVL_VSOCK_PORT);
	bool negotiated = false;

	if (machine->directory && find_component(machine, &negotiated) == S_OK && !negotiated &&
	    find_port(machine, &address.port) == S_OK && vmg_vsock_events(&address, source) == S_OK)
		return S_OK;
	vmg_last_error(NULL);
	return machine->directory ? vmg_vmbus_events(machine->directory, source)
				  : vmg_vsock_events(&address, source);
}

HRESULT vmg_hvhost_wait(struct task *task, int64_t deadline)
{
	return vmg_hresult_of(vmg_poll(task->descriptor, deadline));
}

void vmg_hvhost_disconnected(struct task *task, int error)
{
	if (error == -EPIPE)
		vmg_task_set_text(task, "The machine ended before it answered.");
	vmg_task_end(task, vmg_hresult_of(error));
}
