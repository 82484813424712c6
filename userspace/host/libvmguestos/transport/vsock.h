/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transport through a stream to the guest's daemon: a Hyper-V socket or AF_VSOCK. Each task has
 * a thread that carries the bytes between the stream and the state machine.
 */
#ifndef VMG_VSOCK_H
#define VMG_VSOCK_H

#include "userspace/host/libvmguestos/events.h"
#include "userspace/host/libvmguestos/task.h"
#include "vsock_stream.h"

/* What is told about a request, on any thread. */
struct vsock_observer {
	void (*cancelled)(void *userdata, HRESULT hr);
	void (*ended)(void *userdata, HRESULT hr, const char *text);
	/* The task is released, or was not started. */
	void (*free)(void *userdata);
};

/*
 * A transport's start(). @address is copied. @observer may be NULL. Once a LOGOFF was sent, the
 * result is S_OK: before, nothing has happened in the guest, and another transport may be tried.
 */
HRESULT vmg_vsock_start(struct task *task, const struct vsock_address *address,
			const VMLogoffOptions *options, const struct vsock_observer *observer,
			void *userdata);
/* The other functions of a transport. */
void vmg_vsock_process(struct task *task);
HRESULT vmg_vsock_wait(struct task *task, int64_t deadline);
HRESULT vmg_vsock_cancel_task(struct task *task);
void vmg_vsock_complete(struct task *task);
void vmg_vsock_release(struct task *task);

/* Whether the guest's daemon answers. An error has its text in vmg_last_error(). */
HRESULT vmg_vsock_available(const struct vsock_address *address);
/* See IVMGuestOS2's CancelLogoff(); @id is not 0. An error has its text in vmg_last_error(). */
HRESULT vmg_vsock_cancel(const struct vsock_address *address, uint64_t id);
/* The events of the guest's daemon. An error has its text in vmg_last_error(). */
HRESULT vmg_vsock_events(const struct vsock_address *address, struct events_source **out);

#endif /* VMG_VSOCK_H */
