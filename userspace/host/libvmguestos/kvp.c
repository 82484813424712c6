// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way in by KVP: the request is an item of the host's, the answer one of the guest's, which is
 * looked at again and again. As with the component there is no thread: the task's descriptor is
 * an epoll that has a timer, for the next look, and the socket, for what the host says then.
 *
 * Clocks. A request is good for the guest that is up now, which boot= says, and only for as long
 * as life= from issued=, which the guest holds against its own clock. Where that is wrong the
 * guest refuses and says what time it takes it to be; then the request is issued once more, by
 * the guest's own time. What boot= and a new id guard stays guarded: no request is carried out
 * in another boot, or twice.
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

#include "json.h"
#include "userspace/shared/kvp_value.h"
#include "userspace/shared/util.h"

#define WMI_INVALID_STATE 32775

#define CARRYING_OUT "The guest is carrying out another request."

struct kvp_times vmg_kvp_times = {.poll_ms = 500, .life = 120, .backstop_ms = 30000};

struct kvp {
	int timer;
	bool asked;     /* for the guest's items, and not answered yet */
	bool begun;     /* the guest has answered this request */
	bool cancelled; /* it was asked to be */
	int64_t deadline;
	unsigned int attempt;
	struct kvp_request request;
};

/* The guest's item. */
struct answer {
	struct kvp_answer is;
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

/* For what the host knows itself, or almost: nobody waits for long. Takes @request. */
static HRESULT ask(struct task *task, json_t *request, json_t **reply)
{
	int ret = vmg_connection_send(&task->connection, request);

	if (ret == 0)
		ret = vmg_connection_receive(&task->connection, vmg_now_ms() + VMG_ANSWER_MS,
					     reply);
	return ret < 0 ? vmg_hresult_of(ret) : hresult_in(*reply);
}

static json_t *items_command(const char *whose)
{
	return json_pack("{s:s}", "command", whose);
}

static json_t *item_command(const char *verb, const char *value)
{
	return json_pack("{s:s, s:s, s:s}", "command", verb, "name", KVP_REQUEST_KEY, "data",
			 value);
}

static const char *item_in(const json_t *reply, const char *key)
{
	return vmg_json_text(json_object_get(reply, "items"), key);
}

static bool parse_answer(struct answer *answer, const json_t *reply)
{
	return kvp_answer_parse(&answer->is, answer->boot, &answer->time,
				item_in(reply, KVP_ANSWER_KEY)) == 0;
}

/* Formats a verb that applies to the current request. */
static void format_verb(char value[KVP_TEXT_MAX + 1], const struct kvp *kvp, enum kvp_verb verb)
{
	struct kvp_request request = kvp->request;

	request.verb = verb;
	kvp_request_format(value, &request);
}

/* There is one item for all requests: it is there already, or it is not. */
static HRESULT put(struct task *task, const char *value)
{
	json_auto_t *modified = NULL, *added = NULL;
	HRESULT hr = ask(task, item_command("kvp_modify", value), &modified);

	if (hr == E_INVALIDARG)
		hr = ask(task, item_command("kvp_add", value), &added);
	if (hr != S_OK)
		vmg_task_say(task, vmg_json_text(added ? added : modified, "error"));
	return hr;
}

/* Whether the host still has this request's item, and not somebody else's. */
static bool has_place(struct task *task)
{
	json_auto_t *reply = NULL;
	char id[KVP_ID_SIZE + 5];

	if (ask(task, items_command("kvp_host_items"), &reply) != S_OK)
		return true;
	snprintf(id, sizeof(id), " id=%s ", task->kvp->request.id);
	return strstr(item_in(reply, KVP_REQUEST_KEY), id);
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
	vmg_task_say(task, ret == -E2BIG
				   ? "The request is too long for KVP: shorten the message."
				   : "KVP does not support a user name or session id with blanks.");
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
 * The answer makes room for the next one's, and the item doesn't say any more that somebody is to
 * be logged off, which a guest that is set back to an older state could take up again. Unless
 * the next request has come already.
 */
static void forget(struct task *task)
{
	char value[KVP_TEXT_MAX + 1];
	json_auto_t *reply = NULL;

	format_verb(value, task->kvp, KVP_FORGET);
	if (has_place(task))
		ask(task, item_command("kvp_modify", value), &reply);
}

static void take_done(struct task *task, const struct answer *answer)
{
	bool is_clock = answer->is.result == KVP_E_STALE || answer->is.result == KVP_E_SKEW;
	struct kvp *kvp = task->kvp;
	HRESULT hr;

	if (is_clock && kvp->attempt == 1 && !kvp->cancelled && answer->time) {
		hr = issue(task, answer->time, answer->boot);
		if (FAILED(hr))
			vmg_task_end(task, hr);
		return;
	}
	forget(task);
	vmg_task_say(task, answer->is.text);
	vmg_task_end(task, (HRESULT)answer->is.result);
}

static void take_answer(struct task *task, const struct answer *answer)
{
	const struct kvp_answer *is = &answer->is;
	const struct report report = {
		.state = is->state == HV_LOGOFF_PENDING ? task->state : (VMLogoffState)is->state,
		.percent = is->percent,
		.found = is->found,
		.ended = is->ended,
		.failed = is->failed,
		.text = is->text,
	};
	struct kvp *kvp = task->kvp;

	if (!kvp->begun)
		kvp->deadline = vmg_now_ms() + kvp->request.logoff.timeout * 1000LL +
				vmg_kvp_times.backstop_ms;
	kvp->begun = true;
	if (report.state == vmLogoffState_Done) {
		task->found = is->found;
		task->ended = is->ended;
		task->failed = is->failed;
		take_done(task, answer);
	} else {
		vmg_task_report(task, &report);
	}
}

static void end_busy(struct task *task, const char *why)
{
	vmg_task_say(task, why);
	vmg_task_end(task, HRESULT_FROM_WIN32(ERROR_BUSY));
}

static void take_refusal(struct task *task)
{
	forget(task);
	end_busy(task, CARRYING_OUT);
}

/* A request that nobody waits for any more must not begin either. */
static void give_up(struct task *task)
{
	char value[KVP_TEXT_MAX + 1];
	json_auto_t *reply = NULL;

	format_verb(value, task->kvp, KVP_CANCEL);
	if (!task->kvp->begun && has_place(task))
		ask(task, item_command("kvp_modify", value), &reply);
	vmg_task_say(task, task->kvp->begun
				   ? "The guest has not answered in time: is it still running?"
				   : "The guest has not taken the request: do hv_kvp_daemon and "
				     "hv-logoffd still run in it?");
	vmg_task_end(task, VM_E_TIMED_OUT);
}

static void take_items(struct task *task, const json_t *reply)
{
	const struct kvp *kvp = task->kvp;
	struct answer answer;

	parse_answer(&answer, reply);
	if (strcmp(answer.is.id, kvp->request.id) == 0)
		take_answer(task, &answer);
	else if (strcmp(answer.is.busy, kvp->request.id) == 0)
		take_refusal(task);
	else if (!kvp->begun && !has_place(task))
		end_busy(task, "Another request took the place of this one.");
	if (!task->complete && vmg_now_ms() > kvp->deadline)
		give_up(task);
}

static void take(struct task *task, const json_t *reply)
{
	HRESULT hr = hresult_in(reply);

	task->kvp->asked = false;
	if (hr == S_OK) {
		take_items(task, reply);
	} else {
		vmg_task_say(task, vmg_json_text(reply, "error"));
		vmg_task_end(task, hr);
	}
	if (!task->complete)
		arm(task->kvp, vmg_kvp_times.poll_ms * 1000000L);
}

static void look(struct task *task)
{
	struct kvp *kvp = task->kvp;
	int ret = 0;

	if (!task->complete && !kvp->asked && has_expired(kvp)) {
		ret = vmg_connection_send(&task->connection, items_command("kvp_guest_items"));
		kvp->asked = ret == 0;
	}
	if (!task->complete && kvp->asked) {
		json_auto_t *reply = NULL;

		ret = vmg_connection_next(&task->connection, &reply);
		if (ret > 0)
			take(task, reply);
	}
	if (ret < 0)
		vmg_task_lose(task, ret);
}

static int add_source(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_all(struct task *task)
{
	struct kvp *kvp = task->kvp;
	int ret = vmg_connection_open(&task->connection, task->folder);

	if (ret < 0)
		return ret;
	kvp->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	task->descriptor = epoll_create1(EPOLL_CLOEXEC);
	if (kvp->timer < 0 || task->descriptor < 0)
		return -errno;
	ret = add_source(task->descriptor, kvp->timer);
	return ret < 0 ? ret : add_source(task->descriptor, task->connection.fd);
}

static bool is_under_way(const struct kvp_answer *answer)
{
	return answer->id[0] && answer->state != HV_LOGOFF_DONE;
}

static HRESULT begin(struct task *task)
{
	json_auto_t *reply = NULL;
	struct answer answer;
	HRESULT hr = ask(task, items_command("kvp_guest_items"), &reply);

	if (hr != S_OK) {
		vmg_task_say(task, vmg_json_text(reply, "error"));
		return hr;
	}
	if (!parse_answer(&answer, reply))
		return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	if (is_under_way(&answer.is)) {
		end_busy(task, CARRYING_OUT);
		return S_OK;
	}
	/*
	 * The guest wrote that in this boot, whatever its clock is: a request that was issued
	 * earlier would seem to be one for another.
	 */
	hr = issue(task, MAX((int64_t)time(NULL), answer.time), answer.boot);
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
	copy_options(&kvp->request.logoff, options);
	ret = open_all(task);
	return ret < 0 ? vmg_hresult_of(ret) : begin(task);
}

/* What comes of it says the answer. */
static HRESULT cancel(struct task *task)
{
	char value[KVP_TEXT_MAX + 1];
	json_auto_t *reply = NULL;
	int ret;

	pthread_mutex_lock(&task->lock);
	task->kvp->cancelled = true;
	format_verb(value, task->kvp, KVP_CANCEL);
	pthread_mutex_unlock(&task->lock);
	ret = vmg_connection_ask(task->folder, item_command("kvp_modify", value), &reply);
	return ret < 0 ? vmg_hresult_of(ret) : hresult_in(reply);
}

static void settle(struct task *task)
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

const struct way vmg_kvp = {
	.start = start,
	.look = look,
	.cancel = cancel,
	.settle = settle,
	.release = release,
};

HRESULT vmg_kvp_available(const char *folder)
{
	json_auto_t *reply = NULL;
	struct answer answer;
	int ret = vmg_connection_ask(folder, items_command("kvp_guest_items"), &reply);
	HRESULT hr = ret < 0 ? vmg_hresult_of(ret) : hresult_in(reply);

	if (hr == S_OK && !parse_answer(&answer, reply))
		hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	return hr;
}
