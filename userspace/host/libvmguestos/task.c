// SPDX-License-Identifier: GPL-2.0-or-later
/* IVMTask, independent of the transport. */
#include "task.h"

#include <stdio.h>
#include <string.h>
#include <sys/param.h>

#include "error.h"
#include "iid.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define WAIT_MS_MAX 4000000

static struct task *task_of(IVMTask2 *This)
{
	return (struct task *)This;
}

void vmg_task_set_text(struct task *task, const char *text)
{
	char *copy = text && *text ? text_clean_line_dup(text) : NULL;

	if (!copy)
		return;
	free(task->text);
	task->text = copy;
}

void vmg_task_report(struct task *task, const struct report *report)
{
	task->percent = MAX(task->percent, (int32_t)MIN(MAX(report->percent, 0), 100));
	task->state = report->state;
	task->found = report->found;
	task->ended = report->ended;
	task->failed = report->failed;
	vmg_task_set_text(task, report->text);
	if (report->complete)
		vmg_task_end(task, report->error);
}

void vmg_task_end(struct task *task, HRESULT error)
{
	task->complete = true;
	task->error = error;
	task->state = vmLogoffState_Done;
	if (error == S_OK)
		task->percent = 100;
	task->transport->complete(task);
}

/* Locks the task after processing everything received so far. */
static struct task *lock(IVMTask2 *This)
{
	struct task *task = task_of(This);

	vmg_lock_take(&task->lock);
	task->transport->process(task);
	return task;
}

static void unlock(struct task *task)
{
	vmg_lock_give(&task->lock);
}

static HRESULT copy_string(const char *text, char **out)
{
	*out = strdup(text);
	return *out ? S_OK : E_OUTOFMEMORY;
}

static uint32_t add_ref(IVMTask2 *This)
{
	return atomic_fetch_add(&task_of(This)->references, 1) + 1;
}

static void task_free(struct task *task)
{
	task->transport->release(task);
	vmg_lock_done(&task->lock);
	vmg_sessions_free(&task->sessions);
	free(task->text);
	free(task->description);
	free(task);
}

static uint32_t release(IVMTask2 *This)
{
	uint32_t left = atomic_fetch_sub(&task_of(This)->references, 1) - 1;

	if (left == 0)
		task_free(task_of(This));
	return left;
}

static HRESULT query_interface(IVMTask2 *This, const IID *iid, void **out)
{
	if (!iid || !out)
		return E_POINTER;
	*out = NULL;
	if (!vmg_iid_is(iid, &IID_IUnknown) && !vmg_iid_is(iid, &IID_IVMTask) &&
	    !vmg_iid_is(iid, &IID_IVMTask2))
		return E_NOINTERFACE;
	add_ref(This);
	*out = This;
	return S_OK;
}

static bool is_cancelable(const struct task *task)
{
	return !task->complete && task->state < vmLogoffState_Ending;
}

static HRESULT cancel(IVMTask2 *This)
{
	struct task *task = lock(This);
	bool cancelable = is_cancelable(task);

	unlock(task);
	return cancelable ? task->transport->cancel(task) : E_FAIL;
}

static HRESULT wait_for_completion(IVMTask2 *This, int32_t milliseconds)
{
	int64_t deadline = milliseconds < 0 ? -1 : vmg_now_ms() + milliseconds;
	HRESULT hr = S_OK;

	if (milliseconds < -1 || milliseconds > WAIT_MS_MAX)
		return E_INVALIDARG;
	for (;;) {
		struct task *task = lock(This);
		bool complete = task->complete;

		unlock(task);
		/* A timeout is not an error; the caller checks IsComplete. */
		if (complete || hr == VM_E_TIMED_OUT)
			return S_OK;
		hr = task->transport->wait(task, deadline);
		if (FAILED(hr) && hr != VM_E_TIMED_OUT)
			return hr;
	}
}

static HRESULT get_description(IVMTask2 *This, char **out)
{
	return out ? copy_string(task_of(This)->description, out) : E_POINTER;
}

static HRESULT get_error(IVMTask2 *This, HRESULT *out)
{
	struct task *task;

	if (!out)
		return E_POINTER;
	task = lock(This);
	*out = task->error;
	unlock(task);
	return S_OK;
}

static const char *error_text(const struct task *task)
{
	if (task->error == S_OK)
		return "";
	return task->text ? task->text : VMGuestOS_ErrorText(task->error);
}

static HRESULT get_error_description(IVMTask2 *This, char **out)
{
	struct task *task;
	HRESULT hr;

	if (!out)
		return E_POINTER;
	task = lock(This);
	hr = copy_string(error_text(task), out);
	unlock(task);
	return hr;
}

static HRESULT get_id(IVMTask2 *This, uint64_t *out)
{
	if (!out)
		return E_POINTER;
	*out = task_of(This)->id;
	return S_OK;
}

static HRESULT get_is_cancelable(IVMTask2 *This, bool *out)
{
	struct task *task;

	if (!out)
		return E_POINTER;
	task = lock(This);
	*out = is_cancelable(task);
	unlock(task);
	return S_OK;
}

static HRESULT get_is_complete(IVMTask2 *This, bool *out)
{
	struct task *task;

	if (!out)
		return E_POINTER;
	task = lock(This);
	*out = task->complete;
	unlock(task);
	return S_OK;
}

static HRESULT get_percent_completed(IVMTask2 *This, int32_t *out)
{
	struct task *task;

	if (!out)
		return E_POINTER;
	task = lock(This);
	*out = task->percent;
	unlock(task);
	return S_OK;
}

static VMTaskResult result_of(HRESULT error)
{
	switch (error) {
	case S_OK:
		return vmTaskResult_Success;
	case HRESULT_FROM_WIN32(ERROR_CANCELLED):
		return vmTaskResult_Cancelled;
	case E_OUTOFMEMORY:
		return vmTaskResult_OutOfMemory;
	case VM_E_TIMED_OUT:
		return vmTaskResult_TimeOut;
	case E_INVALIDARG:
		return vmTaskResult_IllegalValue;
	case VM_E_VM_NOT_RUNNING:
		return vmTaskResult_ShutdownAbort;
	default:
		return vmTaskResult_UnexpectedError;
	}
}

static HRESULT get_result(IVMTask2 *This, VMTaskResult *out)
{
	HRESULT error;

	if (!out)
		return E_POINTER;
	get_error(This, &error);
	*out = result_of(error);
	return S_OK;
}

static HRESULT get_state(IVMTask2 *This, VMLogoffState *out)
{
	struct task *task;

	if (!out)
		return E_POINTER;
	task = lock(This);
	*out = task->state;
	unlock(task);
	return S_OK;
}

static HRESULT get_sessions(IVMTask2 *This, uint32_t *found, uint32_t *ended, uint32_t *failed)
{
	struct task *task;

	if (!found || !ended || !failed)
		return E_POINTER;
	task = lock(This);
	*found = task->found;
	*ended = task->ended;
	*failed = task->failed;
	unlock(task);
	return S_OK;
}

static HRESULT get_status_text(IVMTask2 *This, char **out)
{
	struct task *task;
	HRESULT hr;

	if (!out)
		return E_POINTER;
	task = lock(This);
	hr = copy_string(task->text ? task->text : "", out);
	unlock(task);
	return hr;
}

static HRESULT get_descriptor(IVMTask2 *This, int *out)
{
	if (!out)
		return E_POINTER;
	*out = task_of(This)->descriptor;
	return S_OK;
}

static HRESULT get_session_results(IVMTask2 *This, VMSessionResult **out, uint32_t *count)
{
	struct task *task;
	HRESULT hr;

	if (!out || !count)
		return E_POINTER;
	task = lock(This);
	hr = vmg_sessions_copy(&task->sessions, out, count);
	unlock(task);
	return hr;
}

static const IVMTask2Vtbl vtbl = {
	.QueryInterface = query_interface,
	.AddRef = add_ref,
	.Release = release,
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
	.get_Sessions = get_sessions,
	.get_StatusText = get_status_text,
	.get_Descriptor = get_descriptor,
	.get_SessionResults = get_session_results,
};

HRESULT VMGuestOS_TaskTransport(IVMTask *task, uint32_t *out)
{
	if (!task || !out)
		return E_POINTER;
	*out = ((const struct task *)task)->transport->via;
	return S_OK;
}

uint64_t vmg_task_new_id(void)
{
	uint64_t id = 0;

	while (id == 0) {
		if (vmg_random(&id, sizeof(id)) < 0)
			break;
	}
	return id;
}

static struct task *task_new(const char *name, const struct transport *transport, uint64_t id)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->iface.lpVtbl = &vtbl;
	atomic_init(&task->references, 1);
	vmg_lock_init(&task->lock);
	task->transport = transport;
	task->descriptor = -1;
	task->id = id;
	if (asprintf(&task->description, "%s %s", transport->action, name) < 0)
		task->description = NULL;
	if (task->id && task->description)
		return task;
	task_free(task);
	return NULL;
}

HRESULT vmg_task_start(const struct transport *transport, const struct machine *machine,
		       const VMLogoffOptions *options, uint64_t id, IVMTask **out)
{
	struct task *task = task_new(vmg_machine_name(machine), transport, id);
	HRESULT hr;

	if (!task)
		return E_OUTOFMEMORY;
	hr = transport->start(task, machine, options);
	if (hr == S_OK) {
		*out = (IVMTask *)&task->iface;
		return hr;
	}
	/* If no transport is available, the first error's text is kept. */
	if (task->text && (hr != VM_E_ADDITIONS_FEATURE_NOT_AVAIL || !*VMGuestOS_LastErrorText()))
		vmg_last_error(task->text);
	release(&task->iface);
	return hr;
}
