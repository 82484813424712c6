// SPDX-License-Identifier: GPL-2.0-or-later
/* IVMGuestOS: a machine that was looked up by its name or its GUID. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "error.h"
#include "iid.h"
#include "machine.h"
#include "userspace/shared/text.h"

#define OPTIONS_SIZE_MAX 4096 /* an upper bound for future versions of the structures */

struct guest_os {
	IVMGuestOS2 iface;
	atomic_uint references;
	struct machine *machine;
	struct listeners listeners;
};

static struct guest_os *guest_of(IVMGuestOS2 *This)
{
	return (struct guest_os *)This;
}

static struct machine *machine_of(IVMGuestOS2 *This)
{
	return guest_of(This)->machine;
}

static uint32_t add_ref(IVMGuestOS2 *This)
{
	return atomic_fetch_add(&guest_of(This)->references, 1) + 1;
}

static uint32_t release(IVMGuestOS2 *This)
{
	struct guest_os *guest = guest_of(This);
	uint32_t left = atomic_fetch_sub(&guest->references, 1) - 1;

	if (left == 0) {
		vmg_listeners_done(&guest->listeners);
		vmg_machine_free(guest->machine);
		free(guest);
	}
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
	const uint32_t known = VM_LOGOFF_FORCE | VM_LOGOFF_DRY_RUN | VM_LOGOFF_INCLUDE_LINGERING |
			       VM_LOGOFF_NO_LOGINS | VM_LOGOFF_VIA_ANY;
	const uint32_t via = options->flags & VM_LOGOFF_VIA_ANY;

	return !(options->flags & ~known) && !(via & (via - 1)) && options->timeout > 0 &&
	       options->timeout <= VM_LOGOFF_TIMEOUT_MAX && options->grace < options->timeout &&
	       is_text(options->message, VM_LOGOFF_MESSAGE_MAX) &&
	       is_name(options->user, VM_LOGOFF_USER_MAX) &&
	       is_name(options->session, VM_LOGOFF_SESSION_MAX);
}

/* Copies what a caller has of a structure, of which @smallest bytes are required. */
static bool copy_structure(void *copy, size_t size, const void *given, size_t given_size,
			   size_t smallest)
{
	const char *bytes = given;

	if (given_size < smallest || given_size > OPTIONS_SIZE_MAX)
		return false;
	for (size_t i = size; i < given_size; i++) {
		if (bytes[i])
			return false;
	}
	memset(copy, 0, size);
	memcpy(copy, given, MIN(given_size, size));
	return true;
}

/*
 * A caller compiled with an older header has fewer members, which default to 0; one compiled with
 * a newer header has more, which must be 0.
 */
static bool copy_options(VMLogoffOptions *copy, const VMLogoffOptions *options)
{
	return copy_structure(copy, sizeof(*copy), options, options->size,
			      offsetof(VMLogoffOptions, user)) &&
	       are_valid(copy);
}

static HRESULT logoff_with_options(IVMGuestOS2 *This, const VMLogoffOptions *options, IVMTask **out)
{
	VMLogoffOptions copy;

	if (!options || !out)
		return E_POINTER;
	*out = NULL;
	vmg_last_error(NULL);
	if (!copy_options(&copy, options))
		return E_INVALIDARG;
	return vmg_machine_logoff(machine_of(This), &copy, out);
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
	vmg_last_error(NULL);
	return vmg_machine_can_logoff(machine_of(This));
}

static bool is_sink(IVMVirtualMachineEvents *events)
{
	void *object;

	if (FAILED(events->lpVtbl->QueryInterface(events, &DIID_IVMVirtualMachineEvents, &object)))
		return false;
	events->lpVtbl->Release(object);
	return true;
}

static HRESULT advise(IVMGuestOS2 *This, IVMVirtualMachineEvents *events, uint32_t *out)
{
	struct events_source *source;
	HRESULT hr;

	if (!events || !out)
		return E_POINTER;
	*out = 0;
	vmg_last_error(NULL);
	if (!is_sink(events))
		return CONNECT_E_CANNOTCONNECT;
	hr = vmg_machine_events(machine_of(This), &source);
	return hr == S_OK ? vmg_listeners_add(&guest_of(This)->listeners, source, events, out) : hr;
}

static HRESULT unadvise(IVMGuestOS2 *This, uint32_t cookie)
{
	return vmg_listeners_remove(&guest_of(This)->listeners, cookie);
}

static HRESULT cancel_logoff(IVMGuestOS2 *This, uint64_t id)
{
	vmg_last_error(NULL);
	return vmg_machine_cancel(machine_of(This), id);
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
	return copy_string(vmg_machine_name(machine_of(This)), out);
}

static HRESULT get_guid(IVMGuestOS2 *This, char **out)
{
	return copy_string(vmg_machine_guid(machine_of(This)), out);
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
	.CancelLogoff = cancel_logoff,
};

/* Whether @host, which may be NULL, is valid; an empty name is this computer, as NULL is. */
static bool copy_host(VMHost *copy, const VMHost *host)
{
	*copy = (VMHost){.size = sizeof(*copy)};
	if (host && !copy_structure(copy, sizeof(*copy), host, host->size, sizeof(*copy)))
		return false;
	if (copy->name && !*copy->name)
		copy->name = NULL;
	return is_text(copy->name, VM_HOST_NAME_MAX) && is_name(copy->user, VM_HOST_USER_MAX) &&
	       is_text(copy->password, VM_HOST_USER_MAX) && !(copy->password && !copy->user);
}

HRESULT vmg_guest_new(struct machine *machine, IVMGuestOS **out)
{
	struct guest_os *guest = calloc(1, sizeof(*guest));

	*out = NULL;
	if (!guest) {
		vmg_machine_free(machine);
		return E_OUTOFMEMORY;
	}
	guest->iface.lpVtbl = &vtbl;
	atomic_init(&guest->references, 1);
	guest->machine = machine;
	vmg_listeners_init(&guest->listeners);
	*out = (IVMGuestOS *)&guest->iface;
	return S_OK;
}

struct machine *vmg_guest_machine(IVMGuestOS2 *guest)
{
	return machine_of(guest);
}

HRESULT VMGuestOS_FindOn(const VMHost *host, const char *name, IVMGuestOS **out)
{
	struct machine *machine;
	VMHost copy;
	HRESULT hr;

	if (!name || !out)
		return E_POINTER;
	*out = NULL;
	vmg_last_error(NULL);
	if (!copy_host(&copy, host))
		return E_INVALIDARG;
	hr = vmg_machine_find(&copy, name, &machine);
	return hr == S_OK ? vmg_guest_new(machine, out) : hr;
}

HRESULT VMGuestOS_Find(const char *name, IVMGuestOS **out)
{
	return VMGuestOS_FindOn(NULL, name, out);
}

HRESULT VMGuestOS_NamesOn(const VMHost *host, char ***out)
{
	VMHost copy;

	if (!out)
		return E_POINTER;
	*out = NULL;
	vmg_last_error(NULL);
	return copy_host(&copy, host) ? vmg_machine_names(&copy, out) : E_INVALIDARG;
}

HRESULT VMGuestOS_Names(char ***out)
{
	return VMGuestOS_NamesOn(NULL, out);
}

void VMGuestOS_Free(void *memory)
{
	free(memory);
}
