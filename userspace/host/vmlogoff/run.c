// SPDX-License-Identifier: GPL-2.0-or-later
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "system.h"
#include "userspace/shared/util.h"
#include "workers.h"

struct run {
	const struct command *command;
	struct machines *machines;
	struct show *show;
	waitable cancel; /* an event; open until the process ends, see request_watch() */
};

static void task_done(IVMTask2 **task)
{
	if (*task)
		IVMTask2_Release(*task);
}

#define _cleanup_task_ _cleanup_(task_done)

static HRESULT start(const VMLogoffOptions *options, IVMGuestOS2 *guest, IVMTask2 **task)
{
	IVMTask *started;
	HRESULT hr = IVMGuestOS2_LogoffWithOptions(guest, options, &started);

	if (FAILED(hr))
		return hr;
	hr = IVMTask_QueryInterface(started, &IID_IVMTask2, (void **)task);
	IVMTask_Release(started);
	return hr;
}

static bool is_complete(IVMTask2 *task)
{
	bool complete;

	return IVMTask2_get_IsComplete(task, &complete) == S_OK && complete;
}

static void cancel(const struct run *run, const struct machine *machine, IVMTask2 *task)
{
	HRESULT hr = IVMTask2_Cancel(task);

	if (hr == E_FAIL)
		show_note(run->show, "%s: too late to cancel: sessions are being ended.",
			  machine->name);
	else if (FAILED(hr))
		show_note(run->show, "%s: cannot cancel: %s", machine->name,
			  VMGuestOS_ErrorText(hr));
}

static HRESULT wait_for(const struct run *run, struct machine *machine, IVMTask2 *task)
{
	waitable any[] = {run->cancel, system_task(task)};
	HRESULT hr;

	while (!is_complete(task)) {
		int ready;

		show_progress(run->show, machine, task);
		ready = system_wait(any, ARRAY_SIZE(any));
		if (ready < 0)
			return DISP_E_EXCEPTION;
		if (ready == 0) {
			any[0] = -1;
			cancel(run, machine, task);
		}
	}
	IVMTask2_get_Error(task, &hr);
	return hr;
}

static void log_off(const struct run *run, struct machine *machine)
{
	const struct command *command = run->command;
	_cleanup_task_ IVMTask2 *task = NULL;
	_cleanup_free_ char *text = NULL;

	machine->result = start(&command->options, machine->guest, &task);
	if (FAILED(machine->result)) {
		show_failure(run->show, machine, VMGuestOS_LastErrorText());
	} else if (!command->wait) {
		show_started(run->show, machine, task);
	} else {
		machine->result = wait_for(run, machine, task);
		IVMTask2_get_ErrorDescription(task, &text);
		show_end(run->show, machine, text ? text : VMGuestOS_ErrorText(machine->result),
			 task);
	}
}

static void cancel_one(const struct run *run, struct machine *machine)
{
	machine->result = IVMGuestOS2_CancelLogoff(machine->guest, run->command->id);
	if (machine->result == S_OK)
		show_cancelled(run->show, machine);
	else if (machine->result == E_FAIL)
		show_failure(run->show, machine,
			     "It is too late to cancel: sessions are being ended.");
	else if (machine->result == HRESULT_FROM_WIN32(ERROR_NOT_FOUND))
		show_failure(run->show, machine,
			     run->command->id ? "That logoff is not in progress."
					      : "No logoff is in progress.");
	else
		show_failure(run->show, machine, VMGuestOS_LastErrorText());
}

static void run_one(void *context, size_t index)
{
	const struct run *run = context;
	struct machine *machine = &run->machines->list[index];

	if (FAILED(machine->result)) {
		show_failure(run->show, machine, "");
	} else if (system_is_ready(run->cancel)) {
		machine->result = HRESULT_FROM_WIN32(ERROR_CANCELLED);
		show_end(run->show, machine, "It was cancelled before the request was sent.", NULL);
	} else if (run->command->action == ACTION_CANCEL) {
		cancel_one(run, machine);
	} else {
		log_off(run, machine);
	}
}

/* Waits for the end, and for the first signal. */
static void wait_for_end(const struct run *run, waitable signals, const struct workers *workers)
{
	waitable any[] = {signals, workers->done};

	if (system_wait(any, ARRAY_SIZE(any)) != 0)
		return;
	show_note(run->show, "cancelling; a second signal ends this command but not the logoff.");
	system_release_signals(signals);
	system_set(run->cancel);
}

bool run_all(const struct command *command, struct machines *machines, struct show *show)
{
	struct run run = {command, machines, show, system_event()};
	waitable signals = system_catch_signals();
	struct workers workers;
	bool good = run.cancel >= 0 && signals >= 0;

	if (good && command->by_request)
		good = request_watch(command, run.cancel);
	if (good)
		good = workers_start(&workers, machines->count, command->parallel, run_one, &run);
	if (good) {
		wait_for_end(&run, signals, &workers);
		workers_join(&workers);
	}
	system_close(&signals);
	return good;
}

static void check_one(void *context, size_t index)
{
	struct machine *machine = &((struct machines *)context)->list[index];

	if (machine->guest) {
		machine->result = IVMGuestOS2_CanLogoff(machine->guest);
		machine->reason = strdup(VMGuestOS_LastErrorText());
	}
}

bool run_checks(const struct command *command, struct machines *machines)
{
	struct workers workers;

	if (!workers_start(&workers, machines->count, command->parallel, check_one, machines))
		return false;
	workers_join(&workers);
	return true;
}
