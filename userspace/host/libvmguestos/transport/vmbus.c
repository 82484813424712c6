// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The transport through the logoff component: one request on one connection, whose socket is the
 * task's descriptor. There is no thread: each getter of the task first processes what the host has
 * sent, and a waiting caller polls the socket.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "userspace/host/libvmguestos/error.h"
#include "userspace/host/libvmguestos/hvhost.h"
#include "userspace/host/libvmguestos/json.h"
#include "userspace/shared/names.h"
#include "userspace/shared/util.h"

struct vmbus {
	char *directory;
	struct connection connection;
	bool accepted; /* the host has sent the request to the guest */
};

static struct vmbus *vmbus_of(const struct task *task)
{
	return task->data;
}

static json_t *id_to_json(uint64_t id)
{
	return json_sprintf("%#llx", (unsigned long long)id);
}

/* The enums of vmguestos.h have the numbers of linux/hv_logoff.h. */
_Static_assert((int)vmLogoffState_Done == (int)HV_LOGOFF_DONE, "states");
_Static_assert((int)vmSessionOutcome_Untold == (int)HV_LOGOFF_UNTOLD, "outcomes");
_Static_assert((int)vmLogoffType_External == (int)HV_LOGOFF_EXTERNAL, "types");

static VMLogoffState state_in(const json_t *json, VMLogoffState otherwise)
{
	size_t state = otherwise;

	NAME_FIND(state_names, vmg_json_text(json, "state"), &state);
	return (VMLogoffState)state;
}

static void handle_report(struct task *task, const json_t *json)
{
	const struct report report = {
		.state = state_in(json, task->state),
		.percent = json_integer_value(json_object_get(json, "percent")),
		.found = vmg_json_count(json, "found"),
		.ended = vmg_json_count(json, "ended"),
		.failed = vmg_json_count(json, "failed"),
		.text = vmg_json_text(json, "text"),
	};

	vmg_task_report(task, &report);
}

static void handle_result(struct task *task, const json_t *reply)
{
	/* The reply has no counts if the host ended the request without the guest. */
	if (json_object_get(reply, "found"))
		handle_report(task, reply);
	vmg_task_set_text(task, vmg_json_text(reply, "error"));
	if (json_is_true(json_object_get(reply, "ok")))
		vmbus_of(task)->accepted = true;
	vmg_task_end(task, vmg_hresult_in(reply));
}

static void handle_event(struct task *task, const json_t *event, const char *kind)
{
	VMSessionResult outcome;

	if (strcmp(kind, "session") == 0 && vmg_json_session(&outcome, event))
		vmg_sessions_add(&task->sessions, &outcome);
	else if (strcmp(kind, "progress") == 0)
		handle_report(task, event);
}

static void handle(struct task *task, const json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "event"));

	if (kind)
		handle_event(task, object, kind);
	else if (json_object_get(object, "components"))
		vmbus_of(task)->accepted = true;
	else
		handle_result(task, object);
}

static void process(struct task *task)
{
	while (!task->complete) {
		json_auto_t *object = NULL;
		int ret = vmg_connection_next(&vmbus_of(task)->connection, &object);

		if (ret == 0)
			break;
		if (ret < 0)
			vmg_hvhost_disconnected(task, ret);
		else
			handle(task, object);
	}
}

static json_t *logoff_command(const struct task *task, const VMLogoffOptions *options)
{
	json_t *command = json_pack(
		"{s:s, s:o, s:I, s:I, s:b, s:s*, s:s*, s:s*}", "command", "logoff", "id",
		id_to_json(task->id), "timeout", (json_int_t)options->timeout, "grace",
		(json_int_t)options->grace, "force", (int)(options->flags & VM_LOGOFF_FORCE),
		"message", options->message, "user", options->user, "session", options->session);

	/* Guests with hv-logoff 1.0 do not support this member, so it is only sent if set. */
	if (options->flags & VM_LOGOFF_DRY_RUN)
		json_object_set_new(command, "dry_run", json_true());
	if (options->flags & VM_LOGOFF_INCLUDE_LINGERING)
		json_object_set_new(command, "include_lingering", json_true());
	if (options->flags & VM_LOGOFF_NO_LOGINS)
		json_object_set_new(command, "no_logins", json_true());
	return command;
}

static bool is_1_2(const char *version)
{
	unsigned int major = 0, minor = 0;

	return sscanf(version, "%u.%u", &major, &minor) == 2 &&
	       (major > 1 || (major == 1 && minor >= 2));
}

/*
 * Ends the task unless the guest supports the options of message version 1.2. A host that does not
 * support them either would ignore them, and so the request is not sent.
 */
static int require_1_2(struct task *task, const VMLogoffOptions *options, int64_t deadline)
{
	json_auto_t *status = NULL;
	const char *version;
	int ret = vmg_connection_send(&vmbus_of(task)->connection,
				      json_pack("{s:s}", "command", "status"));

	if (ret == 0)
		ret = vmg_connection_receive(&vmbus_of(task)->connection, deadline, &status);
	if (ret < 0)
		return ret;
	version = vmg_json_text(json_object_get(json_object_get(status, "components"), "logoff"),
				"version");
	if (is_1_2(version))
		return 0;
	if (*version) {
		char text[256];

		vmg_too_old_text(text, sizeof(text), options->flags);
		vmg_task_set_text(task, text);
	}
	vmg_task_end(task, VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	return 0;
}

/*
 * The host replies to a logoff when it is complete, but to a status at once, and it handles both in
 * order: after the reply to the status, a cancel cannot overtake the logoff.
 */
static int send_logoff(struct task *task, const VMLogoffOptions *options)
{
	int64_t deadline = vmg_now_ms() + VMG_REPLY_MS;
	int ret = vmg_connection_open(&vmbus_of(task)->connection, vmbus_of(task)->directory);

	task->descriptor = vmbus_of(task)->connection.fd;
	if (ret == 0 && options->flags & (VM_LOGOFF_INCLUDE_LINGERING | VM_LOGOFF_NO_LOGINS))
		ret = require_1_2(task, options, deadline);
	if (ret < 0 || task->complete)
		return ret;
	if (ret == 0)
		ret = vmg_connection_send(&vmbus_of(task)->connection,
					  logoff_command(task, options));
	if (ret == 0)
		ret = vmg_connection_send(&vmbus_of(task)->connection,
					  json_pack("{s:s}", "command", "status"));
	while (ret == 0 && !vmbus_of(task)->accepted && !task->complete) {
		json_auto_t *object = NULL;

		ret = vmg_connection_receive(&vmbus_of(task)->connection, deadline, &object);
		if (ret < 0)
			break;
		handle(task, object);
		ret = 0;
	}
	return ret;
}

static HRESULT start(struct task *task, const struct machine *machine,
		     const VMLogoffOptions *options)
{
	struct vmbus *vmbus = calloc(1, sizeof(*vmbus));
	HRESULT hr;

	if (!vmbus)
		return E_OUTOFMEMORY;
	task->data = vmbus;
	vmbus->connection.fd = -1;
	vmbus->directory = strdup(vmg_hvhost_directory(machine));
	if (!vmbus->directory)
		return E_OUTOFMEMORY;
	hr = vmg_hresult_of(send_logoff(task, options));
	if (hr == S_OK && !vmbus_of(task)->accepted)
		hr = task->error;
	/* Data that arrived with the status has left the socket, so poll() would not report it. */
	if (vmbus->connection.fd >= 0)
		process(task);
	return hr;
}

HRESULT vmg_vmbus_cancel(const char *directory, uint64_t id)
{
	json_auto_t *reply = NULL;
	json_t *command = json_pack("{s:s}", "command", "cancel");
	int ret;

	if (id)
		json_object_set_new(command, "id", id_to_json(id));
	ret = vmg_connection_call(directory, command, &reply);
	return ret < 0 ? vmg_hresult_of(ret) : vmg_hresult_in(reply);
}

static HRESULT cancel(struct task *task)
{
	HRESULT hr = vmg_vmbus_cancel(vmbus_of(task)->directory, task->id);

	/* The request is complete, and the guest does not have it any more. */
	return hr == HRESULT_FROM_WIN32(ERROR_NOT_FOUND) ? E_FAIL : hr;
}

static void complete(struct task *task)
{
	shutdown(vmbus_of(task)->connection.fd, SHUT_RDWR);
}

static void release(struct task *task)
{
	struct vmbus *vmbus = vmbus_of(task);

	if (!vmbus)
		return;
	vmg_connection_close(&vmbus->connection);
	free(vmbus->directory);
	free(vmbus);
}

const struct transport vmg_vmbus = {
	.action = VMG_TASK_LOGOFF,
	.via = VM_LOGOFF_VIA_VMBUS,
	.start = start,
	.process = process,
	.wait = vmg_hvhost_wait,
	.cancel = cancel,
	.complete = complete,
	.release = release,
};
