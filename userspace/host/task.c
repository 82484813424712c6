// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IVMTask: one request on one connection. There is no thread behind it: whoever asks the task
 * something takes in first what has come from the host, and whoever waits polls the socket.
 */
#include "task.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "connection.h"
#include "iid.h"
#include "util.h"

#define WAIT_MS_MAX 4000000

struct task {
	IVMTask2 face;
	atomic_uint references;
	uint64_t id;
	char *folder;
	char *description;

	pthread_mutex_t lock; /* of all below but the descriptor */
	struct connection connection;
	bool accepted; /* the host has passed the request on to the guest */
	bool complete;
	HRESULT error;
	VMLogoffState state;
	int32_t percent;
	uint32_t found, ended, failed;
	char *text;
};

static struct task *task_of(IVMTask2 *This)
{
	return (struct task *)This;
}

static const char *const state_names[] = {
	[vmLogoffState_Pending] = "pending", [vmLogoffState_Delivered] = "delivered",
	[vmLogoffState_Grace] = "grace",     [vmLogoffState_Ending] = "ending",
	[vmLogoffState_Done] = "done",
};

static VMLogoffState state_from(const json_t *json, VMLogoffState otherwise)
{
	const char *name = json_string_value(json_object_get(json, "state"));

	for (size_t i = 0; name && i < ELEMENTS(state_names); i++) {
		if (strcmp(state_names[i], name) == 0)
			return (VMLogoffState)i;
	}
	return otherwise;
}

/* The words are the guest's, and may end on a terminal. Cuts nothing but control characters. */
static char *clean(const char *text)
{
	char *copy = strdup(text);

	for (unsigned char *at = (unsigned char *)copy; at && *at; at++) {
		if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			at[0] = at[1] = '?';
		else if (*at < ' ' || *at == 0x7f)
			*at = '?';
	}
	return copy;
}

static void set_text(struct task *task, const char *text)
{
	char *copy = text && *text ? clean(text) : NULL;

	if (!copy)
		return;
	free(task->text);
	task->text = copy;
}

static uint32_t count_in(const json_t *json, const char *name)
{
	json_int_t count = json_integer_value(json_object_get(json, name));

	return count < 0 || count > UINT32_MAX ? 0 : (uint32_t)count;
}

static void take_report(struct task *task, const json_t *report)
{
	json_int_t percent = json_integer_value(json_object_get(report, "percent"));

	task->percent = MAX(task->percent, (int32_t)MIN(MAX(percent, 0), 100));
	task->state = state_from(report, task->state);
	task->found = count_in(report, "found");
	task->ended = count_in(report, "ended");
	task->failed = count_in(report, "failed");
	set_text(task, json_string_value(json_object_get(report, "text")));
}

static void end(struct task *task, HRESULT error)
{
	task->complete = true;
	task->error = error;
	task->state = vmLogoffState_Done;
	if (error == S_OK)
		task->percent = 100;
	/* From now on the descriptor can be read for good: everybody who polls it wakes up. */
	shutdown(task->connection.fd, SHUT_RDWR);
}

static void take_last(struct task *task, const json_t *reply)
{
	/* A host that ends a request by itself says nothing about sessions. */
	if (json_object_get(reply, "found"))
		take_report(task, reply);
	set_text(task, json_string_value(json_object_get(reply, "error")));
	if (json_is_true(json_object_get(reply, "ok")))
		task->accepted = true;
	end(task, vmg_hresult_in(reply));
}

static void take(struct task *task, const json_t *object)
{
	if (json_object_get(object, "event"))
		take_report(task, object);
	else if (json_object_get(object, "components"))
		task->accepted = true;
	else
		take_last(task, object);
}

static void lose(struct task *task, int error)
{
	if (error == -EPIPE)
		set_text(task, "The machine ended before it answered.");
	end(task, vmg_hresult_of(error));
}

/* All that has come so far. */
static void look(struct task *task)
{
	while (!task->complete) {
		_cleanup_json_ json_t *object = NULL;
		int ret = vmg_connection_next(&task->connection, &object);

		if (ret == 0)
			break;
		if (ret < 0)
			lose(task, ret);
		else
			take(task, object);
	}
}

static struct task *lock(IVMTask2 *This)
{
	struct task *task = task_of(This);

	pthread_mutex_lock(&task->lock);
	look(task);
	return task;
}

static void unlock(struct task *task)
{
	pthread_mutex_unlock(&task->lock);
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
	vmg_connection_close(&task->connection);
	pthread_mutex_destroy(&task->lock);
	free(task->text);
	free(task->description);
	free(task->folder);
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
	_cleanup_json_ json_t *reply = NULL;
	struct task *task = lock(This);
	bool possible = is_cancelable(task);
	HRESULT hr;
	int ret;

	unlock(task);
	if (!possible)
		return E_FAIL;
	ret = vmg_connection_ask(task->folder,
				 json_pack("{s:s, s:o}", "command", "cancel", "id",
					   json_sprintf("%#llx", (unsigned long long)task->id)),
				 &reply);
	hr = ret < 0 ? vmg_hresult_of(ret) : vmg_hresult_in(reply);
	/* It is over, and the guest has forgotten it. */
	return hr == HRESULT_FROM_WIN32(ERROR_NOT_FOUND) ? E_FAIL : hr;
}

static HRESULT wait_for_completion(IVMTask2 *This, int32_t milliseconds)
{
	int64_t deadline = milliseconds < 0 ? -1 : vmg_now_ms() + milliseconds;
	int ret = 0;

	if (milliseconds < -1 || milliseconds > WAIT_MS_MAX)
		return E_INVALIDARG;
	for (;;) {
		struct task *task = lock(This);
		bool complete = task->complete;

		unlock(task);
		/* That time is over is no failure: IsComplete tells it. */
		if (complete || ret == -ETIMEDOUT)
			return S_OK;
		ret = vmg_poll(task->connection.fd, deadline);
		if (ret < 0 && ret != -ETIMEDOUT)
			return vmg_hresult_of(ret);
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
	*out = task_of(This)->connection.fd;
	return S_OK;
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
};

static struct task *task_new(const char *name, const char *folder)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->face.lpVtbl = &vtbl;
	atomic_init(&task->references, 1);
	pthread_mutex_init(&task->lock, NULL);
	task->connection.fd = -1;
	task->folder = strdup(folder);
	if (asprintf(&task->description, "Logging off the users of %s", name) < 0)
		task->description = NULL;
	if (task->folder && task->description)
		return task;
	task_free(task);
	return NULL;
}

static json_t *logoff_command(const struct task *task, const VMLogoffOptions *options)
{
	return json_pack("{s:s, s:o, s:I, s:I, s:b, s:s*}", "command", "logoff", "id",
			 json_sprintf("%#llx", (unsigned long long)task->id), "timeout",
			 (json_int_t)options->timeout, "grace", (json_int_t)options->grace, "force",
			 (int)(options->flags & VM_LOGOFF_FORCE), "message", options->message);
}

/*
 * The host answers a logoff when it is over, and a status at once, in the order in which it
 * gets them: with the status it is known that the logoff is on its way, so that a cancel can't
 * overtake it.
 */
static int ask(struct task *task, const VMLogoffOptions *options)
{
	int64_t deadline = vmg_now_ms() + VMG_ANSWER_MS;
	int ret = vmg_connection_open(&task->connection, task->folder);

	if (ret == 0)
		ret = vmg_connection_send(&task->connection, logoff_command(task, options));
	if (ret == 0)
		ret = vmg_connection_send(&task->connection,
					  json_pack("{s:s}", "command", "status"));
	while (ret == 0 && !task->accepted && !task->complete) {
		_cleanup_json_ json_t *object = NULL;

		ret = vmg_connection_receive(&task->connection, deadline, &object);
		if (ret < 0)
			break;
		take(task, object);
		ret = 0;
	}
	return ret;
}

HRESULT vmg_task_start(const char *name, const char *folder, const VMLogoffOptions *options,
		       IVMTask **out)
{
	struct task *task = task_new(name, folder);
	HRESULT hr;

	if (!task)
		return E_OUTOFMEMORY;
	while (task->id == 0) {
		if (getrandom(&task->id, sizeof(task->id), 0) < 0 && errno != EINTR)
			break;
	}
	hr = task->id ? vmg_hresult_of(ask(task, options)) : DISP_E_EXCEPTION;
	if (hr == S_OK && !task->accepted)
		hr = task->error;
	/* What came behind the status is no more in the socket, and would wake up nobody. */
	look(task);
	if (hr == S_OK)
		*out = (IVMTask *)&task->face;
	else
		release(&task->face);
	return hr;
}
