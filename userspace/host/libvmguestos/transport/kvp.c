// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The transport through KVP, on the control socket of hvhost. As with the component, there is no
 * thread: the task's descriptor is an epoll instance with a timer for the next read of the guest's
 * items and the socket for the host's reply to it. All other commands wait for their reply.
 */
#include "kvp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "kvp_machine.h"
#include "userspace/host/libvmguestos/hvhost.h"
#include "userspace/host/libvmguestos/json.h"
#include "userspace/shared/util.h"

#define WMI_INVALID_STATE 32775

struct kvp {
	struct kvp_host host;
	char *directory;
	struct connection connection;
	struct sessions *sessions; /* the task's */
	char error[256];
	int timer;
	bool pending; /* a command for the guest's items has no reply yet */
	struct kvp_machine machine;
};

/* The guest's items in a reply. */
struct items {
	struct kvp_guest_items iface;
	const json_t *reply;
};

static const char *value_in(const json_t *reply, const char *name)
{
	return vmg_json_text(json_object_get(reply, "items"), name);
}

static const char *item_value(const struct kvp_guest_items *iface, const char *name)
{
	return value_in(((const struct items *)iface)->reply, name);
}

static struct items items_in(const json_t *reply)
{
	return (struct items){.iface.value = item_value, .reply = reply};
}

static HRESULT hresult_in(const json_t *reply)
{
	if (json_is_true(json_object_get(reply, "ok")))
		return S_OK;
	if (json_integer_value(json_object_get(reply, "return")) == WMI_INVALID_STATE)
		return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	return vmg_hresult_in(reply);
}

static json_t *items_command(const char *name)
{
	return json_pack("{s:s}", "command", name);
}

static json_t *item_command(const char *command, const char *name, const char *value)
{
	return json_pack("{s:s, s:s, s:s}", "command", command, "name", name, "data", value);
}

static HRESULT send_and_wait(struct kvp *kvp, json_t *request, json_t **reply)
{
	int ret = vmg_connection_send(&kvp->connection, request);

	if (ret == 0)
		ret = vmg_connection_receive(&kvp->connection, vmg_now_ms() + VMG_REPLY_MS, reply);
	return ret < 0 ? vmg_hresult_of(ret) : hresult_in(*reply);
}

/* Sends a command that the host itself completes, and waits for the reply. Steals @request. */
static HRESULT call(struct kvp *kvp, json_t *request, json_t **reply)
{
	HRESULT hr = send_and_wait(kvp, request, reply);

	snprintf(kvp->error, sizeof(kvp->error), "%s",
		 hr == S_OK ? "" : vmg_json_text(*reply, "error"));
	return hr;
}

static HRESULT get(struct kvp_host *host, const char *name, char value[KVP_TEXT_MAX + 1])
{
	json_auto_t *reply = NULL;
	HRESULT hr = call((struct kvp *)host, items_command("kvp_host_items"), &reply);

	snprintf(value, KVP_TEXT_MAX + 1, "%s", value_in(reply, name));
	return hr;
}

static HRESULT put(struct kvp_host *host, const char *name, const char *value)
{
	struct kvp *kvp = (struct kvp *)host;
	json_auto_t *modified = NULL, *added = NULL;
	HRESULT hr = call(kvp, item_command("kvp_modify", name, value), &modified);

	if (hr == E_INVALIDARG)
		hr = call(kvp, item_command("kvp_add", name, value), &added);
	return hr;
}

static const char *error_text(struct kvp_host *host)
{
	return ((struct kvp *)host)->error;
}

static void add_session(struct kvp_host *host, const VMSessionResult *outcome)
{
	vmg_sessions_add(((struct kvp *)host)->sessions, outcome);
}

static void arm(const struct kvp *kvp, long nanoseconds)
{
	struct itimerspec once = {.it_value = {.tv_sec = nanoseconds / 1000000000,
					       .tv_nsec = nanoseconds % 1000000000}};

	timerfd_settime(kvp->timer, 0, &once, NULL);
}

static void arm_poll(const struct kvp *kvp)
{
	arm(kvp, vmg_kvp_times.poll_ms * 1000000L);
}

static bool has_expired(const struct kvp *kvp)
{
	uint64_t times;

	return read(kvp->timer, &times, sizeof(times)) == sizeof(times);
}

static void handle_reply(struct task *task, const json_t *reply)
{
	const struct items items = items_in(reply);
	struct kvp *kvp = task->data;
	HRESULT hr = hresult_in(reply);

	kvp->pending = false;
	if (hr == S_OK)
		kvp_machine_poll(&kvp->machine, &items.iface);
	else
		kvp_machine_fail(&kvp->machine, hr, vmg_json_text(reply, "error"));
	vmg_task_report(task, &kvp->machine.report);
	if (!task->complete)
		arm_poll(kvp);
}

static void process(struct task *task)
{
	struct kvp *kvp = task->data;
	int ret = 0;

	if (!task->complete && !kvp->pending && has_expired(kvp)) {
		ret = vmg_connection_send(&kvp->connection, items_command("kvp_guest_items"));
		kvp->pending = ret == 0;
	}
	if (!task->complete && kvp->pending) {
		json_auto_t *reply = NULL;

		ret = vmg_connection_next(&kvp->connection, &reply);
		if (ret > 0)
			handle_reply(task, reply);
	}
	if (ret < 0)
		vmg_hvhost_disconnected(task, ret);
}

static int add_source(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_all(struct task *task)
{
	struct kvp *kvp = task->data;
	int ret = vmg_connection_open(&kvp->connection, kvp->directory);

	if (ret < 0)
		return ret;
	kvp->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	task->descriptor = epoll_create1(EPOLL_CLOEXEC);
	if (kvp->timer < 0 || task->descriptor < 0)
		return -errno;
	ret = add_source(task->descriptor, kvp->timer);
	return ret < 0 ? ret : add_source(task->descriptor, kvp->connection.fd);
}

static HRESULT begin(struct task *task)
{
	struct kvp *kvp = task->data;
	json_auto_t *reply = NULL;
	struct items items;
	HRESULT hr = call(kvp, items_command("kvp_guest_items"), &reply);

	if (hr != S_OK) {
		vmg_task_set_text(task, kvp->error);
		return hr;
	}
	items = items_in(reply);
	hr = kvp_machine_begin(&kvp->machine, &items.iface);
	vmg_task_report(task, &kvp->machine.report);
	if (hr == S_OK && !task->complete)
		arm_poll(kvp);
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

static HRESULT start(struct task *task, const struct machine *machine,
		     const VMLogoffOptions *options)
{
	struct kvp *kvp = calloc(1, sizeof(*kvp));
	int ret;

	if (!kvp)
		return E_OUTOFMEMORY;
	task->data = kvp;
	*kvp = (struct kvp){
		.host = host,
		.directory = strdup(vmg_hvhost_directory(machine)),
		.connection.fd = -1,
		.sessions = &task->sessions,
		.timer = -1,
	};
	if (!kvp->directory)
		return E_OUTOFMEMORY;
	kvp_machine_init(&kvp->machine, &kvp->host, task->id, options);
	ret = open_all(task);
	return ret < 0 ? vmg_hresult_of(ret) : begin(task);
}

/* The command has a connection of its own: the task's may be waiting for another reply. */
static HRESULT cancel(struct task *task)
{
	struct kvp *kvp = task->data;
	char value[KVP_TEXT_MAX + 1];
	json_auto_t *reply = NULL;
	int ret;

	vmg_lock_take(&task->lock);
	kvp_machine_cancel(&kvp->machine, value);
	vmg_lock_give(&task->lock);
	ret = vmg_connection_call(kvp->directory,
				  item_command("kvp_modify", KVP_REQUEST_KEY, value), &reply);
	return ret < 0 ? vmg_hresult_of(ret) : hresult_in(reply);
}

static void complete(struct task *task)
{
	arm(task->data, 1);
}

static void release(struct task *task)
{
	struct kvp *kvp = task->data;

	if (!kvp)
		return;
	vmg_connection_close(&kvp->connection);
	if (kvp->timer >= 0)
		close(kvp->timer);
	if (task->descriptor >= 0)
		close(task->descriptor);
	free(kvp->directory);
	free(kvp);
}

const struct transport vmg_kvp = {
	.action = VMG_TASK_LOGOFF,
	.via = VM_LOGOFF_VIA_KVP,
	.start = start,
	.process = process,
	.wait = vmg_hvhost_wait,
	.cancel = cancel,
	.complete = complete,
	.release = release,
};

HRESULT vmg_kvp_available(const char *directory)
{
	json_auto_t *reply = NULL;
	struct items items;
	int ret = vmg_connection_call(directory, items_command("kvp_guest_items"), &reply);
	HRESULT hr = ret < 0 ? vmg_hresult_of(ret) : hresult_in(reply);

	items = items_in(reply);
	if (hr == S_OK && !kvp_machine_is_available(&items.iface))
		hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	return hr;
}

HRESULT vmg_kvp_vsock_port(const char *directory, uint32_t *port)
{
	json_auto_t *reply = NULL;
	struct items items;
	int ret = vmg_connection_call(directory, items_command("kvp_guest_items"), &reply);
	HRESULT hr = ret < 0 ? vmg_hresult_of(ret) : hresult_in(reply);

	items = items_in(reply);
	if (hr != S_OK)
		return hr;
	*port = kvp_machine_vsock_port(&items.iface);
	return *port ? S_OK : VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
}

HRESULT vmg_kvp_cancel(const char *directory, uint64_t id)
{
	struct kvp kvp = {.host = host};
	json_auto_t *reply = NULL;
	struct items items;
	HRESULT hr = vmg_hresult_of(vmg_connection_open(&kvp.connection, directory));

	if (hr == S_OK)
		hr = call(&kvp, items_command("kvp_guest_items"), &reply);
	items = items_in(reply);
	if (hr == S_OK)
		hr = kvp_machine_cancel_any(&kvp.host, &items.iface, id);
	vmg_connection_close(&kvp.connection);
	return hr;
}
