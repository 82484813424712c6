// SPDX-License-Identifier: GPL-2.0-or-later
#include "host.h"

#include <stdlib.h>
#include <string.h>

#include "argument.h"
#include "background.h"
#include "collection.h"
#include "machine.h"
#include "userspace/host/windows/machine.h"
#include "userspace/host/windows/wide.h"
#include "userspace/shared/release.h"
#include "virtual_pc.h"

struct host {
	struct object object;
	char *name, *user, *password; /* of VMHost; NULL until UseHost() */
};

static struct host *host_of(void *This)
{
	return This;
}

/* The strings are a copy: UseHost() can be called while this call waits. */
struct find {
	struct background work;
	VMHost host;
	char *host_name, *user, *password;
	char *name;
	IVMGuestOS *found;
	struct machine **machines;
	size_t count;
};

static void find_clear(struct find *find)
{
	if (find->password)
		SecureZeroMemory(find->password, strlen(find->password));
	free(find->host_name);
	free(find->user);
	free(find->password);
	free(find->name);
}
#define _cleanup_find_ _cleanup_(find_clear)

static bool copy_text(char **copy, const char *text)
{
	*copy = text ? strdup(text) : NULL;
	return *copy || !text;
}

static bool find_init(struct find *find, const struct host *host)
{
	if (!copy_text(&find->host_name, host->name) || !copy_text(&find->user, host->user) ||
	    !copy_text(&find->password, host->password))
		return false;
	find->host = (VMHost){
		.size = sizeof(find->host),
		.name = find->host_name,
		.user = find->user,
		.password = find->password,
	};
	return true;
}

static HRESULT find_one(struct background *work)
{
	struct find *find = (struct find *)work;

	return VMGuestOS_FindOn(&find->host, find->name, &find->found);
}

/* As Virtual PC: S_FALSE and Nothing if there is no such machine. */
static HRESULT WINAPI find_virtual_machine(IHvHost2 *This, BSTR name, IHvMachine **out)
{
	_cleanup_find_ struct find find = {.work.run = find_one};
	struct host *host = host_of(This);
	HRESULT hr;

	if (!out)
		return E_POINTER;
	*out = NULL;
	find.name = wide_to_utf8(name ? name : L"");
	if (!find.name || !find_init(&find, host))
		return E_OUTOFMEMORY;
	object_add_ref(host);
	hr = background_run(&find.work);
	if (SUCCEEDED(hr))
		hr = machine_object_new((IVMGuestOS2 *)find.found, out);
	else if (hr == VM_E_VM_UNKNOWN)
		hr = S_FALSE;
	else
		object_fail(&host->object, hr, find.work.text);
	object_release(host);
	return hr;
}

static HRESULT find_all(struct background *work)
{
	struct find *find = (struct find *)work;

	return machine_list(&find->host, &find->machines, &find->count);
}

/* Takes over the machines. */
static HRESULT make_objects(struct machine **machines, size_t count, IDispatch **objects,
			    size_t *made)
{
	HRESULT hr = S_OK;

	for (size_t index = 0; index < count; index++) {
		IHvMachine *object = NULL;
		IVMGuestOS *guest;

		hr = vmg_guest_new(machines[index], &guest);
		machines[index] = NULL;
		if (SUCCEEDED(hr))
			hr = machine_object_new((IVMGuestOS2 *)guest, &object);
		if (FAILED(hr))
			break;
		objects[(*made)++] = (IDispatch *)object;
	}
	return hr;
}

static HRESULT make_collection(struct machine **machines, size_t count, IHvCollection **out)
{
	_cleanup_free_ IDispatch **objects = calloc(count + 1, sizeof(IDispatch *));
	size_t made = 0;
	HRESULT hr = objects ? make_objects(machines, count, objects, &made) : E_OUTOFMEMORY;

	if (!objects)
		return hr;
	*out = collection_new(&collection_of_machines, objects, made);
	if (!*out)
		return E_OUTOFMEMORY;
	if (FAILED(hr)) {
		IHvCollection_Release(*out);
		*out = NULL;
	}
	return hr;
}

static void free_machines(struct machine **machines, size_t count)
{
	for (size_t index = 0; index < count; index++) {
		if (machines[index])
			vmg_machine_free(machines[index]);
	}
	free(machines);
}

static HRESULT WINAPI get_virtual_machines(IHvHost2 *This, IHvCollection **out)
{
	_cleanup_find_ struct find find = {.work.run = find_all};
	struct host *host = host_of(This);
	HRESULT hr;

	if (!out)
		return E_POINTER;
	*out = NULL;
	if (!find_init(&find, host))
		return E_OUTOFMEMORY;
	object_add_ref(host);
	hr = background_run(&find.work);
	if (SUCCEEDED(hr))
		hr = make_collection(find.machines, find.count, out);
	else
		object_fail(&host->object, hr, find.work.text);
	free_machines(find.machines, find.count);
	object_release(host);
	return hr;
}

static HRESULT WINAPI get_name(IHvHost2 *This, BSTR *out)
{
	(void)This;
	return object_text("hv-logoff", out);
}

static HRESULT WINAPI get_version(IHvHost2 *This, BSTR *out)
{
	(void)This;
	return object_text(RELEASE, out);
}

static void forget_host(struct host *host)
{
	if (host->password)
		SecureZeroMemory(host->password, strlen(host->password));
	free(host->name);
	free(host->user);
	free(host->password);
	host->name = host->user = host->password = NULL;
}

static HRESULT WINAPI use_host(IHvHost2 *This, BSTR name, VARIANT user, VARIANT password)
{
	struct host *host = host_of(This);
	HRESULT hr;

	forget_host(host);
	host->name = wide_to_utf8(name ? name : L"");
	hr = host->name ? argument_text(&user, &host->user) : E_OUTOFMEMORY;
	if (SUCCEEDED(hr))
		hr = argument_text(&password, &host->password);
	/* An empty user, as a variable that was not set, is not the caller's own account. */
	if (SUCCEEDED(hr) && (host->user ? !*host->user : host->password != NULL))
		hr = E_INVALIDARG;
	if (SUCCEEDED(hr))
		return hr;
	forget_host(host);
	return object_fail(&host->object, hr, NULL);
}

static HRESULT WINAPI get_host_name(IHvHost2 *This, BSTR *out)
{
	const char *name = host_of(This)->name;

	return object_text(name ? name : "", out);
}

static void clear(struct object *object)
{
	forget_host(host_of(object));
}

static const struct object_class class = {
	.iid = &IID_IHvHost2,
	.base = &IID_IHvHost,
	.virtual_pc = &VIRTUAL_PC_HOST,
	.clear = clear,
};

static const IHvHost2Vtbl table = {
	OBJECT_METHODS,
	.FindVirtualMachine = find_virtual_machine,
	.get_VirtualMachines = get_virtual_machines,
	.get_Name = get_name,
	.get_Version = get_version,
	.UseHost = use_host,
	.get_HostName = get_host_name,
};

IUnknown *host_new(void)
{
	return (IUnknown *)OBJECT_NEW(struct host, &class, &table);
}
