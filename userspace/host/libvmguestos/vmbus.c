// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way in by the logoff component: one request on one connection, whose socket is the task's
 * descriptor. There is no thread behind it: whoever asks the task something takes in first what
 * has come from the host, and whoever waits polls the socket.
 */
#include <string.h>
#include <sys/socket.h>

#include "json.h"
#include "task.h"
#include "userspace/shared/names.h"
#include "userspace/shared/util.h"

static json_t *id_to_json(const struct task *task)
{
	return json_sprintf("%#llx", (unsigned long long)task->id);
}

/* The enums of vmguestos.h have the numbers of linux/hv_logoff.h. */
_Static_assert((int)vmLogoffState_Done == (int)HV_LOGOFF_DONE, "states");
_Static_assert((int)vmSessionOutcome_Selected == (int)HV_LOGOFF_SELECTED, "outcomes");
_Static_assert((int)vmLogoffType_External == (int)HV_LOGOFF_EXTERNAL, "types");

static VMLogoffState state_in(const json_t *json, VMLogoffState otherwise)
{
	size_t state = otherwise;

	NAME_FIND(state_names, vmg_json_text(json, "state"), &state);
	return (VMLogoffState)state;
}

static void take_report(struct task *task, const json_t *json)
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

static void take_last(struct task *task, const json_t *reply)
{
	/* A host that ends a request by itself says nothing about sessions. */
	if (json_object_get(reply, "found"))
		take_report(task, reply);
	vmg_task_say(task, vmg_json_text(reply, "error"));
	if (json_is_true(json_object_get(reply, "ok")))
		task->accepted = true;
	vmg_task_end(task, vmg_hresult_in(reply));
}

static void take_event(struct task *task, const json_t *event, const char *kind)
{
	if (strcmp(kind, "session") == 0)
		vmg_sessions_take(&task->sessions, event);
	else if (strcmp(kind, "progress") == 0)
		take_report(task, event);
}

static void take(struct task *task, const json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "event"));

	if (kind)
		take_event(task, object, kind);
	else if (json_object_get(object, "components"))
		task->accepted = true;
	else
		take_last(task, object);
}

static void look(struct task *task)
{
	while (!task->complete) {
		json_auto_t *object = NULL;
		int ret = vmg_connection_next(&task->connection, &object);

		if (ret == 0)
			break;
		if (ret < 0)
			vmg_task_lose(task, ret);
		else
			take(task, object);
	}
}

static json_t *logoff_command(const struct task *task, const VMLogoffOptions *options)
{
	json_t *command = json_pack(
		"{s:s, s:o, s:I, s:I, s:b, s:s*, s:s*, s:s*}", "command", "logoff", "id",
		id_to_json(task), "timeout", (json_int_t)options->timeout, "grace",
		(json_int_t)options->grace, "force", (int)(options->flags & VM_LOGOFF_FORCE),
		"message", options->message, "user", options->user, "session", options->session);

	/* Not said where it isn't so: an old guest can't be told. */
	if (options->flags & VM_LOGOFF_DRY_RUN)
		json_object_set_new(command, "dry_run", json_true());
	return command;
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

	task->descriptor = task->connection.fd;
	if (ret == 0)
		ret = vmg_connection_send(&task->connection, logoff_command(task, options));
	if (ret == 0)
		ret = vmg_connection_send(&task->connection,
					  json_pack("{s:s}", "command", "status"));
	while (ret == 0 && !task->accepted && !task->complete) {
		json_auto_t *object = NULL;

		ret = vmg_connection_receive(&task->connection, deadline, &object);
		if (ret < 0)
			break;
		take(task, object);
		ret = 0;
	}
	return ret;
}

static HRESULT start(struct task *task, const VMLogoffOptions *options)
{
	HRESULT hr = vmg_hresult_of(ask(task, options));

	if (hr == S_OK && !task->accepted)
		hr = task->error;
	/* What came behind the status is no more in the socket, and would wake up nobody. */
	look(task);
	return hr;
}

static HRESULT cancel(struct task *task)
{
	json_auto_t *reply = NULL;
	json_t *command = json_pack("{s:s, s:o}", "command", "cancel", "id", id_to_json(task));
	int ret = vmg_connection_ask(task->folder, command, &reply);
	HRESULT hr = ret < 0 ? vmg_hresult_of(ret) : vmg_hresult_in(reply);

	/* It is over, and the guest has forgotten it. */
	return hr == HRESULT_FROM_WIN32(ERROR_NOT_FOUND) ? E_FAIL : hr;
}

static void settle(struct task *task)
{
	shutdown(task->connection.fd, SHUT_RDWR);
}

static void release(struct task *task)
{
	vmg_connection_close(&task->connection);
}

const struct way vmg_vmbus = {
	.start = start,
	.look = look,
	.cancel = cancel,
	.settle = settle,
	.release = release,
};
