// SPDX-License-Identifier: GPL-2.0-or-later
/* Tasks that shut a guest down or restart it, by Msvm_ShutdownComponent. */
#include <stdlib.h>
#include <sys/param.h>

#include "com.h"
#include "machine.h"
#include "userspace/host/libvmguestos/error.h"

/* How often the state of a machine that shuts down is read, and how long. */
#define POLL_MS     1000
#define SHUTDOWN_MS 900000

#define STATE_OFF 3 /* Msvm_ComputerSystem.EnabledState */

struct shutdown {
	struct task *task;
	struct machine *machine;
	HANDLE thread;
	HANDLE stop;    /* the task is released */
	HANDLE changed; /* the task's descriptor */
};

static void end(struct shutdown *shutdown, HRESULT error, const char *text)
{
	vmg_lock_take(&shutdown->task->lock);
	vmg_task_set_text(shutdown->task, text);
	vmg_task_end(shutdown->task, error);
	vmg_lock_give(&shutdown->task->lock);
}

/* A machine that moves to another host keeps its state there, where it is not known here. */
static bool check_state(struct shutdown *shutdown)
{
	uint32_t state = 0;
	HRESULT hr = machine_state(shutdown->machine, shutdown->stop, &state);

	if (SUCCEEDED(hr) && state == STATE_OFF)
		end(shutdown, S_OK, NULL);
	else if (hr == VM_E_VM_UNKNOWN || hr == E_ACCESSDENIED)
		end(shutdown, hr, VMGuestOS_LastErrorText());
	else
		return false;
	return true;
}

static DWORD WINAPI watch(void *parameter)
{
	struct shutdown *shutdown = parameter;
	ULONGLONG limit = GetTickCount64() + SHUTDOWN_MS;

	while (WaitForSingleObject(shutdown->stop, POLL_MS) == WAIT_TIMEOUT) {
		if (check_state(shutdown))
			break;
		if (GetTickCount64() < limit)
			continue;
		end(shutdown, VM_E_TIMED_OUT,
		    "The machine is still running; see the guest's journal.");
		break;
	}
	return 0;
}

/* It cannot be cancelled, as a logoff that is ending sessions. */
static HRESULT begin(struct task *task, const struct machine *machine, bool restart, bool force)
{
	struct shutdown *shutdown = calloc(1, sizeof(*shutdown));

	if (!shutdown)
		return E_OUTOFMEMORY;
	task->data = shutdown;
	shutdown->task = task;
	shutdown->machine = machine_ref((struct machine *)machine);
	shutdown->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
	shutdown->changed = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (shutdown->stop && shutdown->changed)
		shutdown->thread = CreateThread(NULL, 0, watch, shutdown, CREATE_SUSPENDED, NULL);
	if (!shutdown->thread)
		return E_OUTOFMEMORY;
	task->state = vmLogoffState_Ending;
	task->descriptor = HandleToLong(shutdown->changed);
	return machine_shut_down(machine, restart, force);
}

static HRESULT start_shutdown(struct task *task, const struct machine *machine,
			      const VMLogoffOptions *options)
{
	HRESULT hr = begin(task, machine, false, options->flags & VM_LOGOFF_FORCE);
	struct shutdown *shutdown = task->data;

	if (SUCCEEDED(hr))
		ResumeThread(shutdown->thread);
	return hr;
}

static HRESULT start_restart(struct task *task, const struct machine *machine,
			     const VMLogoffOptions *options)
{
	HRESULT hr = begin(task, machine, true, options->flags & VM_LOGOFF_FORCE);

	if (SUCCEEDED(hr))
		vmg_task_end(task, S_OK);
	return hr;
}

static void process(struct task *task)
{
	(void)task;
}

static HRESULT wait_changed(struct task *task, int64_t deadline)
{
	const struct shutdown *shutdown = task->data;
	int64_t left = deadline < 0 ? INFINITE : MAX(deadline - vmg_now_ms(), 0);

	return WaitForSingleObject(shutdown->changed, (DWORD)left) == WAIT_OBJECT_0
		       ? S_OK
		       : VM_E_TIMED_OUT;
}

static HRESULT cancel(struct task *task)
{
	(void)task;
	return E_FAIL;
}

static void complete(struct task *task)
{
	const struct shutdown *shutdown = task->data;

	SetEvent(shutdown->changed);
}

/* A thread that was not resumed before ends at once. */
static void release(struct task *task)
{
	struct shutdown *shutdown = task->data;

	if (!shutdown)
		return;
	if (shutdown->thread) {
		SetEvent(shutdown->stop);
		ResumeThread(shutdown->thread);
		WaitForSingleObject(shutdown->thread, INFINITE);
	}
	handlep(&shutdown->thread);
	handlep(&shutdown->stop);
	handlep(&shutdown->changed);
	vmg_machine_free(shutdown->machine);
	free(shutdown);
}

const struct transport machine_shutdown = {
	.action = "Shutting down",
	.start = start_shutdown,
	.process = process,
	.wait = wait_changed,
	.cancel = cancel,
	.complete = complete,
	.release = release,
};

const struct transport machine_restart = {
	.action = "Restarting",
	.start = start_restart,
	.process = process,
	.wait = wait_changed,
	.cancel = cancel,
	.complete = complete,
	.release = release,
};
