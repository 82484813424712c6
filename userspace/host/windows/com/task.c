// SPDX-License-Identifier: GPL-2.0-or-later
#include "task.h"

#include <stdio.h>
#include <stdlib.h>

#include "background.h"
#include "collection.h"
#include "session.h"

#define WAIT_MS_MAX 4000000

static struct task_object *task_of(void *This)
{
	return This;
}

static IVMTask2 *inner(void *This)
{
	return task_of(This)->task;
}

struct cancel {
	struct background work;
	IVMTask2 *task;
};

static HRESULT cancel_task(struct background *work)
{
	return IVMTask2_Cancel(((struct cancel *)work)->task);
}

static HRESULT WINAPI cancel(IHvTask2 *This)
{
	struct task_object *task = task_of(This);
	struct cancel request = {.work.run = cancel_task, .task = task->task};
	HRESULT hr;

	object_add_ref(task);
	hr = background_run(&request.work);
	if (FAILED(hr))
		object_fail(&task->object, hr, request.work.text);
	object_release(task);
	return hr;
}

/* Handles all messages that wait. False after one that ends the program's loop of messages. */
static bool handle_messages(void)
{
	MSG message;

	while (PeekMessageW(&message, NULL, 0, 0, PM_REMOVE)) {
		if (message.message == WM_QUIT) {
			PostQuitMessage((int)message.wParam);
			return false;
		}
		TranslateMessage(&message);
		DispatchMessageW(&message);
	}
	return true;
}

static DWORD time_left(ULONGLONG end, bool limited)
{
	ULONGLONG now = GetTickCount64();

	if (!limited)
		return INFINITE;
	return now < end ? (DWORD)(end - now) : 0;
}

/* Waits until the task has changed or messages were handled; false at the end of the time. */
static bool wait_for_change(HANDLE changed, DWORD left)
{
	switch (MsgWaitForMultipleObjectsEx(1, &changed, left, QS_ALLINPUT, MWMO_INPUTAVAILABLE)) {
	case WAIT_OBJECT_0:
		return true;
	case WAIT_OBJECT_0 + 1:
		return handle_messages();
	default:
		return false;
	}
}

/* The reading of IsComplete is the last one before the wait: it resets the event. */
static HRESULT WINAPI wait_for_completion(IHvTask2 *This, long milliseconds)
{
	struct task_object *task = task_of(This);
	ULONGLONG end = GetTickCount64() + (ULONGLONG)milliseconds;
	bool complete = false;
	int descriptor;

	if (milliseconds < -1 || milliseconds > WAIT_MS_MAX)
		return object_fail(&task->object, E_INVALIDARG,
				   "The time is -1 or 0 to 4000000 milliseconds.");
	object_add_ref(task);
	IVMTask2_get_Descriptor(task->task, &descriptor);
	do {
		task_events_check(&task->events);
		IVMTask2_get_IsComplete(task->task, &complete);
	} while (!complete &&
		 wait_for_change(LongToHandle(descriptor), time_left(end, milliseconds >= 0)));
	task_events_check(&task->events);
	object_release(task);
	return S_OK;
}

static HRESULT text_of(HRESULT (*get)(IVMTask2 *, char **), IVMTask2 *task, BSTR *out)
{
	_cleanup_free_ char *text = NULL;
	HRESULT hr = out ? get(task, &text) : E_POINTER;

	return SUCCEEDED(hr) ? object_text(text, out) : hr;
}

static HRESULT flag_of(HRESULT (*get)(IVMTask2 *, bool *), IVMTask2 *task, VARIANT_BOOL *out)
{
	bool flag;
	HRESULT hr = out ? get(task, &flag) : E_POINTER;

	if (SUCCEEDED(hr))
		*out = flag ? VARIANT_TRUE : VARIANT_FALSE;
	return hr;
}

static HRESULT WINAPI get_description(IHvTask2 *This, BSTR *out)
{
	return text_of(inner(This)->lpVtbl->get_Description, inner(This), out);
}

static HRESULT WINAPI get_error(IHvTask2 *This, long *out)
{
	HRESULT error;
	HRESULT hr = out ? IVMTask2_get_Error(inner(This), &error) : E_POINTER;

	if (SUCCEEDED(hr))
		*out = error;
	return hr;
}

static HRESULT WINAPI get_error_description(IHvTask2 *This, BSTR *out)
{
	return text_of(inner(This)->lpVtbl->get_ErrorDescription, inner(This), out);
}

static HRESULT WINAPI get_id(IHvTask2 *This, long *out)
{
	if (!out)
		return E_POINTER;
	*out = task_of(This)->id;
	return S_OK;
}

static HRESULT WINAPI get_is_cancelable(IHvTask2 *This, VARIANT_BOOL *out)
{
	return flag_of(inner(This)->lpVtbl->get_IsCancelable, inner(This), out);
}

static HRESULT WINAPI get_is_complete(IHvTask2 *This, VARIANT_BOOL *out)
{
	return flag_of(inner(This)->lpVtbl->get_IsComplete, inner(This), out);
}

static HRESULT WINAPI get_percent_completed(IHvTask2 *This, long *out)
{
	int32_t percent;
	HRESULT hr = out ? IVMTask2_get_PercentCompleted(inner(This), &percent) : E_POINTER;

	if (SUCCEEDED(hr))
		*out = percent;
	return hr;
}

static HRESULT WINAPI get_result(IHvTask2 *This, HvTaskResult *out)
{
	VMTaskResult result;
	HRESULT hr = out ? IVMTask2_get_Result(inner(This), &result) : E_POINTER;

	if (SUCCEEDED(hr))
		*out = (HvTaskResult)result;
	return hr;
}

static HRESULT WINAPI get_state(IHvTask2 *This, HvLogoffState *out)
{
	VMLogoffState state;
	HRESULT hr = out ? IVMTask2_get_State(inner(This), &state) : E_POINTER;

	if (SUCCEEDED(hr))
		*out = (HvLogoffState)state;
	return hr;
}

static HRESULT WINAPI get_status_text(IHvTask2 *This, BSTR *out)
{
	return text_of(inner(This)->lpVtbl->get_StatusText, inner(This), out);
}

/* @which: 0 for the sessions that were found, 1 for those that have ended, 2 for failures. */
static HRESULT count_of(IHvTask2 *This, size_t which, long *out)
{
	uint32_t counts[3];

	if (!out)
		return E_POINTER;
	IVMTask2_get_Sessions(inner(This), &counts[0], &counts[1], &counts[2]);
	*out = (long)counts[which];
	return S_OK;
}

static HRESULT WINAPI get_sessions_found(IHvTask2 *This, long *out)
{
	return count_of(This, 0, out);
}

static HRESULT WINAPI get_sessions_ended(IHvTask2 *This, long *out)
{
	return count_of(This, 1, out);
}

static HRESULT WINAPI get_sessions_failed(IHvTask2 *This, long *out)
{
	return count_of(This, 2, out);
}

static HRESULT WINAPI get_sessions(IHvTask2 *This, IHvCollection **out)
{
	_cleanup_free_ VMSessionResult *results = NULL;
	_cleanup_free_ IDispatch **objects = NULL;
	uint32_t count, made = 0;
	HRESULT hr;

	if (!out)
		return E_POINTER;
	*out = NULL;
	hr = IVMTask2_get_SessionResults(inner(This), &results, &count);
	if (FAILED(hr))
		return hr;
	objects = calloc(count + 1, sizeof(IDispatch *));
	while (objects && made < count) {
		objects[made] = session_object_new(&results[made]);
		if (!objects[made])
			break;
		made++;
	}
	if (objects)
		*out = collection_new(&collection_of_sessions, objects, made);
	if (*out && made == count)
		return S_OK;
	releasep(out);
	*out = NULL;
	return E_OUTOFMEMORY;
}

static HRESULT WINAPI get_request_id(IHvTask2 *This, BSTR *out)
{
	char text[17];
	uint64_t id;

	IVMTask2_get_ID(inner(This), &id);
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)id);
	return object_text(text, out);
}

static HRESULT get_callback(IDispatch *callback, IDispatch **out)
{
	if (!out)
		return E_POINTER;
	*out = callback;
	if (callback)
		IDispatch_AddRef(callback);
	return S_OK;
}

static HRESULT WINAPI get_on_progress(IHvTask2 *This, IDispatch **out)
{
	return get_callback(task_of(This)->events.on_progress, out);
}

static HRESULT WINAPI put_on_progress(IHvTask2 *This, IDispatch *callback)
{
	struct task_events *events = &task_of(This)->events;

	return task_events_set(events, &events->on_progress, callback);
}

static HRESULT WINAPI get_on_complete(IHvTask2 *This, IDispatch **out)
{
	return get_callback(task_of(This)->events.on_complete, out);
}

static HRESULT WINAPI put_on_complete(IHvTask2 *This, IDispatch *callback)
{
	struct task_events *events = &task_of(This)->events;

	return task_events_set(events, &events->on_complete, callback);
}

static HRESULT query(struct object *object, REFIID iid, void **out)
{
	return task_events_query(&task_of(object)->events, iid, out);
}

/* Ends the task's thread. What the guest does goes on. */
static void clear(struct object *object)
{
	struct task_object *task = task_of(object);

	task_events_clear(&task->events);
	IVMTask2_Release(task->task);
}

static const struct object_class class = {
	.iid = &IID_IHvTask2,
	.base = &IID_IHvTask,
	.virtual_pc = &IID_IVMTask,
	.query = query,
	.clear = clear,
};

static const IHvTask2Vtbl table = {
	OBJECT_METHODS,
	.Cancel = cancel,
	.WaitForCompletion = wait_for_completion,
	.get_Description = get_description,
	.get_Error = get_error,
	.get_ErrorDescription = get_error_description,
	.get_ID = get_id,
	.get_IsCancelable = get_is_cancelable,
	.get_IsComplete = get_is_complete,
	.get_PercentCompleted = get_percent_completed,
	.get_Result = get_result,
	.get_State = get_state,
	.get_StatusText = get_status_text,
	.get_SessionsFound = get_sessions_found,
	.get_SessionsEnded = get_sessions_ended,
	.get_SessionsFailed = get_sessions_failed,
	.get_Sessions = get_sessions,
	.get_RequestID = get_request_id,
	.get_OnProgress = get_on_progress,
	.put_OnProgress = put_on_progress,
	.putref_OnProgress = put_on_progress,
	.get_OnComplete = get_on_complete,
	.put_OnComplete = put_on_complete,
	.putref_OnComplete = put_on_complete,
};

HRESULT task_object_new(IVMTask2 *task, IHvTask2 **out)
{
	static volatile LONG last_id;
	struct task_object *object = OBJECT_NEW(struct task_object, &class, &table);

	*out = (IHvTask2 *)object;
	if (!object) {
		IVMTask2_Release(task);
		return E_OUTOFMEMORY;
	}
	object->task = task;
	object->id = InterlockedIncrement(&last_id);
	task_events_init(&object->events);
	return S_OK;
}
