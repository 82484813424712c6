// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The transport through KVP: the request is an item of the host, the answer an item of the guest,
 * which is polled. As with the component, there is no thread: the task's descriptor is an epoll
 * instance with a timer for the next poll and the socket for the host's reply.
 *
 * Clocks: a request is valid in one boot of the guest (boot=) and for a limited time (issued=,
 * life=), which the guest checks against its own clock. If that clock is wrong, the guest refuses
 * the request and reports its time, and the request is issued once more with that time. boot= and
 * the new id still ensure that no request is carried out in another boot, or twice.
 */
#include "kvp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/param.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "userspace/host/libvmguestos/json.h"
#include "userspace/shared/kvp_value.h"
#include "userspace/shared/util.h"

#define WMI_INVALID_STATE 32775

#define BUSY_TEXT "The guest is carrying out another request."

struct kvp_times vmg_kvp_times = {.poll_ms = 500, .life = 120, .backstop_ms = 30000};

struct kvp {
	int timer;
	bool pending;   /* a command for the guest's items has no reply yet */
	bool begun;     /* the guest has answered this request */
	bool cancelled; /* cancel() was called */
	int64_t deadline;
	unsigned int attempt;
	uint32_t flags; /* VM_LOGOFF_... */
	struct kvp_request request;
};

/* The guest's item. */
struct item {
	struct kvp_answer answer;
	char boot[KVP_ID_SIZE];
	int64_t time; /* when it was written, by the guest's clock; 0 if unknown */
};

static HRESULT hresult_in(const json_t *reply)
{
	if (json_is_true(json_object_get(reply, "ok")))
		return S_OK;
	if (json_integer_value(json_object_get(reply, "return")) == WMI_INVALID_STATE)
		return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	return vmg_hresult_in(reply);
}

/* Sends a command that the host itself completes, and waits for the reply. Steals @request. */
static HRESULT call(struct task *task, json_t *request, json_t **reply)
{
	int ret = vmg_connection_send(&task->connection, request);

	if (ret == 0)
		ret = vmg_connection_receive(&task->connection, vmg_now_ms() + VMG_REPLY_MS, reply);
	return ret < 0 ? vmg_hresult_of(ret) : hresult_in(*reply);
}

static json_t *items_command(const char *name)
{
	return json_pack("{s:s}", "command", name);
}

static json_t *item_command(const char *name, const char *value)
{
	return json_pack("{s:s, s:s, s:s}", "command", name, "name", KVP_REQUEST_KEY, "data",
			 value);
}

static const char *value_in(const json_t *reply, const char *key)
{
	return vmg_json_text(json_object_get(reply, "items"), key);
}

static bool parse_item(struct item *item, const json_t *reply)
{
	return kvp_answer_parse(&item->answer, item->boot, &item->time,
				value_in(reply, KVP_ANSWER_KEY)) == 0;
}

/* Formats a verb that applies to the current request. */
static void format_verb(char value[KVP_TEXT_MAX + 1], const struct kvp *kvp, enum kvp_verb verb)
{
	struct kvp_request request = kvp->request;

	request.verb = verb;
	kvp_request_format(value, &request);
}

/* All requests share one item, which may not exist yet. */
static HRESULT put(struct task *task, const char *value)
{
	json_auto_t *modified = NULL, *added = NULL;
	HRESULT hr = call(task, item_command("kvp_modify", value), &modified);

	if (hr == E_INVALIDARG)
		hr = call(task, item_command("kvp_add", value), &added);
	if (hr != S_OK)
		vmg_task_set_text(task, vmg_json_text(added ? added : modified, "error"));
	return hr;
}

/* Whether the item still contains this request: another program may have replaced it. */
static bool owns_item(struct task *task)
{
	json_auto_t *reply = NULL;
	char id[KVP_ID_SIZE + 5];

	if (call(task, items_command("kvp_host_items"), &reply) != S_OK)
		return true;
	snprintf(id, sizeof(id), " id=%s ", task->kvp->request.id);
	return strstr(value_in(reply, KVP_REQUEST_KEY), id);
}

static HRESULT issue(struct task *task, int64_t when, const char *boot)
{
	char value[KVP_TEXT_MAX + 1];
	struct kvp *kvp = task->kvp;
	struct kvp_request *request = &kvp->request;
	int ret;

	kvp->attempt++;
	kvp->begun = false;
	kvp->deadline = vmg_now_ms() + vmg_kvp_times.life * 1000LL;
	snprintf(request->id, sizeof(request->id), "%016" PRIx64 "-%u", task->id, kvp->attempt);
	snprintf(request->boot, sizeof(request->boot), "%s", boot);
	request->issued = when;
	request->life = vmg_kvp_times.life;
	ret = kvp_request_format(value, request);
	if (ret == 0)
		return put(task, value);
	vmg_task_set_text(task, "The request is too long for KVP; shorten the message.");
	return E_INVALIDARG;
}

static void arm(const struct kvp *kvp, long nanoseconds)
{
	struct itimerspec once = {.it_value = {.tv_sec = nanoseconds / 1000000000,
					       .tv_nsec = nanoseconds % 1000000000}};

	timerfd_settime(kvp->timer, 0, &once, NULL);
}

static bool has_expired(const struct kvp *kvp)
{
	uint64_t times;

	return read(kvp->timer, &times, sizeof(times)) == sizeof(times);
}

/*
 * Requests the guest to discard the answer. The item no longer requests a logoff, which a guest
 * that is restored to an earlier state could carry out again. Does nothing if another request has
 * replaced this one.
 */
static void forget(struct task *task)
{
	char value[KVP_TEXT_MAX + 1];
	json_auto_t *reply = NULL;

	format_verb(value, task->kvp, KVP_FORGET);
	if (owns_item(task))
		call(task, item_command("kvp_modify", value), &reply);
}

static void handle_done(struct task *task, const struct item *item)
{
	bool clocks_differ =
		item->answer.result == KVP_E_STALE || item->answer.result == KVP_E_SKEW;
	struct kvp *kvp = task->kvp;
	HRESULT hr;

	if (clocks_differ && kvp->attempt == 1 && !kvp->cancelled && item->time) {
		hr = issue(task, item->time, item->boot);
		if (FAILED(hr))
			vmg_task_end(task, hr);
		return;
	}
	forget(task);
	/* hv-logoffd was replaced by an older one since begin(). */
	if (item->answer.result == KVP_E_REVISION && kvp_request_version(&kvp->request) > 1)
		vmg_task_set_too_old(task, kvp->flags);
	else
		vmg_task_set_text(task, item->answer.text);
	vmg_task_end(task, (HRESULT)item->answer.result);
}

static void handle_answer(struct task *task, const struct item *item)
{
	const struct kvp_answer *answer = &item->answer;
	const struct report report = {
		.state = answer->state == HV_LOGOFF_PENDING ? task->state
							    : (VMLogoffState)answer->state,
		.percent = answer->percent,
		.found = answer->found,
		.ended = answer->ended,
		.failed = answer->failed,
		.text = answer->text,
	};
	struct kvp *kvp = task->kvp;

	if (!kvp->begun)
		kvp->deadline = vmg_now_ms() + kvp->request.logoff.timeout * 1000LL +
				vmg_kvp_times.backstop_ms;
	kvp->begun = true;
	if (report.state == vmLogoffState_Done) {
		task->found = answer->found;
		task->ended = answer->ended;
		task->failed = answer->failed;
		handle_done(task, item);
	} else {
		vmg_task_report(task, &report);
	}
}

static void end_busy(struct task *task, const char *text)
{
	vmg_task_set_text(task, text);
	vmg_task_end(task, HRESULT_FROM_WIN32(ERROR_BUSY));
}

static void end_refused(struct task *task)
{
	forget(task);
	end_busy(task, BUSY_TEXT);
}

/* A request that has not begun is withdrawn. */
static void time_out(struct task *task)
{
	char value[KVP_TEXT_MAX + 1];
	json_auto_t *reply = NULL;

	format_verb(value, task->kvp, KVP_CANCEL);
	if (!task->kvp->begun && owns_item(task))
		call(task, item_command("kvp_modify", value), &reply);
	vmg_task_set_text(
		task, task->kvp->begun
			      ? "The guest did not answer in time; check that it is running."
			      : "The guest did not accept the request; check that hv_kvp_daemon "
				"and hv-logoffd are running in it.");
	vmg_task_end(task, VM_E_TIMED_OUT);
}

static void handle_items(struct task *task, const json_t *reply)
{
	const struct kvp *kvp = task->kvp;
	struct item item;

	parse_item(&item, reply);
	if (strcmp(item.answer.id, kvp->request.id) == 0)
		handle_answer(task, &item);
	else if (strcmp(item.answer.busy, kvp->request.id) == 0)
		end_refused(task);
	else if (!kvp->begun && !owns_item(task))
		end_busy(task, "Another request has replaced this one.");
	if (!task->complete && vmg_now_ms() > kvp->deadline)
		time_out(task);
}

static void handle_reply(struct task *task, const json_t *reply)
{
	HRESULT hr = hresult_in(reply);

	task->kvp->pending = false;
	if (hr == S_OK) {
		handle_items(task, reply);
	} else {
		vmg_task_set_text(task, vmg_json_text(reply, "error"));
		vmg_task_end(task, hr);
	}
	if (!task->complete)
		arm(task->kvp, vmg_kvp_times.poll_ms * 1000000L);
}

static void process(struct task *task)
{
	struct kvp *kvp = task->kvp;
	int ret = 0;

	if (!task->complete && !kvp->pending && has_expired(kvp)) {
		ret = vmg_connection_send(&task->connection, items_command("kvp_guest_items"));
		kvp->pending = ret == 0;
	}
	if (!task->complete && kvp->pending) {
		json_auto_t *reply = NULL;

		ret = vmg_connection_next(&task->connection, &reply);
		if (ret > 0)
			handle_reply(task, reply);
	}
	if (ret < 0)
		vmg_task_disconnected(task, ret);
}

static int add_source(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_all(struct task *task)
{
	struct kvp *kvp = task->kvp;
	int ret = vmg_connection_open(&task->connection, task->directory);

	if (ret < 0)
		return ret;
	kvp->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	task->descriptor = epoll_create1(EPOLL_CLOEXEC);
	if (kvp->timer < 0 || task->descriptor < 0)
		return -errno;
	ret = add_source(task->descriptor, kvp->timer);
	return ret < 0 ? ret : add_source(task->descriptor, task->connection.fd);
}

static bool is_in_progress(const struct kvp_answer *answer)
{
	return answer->id[0] && answer->state != HV_LOGOFF_DONE;
}

static HRESULT begin(struct task *task)
{
	json_auto_t *reply = NULL;
	struct item item;
	HRESULT hr = call(task, items_command("kvp_guest_items"), &reply);

	if (hr != S_OK) {
		vmg_task_set_text(task, vmg_json_text(reply, "error"));
		return hr;
	}
	if (!parse_item(&item, reply))
		return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	if (is_in_progress(&item.answer)) {
		end_busy(task, BUSY_TEXT);
		return S_OK;
	}
	if (kvp_request_version(&task->kvp->request) > item.answer.accepts) {
		vmg_task_set_too_old(task, task->kvp->flags);
		return HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH);
	}
	/* The guest was running at item.time, and refuses requests issued before its boot. */
	hr = issue(task, MAX((int64_t)time(NULL), item.time), item.boot);
	if (hr == S_OK)
		arm(task->kvp, vmg_kvp_times.poll_ms * 1000000L);
	return hr;
}

static void copy(char *target, size_t size, const char *text)
{
	snprintf(target, size, "%s", text ? text : "");
}

static void copy_options(struct logoff_request *request, const VMLogoffOptions *options)
{
	if (options->flags & VM_LOGOFF_FORCE)
		request->flags |= HV_LOGOFF_FORCE;
	if (options->flags & VM_LOGOFF_DRY_RUN)
		request->flags |= HV_LOGOFF_DRY_RUN;
	if (options->flags & VM_LOGOFF_INCLUDE_LINGERING)
		request->flags |= HV_LOGOFF_INCLUDE_LINGERING;
	if (options->flags & VM_LOGOFF_NO_LOGINS)
		request->flags |= HV_LOGOFF_NO_LOGINS;
	request->timeout = options->timeout;
	request->grace = options->grace;
	copy(request->message, sizeof(request->message), options->message);
	copy(request->user, sizeof(request->user), options->user);
	copy(request->session, sizeof(request->session), options->session);
}

static HRESULT start(struct task *task, const VMLogoffOptions *options)
{
	struct kvp *kvp = calloc(1, sizeof(*kvp));
	int ret;

	if (!kvp)
		return E_OUTOFMEMORY;
	task->kvp = kvp;
	kvp->timer = -1;
	kvp->flags = options->flags;
	copy_options(&kvp->request.logoff, options);
	ret = open_all(task);
	return ret < 0 ? vmg_hresult_of(ret) : begin(task);
}

/* The outcome is in the answer. */
static HRESULT cancel(struct task *task)
{
	char value[KVP_TEXT_MAX + 1];
	json_auto_t *reply = NULL;
	int ret;

	pthread_mutex_lock(&task->lock);
	task->kvp->cancelled = true;
	format_verb(value, task->kvp, KVP_CANCEL);
	pthread_mutex_unlock(&task->lock);
	ret = vmg_connection_call(task->directory, item_command("kvp_modify", value), &reply);
	return ret < 0 ? vmg_hresult_of(ret) : hresult_in(reply);
}

static void complete(struct task *task)
{
	arm(task->kvp, 1);
}

static void release(struct task *task)
{
	struct kvp *kvp = task->kvp;

	vmg_connection_close(&task->connection);
	if (!kvp)
		return;
	if (kvp->timer >= 0)
		close(kvp->timer);
	if (task->descriptor >= 0)
		close(task->descriptor);
	free(kvp);
}

const struct transport vmg_kvp = {
	.start = start,
	.process = process,
	.cancel = cancel,
	.complete = complete,
	.release = release,
};

HRESULT vmg_kvp_available(const char *directory)
{
	json_auto_t *reply = NULL;
	struct item item;
	int ret = vmg_connection_call(directory, items_command("kvp_guest_items"), &reply);
	HRESULT hr = ret < 0 ? vmg_hresult_of(ret) : hresult_in(reply);

	if (hr == S_OK && !parse_item(&item, reply))
		hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	return hr;
}
