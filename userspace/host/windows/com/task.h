/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual PC's IVMTask for a task of the library. */
#ifndef HVL_COM_TASK_H
#define HVL_COM_TASK_H

#include "task_events.h"
#include "userspace/host/libvmguestos/vmguestos.h"

struct task_object {
	struct object object;
	IVMTask2 *task;
	long id; /* counted in this process */
	struct task_events events;
};

/* @task is taken over, also if memory is short. */
HRESULT task_object_new(IVMTask2 *task, IHvTask2 **out);

#endif /* HVL_COM_TASK_H */
