/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A logoff that was asked for, and the ways by which it gets into the guest. */
#ifndef VMG_TASK_H
#define VMG_TASK_H

#include <pthread.h>
#include <stdatomic.h>

#include "connection.h"
#include "sessions.h"
#include "vmguestos.h"

struct task;

/* All of these but cancel() are called by one thread at a time. */
struct way {
	/*
	 * Passes the request on. The task has a descriptor from then on, which can be read when
	 * look() has something to do. A failure is the call's and not the task's.
	 */
	HRESULT (*start)(struct task *task, const VMLogoffOptions *options);
	/* Takes in what has come, and doesn't wait for more. */
	void (*look)(struct task *task);
	HRESULT (*cancel)(struct task *task);
	/* The task is complete: makes its descriptor readable for good. */
	void (*settle)(struct task *task);
	/* Gives back what it has of the task's. */
	void (*release)(struct task *task);
};

/* By the logoff component, and by key-value pairs. */
extern const struct way vmg_vmbus, vmg_kvp;

struct task {
	IVMTask2 face;
	atomic_uint references;
	const struct way *way;
	uint64_t id;
	char *folder;
	char *description;
	int descriptor;

	pthread_mutex_t lock; /* of all below */
	struct connection connection;
	struct kvp *kvp; /* of that way */
	bool accepted;   /* by the component: the host has passed the request on to the guest */
	bool complete;
	HRESULT error;
	VMLogoffState state;
	int32_t percent;
	uint32_t found, ended, failed;
	char *text;
	struct sessions sessions;
};

struct report {
	VMLogoffState state;
	int64_t percent;
	uint32_t found, ended, failed;
	const char *text; /* or NULL */
};

/* For a way: what it has heard. */
void vmg_task_report(struct task *task, const struct report *report);
void vmg_task_say(struct task *task, const char *text);
void vmg_task_end(struct task *task, HRESULT error);
/* The connection has failed. */
void vmg_task_lose(struct task *task, int error);

/*
 * Asks the host of the machine @name, whose folder is @folder, for a logoff. The task is there
 * once the host has passed the request on to the guest; until then it is this call that fails,
 * and says why in vmg_last_error().
 */
HRESULT vmg_task_start(const char *name, const char *folder, const VMLogoffOptions *options,
		       IVMTask **out);

#endif /* VMG_TASK_H */
