// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IWbemServices of root\virtualization\v2, and what it returns. Calls with
 * WBEM_FLAG_RETURN_IMMEDIATELY have their result after host_delay(), as with WMI's service.
 */
#include "services.h"

#include <stdlib.h>
#include <wchar.h>

#include "host.h"

/* One class for the three interfaces: each has its own table. */
struct result {
	union {
		IWbemCallResult call;
		IEnumWbemClassObject enumerator;
	};
	volatile LONG refs;
	ULONGLONG ready;
	HRESULT status;
	IWbemClassObject *objects[MAX_RESULTS];
	size_t count, next;
};

static ULONG WINAPI result_add_ref(void *iface)
{
	return InterlockedIncrement(&((struct result *)iface)->refs);
}

static ULONG WINAPI result_release(void *iface)
{
	struct result *result = iface;
	ULONG refs = InterlockedDecrement(&result->refs);

	if (refs > 0)
		return refs;
	for (size_t index = result->next; index < result->count; index++)
		IWbemClassObject_Release(result->objects[index]);
	free(result);
	InterlockedDecrement(&live_objects);
	return 0;
}

/* Waits at most @ms for the result. */
static bool await_ready(struct result *result, long ms)
{
	ULONGLONG now = GetTickCount64(), wait;

	if (now >= result->ready)
		return true;
	wait = result->ready - now;
	if (ms >= 0 && wait > (ULONGLONG)ms) {
		Sleep(ms);
		return false;
	}
	Sleep((DWORD)wait);
	result->ready = 0; /* the clock may be behind */
	return true;
}

static HRESULT WINAPI call_query(IWbemCallResult *iface, REFIID iid, void **object)
{
	return query_interface(iface, &IID_IWbemCallResult, iid, object);
}

static HRESULT WINAPI call_status(IWbemCallResult *iface, long ms, long *status)
{
	struct result *result = (struct result *)iface;

	if (!await_ready(result, ms))
		return WBEM_S_TIMEDOUT;
	*status = result->status;
	return S_OK;
}

static HRESULT WINAPI call_object(IWbemCallResult *iface, long ms, IWbemClassObject **object)
{
	struct result *result = (struct result *)iface;

	if (!await_ready(result, ms))
		return WBEM_S_TIMEDOUT;
	if (FAILED(result->status) || result->next == result->count)
		return WBEM_E_NOT_AVAILABLE;
	*object = result->objects[result->next++];
	return S_OK;
}

static IWbemCallResultVtbl call_table = {
	.QueryInterface = call_query,
	.AddRef = (void *)result_add_ref,
	.Release = (void *)result_release,
	.GetCallStatus = call_status,
	.GetResultObject = call_object,
};

static HRESULT WINAPI enumerator_query(IEnumWbemClassObject *iface, REFIID iid, void **object)
{
	return query_interface(iface, &IID_IEnumWbemClassObject, iid, object);
}

static HRESULT WINAPI enumerator_next(IEnumWbemClassObject *iface, long ms, ULONG wanted,
				      IWbemClassObject **objects, ULONG *returned)
{
	struct result *result = (struct result *)iface;

	*returned = 0;
	if (!await_ready(result, ms))
		return WBEM_S_TIMEDOUT;
	if (FAILED(result->status))
		return result->status;
	while (*returned < wanted && result->next < result->count)
		objects[(*returned)++] = result->objects[result->next++];
	return *returned == wanted ? S_OK : WBEM_S_FALSE;
}

static IEnumWbemClassObjectVtbl enumerator_table = {
	.QueryInterface = enumerator_query,
	.AddRef = (void *)result_add_ref,
	.Release = (void *)result_release,
	.Next = enumerator_next,
};

static struct result *result_new(HRESULT status)
{
	struct result *result = calloc(1, sizeof(*result));

	if (!result)
		abort();
	InterlockedIncrement(&live_objects);
	result->refs = 1;
	result->status = status;
	result->ready = GetTickCount64() + host_delay();
	return result;
}

/* Returns an object at once, or the result of a semisynchronous call. */
static HRESULT deliver(HRESULT hr, IWbemClassObject *object, long flags, IWbemClassObject **direct,
		       IWbemCallResult **later)
{
	struct result *result;

	if (!(flags & WBEM_FLAG_RETURN_IMMEDIATELY) || !later) {
		Sleep(host_delay());
		if (direct)
			*direct = object;
		else if (object)
			IWbemClassObject_Release(object);
		return hr;
	}
	result = result_new(hr);
	complete_table(&call_table, sizeof(call_table));
	result->call.lpVtbl = &call_table;
	if (object)
		result->objects[result->count++] = object;
	*later = &result->call;
	return S_OK;
}

static HRESULT WINAPI services_query(IWbemServices *iface, REFIID iid, void **object)
{
	return query_interface(iface, &IID_IWbemServices, iid, object);
}

/* The services have no state of their own. */
static ULONG WINAPI services_add_ref(IWbemServices *iface)
{
	(void)iface;
	return InterlockedIncrement(&live_objects);
}

static ULONG WINAPI services_release(IWbemServices *iface)
{
	(void)iface;
	return InterlockedDecrement(&live_objects);
}

static HRESULT WINAPI services_get_object(IWbemServices *iface, const BSTR path, long flags,
					  IWbemContext *context, IWbemClassObject **object,
					  IWbemCallResult **result)
{
	IWbemClassObject *found = host_object(path);

	(void)iface;
	(void)context;
	return deliver(found ? S_OK : WBEM_E_NOT_FOUND, found, flags, object, result);
}

static HRESULT WINAPI services_exec_method(IWbemServices *iface, const BSTR path, const BSTR method,
					   long flags, IWbemContext *context, IWbemClassObject *in,
					   IWbemClassObject **out, IWbemCallResult **result)
{
	IWbemClassObject *returned = NULL;
	HRESULT hr = host_call(path, method, in, &returned);

	(void)iface;
	(void)context;
	return deliver(hr, returned, flags, out, result);
}

#define SELECT      L"SELECT * FROM "
#define ASSOCIATORS L"ASSOCIATORS OF {"
#define WHERE       L"} WHERE ResultClass = "
#define LENGTH(s)   (ARRAY_SIZE(s) - 1)

/* The path between ASSOCIATORS and WHERE; *@class is what follows. NULL for another query. */
static BSTR associators_path(const WCHAR *query, const WCHAR **class)
{
	const WCHAR *path = query + LENGTH(ASSOCIATORS), *where;

	if (wcsncmp(query, ASSOCIATORS, LENGTH(ASSOCIATORS)) != 0)
		return NULL;
	where = wcsstr(path, WHERE);
	if (!where)
		return NULL;
	*class = where + LENGTH(WHERE);
	return SysAllocStringLen(path, (UINT)(where - path));
}

/* Only the two forms that are used: a condition must not be ignored. */
static void run_query(struct result *result, const WCHAR *query)
{
	const WCHAR *class = query + LENGTH(SELECT);
	_cleanup_bstr_ BSTR path = associators_path(query, &class);
	bool select = wcsncmp(query, SELECT, LENGTH(SELECT)) == 0;

	if ((!select && !path) || wcschr(class, L' '))
		result->status = WBEM_E_INVALID_QUERY;
	else if (select)
		result->count = host_instances(class, result->objects);
	else
		result->count = host_associated(path, class, result->objects);
}

static HRESULT WINAPI services_exec_query(IWbemServices *iface, const BSTR language,
					  const BSTR query, long flags, IWbemContext *context,
					  IEnumWbemClassObject **enumerator)
{
	bool hang;
	struct result *result = result_new(host_query_result(&hang));

	(void)iface;
	(void)language;
	(void)flags;
	(void)context;
	if (hang)
		host_hang();
	if (SUCCEEDED(result->status))
		run_query(result, query);
	complete_table(&enumerator_table, sizeof(enumerator_table));
	result->enumerator.lpVtbl = &enumerator_table;
	*enumerator = &result->enumerator;
	return S_OK;
}

static IWbemServicesVtbl services_table = {
	.QueryInterface = services_query,
	.AddRef = services_add_ref,
	.Release = services_release,
	.GetObject = services_get_object,
	.ExecQuery = services_exec_query,
	.ExecMethod = services_exec_method,
};

IWbemServices *services_new(void)
{
	static IWbemServices services = {.lpVtbl = &services_table};

	complete_table(&services_table, sizeof(services_table));
	InterlockedIncrement(&live_objects);
	return &services;
}
