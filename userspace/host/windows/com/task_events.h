/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of a task: for callbacks that scripts set, and for connected sinks.
 *
 * They are called in the task's apartment only: by a timer of Windows, when the program handles
 * messages, and by WaitForCompletion().
 */
#ifndef HVL_TASK_EVENTS_H
#define HVL_TASK_EVENTS_H

#include <stdbool.h>

#include "object.h"

#define TASK_EVENTS_POLL_MS 100
#define TASK_EVENTS_SINKS   16

/* What has been reported last. */
struct task_progress {
	long state, percent, found, ended, failed;
};

struct task_sink {
	DWORD cookie; /* 0: unused */
	IDispatch *sink;
};

struct task_events {
	IConnectionPointContainer container;
	IConnectionPoint point;
	IProvideClassInfo class_info;         /* how WScript.ConnectObject finds DHvTaskEvents */
	IDispatch *on_progress, *on_complete; /* NULL: none */
	struct task_sink sinks[TASK_EVENTS_SINKS];
	DWORD last_cookie;
	HWND window; /* of the timer */
	struct task_progress reported;
	bool complete; /* the end has been reported */
};

/* @events is the one of a struct task_object. */
void task_events_init(struct task_events *events);
void task_events_clear(struct task_events *events);

/* IConnectionPointContainer and IProvideClassInfo. */
HRESULT task_events_query(struct task_events *events, REFIID iid, void **out);

/* Replaces a callback; NULL removes it. */
HRESULT task_events_set(struct task_events *events, IDispatch **callback, IDispatch *value);

/* Calls callbacks and sinks if the task has changed. They may release it: own a reference. */
void task_events_check(struct task_events *events);

#endif /* HVL_TASK_EVENTS_H */
