// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock.h"

#include "userspace/host/libvmguestos/error.h"
#include "userspace/shared/util.h"
#include "vsock_channel.h"
#include "vsock_request.h"

/* How long cancel() waits for the guest, also for a stream that has to be opened again. */
#define CANCEL_MS 60000

struct vsock {
	struct task *task;
	const struct vsock_observer *observer;
	void *userdata;
	struct vsock_address address;
	struct vsock_stream *stream; /* used by one thread: first start()'s, then @thread */
	vmg_thread thread;
	bool runs;         /* there is a thread */
	vmg_event stop;    /* the task is released */
	vmg_event wake;    /* the thread has something to do */
	vmg_event changed; /* the task's descriptor */

	vmg_lock cancel_lock; /* one cancel() at a time */
	vmg_event cancelled;  /* a cancel() has its answer, or the request is complete */

	struct vsock_request request; /* protected by the task's lock */
};

static void add_session(void *userdata, const VMSessionResult *outcome)
{
	vmg_sessions_add(&((struct vsock *)userdata)->task->sessions, outcome);
}

/* With the task's lock. */
static void publish(struct vsock *vsock)
{
	const struct report *report = &vsock->request.report;

	if (vsock->task->complete)
		return;
	vmg_task_report(vsock->task, report);
	if (report->complete && vsock->observer)
		vsock->observer->ended(vsock->userdata, report->error, report->text);
	if (report->complete || vsock->request.cancel_answered)
		vmg_event_set(vsock->cancelled);
	vmg_event_set(vsock->changed);
}

/* Opens a stream when it is time. */
static void reconnect(struct vsock *vsock)
{
	struct vsock_request *request = &vsock->request;
	struct task *task = vsock->task;
	char text[VSOCK_TEXT_SIZE] = "";
	int64_t next;
	bool connects;
	HRESULT hr;

	vmg_lock_take(&task->lock);
	connects = vsock_request_connects(request, vmg_now_ms());
	next = vsock_request_next(request);
	vmg_lock_give(&task->lock);
	if (!connects) {
		vmg_event_wait(vsock->wake, next);
		vmg_event_clear(vsock->wake);
		return;
	}
	hr = vsock_stream_open(&vsock->address, vsock->stop,
			       vmg_now_ms() + vmg_vsock_times.connect_ms, &vsock->stream, text);
	vmg_lock_take(&task->lock);
	if (hr == S_OK)
		vsock_request_connected(request, vmg_now_ms());
	else
		vsock_request_disconnected(request, hr, text, vmg_now_ms());
	publish(vsock);
	vmg_lock_give(&task->lock);
}

/*
 * With the task's lock. Returns false if the stream is to be closed. What is left is read in the
 * next step, so that a guest that does not stop cannot keep the lock.
 */
static bool read_some(struct vsock *vsock)
{
	uint8_t bytes[2 * HVL_PACKET_MAX];
	long count = vsock_stream_read(vsock->stream, bytes, sizeof(bytes));

	return count >= 0 &&
	       vsock_request_receive(&vsock->request, bytes, (size_t)count, vmg_now_ms());
}

/* With the task's lock. Returns false if the stream is to be closed. */
static bool write_all(struct vsock *vsock)
{
	struct vsock_link *link = &vsock->request.link;
	long count = 1;

	while (link->queued > 0 && count > 0) {
		count = vsock_stream_write(vsock->stream, link->output, link->queued);
		if (count > 0)
			vsock_link_sent(link, (size_t)count);
	}
	return count >= 0;
}

/* With the task's lock. */
static void disconnect(struct vsock *vsock)
{
	bool negotiated = vsock->request.link.version.major;

	vsock_stream_close(vsock->stream);
	vsock->stream = NULL;
	vsock_request_disconnected(
		&vsock->request, negotiated ? DISP_E_EXCEPTION : VM_E_ADDITIONS_FEATURE_NOT_AVAIL,
		negotiated ? VSOCK_LOST_TEXT : VSOCK_NO_ANSWER_TEXT, vmg_now_ms());
}

/* Waits until something happens on the stream. */
static void exchange(struct vsock *vsock)
{
	struct vsock_request *request = &vsock->request;
	struct task *task = vsock->task;
	int64_t next;
	bool writes, good;

	vmg_lock_take(&task->lock);
	good = write_all(vsock);
	writes = request->link.queued > 0;
	next = vsock_request_next(request);
	vmg_lock_give(&task->lock);
	if (good)
		vsock_stream_wait(vsock->stream, writes, vsock->wake, next);
	vmg_event_clear(vsock->wake);
	vmg_lock_take(&task->lock);
	good = read_some(vsock) && good;
	if (!vsock_request_tick(request, vmg_now_ms()) || !good)
		disconnect(vsock);
	publish(vsock);
	vmg_lock_give(&task->lock);
}

static void step(struct vsock *vsock)
{
	if (vsock->stream)
		exchange(vsock);
	else
		reconnect(vsock);
}

static bool is_complete(struct vsock *vsock)
{
	bool complete;

	vmg_lock_take(&vsock->task->lock);
	if (!vsock->stream)
		vsock_request_tick(&vsock->request, vmg_now_ms());
	publish(vsock);
	complete = vsock->request.report.complete;
	vmg_lock_give(&vsock->task->lock);
	return complete;
}

static VMG_THREAD_RESULT run(void *pointer)
{
	struct vsock *vsock = pointer;

	while (!is_complete(vsock) && !vmg_event_wait(vsock->stop, 0))
		step(vsock);
	return 0;
}

/* Whether the guest has the request, or may have it, or will never have it. */
static bool has_begun(const struct vsock *vsock)
{
	const struct vsock_request *request = &vsock->request;

	return request->accepted || request->report.complete || (request->sent && !vsock->stream);
}

static struct vsock *vsock_new(struct task *task, const struct vsock_address *address)
{
	struct vsock *vsock = calloc(1, sizeof(*vsock));

	if (!vsock)
		return NULL;
	task->data = vsock;
	vsock->task = task;
	vmg_lock_init(&vsock->cancel_lock);
	vsock->stop = vmg_event_new();
	vsock->wake = vmg_event_new();
	vsock->changed = vmg_event_new();
	vsock->cancelled = vmg_event_new();
	return vmg_event_good(vsock->stop) && vmg_event_good(vsock->wake) &&
			       vmg_event_good(vsock->changed) && vmg_event_good(vsock->cancelled) &&
			       vsock_address_copy(&vsock->address, address)
		       ? vsock
		       : NULL;
}

HRESULT vmg_vsock_start(struct task *task, const struct vsock_address *address,
			const VMLogoffOptions *options, const struct vsock_observer *observer,
			void *userdata)
{
	struct vsock *vsock = vsock_new(task, address);
	const struct report *report;

	if (!vsock) {
		if (observer)
			observer->free(userdata);
		return E_OUTOFMEMORY;
	}
	vsock->observer = observer;
	vsock->userdata = userdata;
	task->descriptor = vmg_event_descriptor(vsock->changed);
	vsock_request_init(&vsock->request, task->id, options, add_session, vsock);
	while (!has_begun(vsock))
		step(vsock);
	report = &vsock->request.report;
	if (report->complete && !vsock->request.sent) {
		vmg_task_set_text(task, report->text);
		return report->error;
	}
	vsock->runs = vmg_thread_start(&vsock->thread, run, vsock);
	if (!vsock->runs)
		vmg_task_end(task, E_OUTOFMEMORY);
	return S_OK;
}

/* The thread has reported what it received. */
void vmg_vsock_process(struct task *task)
{
	const struct vsock *vsock = task->data;

	if (!task->complete)
		vmg_event_clear(vsock->changed);
}

HRESULT vmg_vsock_wait(struct task *task, int64_t deadline)
{
	const struct vsock *vsock = task->data;

	return vmg_event_wait(vsock->changed, deadline) ? S_OK : VM_E_TIMED_OUT;
}

/* With the task's lock. What a cancel() that is waiting returns. */
static HRESULT cancel_result(const struct vsock *vsock)
{
	const struct vsock_request *request = &vsock->request;

	if (request->cancel_answered)
		return request->cancel_result;
	if (!request->report.complete)
		return VM_E_TIMED_OUT;
	return request->report.error == HRESULT_FROM_WIN32(ERROR_CANCELLED) ? S_OK : E_FAIL;
}

HRESULT vmg_vsock_cancel_task(struct task *task)
{
	struct vsock *vsock = task->data;
	HRESULT hr;

	vmg_lock_take(&vsock->cancel_lock);
	vmg_lock_take(&task->lock);
	if (!task->complete) {
		vmg_event_clear(vsock->cancelled);
		vsock_request_cancel(&vsock->request);
	}
	vmg_lock_give(&task->lock);
	vmg_event_set(vsock->wake);
	vmg_event_wait(vsock->cancelled, vmg_now_ms() + CANCEL_MS);
	vmg_lock_take(&task->lock);
	hr = cancel_result(vsock);
	vmg_lock_give(&task->lock);
	if (vsock->observer)
		vsock->observer->cancelled(vsock->userdata, hr);
	vmg_lock_give(&vsock->cancel_lock);
	return hr;
}

void vmg_vsock_complete(struct task *task)
{
	const struct vsock *vsock = task->data;

	vmg_event_set(vsock->changed);
}

/* The guest carries the request out without this stream. */
void vmg_vsock_release(struct task *task)
{
	struct vsock *vsock = task->data;

	if (!vsock)
		return;
	if (vsock->runs) {
		vmg_event_set(vsock->stop);
		vmg_event_set(vsock->wake);
		vmg_thread_join(vsock->thread);
	}
	vsock_stream_close(vsock->stream);
	vmg_event_free(vsock->stop);
	vmg_event_free(vsock->wake);
	vmg_event_free(vsock->changed);
	vmg_event_free(vsock->cancelled);
	vmg_lock_done(&vsock->cancel_lock);
	vsock_address_clear(&vsock->address);
	if (vsock->observer)
		vsock->observer->free(vsock->userdata);
	free(vsock);
}

static HRESULT open_channel(struct vsock_channel *channel, const struct vsock_address *address)
{
	char text[VSOCK_TEXT_SIZE] = "";
	HRESULT hr = vsock_channel_open(channel, address, VMG_NO_EVENT, text);

	if (FAILED(hr))
		vmg_last_error(text);
	return hr;
}

HRESULT vmg_vsock_available(const struct vsock_address *address)
{
	struct vsock_channel channel;
	HRESULT hr = open_channel(&channel, address);

	vsock_channel_close(&channel);
	return hr;
}

/* Whether the message is the answer to a CANCEL with this transaction: also a refusal. */
static bool is_answer(const struct hvl_packet *packet, int transaction)
{
	return packet->header.transaction == transaction &&
	       (packet->header.size == 0 || packet->body.op.op == HVL_OP_CANCEL);
}

HRESULT vmg_vsock_cancel(const struct vsock_address *address, uint64_t id)
{
	int64_t deadline = vmg_now_ms() + vmg_vsock_times.connect_ms;
	struct vsock_channel channel;
	struct hvl_packet packet;
	int transaction;
	HRESULT hr = open_channel(&channel, address);

	hvl_build_op(&packet, 0, HVL_OP_CANCEL, id);
	transaction = hr == S_OK ? vsock_link_send(&channel.link, &packet) : 0;
	while (hr == S_OK) {
		hr = vsock_channel_next(&channel, VMG_NO_EVENT, deadline);
		if (hr == S_OK && is_answer(&channel.link.input, transaction)) {
			hr = (HRESULT)channel.link.input.header.status;
			break;
		}
	}
	vsock_channel_close(&channel);
	return hr;
}
