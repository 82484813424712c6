/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A logoff task, and the transports that carry its request to the guest. */
#ifndef VMG_TASK_H
#define VMG_TASK_H

#include <pthread.h>
#include <stdatomic.h>

#include "connection.h"
#include "report.h"
#include "sessions.h"
#include "vmguestos.h"

struct task;

/* Calls of all functions except cancel() are serialized. */
struct transport {
	/*
	 * Sends the request and sets the task's descriptor, which becomes readable when process()
	 * has something to do. An error is returned to the caller and does not end the task.
	 */
	HRESULT (*start)(struct task *task, const VMLogoffOptions *options);
	/* Processes what has been received, without waiting. */
	void (*process)(struct task *task);
	HRESULT (*cancel)(struct task *task);
	/* Called when the task is complete: makes its descriptor permanently readable. */
	void (*complete)(struct task *task);
	/* Frees the transport's resources of the task. */
	void (*release)(struct task *task);
};

/* The logoff component, and key-value pairs. */
extern const struct transport vmg_vmbus, vmg_kvp;

struct task {
	IVMTask2 iface;
	atomic_uint references;
	const struct transport *transport;
	uint64_t id;
	char *directory;
	char *description;
	int descriptor;

	pthread_mutex_t lock; /* protects the following */
	struct connection connection;
	struct kvp *kvp; /* of the transport vmg_kvp */
	bool accepted;   /* of vmg_vmbus: the host has sent the request to the guest */
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
/* Ends the task because of @error, a negative errno of its connection. */
void vmg_task_disconnected(struct task *task, int error);

/*
 * Requests a logoff from the host of the machine @name, whose directory is @directory. Returns a
 * task once the host has sent the request to the guest; before that, an error, and its text in
 * vmg_last_error().
 */
HRESULT vmg_task_start(const char *name, const char *directory, const VMLogoffOptions *options,
		       IVMTask **out);

#endif /* VMG_TASK_H */
