/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A logoff task, and the transports that carry its request to the guest. */
#ifndef VMG_TASK_H
#define VMG_TASK_H

#include <stdatomic.h>

#include "machine.h"
#include "platform.h"
#include "report.h"
#include "sessions.h"

struct task;

#define VMG_TASK_LOGOFF "Logging off the users of"

/* Calls of all functions except wait() and cancel() are serialized. */
struct transport {
	/* The beginning of the task's description; the machine's name follows. */
	const char *action;
	uint32_t via; /* VM_LOGOFF_VIA_...; 0 if it carries no logoff */
	/*
	 * Sends the request, and sets the task's descriptor, which becomes ready when process() has
	 * something to do. An error is returned to the caller and does not end the task.
	 */
	HRESULT(*start)
	(struct task *task, const struct machine *machine, const VMLogoffOptions *options);
	/* Processes what has been received, without waiting. */
	void (*process)(struct task *task);
	/*
	 * Waits until process() has something to do or the task is complete. VM_E_TIMED_OUT at
	 * @deadline, a vmg_now_ms() or -1 for no limit. May return S_OK early.
	 */
	HRESULT (*wait)(struct task *task, int64_t deadline);
	HRESULT (*cancel)(struct task *task);
	/* Called when the task is complete: ends all wait(), now and later. */
	void (*complete)(struct task *task);
	/* Frees the transport's resources of the task. */
	void (*release)(struct task *task);
};

struct task {
	IVMTask2 iface;
	atomic_uint references;
	const struct transport *transport;
	uint64_t id;
	char *description;
	int descriptor; /* on Windows, the handle of an event */

	vmg_lock lock; /* protects the following */
	void *data;    /* the transport's */
	bool complete;
	HRESULT error;
	VMLogoffState state;
	int32_t percent;
	uint32_t found, ended, failed;
	char *text;
	struct sessions sessions;
};

/* For the transports, with the lock held, except in start(). */
void vmg_task_report(struct task *task, const struct report *report);
void vmg_task_set_text(struct task *task, const char *text);
void vmg_task_end(struct task *task, HRESULT error);

/* An id for a request, never 0; 0 if there are no random numbers. */
uint64_t vmg_task_new_id(void);

/*
 * Requests a logoff with that id from the host of @machine. Returns a task once the host has sent
 * the request to the guest; before that, an error, and its text in vmg_last_error(). The text is
 * not set if the transport is not available and another one has set it.
 */
HRESULT vmg_task_start(const struct transport *transport, const struct machine *machine,
		       const VMLogoffOptions *options, uint64_t id, IVMTask **out);

#endif /* VMG_TASK_H */
