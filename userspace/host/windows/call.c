// SPDX-License-Identifier: GPL-2.0-or-later
#include "call.h"

#include <stdlib.h>

#include <objbase.h>

struct caller {
	volatile LONG refs; /* the owner's and the thread's */
	HANDLE thread;
	HANDLE work;       /* set when call was */
	struct call *call; /* the next one; NULL to end. Written by the owner while none runs */
	HMODULE module;    /* the DLL or program with this code, which the thread keeps loaded */
	bool lost;         /* the thread did not come back from a call; used by the owner */
	void *context;
	void (*free)(void *context);
};

bool call_init(struct call *call)
{
	call->refs = 1;
	call->done = CreateEventW(NULL, TRUE, FALSE, NULL);
	return call->done;
}

void call_unref(struct call *call)
{
	if (InterlockedDecrement(&call->refs) > 0)
		return;
	if (call->done)
		CloseHandle(call->done);
	call->free(call);
}

static void caller_unref(struct caller *caller)
{
	if (InterlockedDecrement(&caller->refs) > 0)
		return;
	if (caller->work)
		CloseHandle(caller->work);
	free(caller);
}

static struct call *next_call(struct caller *caller)
{
	WaitForSingleObject(caller->work, INFINITE);
	return caller->call;
}

static DWORD WINAPI run_calls(void *parameter)
{
	struct caller *caller = parameter;
	HMODULE module = caller->module;
	HRESULT hr = CoInitializeEx(NULL, COINIT_MULTITHREADED);
	struct call *call;

	while ((call = next_call(caller))) {
		call->hr = SUCCEEDED(hr) ? call->run(call, caller->context) : hr;
		SetEvent(call->done);
		call_unref(call);
	}
	caller->free(caller->context);
	if (SUCCEEDED(hr))
		CoUninitialize();
	caller_unref(caller);
	FreeLibraryAndExitThread(module, 0);
}

/* A thread that does not come back from a call can outlive all objects of a DLL. */
static bool keep_module(struct caller *caller)
{
	return GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (const WCHAR *)run_calls,
				  &caller->module);
}

struct caller *caller_new(void *context, void (*free_context)(void *context))
{
	struct caller *caller = calloc(1, sizeof(*caller));

	if (!caller)
		return NULL;
	caller->refs = 2;
	caller->context = context;
	caller->free = free_context;
	caller->work = CreateEventW(NULL, FALSE, FALSE, NULL);
	if (caller->work && keep_module(caller))
		caller->thread = CreateThread(NULL, 0, run_calls, caller, 0, NULL);
	if (caller->thread)
		return caller;
	if (caller->module)
		FreeLibrary(caller->module);
	caller->refs = 1;
	caller_unref(caller);
	return NULL;
}

void caller_free(struct caller *caller)
{
	if (!caller)
		return;
	caller->call = NULL;
	SetEvent(caller->work);
	if (!caller->lost)
		WaitForSingleObject(caller->thread, CALL_GRACE_MS);
	CloseHandle(caller->thread);
	caller_unref(caller);
}

/* True if the call is done; otherwise *@hr is the reason why it is not waited for. */
static bool await_call(const struct call *call, DWORD ms, HANDLE cancel, HRESULT *hr)
{
	HANDLE events[] = {call->done, cancel};

	switch (WaitForMultipleObjects(cancel ? 2 : 1, events, FALSE, ms)) {
	case WAIT_OBJECT_0:
		return true;
	case WAIT_OBJECT_0 + 1:
		*hr = HRESULT_FROM_WIN32(ERROR_CANCELLED);
		return false;
	case WAIT_TIMEOUT:
		*hr = HRESULT_FROM_WIN32(ERROR_TIMEOUT);
		return false;
	default:
		*hr = HRESULT_FROM_WIN32(GetLastError());
		return false;
	}
}

HRESULT caller_run(struct caller *caller, struct call *call, DWORD ms, HANDLE cancel)
{
	HRESULT hr = RPC_E_DISCONNECTED;

	if (caller->lost)
		return hr;
	InterlockedIncrement(&call->refs);
	caller->call = call;
	SetEvent(caller->work);
	if (await_call(call, ms, cancel, &hr))
		return call->hr;
	InterlockedExchange(&call->stop, 1);
	if (WaitForSingleObject(call->done, CALL_GRACE_MS) == WAIT_OBJECT_0)
		return call->hr == E_ABORT ? hr : call->hr;
	caller->lost = true;
	return hr;
}
