/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread in the multithreaded apartment that makes calls for others, who wait a bounded time.
 *
 * A COM call to another computer can take arbitrarily long, and cannot be ended from outside.
 */
#ifndef HVL_CALL_H
#define HVL_CALL_H

#include <stdbool.h>
#include <windows.h>

/* How long a call has for its end after it was asked to stop, before the thread is given up. */
#define CALL_GRACE_MS 1000

struct call {
	/* Runs on the thread. It returns E_ABORT soon after stop became true. */
	HRESULT (*run)(struct call *call, void *context);
	/* Frees what contains the call, on whichever thread uses it last. */
	void (*free)(struct call *call);
	volatile LONG stop;
	volatile LONG refs;
	HANDLE done;
	HRESULT hr;
};

struct caller;

/* @context belongs to the thread: @free is called on it at its end. NULL if that failed. */
struct caller *caller_new(void *context, void (*free)(void *context));

/* Ends the thread. If it is in a call that does not end, it does so when the call ends. */
void caller_free(struct caller *caller);

/* Initializes a call with one reference. False if resources are short. */
bool call_init(struct call *call);
void call_unref(struct call *call);

/*
 * Runs a call, for at most @ms milliseconds or until @cancel (may be NULL) is set, and returns its
 * result. Without one in time: HRESULT_FROM_WIN32(ERROR_TIMEOUT) or ERROR_CANCELLED. If it has not
 * stopped either, all later calls are RPC_E_DISCONNECTED.
 */
HRESULT caller_run(struct caller *caller, struct call *call, DWORD ms, HANDLE cancel);

#endif /* HVL_CALL_H */
