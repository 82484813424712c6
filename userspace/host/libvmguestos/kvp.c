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

#include "kvp_text.h"
#include "text.h"
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
	uint32_t timeout;
	unsigned int attempt;
	char id[KVP_ID_SIZE];
	char boot[KVP_ID_SIZE];
	int64_t issued;
	char *options;
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
	return vmg_text_in(json_object_get(reply, "items"), key);
}

/* The options are those of a logoff; others have none. */
static char *request_text(const struct kvp *kvp, const char *verb, const char *options)
{
	return vmg_kvp_request(verb, kvp->id, kvp->issued, vmg_kvp_times.life, kvp->boot, options);
}

/* There is one item for all requests: it is there already, or it is not. */
static HRESULT put(struct task *task, const char *value)
{
	json_auto_t *modified = NULL, *added = NULL;
	HRESULT hr = ask(task, item_command("kvp_modify", value), &modified);

	if (hr == E_INVALIDARG)
		hr = ask(task, item_command("kvp_add", value), &added);
	if (hr != S_OK)
		vmg_task_say(task, vmg_text_in(added ? added : modified, "error"));
	return hr;
}

/* Whether the host still has this request's item, and not somebody else's. */
static bool has_place(struct task *task)
{
	json_auto_t *reply = NULL;
	char id[KVP_ID_SIZE + 5];

	if (ask(task, items_command("kvp_host_items"), &reply) != S_OK)
		return true;
	snprintf(id, sizeof(id), " id=%s ", task->kvp->id);
	return strstr(item_in(reply, KVP_REQUEST_KEY), id);
}

static HRESULT issue(struct task *task, int64_t when, const char *boot)
{
	_cleanup_free_ char *value = NULL;
	struct kvp *kvp = task->kvp;

	kvp->attempt++;
	snprintf(kvp->id, sizeof(kvp->id), "%016" PRIx64 "-%u", task->id, kvp->attempt);
	snprintf(kvp->boot, sizeof(kvp->boot), "%s", boot);
	kvp->issued = when;
	kvp->begun = false;
	kvp->deadline = vmg_now_ms() + vmg_kvp_times.life * 1000LL;
	value = request_text(kvp, "logoff", kvp->options);
	if (value)
		return put(task, value);
	if (errno != E2BIG)
		return E_OUTOFMEMORY;
	vmg_task_say(task, "The request is too long for KVP: shorten the message.");
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
	_cleanup_free_ char *value = request_text(task->kvp, "forget", "");
	json_auto_t *reply = NULL;

	if (value && has_place(task))
		ask(task, item_command("kvp_modify", value), &reply);
}

static void take_done(struct task *task, const struct kvp_answer *answer)
{
	bool is_clock = answer->result == (uint32_t)HRESULT_FROM_WIN32(ERROR_TIMEOUT) ||
			answer->result == (uint32_t)HRESULT_FROM_WIN32(ERROR_TIME_SKEW);
	struct kvp *kvp = task->kvp;
	HRESULT hr;

	if (is_clock && kvp->attempt == 1 && !kvp->cancelled && answer->time) {
		hr = issue(task, answer->time, answer->boot);
		if (FAILED(hr))
			vmg_task_end(task, hr);
		return;
	}
	forget(task);
	vmg_task_say(task, answer->text);
	vmg_task_end(task, (HRESULT)answer->result);
}

static void take_answer(struct task *task, const struct kvp_answer *answer)
{
	const struct report report = {
		.state = vmg_task_state(answer->state, task->state),
		.percent = answer->percent,
		.found = answer->found,
		.ended = answer->ended,
		.failed = answer->failed,
		.text = answer->text,
	};
	struct kvp *kvp = task->kvp;

	if (!kvp->begun)
		kvp->deadline = vmg_now_ms() + kvp->timeout * 1000LL + vmg_kvp_times.backstop_ms;
	kvp->begun = true;
	if (report.state == vmLogoffState_Done) {
		task->found = answer->found;
		task->ended = answer->ended;
		task->failed = answer->failed;
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
	_cleanup_free_ char *value = request_text(task->kvp, "cancel", "");
	json_auto_t *reply = NULL;

	if (!task->kvp->begun && value && has_place(task))
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
	struct kvp_answer answer;

	vmg_kvp_parse(&answer, item_in(reply, KVP_ANSWER_KEY));
	if (strcmp(answer.id, kvp->id) == 0)
		take_answer(task, &answer);
	else if (strcmp(answer.busy, kvp->id) == 0)
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
		vmg_task_say(task, vmg_text_in(reply, "error"));
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
	return strcmp(answer->state, "idle") != 0 && strcmp(answer->state, "done") != 0;
}

static HRESULT begin(struct task *task)
{
	json_auto_t *reply = NULL;
	struct kvp_answer answer;
	HRESULT hr = ask(task, items_command("kvp_guest_items"), &reply);

	if (hr != S_OK) {
		vmg_task_say(task, vmg_text_in(reply, "error"));
		return hr;
	}
	if (!vmg_kvp_parse(&answer, item_in(reply, KVP_ANSWER_KEY)))
		return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	if (is_under_way(&answer)) {
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

static HRESULT start(struct task *task, const VMLogoffOptions *options)
{
	struct kvp *kvp = calloc(1, sizeof(*kvp));
	int ret;

	if (!kvp)
		return E_OUTOFMEMORY;
	task->kvp = kvp;
	kvp->timer = -1;
	kvp->timeout = options->timeout;
	kvp->options = vmg_kvp_options(options);
	if (!kvp->options && errno == EINVAL) {
		vmg_task_say(task, "A user or a session with a blank in its name can't be "
				   "said by KVP.");
		return E_INVALIDARG;
	}
	if (!kvp->options)
		return E_OUTOFMEMORY;
	ret = open_all(task);
	return ret < 0 ? vmg_hresult_of(ret) : begin(task);
}

/* What comes of it says the answer. */
static HRESULT cancel(struct task *task)
{
	_cleanup_free_ char *value = NULL;
	json_auto_t *reply = NULL;
	int ret;

	pthread_mutex_lock(&task->lock);
	task->kvp->cancelled = true;
	value = request_text(task->kvp, "cancel", "");
	pthread_mutex_unlock(&task->lock);
	if (!value)
		return E_OUTOFMEMORY;
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
	free(kvp->options);
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
	struct kvp_answer answer;
	int ret = vmg_connection_ask(folder, items_command("kvp_guest_items"), &reply);
	HRESULT hr = ret < 0 ? vmg_hresult_of(ret) : hresult_in(reply);

	if (hr == S_OK && !vmg_kvp_parse(&answer, item_in(reply, KVP_ANSWER_KEY)))
		hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	return hr;
}
