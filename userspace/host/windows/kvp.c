// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The transport through KVP, by WMI. Calls of WMI wait, so each task has a thread for them. It
 * alone uses the connection and the state machine once the request is issued.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "audit.h"
#include "com.h"
#include "machine.h"
#include "userspace/host/libvmguestos/error.h"

/* How long the host may be unreachable while the guest carries out a request. */
#define RETRY_MS 30000

struct kvp {
	struct kvp_host host;
	struct task *task;
	struct machine *machine;
	struct machine_link link;
	struct kvp_machine state;
	struct audit audit;
	char text[512]; /* the sentence for the last error */
	/* The first of the reads that have failed; 0 if the last has not. */
	ULONGLONG failing_since;

	HANDLE thread;
	HANDLE stop;    /* the task is released */
	HANDLE changed; /* the task's descriptor */

	vmg_lock cancel_lock; /* one cancel() at a time */
	HANDLE cancel;        /* for the thread: cancel the request */
	HANDLE cancelled;     /* with this result: */
	volatile LONG cancel_result;
};

static struct wmi_wait bounded(const struct kvp *kvp)
{
	struct wmi_wait wait;

	machine_wait_init(&wait, kvp->stop);
	return wait;
}

static HRESULT explain(struct kvp *kvp, HRESULT hr)
{
	return machine_error(kvp->machine, hr, kvp->stop, kvp->text, sizeof(kvp->text));
}

static HRESULT get(struct kvp_host *host, const char *name, char value[KVP_TEXT_MAX + 1])
{
	struct kvp *kvp = (struct kvp *)host;
	struct wmi_wait wait = bounded(kvp);
	struct hyperv_items items;
	const char *data;
	HRESULT hr = hyperv_items(kvp->link.wmi, &kvp->link.found, HYPERV_HOST, &wait, &items);

	data = SUCCEEDED(hr) ? hyperv_item_data(&items, name) : NULL;
	snprintf(value, KVP_TEXT_MAX + 1, "%s", data ? data : "");
	hyperv_items_clear(&items);
	return explain(kvp, hr);
}

static HRESULT put(struct kvp_host *host, const char *name, const char *value)
{
	struct kvp *kvp = (struct kvp *)host;
	struct wmi_wait wait = bounded(kvp);
	uint32_t error;

	return explain(
		kvp, hyperv_put_item(kvp->link.wmi, &kvp->link.found, name, value, &wait, &error));
}

static const char *error_text(struct kvp_host *host)
{
	return ((struct kvp *)host)->text;
}

static void add_session(struct kvp_host *host, const VMSessionResult *outcome)
{
	struct task *task = ((struct kvp *)host)->task;

	vmg_lock_take(&task->lock);
	vmg_sessions_add(&task->sessions, outcome);
	vmg_lock_give(&task->lock);
}

static void publish(struct kvp *kvp)
{
	vmg_lock_take(&kvp->task->lock);
	if (!kvp->task->complete)
		vmg_task_report(kvp->task, &kvp->state.report);
	SetEvent(kvp->changed);
	vmg_lock_give(&kvp->task->lock);
}

/* Of an error that another attempt cannot repair. */
static bool is_final(HRESULT hr)
{
	switch (hr) {
	case E_ACCESSDENIED:
	case WBEM_E_ACCESS_DENIED:
	case VM_E_VM_NOT_RUNNING:
	case VM_E_VM_UNKNOWN:
	case VM_E_ADDITIONS_FEATURE_NOT_AVAIL:
		return true;
	default:
		return false;
	}
}

/* A connection that is lost does not recover. */
static void reconnect(struct kvp *kvp)
{
	struct wmi_wait wait = bounded(kvp);
	struct machine_link link;
	HRESULT hr = machine_open(kvp->machine, &link, &wait, kvp->text, sizeof(kvp->text));

	if (SUCCEEDED(hr)) {
		machine_close(&kvp->link);
		kvp->link = link;
	} else if (is_final(hr)) {
		kvp_machine_fail(&kvp->state, hr, kvp->text);
	}
}

static void handle_failure(struct kvp *kvp, HRESULT hr)
{
	ULONGLONG now = GetTickCount64();

	hr = explain(kvp, hr);
	if (!kvp->failing_since)
		kvp->failing_since = now;
	if (is_final(hr) || now - kvp->failing_since > RETRY_MS)
		kvp_machine_fail(&kvp->state, hr, kvp->text);
	else
		reconnect(kvp);
}

/* A guest that did not begin has a reason that Hyper-V may know. */
static void explain_timeout(struct kvp *kvp)
{
	struct wmi_wait wait = bounded(kvp);

	if (kvp->state.report.error == VM_E_TIMED_OUT && !kvp->state.begun)
		machine_explain(kvp->machine, &kvp->link, &wait, kvp->state.text,
				sizeof(kvp->state.text));
}

static void poll_guest(struct kvp *kvp)
{
	struct wmi_wait wait = bounded(kvp);
	struct machine_items items;
	HRESULT hr = machine_read(&kvp->link, &wait, &items);

	if (SUCCEEDED(hr)) {
		kvp->failing_since = 0;
		kvp_machine_poll(&kvp->state, &items.iface);
		explain_timeout(kvp);
	} else if (hr != WMI_E_CANCELLED) {
		handle_failure(kvp, hr);
	}
	hyperv_items_clear(&items.items);
}

static void cancel_request(struct kvp *kvp)
{
	char value[KVP_TEXT_MAX + 1];

	kvp_machine_cancel(&kvp->state, value);
	kvp->cancel_result = put(&kvp->host, KVP_REQUEST_KEY, value);
	SetEvent(kvp->cancelled);
	audit_cancelled(&kvp->audit, kvp->cancel_result);
}

static DWORD WINAPI run(void *parameter)
{
	struct kvp *kvp = parameter;
	HANDLE events[] = {kvp->stop, kvp->cancel};

	while (!kvp->state.report.complete) {
		switch (WaitForMultipleObjects(ARRAY_SIZE(events), events, FALSE,
					       vmg_kvp_times.poll_ms)) {
		case WAIT_TIMEOUT:
			poll_guest(kvp);
			break;
		case WAIT_OBJECT_0 + 1:
			cancel_request(kvp);
			break;
		default:
			return 0;
		}
		if (kvp->state.report.complete)
			audit_ended(&kvp->audit, kvp->state.report.error, kvp->state.report.text);
		publish(kvp);
	}
	return 0;
}

static bool open_events(struct kvp *kvp)
{
	kvp->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
	kvp->changed = CreateEventW(NULL, TRUE, FALSE, NULL);
	kvp->cancel = CreateEventW(NULL, FALSE, FALSE, NULL);
	kvp->cancelled = CreateEventW(NULL, FALSE, FALSE, NULL);
	return kvp->stop && kvp->changed && kvp->cancel && kvp->cancelled;
}

static HRESULT begin(struct kvp *kvp)
{
	struct wmi_wait wait = bounded(kvp);
	struct machine_items items;
	HRESULT hr = machine_open(kvp->machine, &kvp->link, &wait, kvp->text, sizeof(kvp->text));

	if (FAILED(hr))
		return hr;
	hr = explain(kvp, machine_read(&kvp->link, &wait, &items));
	if (FAILED(hr))
		return hr;
	hr = kvp_machine_begin(&kvp->state, &items.iface);
	if (hr == VM_E_ADDITIONS_FEATURE_NOT_AVAIL && !*kvp->state.text &&
	    !machine_explain(kvp->machine, &kvp->link, &wait, kvp->text, sizeof(kvp->text)))
		remedy_no_answer_text(kvp->text, sizeof(kvp->text), vmg_machine_name(kvp->machine));
	hyperv_items_clear(&items.items);
	return hr;
}

static const struct kvp_host host = {
	.get = get,
	.put = put,
	.error_text = error_text,
	.session = add_session,
	.now_ms = kvp_host_now_ms,
	.time = kvp_host_time,
};

/* The thread exists before the request does. */
static HRESULT start(struct task *task, const struct machine *machine,
		     const VMLogoffOptions *options)
{
	struct kvp *kvp = calloc(1, sizeof(*kvp));
	HRESULT hr;

	if (!kvp)
		return E_OUTOFMEMORY;
	task->data = kvp;
	*kvp = (struct kvp){
		.host = host,
		.task = task,
		.machine = machine_ref((struct machine *)machine),
	};
	vmg_lock_init(&kvp->cancel_lock);
	kvp_machine_init(&kvp->state, &kvp->host, task->id, options);
	if (open_events(kvp))
		kvp->thread = CreateThread(NULL, 0, run, kvp, CREATE_SUSPENDED, NULL);
	if (!kvp->thread)
		return E_OUTOFMEMORY;
	audit_init(&kvp->audit, machine, task->id);
	audit_requested(&kvp->audit, options);
	hr = begin(kvp);
	vmg_task_set_text(task, kvp->text);
	vmg_task_report(task, &kvp->state.report);
	if (FAILED(hr) || task->complete)
		audit_ended(&kvp->audit, FAILED(hr) ? hr : task->error, task->text);
	/* Handles have 32 significant bits. */
	task->descriptor = HandleToLong(kvp->changed);
	if (SUCCEEDED(hr))
		ResumeThread(kvp->thread);
	return hr;
}

/* The thread has reported what it received. */
static void process(struct task *task)
{
	struct kvp *kvp = task->data;

	if (!task->complete)
		ResetEvent(kvp->changed);
}

static HRESULT wait_changed(struct task *task, int64_t deadline)
{
	const struct kvp *kvp = task->data;
	int64_t left = deadline < 0 ? INFINITE : MAX(deadline - vmg_now_ms(), 0);

	return WaitForSingleObject(kvp->changed, (DWORD)left) == WAIT_OBJECT_0 ? S_OK
									       : VM_E_TIMED_OUT;
}

/* Lets the thread cancel. If that ends first, the request is complete. */
static HRESULT cancel(struct task *task)
{
	struct kvp *kvp = task->data;
	HANDLE events[] = {kvp->cancelled, kvp->thread};
	HRESULT hr;

	vmg_lock_take(&kvp->cancel_lock);
	ResetEvent(kvp->cancelled);
	SetEvent(kvp->cancel);
	switch (WaitForMultipleObjects(ARRAY_SIZE(events), events, FALSE, MACHINE_WAIT_MS)) {
	case WAIT_OBJECT_0:
		hr = kvp->cancel_result;
		break;
	case WAIT_TIMEOUT:
		hr = VM_E_TIMED_OUT;
		break;
	default:
		hr = E_FAIL;
		break;
	}
	vmg_lock_give(&kvp->cancel_lock);
	return hr;
}

static void complete(struct task *task)
{
	struct kvp *kvp = task->data;

	SetEvent(kvp->changed);
}

/* The thread's calls end soon after @stop is set. */
static void release(struct task *task)
{
	struct kvp *kvp = task->data;

	if (!kvp)
		return;
	if (kvp->thread) {
		SetEvent(kvp->stop);
		ResumeThread(kvp->thread);
		WaitForSingleObject(kvp->thread, INFINITE);
	}
	machine_close(&kvp->link);
	handlep(&kvp->thread);
	handlep(&kvp->stop);
	handlep(&kvp->changed);
	handlep(&kvp->cancel);
	handlep(&kvp->cancelled);
	vmg_lock_done(&kvp->cancel_lock);
	audit_clear(&kvp->audit);
	vmg_machine_free(kvp->machine);
	free(kvp);
}

const struct transport machine_kvp = {
	.action = VMG_TASK_LOGOFF,
	.via = VM_LOGOFF_VIA_KVP,
	.start = start,
	.process = process,
	.wait = wait_changed,
	.cancel = cancel,
	.complete = complete,
	.release = release,
};

HRESULT machine_kvp_cancel(struct machine *machine, uint64_t id, char *text, size_t size)
{
	struct kvp kvp = {.host = host, .machine = machine};
	struct wmi_wait wait = bounded(&kvp);
	struct machine_items items = {};
	HRESULT hr = machine_open(machine, &kvp.link, &wait, kvp.text, sizeof(kvp.text));

	if (SUCCEEDED(hr))
		hr = explain(&kvp, machine_read(&kvp.link, &wait, &items));
	if (SUCCEEDED(hr))
		hr = kvp_machine_cancel_any(&kvp.host, &items.iface, id);
	hyperv_items_clear(&items.items);
	machine_close(&kvp.link);
	snprintf(text, size, "%s", kvp.text);
	return hr;
}
