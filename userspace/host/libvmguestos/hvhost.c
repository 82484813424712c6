// SPDX-License-Identifier: GPL-2.0-or-later
/* Machines of hvhost. */
#include "hvhost.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "error.h"
#include "events.h"
#include "json.h"
#include "registry.h"
#include "transport/kvp.h"
#include "userspace/shared/util.h"

/* One Advise() without its Unadvise(). */
struct listener {
	LIST_ENTRY(listener) entry;
	uint32_t cookie;
	struct events *events;
};

struct machine {
	char *name;
	char *directory;
	char guid[VMG_GUID_SIZE];

	pthread_mutex_t lock; /* protects the following */
	uint32_t last_cookie;
	LIST_HEAD(, listener) listeners;
};

static void listener_free(struct listener *listener)
{
	vmg_events_stop(listener->events);
	free(listener);
}

void vmg_machine_free(struct machine *machine)
{
	struct listener *listener;

	while ((listener = LIST_FIRST(&machine->listeners))) {
		LIST_REMOVE(listener, entry);
		listener_free(listener);
	}
	pthread_mutex_destroy(&machine->lock);
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

static HRESULT look_up(struct machine *machine, const char *name)
{
	HRESULT hr = vmg_hresult_of(vmg_registry_find(name, &machine->directory));

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
	pthread_mutex_init(&machine->lock, NULL);
	LIST_INIT(&machine->listeners);
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

HRESULT vmg_machine_logoff(struct machine *machine, const VMLogoffOptions *options, IVMTask **out)
{
	HRESULT hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;

	if (!(options->flags & VM_LOGOFF_VIA_KVP))
		hr = vmg_task_start(&vmg_vmbus, machine, options, out);
	if (hr == VM_E_ADDITIONS_FEATURE_NOT_AVAIL && !(options->flags & VM_LOGOFF_VIA_VMBUS))
		hr = vmg_task_start(&vmg_kvp, machine, options, out);
	if (hr == S_OK)
		vmg_last_error(NULL);
	return hr;
}

/* A guest with the component can also have a request by KVP. */
HRESULT vmg_machine_cancel(struct machine *machine, uint64_t id)
{
	HRESULT hr = vmg_vmbus_cancel(machine->directory, id), by_kvp;

	if (hr != VM_E_ADDITIONS_FEATURE_NOT_AVAIL && hr != HRESULT_FROM_WIN32(ERROR_NOT_FOUND))
		return hr;
	by_kvp = vmg_kvp_cancel(machine->directory, id);
	return by_kvp == VM_E_ADDITIONS_FEATURE_NOT_AVAIL ? hr : by_kvp;
}

HRESULT vmg_machine_can_logoff(struct machine *machine)
{
	json_auto_t *reply = NULL;
	int negotiated = 0, ret;

	ret = vmg_connection_call(machine->directory, json_pack("{s:s}", "command", "status"),
				  &reply);
	if (ret < 0)
		return vmg_hresult_of(ret);
	if (!json_is_true(json_object_get(reply, "ok")))
		return vmg_hresult_in(reply);
	/* Unlike a logoff, a status requires no permission. */
	if (strcmp(vmg_json_text(reply, "permission"), "none") == 0)
		return E_ACCESSDENIED;
	json_unpack(reply, "{s:{s:{s:b}}}", "components", "logoff", "negotiated", &negotiated);
	return negotiated ? S_OK : vmg_kvp_available(machine->directory);
}

HRESULT vmg_machine_advise(struct machine *machine, IVMVirtualMachineEvents *events,
			   uint32_t *cookie)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	HRESULT hr;

	if (!listener)
		return E_OUTOFMEMORY;
	hr = vmg_events_start(machine->directory, events, &listener->events);
	if (FAILED(hr)) {
		free(listener);
		return hr;
	}
	pthread_mutex_lock(&machine->lock);
	listener->cookie = ++machine->last_cookie;
	LIST_INSERT_HEAD(&machine->listeners, listener, entry);
	*cookie = listener->cookie;
	pthread_mutex_unlock(&machine->lock);
	return S_OK;
}

HRESULT vmg_machine_unadvise(struct machine *machine, uint32_t cookie)
{
	struct listener *listener;

	pthread_mutex_lock(&machine->lock);
	LIST_FOREACH(listener, &machine->listeners, entry) {
		if (listener->cookie == cookie)
			break;
	}
	if (listener)
		LIST_REMOVE(listener, entry);
	pthread_mutex_unlock(&machine->lock);
	if (!listener)
		return CONNECT_E_NOCONNECTION;
	listener_free(listener);
	return S_OK;
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
