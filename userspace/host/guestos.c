// SPDX-License-Identifier: GPL-2.0-or-later
/* IVMGuestOS: a machine that was found by its name. Never changes but for its references. */
#include <stdatomic.h>
#include <string.h>

#include "connection.h"
#include "iid.h"
#include "registry.h"
#include "task.h"
#include "util.h"

struct guest_os {
	IVMGuestOS2 face;
	atomic_uint references;
	char *name;
	char *folder;
};

static struct guest_os *guest_of(IVMGuestOS2 *This)
{
	return (struct guest_os *)This;
}

static uint32_t add_ref(IVMGuestOS2 *This)
{
	return atomic_fetch_add(&guest_of(This)->references, 1) + 1;
}

static void guest_free(struct guest_os *guest)
{
	free(guest->name);
	free(guest->folder);
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

static bool is_utf8(const char *text)
{
	_cleanup_json_ json_t *string = json_string(text);

	return string;
}

static bool are_valid(const VMLogoffOptions *options)
{
	return options->size == sizeof(*options) && !(options->flags & ~VM_LOGOFF_FORCE) &&
	       options->timeout > 0 && options->timeout <= VM_LOGOFF_TIMEOUT_MAX &&
	       options->grace < options->timeout &&
	       (!options->message ||
		(strlen(options->message) <= VM_LOGOFF_MESSAGE_MAX && is_utf8(options->message)));
}

static HRESULT logoff_with_options(IVMGuestOS2 *This, const VMLogoffOptions *options, IVMTask **out)
{
	struct guest_os *guest = guest_of(This);

	if (!options || !out)
		return E_POINTER;
	*out = NULL;
	if (!are_valid(options))
		return E_INVALIDARG;
	return vmg_task_start(guest->name, guest->folder, options, out);
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
	_cleanup_json_ json_t *reply = NULL;
	int negotiated = 0, ret;

	ret = vmg_connection_ask(guest_of(This)->folder, json_pack("{s:s}", "command", "status"),
				 &reply);
	if (ret < 0)
		return vmg_hresult_of(ret);
	if (!json_is_true(json_object_get(reply, "ok")))
		return vmg_hresult_in(reply);
	json_unpack(reply, "{s:{s:{s:b}}}", "components", "logoff", "negotiated", &negotiated);
	return negotiated ? S_OK : VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
}

static const IVMGuestOS2Vtbl vtbl = {
	.QueryInterface = query_interface,
	.AddRef = add_ref,
	.Release = release,
	.Logoff = logoff,
	.CanLogoff = can_logoff,
	.LogoffWithOptions = logoff_with_options,
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
	guest->face.lpVtbl = &vtbl;
	atomic_init(&guest->references, 1);
	guest->name = strdup(name);
	hr = guest->name ? vmg_hresult_of(vmg_registry_find(name, &guest->folder)) : E_OUTOFMEMORY;
	/* Of a folder that is not there it is not the machine that doesn't run. */
	if (hr == VM_E_VM_NOT_RUNNING)
		hr = VM_E_VM_UNKNOWN;
	if (hr == S_OK)
		*out = (IVMGuestOS *)&guest->face;
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
