// SPDX-License-Identifier: GPL-2.0-or-later
/* IVMGuestOS: a machine that was looked up by its name or its GUID. */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/param.h>
#include <sys/queue.h>

#include "connection.h"
#include "error.h"
#include "events.h"
#include "iid.h"
#include "json.h"
#include "registry.h"
#include "task.h"
#include "transport/kvp.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define OPTIONS_SIZE_MAX 4096 /* an upper bound for future versions of VMLogoffOptions */

/* One Advise() without its Unadvise(). */
struct listener {
	LIST_ENTRY(listener) entry;
	uint32_t cookie;
	struct events *events;
};

struct guest_os {
	IVMGuestOS2 iface;
	atomic_uint references;
	char *name;
	char *directory;
	char guid[VMG_GUID_SIZE];

	pthread_mutex_t lock; /* protects the following */
	uint32_t last_cookie;
	LIST_HEAD(, listener) listeners;
};

static struct guest_os *guest_of(IVMGuestOS2 *This)
{
	return (struct guest_os *)This;
}

static uint32_t add_ref(IVMGuestOS2 *This)
{
	return atomic_fetch_add(&guest_of(This)->references, 1) + 1;
}

static void listener_free(struct listener *listener)
{
	vmg_events_stop(listener->events);
	free(listener);
}

static void guest_free(struct guest_os *guest)
{
	struct listener *listener;

	while ((listener = LIST_FIRST(&guest->listeners))) {
		LIST_REMOVE(listener, entry);
		listener_free(listener);
	}
	pthread_mutex_destroy(&guest->lock);
	free(guest->name);
	free(guest->directory);
	free(guest);
}

static uint32_t release(IVMGuestOS2 *This)
{
	uint32_t left = atomic_fetch_sub(&guest_of(This)->references, 1) - 1;

	if (left == 0)
		guest_free(guest_of(This));
	return left;
}

static HRESULT query_interface(IVMGuestOS2 *This, const IID *iid, void **out)
{
	if (!iid || !out)
		return E_POINTER;
	*out = NULL;
	if (!vmg_iid_is(iid, &IID_IUnknown) && !vmg_iid_is(iid, &IID_IVMGuestOS) &&
	    !vmg_iid_is(iid, &IID_IVMGuestOS2))
		return E_NOINTERFACE;
	add_ref(This);
	*out = This;
	return S_OK;
}

static bool is_text(const char *text, size_t max_length)
{
	return !text || (strlen(text) <= max_length && text_is_utf8(text));
}

/* Refuses an empty name: a caller's missing value must not select all users. */
static bool is_name(const char *name, size_t max_length)
{
	return is_text(name, max_length) && !(name && !*name);
}

static bool are_valid(const VMLogoffOptions *options)
{
	const uint32_t transports = VM_LOGOFF_VIA_VMBUS | VM_LOGOFF_VIA_KVP;
	const uint32_t known = VM_LOGOFF_FORCE | VM_LOGOFF_DRY_RUN | VM_LOGOFF_INCLUDE_LINGERING |
			       VM_LOGOFF_NO_LOGINS | transports;

	return !(options->flags & ~known) && (options->flags & transports) != transports &&
	       options->timeout > 0 && options->timeout <= VM_LOGOFF_TIMEOUT_MAX &&
	       options->grace < options->timeout &&
	       is_text(options->message, VM_LOGOFF_MESSAGE_MAX) &&
	       is_name(options->user, VM_LOGOFF_USER_MAX) &&
	       is_name(options->session, VM_LOGOFF_SESSION_MAX);
}

/*
 * A caller compiled with an older header has fewer members, which default to 0; one compiled with
 * a newer header has more, which must be 0.
 */
static bool copy_options(VMLogoffOptions *copy, const VMLogoffOptions *options)
{
	const char *bytes = (const char *)options;

	*copy = (VMLogoffOptions){0};
	if (options->size < offsetof(VMLogoffOptions, user) || options->size > OPTIONS_SIZE_MAX)
		return false;
	for (size_t i = sizeof(*copy); i < options->size; i++) {
		if (bytes[i])
			return false;
	}
	memcpy(copy, options, MIN(options->size, sizeof(*copy)));
	return are_valid(copy);
}

static HRESULT logoff_with_options(IVMGuestOS2 *This, const VMLogoffOptions *options, IVMTask **out)
{
	struct guest_os *guest = guest_of(This);
	VMLogoffOptions copy;

	if (!options || !out)
		return E_POINTER;
	*out = NULL;
	if (!copy_options(&copy, options))
		return E_INVALIDARG;
	return vmg_task_start(guest->name, guest->directory, &copy, out);
}

static HRESULT logoff(IVMGuestOS2 *This, IVMTask **out)
{
	const VMLogoffOptions options = {
		.size = sizeof(options),
		.timeout = VM_LOGOFF_TIMEOUT_DEFAULT,
	};

	return logoff_with_options(This, &options, out);
}

static HRESULT can_logoff(IVMGuestOS2 *This)
{
	json_auto_t *reply = NULL;
	int negotiated = 0, ret;

	ret = vmg_connection_call(guest_of(This)->directory,
				  json_pack("{s:s}", "command", "status"), &reply);
	if (ret < 0)
		return vmg_hresult_of(ret);
	if (!json_is_true(json_object_get(reply, "ok")))
		return vmg_hresult_in(reply);
	/* Unlike a logoff, a status requires no permission. */
	if (strcmp(vmg_json_text(reply, "permission"), "none") == 0)
		return E_ACCESSDENIED;
	json_unpack(reply, "{s:{s:{s:b}}}", "components", "logoff", "negotiated", &negotiated);
	return negotiated ? S_OK : vmg_kvp_available(guest_of(This)->directory);
}

static HRESULT advise(IVMGuestOS2 *This, IVMVirtualMachineEvents *events, uint32_t *out)
{
	struct guest_os *guest = guest_of(This);
	struct listener *listener;
	HRESULT hr;

	if (!events || !out)
		return E_POINTER;
	*out = 0;
	vmg_last_error(NULL);
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return E_OUTOFMEMORY;
	hr = vmg_events_start(guest->directory, events, &listener->events);
	if (FAILED(hr)) {
		free(listener);
		return hr;
	}
	pthread_mutex_lock(&guest->lock);
	listener->cookie = ++guest->last_cookie;
	LIST_INSERT_HEAD(&guest->listeners, listener, entry);
	*out = listener->cookie;
	pthread_mutex_unlock(&guest->lock);
	return S_OK;
}

static HRESULT unadvise(IVMGuestOS2 *This, uint32_t cookie)
{
	struct guest_os *guest = guest_of(This);
	struct listener *listener;

	pthread_mutex_lock(&guest->lock);
	LIST_FOREACH(listener, &guest->listeners, entry) {
		if (listener->cookie == cookie)
			break;
	}
	if (listener)
		LIST_REMOVE(listener, entry);
	pthread_mutex_unlock(&guest->lock);
	if (!listener)
		return CONNECT_E_NOCONNECTION;
	listener_free(listener);
	return S_OK;
}

static HRESULT copy_string(const char *text, char **out)
{
	if (!out)
		return E_POINTER;
	*out = strdup(text);
	return *out ? S_OK : E_OUTOFMEMORY;
}

static HRESULT get_name(IVMGuestOS2 *This, char **out)
{
	return copy_string(guest_of(This)->name, out);
}

static HRESULT get_guid(IVMGuestOS2 *This, char **out)
{
	return copy_string(guest_of(This)->guid, out);
}

static const IVMGuestOS2Vtbl vtbl = {
	.QueryInterface = query_interface,
	.AddRef = add_ref,
	.Release = release,
	.Logoff = logoff,
	.CanLogoff = can_logoff,
	.LogoffWithOptions = logoff_with_options,
	.Advise = advise,
	.Unadvise = unadvise,
	.get_Name = get_name,
	.get_Guid = get_guid,
};

HRESULT VMGuestOS_Find(const char *name, IVMGuestOS **out)
{
	struct guest_os *guest;
	HRESULT hr;

	if (!name || !out)
		return E_POINTER;
	*out = NULL;
	guest = calloc(1, sizeof(*guest));
	if (!guest)
		return E_OUTOFMEMORY;
	guest->iface.lpVtbl = &vtbl;
	atomic_init(&guest->references, 1);
	pthread_mutex_init(&guest->lock, NULL);
	LIST_INIT(&guest->listeners);
	hr = vmg_hresult_of(vmg_registry_find(name, &guest->directory));
	if (hr == S_OK) {
		/* @name may be the GUID. */
		guest->name = strdup(strrchr(guest->directory, '/') + 1);
		vmg_registry_guid(guest->directory, guest->guid);
		if (!guest->name)
			hr = E_OUTOFMEMORY;
	}
	/* A missing directory means that the machine does not exist. */
	if (hr == VM_E_VM_NOT_RUNNING)
		hr = VM_E_VM_UNKNOWN;
	if (hr == S_OK)
		*out = (IVMGuestOS *)&guest->iface;
	else
		guest_free(guest);
	return hr;
}

HRESULT VMGuestOS_Names(char ***out)
{
	if (!out)
		return E_POINTER;
	*out = NULL;
	return vmg_hresult_of(vmg_registry_names(out));
}
