// SPDX-License-Identifier: GPL-2.0-or-later
#include "object.h"

#include <stddef.h>
#include <stdlib.h>

#include "register.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/host/windows/wide.h"

#define DISPATCH_MEMBERS   (sizeof(IDispatchVtbl) / sizeof(void *))
/* Those of the largest of these interfaces, IVMVirtualMachine: methods, get_ and put_ functions. */
#define VIRTUAL_PC_MEMBERS 69

volatile LONG server_uses;

/* Removing the arguments is the caller's task in 64 bits. */
static HRESULT WINAPI not_implemented(void)
{
	return E_NOTIMPL;
}

/*
 * What a program gets that was built with Virtual PC's header: IDispatch works. The order of the
 * other members is not known, so that each call fails, rather than do something else.
 */
static void *const virtual_pc_table[DISPATCH_MEMBERS + VIRTUAL_PC_MEMBERS] = {
	(void *)object_query,
	(void *)object_add_ref,
	(void *)object_release,
	(void *)object_type_count,
	(void *)object_type_info,
	(void *)object_ids,
	(void *)object_invoke,
	[DISPATCH_MEMBERS... DISPATCH_MEMBERS + VIRTUAL_PC_MEMBERS - 1] = (void *)not_implemented,
};

static HRESULT WINAPI supports_error_info(ISupportErrorInfo *This, REFIID iid);

static const ISupportErrorInfoVtbl support_table = {
	.QueryInterface = (void *)object_query,
	.AddRef = (void *)object_add_ref,
	.Release = (void *)object_release,
	.InterfaceSupportsErrorInfo = supports_error_info,
};

/* Of any of its interfaces that have the tables above or are the first one. */
static struct object *object_of(void *This)
{
	const void *table = ((IUnknown *)This)->lpVtbl;

	if (table == virtual_pc_table)
		return CONTAINING_RECORD(This, struct object, virtual_pc);
	if (table == &support_table)
		return CONTAINING_RECORD(This, struct object, support);
	return This;
}

static bool is_own(const struct object_class *class, REFIID iid)
{
	return IsEqualIID(iid, class->iid) || (class->base && IsEqualIID(iid, class->base));
}

static HRESULT WINAPI supports_error_info(ISupportErrorInfo *This, REFIID iid)
{
	return is_own(object_of(This)->class, iid) ? S_OK : S_FALSE;
}

void *object_new(size_t size, const struct object_class *class, const void *table)
{
	struct object *object = calloc(1, size);

	if (!object)
		return NULL;
	object->dual.lpVtbl = (void *)table;
	object->virtual_pc.lpVtbl = (void *)virtual_pc_table;
	object->support.lpVtbl = (void *)&support_table;
	object->class = class;
	object->refs = 1;
	InterlockedIncrement(&server_uses);
	return object;
}

static void *find_interface(struct object *object, REFIID iid)
{
	const struct object_class *class = object->class;

	if (is_own(class, iid) || IsEqualIID(iid, &IID_IDispatch) || IsEqualIID(iid, &IID_IUnknown))
		return &object->dual;
	if (class->virtual_pc && IsEqualIID(iid, class->virtual_pc))
		return &object->virtual_pc;
	return IsEqualIID(iid, &IID_ISupportErrorInfo) ? &object->support : NULL;
}

HRESULT WINAPI object_query(void *This, REFIID iid, void **out)
{
	struct object *object = object_of(This);

	if (!out)
		return E_POINTER;
	*out = find_interface(object, iid);
	if (*out)
		object_add_ref(object);
	else if (object->class->query)
		return object->class->query(object, iid, out);
	return *out ? S_OK : E_NOINTERFACE;
}

ULONG WINAPI object_add_ref(void *This)
{
	return InterlockedIncrement(&object_of(This)->refs);
}

ULONG WINAPI object_release(void *This)
{
	struct object *object = object_of(This);
	ULONG left = InterlockedDecrement(&object->refs);

	if (left > 0)
		return left;
	if (object->class->clear)
		object->class->clear(object);
	releasep(&object->type);
	free(object);
	InterlockedDecrement(&server_uses);
	return 0;
}

/* OLE Automation keeps the library while a description of it is in use. */
static HRESULT load_type(struct object *object)
{
	_cleanup_release_ ITypeLib *library = NULL;
	HRESULT hr;

	if (object->type)
		return S_OK;
	hr = server_load_types(REGKIND_NONE, &library);
	return SUCCEEDED(hr)
		       ? ITypeLib_GetTypeInfoOfGuid(library, object->class->iid, &object->type)
		       : hr;
}

HRESULT WINAPI object_type_count(void *This, UINT *count)
{
	(void)This;
	if (!count)
		return E_POINTER;
	*count = 1;
	return S_OK;
}

HRESULT WINAPI object_type_info(void *This, UINT index, LCID locale, ITypeInfo **out)
{
	struct object *object = object_of(This);
	HRESULT hr;

	(void)locale;
	if (!out)
		return E_POINTER;
	*out = NULL;
	if (index > 0)
		return DISP_E_BADINDEX;
	hr = load_type(object);
	if (FAILED(hr))
		return hr;
	*out = object->type;
	ITypeInfo_AddRef(*out);
	return S_OK;
}

HRESULT WINAPI object_ids(void *This, REFIID iid, LPOLESTR *names, UINT count, LCID locale,
			  DISPID *ids)
{
	struct object *object = object_of(This);
	HRESULT hr = load_type(object);

	(void)iid;
	(void)locale;
	return SUCCEEDED(hr) ? DispGetIDsOfNames(object->type, names, count, ids) : hr;
}

/* DispInvoke() turns the thread's error object into @exception. */
HRESULT WINAPI object_invoke(void *This, DISPID id, REFIID iid, LCID locale, WORD flags,
			     DISPPARAMS *parameters, VARIANT *result, EXCEPINFO *exception,
			     UINT *argument)
{
	struct object *object = object_of(This);
	HRESULT hr = load_type(object);

	(void)locale;
	if (!IsEqualIID(iid, &IID_NULL))
		return DISP_E_UNKNOWNINTERFACE;
	SetErrorInfo(0, NULL);
	return SUCCEEDED(hr) ? DispInvoke(&object->dual, object->type, id, flags, parameters,
					  result, exception, argument)
			     : hr;
}

HRESULT object_fail(const struct object *object, HRESULT hr, const char *text)
{
	_cleanup_bstr_ BSTR wide = wide_from_utf8(text && *text ? text : VMGuestOS_ErrorText(hr));
	_cleanup_release_ ICreateErrorInfo *create = NULL;
	_cleanup_release_ IErrorInfo *error = NULL;

	if (FAILED(CreateErrorInfo(&create)))
		return hr;
	ICreateErrorInfo_SetGUID(create, object->class->iid);
	ICreateErrorInfo_SetSource(create, (WCHAR *)SERVER_PROGID);
	ICreateErrorInfo_SetDescription(create, wide);
	if (SUCCEEDED(ICreateErrorInfo_QueryInterface(create, &IID_IErrorInfo, (void **)&error)))
		SetErrorInfo(0, error);
	return hr;
}

HRESULT object_not_reported(const struct object *object)
{
	return object_fail(object, E_NOTIMPL, "Hyper-V does not report this of a guest.");
}

HRESULT object_text(const char *text, BSTR *out)
{
	if (!out)
		return E_POINTER;
	*out = wide_from_utf8(text);
	return *out ? S_OK : E_OUTOFMEMORY;
}
