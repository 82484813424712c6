// SPDX-License-Identifier: GPL-2.0-or-later
#include <winsock2.h>

#include "wmi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/host/windows/call.h"
#include "userspace/host/windows/com.h"
#include "userspace/host/windows/probe.h"
#include "userspace/host/windows/wide.h"

/* How often a call checks whether it is to stop. */
#define SLICE_MS    50
#define JOB_POLL_MS 100
#define MAX_OBJECTS 65536

#define JOB_COMPLETED 7

unsigned short wmi_probe_port = PROBE_RPC_PORT;
DWORD wmi_probe_ms = 5000;

struct wmi {
	struct caller *caller;
};

/* What the thread uses. The identity is part of the blanket of every proxy. */
struct session {
	IWbemServices *services;
	COAUTHIDENTITY identity;
	BSTR user, domain, password; /* NULL for the caller's account */
};

struct operation {
	struct call call;
	char *host; /* of the connection */
	BSTR path;  /* the namespace, the path or the query */
	BSTR method;
	BSTR user, password;
	IWbemClassObject *in;
	struct wmi_objects objects;
};

static void free_secret(BSTR secret)
{
	if (secret)
		SecureZeroMemory(secret, SysStringByteLen(secret));
	SysFreeString(secret);
}

static void session_free(void *context)
{
	struct session *session = context;

	releasep(&session->services);
	SysFreeString(session->user);
	SysFreeString(session->domain);
	free_secret(session->password);
	free(session);
}

static void operation_free(struct call *call)
{
	struct operation *operation = (struct operation *)call;

	free(operation->host);
	SysFreeString(operation->path);
	SysFreeString(operation->method);
	SysFreeString(operation->user);
	free_secret(operation->password);
	releasep(&operation->in);
	wmi_objects_free(&operation->objects);
	free(operation);
}

static void operationp(struct operation **operation)
{
	if (*operation)
		call_unref(&(*operation)->call);
}
#define _cleanup_operation_ _cleanup_(operationp)

static struct operation *operation_new(HRESULT (*run)(struct call *call, void *context),
				       const char *path)
{
	struct operation *operation = calloc(1, sizeof(*operation));

	if (!operation)
		return NULL;
	operation->call.run = run;
	operation->call.free = operation_free;
	operation->path = wide_from_utf8(path);
	if (call_init(&operation->call) && operation->path)
		return operation;
	call_unref(&operation->call);
	return NULL;
}

/* Milliseconds. */
static DWORD time_left(const struct wmi_wait *wait)
{
	ULONGLONG now = GetTickCount64();

	if (!wait->end)
		return wait->ms;
	return now >= wait->end ? 0 : (DWORD)min(wait->end - now, (ULONGLONG)wait->ms);
}

static HRESULT run_operation(struct wmi *wmi, struct operation *operation,
			     const struct wmi_wait *wait)
{
	return caller_run(wmi->caller, &operation->call, time_left(wait), wait->cancel);
}

/* An object in this process, as in WMI's own libraries, is no proxy and has no blanket. */
static HRESULT set_blanket(struct session *session, void *proxy)
{
	HRESULT hr = CoSetProxyBlanket(proxy, RPC_C_AUTHN_DEFAULT, RPC_C_AUTHZ_DEFAULT,
				       COLE_DEFAULT_PRINCIPAL, RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
				       RPC_C_IMP_LEVEL_IMPERSONATE,
				       session->user ? &session->identity : NULL, EOAC_NONE);

	return hr == E_NOINTERFACE ? S_OK : hr;
}

static HRESULT objects_add(struct wmi_objects *objects, IWbemClassObject *object)
{
	IWbemClassObject **items;

	if (objects->count == MAX_OBJECTS) {
		IWbemClassObject_Release(object);
		return WBEM_E_QUOTA_VIOLATION;
	}
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	items = realloc(objects->items, (objects->count + 1) * sizeof(*items));
	if (!items) {
		IWbemClassObject_Release(object);
		return E_OUTOFMEMORY;
	}
	items[objects->count++] = object;
	objects->items = items;
	return S_OK;
}

void wmi_objects_free(struct wmi_objects *objects)
{
	for (size_t index = 0; index < objects->count; index++)
		IWbemClassObject_Release(objects->items[index]);
	free(objects->items);
	*objects = (struct wmi_objects){};
}

/* Waits for the status of a semisynchronous call. */
static HRESULT await_status(const struct operation *operation, IWbemCallResult *result)
{
	HRESULT hr, status = S_OK;

	do {
		if (operation->call.stop)
			return E_ABORT;
		hr = IWbemCallResult_GetCallStatus(result, SLICE_MS, &status);
	} while (hr == WBEM_S_TIMEDOUT);
	return SUCCEEDED(hr) ? status : hr;
}

/* Waits for the result of a semisynchronous call, and adds its object to the operation's. */
static HRESULT await_result(struct operation *operation, IWbemCallResult *result)
{
	IWbemClassObject *object = NULL;
	HRESULT hr = await_status(operation, result);

	if (FAILED(hr))
		return hr;
	do {
		if (operation->call.stop)
			return E_ABORT;
		hr = IWbemCallResult_GetResultObject(result, SLICE_MS, &object);
	} while (hr == WBEM_S_TIMEDOUT);
	return SUCCEEDED(hr) && object ? objects_add(&operation->objects, object) : hr;
}

/*
 * Completes a call that returned @hr. A provider that does not support semisynchronous calls
 * returns @object at once, and no @result.
 */
static HRESULT complete(struct session *session, struct operation *operation, HRESULT hr,
			IWbemClassObject *object, IWbemCallResult *result)
{
	if (FAILED(hr))
		return hr;
	if (object)
		return objects_add(&operation->objects, object);
	if (!result)
		return S_OK;
	hr = set_blanket(session, result);
	return SUCCEEDED(hr) ? await_result(operation, result) : hr;
}

static HRESULT run_get(struct call *call, void *context)
{
	struct operation *operation = (struct operation *)call;
	struct session *session = context;
	_cleanup_release_ IWbemCallResult *result = NULL;
	IWbemClassObject *object = NULL;
	HRESULT hr = IWbemServices_GetObject(session->services, operation->path,
					     WBEM_FLAG_RETURN_IMMEDIATELY, NULL, &object, &result);

	return complete(session, operation, hr, object, result);
}

static HRESULT run_exec(struct call *call, void *context)
{
	struct operation *operation = (struct operation *)call;
	struct session *session = context;
	_cleanup_release_ IWbemCallResult *result = NULL;
	IWbemClassObject *out = NULL;
	HRESULT hr = IWbemServices_ExecMethod(session->services, operation->path, operation->method,
					      WBEM_FLAG_RETURN_IMMEDIATELY, NULL, operation->in,
					      &out, &result);

	return complete(session, operation, hr, out, result);
}

static HRESULT next_object(struct operation *operation, IEnumWbemClassObject *enumerator)
{
	IWbemClassObject *object = NULL;
	ULONG count = 0;
	HRESULT hr;

	do {
		if (operation->call.stop)
			return E_ABORT;
		hr = IEnumWbemClassObject_Next(enumerator, SLICE_MS, 1, &object, &count);
	} while (hr == WBEM_S_TIMEDOUT);
	if (hr != S_OK)
		return hr;
	return objects_add(&operation->objects, object);
}

static HRESULT run_query(struct call *call, void *context)
{
	struct operation *operation = (struct operation *)call;
	struct session *session = context;
	_cleanup_release_ IEnumWbemClassObject *enumerator = NULL;
	_cleanup_bstr_ BSTR language = SysAllocString(L"WQL");
	HRESULT hr = IWbemServices_ExecQuery(session->services, language, operation->path,
					     WBEM_FLAG_RETURN_IMMEDIATELY | WBEM_FLAG_FORWARD_ONLY,
					     NULL, &enumerator);

	if (SUCCEEDED(hr))
		hr = set_blanket(session, enumerator);
	while (hr == S_OK)
		hr = next_object(operation, enumerator);
	return hr == WBEM_S_FALSE ? S_OK : hr;
}

/* Splits DOMAIN\user; user@domain is one name. */
static HRESULT set_identity(struct session *session, struct operation *operation)
{
	WCHAR *backslash = operation->user ? wcschr(operation->user, L'\\') : NULL;

	if (!operation->user)
		return S_OK;
	session->user = SysAllocString(backslash ? backslash + 1 : operation->user);
	session->domain =
		SysAllocStringLen(operation->user, backslash ? backslash - operation->user : 0);
	session->password = SysAllocString(operation->password ? operation->password : L"");
	if (!session->user || !session->domain || !session->password)
		return E_OUTOFMEMORY;
	session->identity = (COAUTHIDENTITY){
		.User = session->user,
		.UserLength = SysStringLen(session->user),
		.Domain = session->domain,
		.DomainLength = SysStringLen(session->domain),
		.Password = session->password,
		.PasswordLength = SysStringLen(session->password),
		.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE,
	};
	return S_OK;
}

static HRESULT run_connect(struct call *call, void *context)
{
	struct operation *operation = (struct operation *)call;
	struct session *session = context;
	_cleanup_release_ IWbemLocator *locator = NULL;
	HRESULT hr = set_identity(session, operation);

	if (SUCCEEDED(hr) && operation->host)
		hr = probe_port(operation->host, wmi_probe_port, wmi_probe_ms, &call->stop);
	if (SUCCEEDED(hr))
		hr = CoCreateInstance(&CLSID_WbemLocator, NULL, CLSCTX_INPROC_SERVER,
				      &IID_IWbemLocator, (void **)&locator);
	if (SUCCEEDED(hr))
		hr = IWbemLocator_ConnectServer(
			locator, operation->path, operation->user, operation->password, NULL,
			WBEM_FLAG_CONNECT_USE_MAX_WAIT, NULL, NULL, &session->services);
	return SUCCEEDED(hr) ? set_blanket(session, session->services) : hr;
}

static bool is_computer_name(COMPUTER_NAME_FORMAT format, const WCHAR *host)
{
	WCHAR name[256];
	DWORD size = ARRAY_SIZE(name);

	return GetComputerNameExW(format, name, &size) && _wcsicmp(name, host) == 0;
}

bool wmi_is_this_computer(const char *host)
{
	_cleanup_bstr_ BSTR name = NULL;

	if (!host || !*host || strcmp(host, ".") == 0 || _stricmp(host, "localhost") == 0)
		return true;
	name = wide_from_utf8(host);
	return name && (is_computer_name(ComputerNameNetBIOS, name) ||
			is_computer_name(ComputerNameDnsHostname, name) ||
			is_computer_name(ComputerNameDnsFullyQualified, name));
}

static struct operation *connect_operation(const struct wmi_target *target, bool local)
{
	const char *host = local ? "." : target->host;
	size_t size = strlen(host) + strlen(target->space) + sizeof("\\\\\\");
	_cleanup_free_ char *path = malloc(size);
	struct operation *operation;

	if (!path)
		return NULL;
	snprintf(path, size, "\\\\%s\\%s", host, target->space);
	operation = operation_new(run_connect, path);
	if (!operation)
		return NULL;
	operation->host = local ? NULL : strdup(host);
	operation->user = wide_from_utf8(target->user);
	operation->password = wide_from_utf8(target->password);
	if ((local || operation->host) && !operation->user == !target->user &&
	    !operation->password == !target->password)
		return operation;
	call_unref(&operation->call);
	return NULL;
}

static struct wmi *wmi_new(void)
{
	struct session *session = calloc(1, sizeof(*session));
	struct wmi *wmi = calloc(1, sizeof(*wmi));

	if (wmi && session)
		wmi->caller = caller_new(session, session_free);
	if (wmi && wmi->caller)
		return wmi;
	free(session);
	free(wmi);
	return NULL;
}

HRESULT wmi_connect(struct wmi **wmi, const struct wmi_target *target, const struct wmi_wait *wait)
{
	bool local = wmi_is_this_computer(target->host);
	_cleanup_operation_ struct operation *operation = NULL;
	HRESULT hr;

	*wmi = NULL;
	if (local && target->user)
		return WBEM_E_LOCAL_CREDENTIALS;
	operation = connect_operation(target, local);
	if (!operation)
		return E_OUTOFMEMORY;
	*wmi = wmi_new();
	if (!*wmi)
		return E_OUTOFMEMORY;
	hr = run_operation(*wmi, operation, wait);
	if (FAILED(hr)) {
		wmi_free(*wmi);
		*wmi = NULL;
	}
	return hr;
}

void wmi_free(struct wmi *wmi)
{
	if (wmi)
		caller_free(wmi->caller);
	free(wmi);
}

/* Takes the one object of an operation's result. */
static IWbemClassObject *take_object(struct operation *operation)
{
	return operation->objects.count > 0 ? operation->objects.items[--operation->objects.count]
					    : NULL;
}

HRESULT wmi_get(struct wmi *wmi, const char *path, const struct wmi_wait *wait,
		IWbemClassObject **object)
{
	_cleanup_operation_ struct operation *operation = operation_new(run_get, path);
	HRESULT hr = operation ? run_operation(wmi, operation, wait) : E_OUTOFMEMORY;

	*object = SUCCEEDED(hr) ? take_object(operation) : NULL;
	return SUCCEEDED(hr) && !*object ? (HRESULT)WBEM_E_NOT_FOUND : hr;
}

HRESULT wmi_query(struct wmi *wmi, const char *wql, const struct wmi_wait *wait,
		  struct wmi_objects *objects)
{
	_cleanup_operation_ struct operation *operation = operation_new(run_query, wql);
	HRESULT hr = operation ? run_operation(wmi, operation, wait) : E_OUTOFMEMORY;

	*objects = (struct wmi_objects){};
	if (SUCCEEDED(hr)) {
		*objects = operation->objects;
		operation->objects = (struct wmi_objects){};
	}
	return hr;
}

HRESULT wmi_associators(struct wmi *wmi, const char *path, const char *class,
			const struct wmi_wait *wait, struct wmi_objects *objects)
{
	static const char format[] = "ASSOCIATORS OF {%s} WHERE ResultClass = %s";
	size_t size = sizeof(format) + strlen(path) + strlen(class);
	_cleanup_free_ char *wql = malloc(size);

	if (!wql)
		return E_OUTOFMEMORY;
	snprintf(wql, size, format, path, class);
	return wmi_query(wmi, wql, wait, objects);
}

HRESULT wmi_method(struct wmi *wmi, const char *class, const char *method,
		   const struct wmi_wait *wait, IWbemClassObject **in)
{
	_cleanup_release_ IWbemClassObject *definition = NULL, *signature = NULL;
	_cleanup_bstr_ BSTR name = wide_from_utf8(method);
	HRESULT hr = name ? wmi_get(wmi, class, wait, &definition) : E_OUTOFMEMORY;

	*in = NULL;
	if (SUCCEEDED(hr))
		hr = IWbemClassObject_GetMethod(definition, name, 0, &signature, NULL);
	if (SUCCEEDED(hr) && signature)
		hr = IWbemClassObject_SpawnInstance(signature, 0, in);
	return hr;
}

HRESULT wmi_exec(struct wmi *wmi, const char *path, const char *method, IWbemClassObject *in,
		 const struct wmi_wait *wait, IWbemClassObject **out)
{
	_cleanup_operation_ struct operation *operation = operation_new(run_exec, path);
	HRESULT hr = E_OUTOFMEMORY;

	*out = NULL;
	if (!operation)
		return hr;
	operation->method = wide_from_utf8(method);
	operation->in = in;
	if (in)
		IWbemClassObject_AddRef(in);
	if (operation->method)
		hr = run_operation(wmi, operation, wait);
	if (SUCCEEDED(hr))
		*out = take_object(operation);
	return SUCCEEDED(hr) && !*out ? (HRESULT)WBEM_E_NOT_FOUND : hr;
}

/* CIM: 2 new, 3 starting, 4 running, 5 suspended, 6 shutting down, 11 service; others are final. */
static bool is_final(uint32_t state)
{
	return state >= JOB_COMPLETED && state <= 10;
}

bool wmi_job_succeeded(const struct wmi_job *job)
{
	return job->state == JOB_COMPLETED && job->error == 0;
}

static HRESULT read_job(struct wmi *wmi, const char *path, const struct wmi_wait *wait,
			struct wmi_job *job)
{
	_cleanup_release_ IWbemClassObject *object = NULL;
	HRESULT hr = wmi_get(wmi, path, wait, &object);

	if (SUCCEEDED(hr))
		hr = wmi_get_number(object, L"JobState", &job->state);
	if (FAILED(hr) || !is_final(job->state))
		return hr;
	if (wmi_get_number(object, L"ErrorCode", &job->error) != S_OK)
		job->error = 0;
	if (wmi_get_string(object, L"ErrorDescription", &job->text) != S_OK)
		job->text = NULL;
	return S_OK;
}

/* Waits for the next poll. S_OK, or why there is none. */
static HRESULT pause(ULONGLONG end, HANDLE cancel)
{
	if (GetTickCount64() >= end)
		return WMI_E_TIMEOUT;
	if (!cancel)
		Sleep(JOB_POLL_MS);
	else if (WaitForSingleObject(cancel, JOB_POLL_MS) == WAIT_OBJECT_0)
		return WMI_E_CANCELLED;
	return S_OK;
}

HRESULT wmi_wait_for_job(struct wmi *wmi, const char *path, const struct wmi_wait *wait,
			 struct wmi_job *job)
{
	ULONGLONG end = GetTickCount64() + time_left(wait);
	HRESULT hr;

	*job = (struct wmi_job){};
	hr = read_job(wmi, path, wait, job);
	while (hr == S_OK && !is_final(job->state)) {
		hr = pause(end, wait->cancel);
		if (hr == S_OK)
			hr = read_job(wmi, path, wait, job);
	}
	return hr;
}
