// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IWbemServices of root\virtualization\v2, and what it returns. Calls with
 * WBEM_FLAG_RETURN_IMMEDIATELY have their result after host_delay(), as with WMI's service.
 */
#include "services.h"

#include <stdlib.h>
#include <wchar.h>

#include "host.h"
#include "query.h"

/* The blanket of a proxy. What WMI's service returns to a program are proxies. */
static HRESULT WINAPI security_query(IClientSecurity *iface, REFIID iid, void **object)
{
	return query_interface(iface, &IID_IClientSecurity, iid, object);
}

static HRESULT WINAPI security_set(IClientSecurity *iface, IUnknown *proxy, DWORD authentication,
				   DWORD authorization, OLECHAR *principal, DWORD level,
				   DWORD impersonation, void *identity, DWORD capabilities)
{
	(void)iface;
	(void)proxy;
	(void)authentication;
	(void)authorization;
	(void)principal;
	(void)level;
	(void)impersonation;
	(void)identity;
	(void)capabilities;
	return S_OK;
}

static IClientSecurityVtbl security_table = {
	.QueryInterface = security_query,
	.AddRef = (void *)static_add_ref,
	.Release = (void *)static_release,
	.SetBlanket = security_set,
};

/* QueryInterface() of a proxy for @own. */
static HRESULT proxy_query(void *object, REFIID own, REFIID iid, void **result)
{
	static IClientSecurity security = {.lpVtbl = &security_table};

	complete_table(&security_table, sizeof(security_table));
	return IsEqualIID(iid, &IID_IClientSecurity)
		       ? IClientSecurity_QueryInterface(&security, iid, result)
		       : query_interface(object, own, iid, result);
}

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
	bool forward_only; /* an enumerator that can be neither reset nor cloned */
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
	for (size_t index = 0; index < result->count; index++)
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

static IWbemClassObject *take_next(struct result *result)
{
	IWbemClassObject *object = result->objects[result->next++];

	IWbemClassObject_AddRef(object);
	return object;
}

static HRESULT WINAPI call_query(IWbemCallResult *iface, REFIID iid, void **object)
{
	return proxy_query(iface, &IID_IWbemCallResult, iid, object);
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
	*object = take_next(result);
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
	return proxy_query(iface, &IID_IEnumWbemClassObject, iid, object);
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
		objects[(*returned)++] = take_next(result);
	return *returned == wanted ? S_OK : WBEM_S_FALSE;
}

static HRESULT WINAPI enumerator_reset(IEnumWbemClassObject *iface)
{
	struct result *result = (struct result *)iface;

	result->next = result->forward_only ? result->next : 0;
	return result->forward_only ? WBEM_E_INVALID_OPERATION : S_OK;
}

static HRESULT WINAPI enumerator_clone(IEnumWbemClassObject *iface, IEnumWbemClassObject **clone)
{
	struct result *result = (struct result *)iface, *copy;

	if (result->forward_only)
		return WBEM_E_INVALID_OPERATION;
	copy = calloc(1, sizeof(*copy));
	if (!copy)
		abort();
	*copy = *result;
	copy->refs = 1;
	for (size_t index = 0; index < copy->count; index++)
		IWbemClassObject_AddRef(copy->objects[index]);
	InterlockedIncrement(&live_objects);
	*clone = &copy->enumerator;
	return S_OK;
}

static IEnumWbemClassObjectVtbl enumerator_table = {
	.QueryInterface = enumerator_query,
	.AddRef = (void *)result_add_ref,
	.Release = (void *)result_release,
	.Reset = enumerator_reset,
	.Next = enumerator_next,
	.Clone = enumerator_clone,
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
	return proxy_query(iface, &IID_IWbemServices, iid, object);
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

/* Removes the instances that do not meet the conditions of a query. */
static void filter(struct result *result, const struct query *query)
{
	size_t kept = 0;

	for (size_t index = 0; index < result->count; index++) {
		HRESULT hr = query_match(query, result->objects[index]);

		if (hr == S_OK)
			result->objects[kept++] = result->objects[index];
		else
			IWbemClassObject_Release(result->objects[index]);
		if (FAILED(hr))
			result->status = hr;
	}
	result->count = kept;
}

static void find_instances(struct result *result, const WCHAR *class)
{
	_cleanup_release_ IWbemClassObject *definition = host_object(class);

	if (definition)
		result->count = host_instances(class, result->objects);
	else
		result->status = WBEM_E_INVALID_CLASS;
}

static void run_query(struct result *result, const WCHAR *text)
{
	struct query *query = calloc(1, sizeof(*query));

	if (!query)
		abort();
	if (!query_parse(query, text))
		result->status = WBEM_E_INVALID_QUERY;
	else if (query->path)
		result->count = host_associated(query->path, query->class, result->objects);
	else
		find_instances(result, query->class);
	filter(result, query);
	free(query);
}

/* Returns the instances that @run finds for @what. */
static HRESULT enumerate(void (*run)(struct result *result, const WCHAR *what), const WCHAR *what,
			 long flags, IEnumWbemClassObject **enumerator)
{
	bool hang;
	struct result *result = result_new(host_query_result(&hang));

	if (hang)
		host_hang();
	if (SUCCEEDED(result->status))
		run(result, what);
	complete_table(&enumerator_table, sizeof(enumerator_table));
	result->enumerator.lpVtbl = &enumerator_table;
	result->forward_only = flags & WBEM_FLAG_FORWARD_ONLY;
	*enumerator = &result->enumerator;
	return S_OK;
}

static HRESULT WINAPI services_exec_query(IWbemServices *iface, const BSTR language,
					  const BSTR query, long flags, IWbemContext *context,
					  IEnumWbemClassObject **enumerator)
{
	(void)iface;
	(void)language;
	(void)context;
	return enumerate(run_query, query, flags, enumerator);
}

static HRESULT WINAPI services_create_enum(IWbemServices *iface, const BSTR class, long flags,
					   IWbemContext *context, IEnumWbemClassObject **enumerator)
{
	(void)iface;
	(void)context;
	return enumerate(find_instances, class, flags, enumerator);
}

static IWbemServicesVtbl services_table = {
	.QueryInterface = services_query,
	.AddRef = (void *)static_add_ref,
	.Release = (void *)static_release,
	.GetObject = services_get_object,
	.CreateInstanceEnum = services_create_enum,
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
