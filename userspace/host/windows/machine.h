/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine of Hyper-V, and the connection to its host. */
#ifndef HVL_MACHINE_H
#define HVL_MACHINE_H

#include "hyperv.h"
#include "remedy.h"
#include "userspace/host/libvmguestos/machine.h"
#include "userspace/host/libvmguestos/task.h"
#include "userspace/host/libvmguestos/transport/kvp_machine.h"

/* The time limit for a function of the library that asks the host. */
#define MACHINE_WAIT_MS 60000

/* Sets the bounds of the calls that follow. */
void machine_wait_init(struct wmi_wait *wait, HANDLE cancel);

struct machine *machine_ref(struct machine *machine);
/* Its host, and the account there. NULL: this computer, and the account of this process. */
const char *machine_host(const struct machine *machine);
const char *machine_user(const struct machine *machine);

/*
 * For the COM server; an error has its text in vmg_last_error(). The machines of a host, sorted by
 * name, of which the caller frees each and the array, also after an error.
 */
HRESULT machine_list(const VMHost *host, struct machine ***out, size_t *count);
/* Msvm_ComputerSystem.EnabledState, now. @cancel: an event that ends the call, or NULL. */
HRESULT machine_state(const struct machine *machine, HANDLE cancel, uint32_t *state);
/* OperationalStatus[0]. VM_E_ADDITIONS_FEATURE_NOT_AVAIL: it is disabled for the machine. */
HRESULT machine_component_status(const struct machine *machine, const char *component,
				 uint32_t *status);
/* An item that the guest's kernel or hv_kvp_daemon sets, a string for free(). */
HRESULT machine_intrinsic(const struct machine *machine, const char *name, char **value);
/* See hyperv_shut_down(). */
HRESULT machine_shut_down(const struct machine *machine, bool restart, bool force);

/* A connection to the host of a machine, and the machine as it is found there by its GUID. */
struct machine_link {
	struct wmi *wmi;
	struct hyperv_machine found;
};

/*
 * Returns an HRESULT of the API, and for an error its sentence: WMI_E_TIMEOUT becomes
 * VM_E_TIMED_OUT.
 */
HRESULT machine_open(const struct machine *machine, struct machine_link *link,
		     const struct wmi_wait *wait, char *text, size_t size);
void machine_close(struct machine_link *link);

/*
 * The same conversion, and the sentence, for an error while items are read or set. If the machine
 * is not on its host, that takes a few seconds, in which another node of its cluster is looked up.
 */
HRESULT machine_error(const struct machine *machine, HRESULT hr, HANDLE cancel, char *text,
		      size_t size);

/*
 * The sentence for a guest that does not answer: the state of Data Exchange is its reason, or
 * unknown. Then there is no text, and the result is false.
 */
bool machine_explain(const struct machine *machine, struct machine_link *link,
		     const struct wmi_wait *wait, char *text, size_t size);

/* Items of the guest, for the state machine. */
struct machine_items {
	struct kvp_guest_items iface;
	struct hyperv_items items;
};

HRESULT machine_read(struct machine_link *link, const struct wmi_wait *wait,
		     struct machine_items *items);

/* The transport of a task: key-value pairs by WMI. */
extern const struct transport machine_kvp;

/* A transport's start() through a Hyper-V socket, with the audit. */
struct vsock_address;
HRESULT machine_vsock_start(struct task *task, const struct machine *machine,
			    const struct vsock_address *address, const VMLogoffOptions *options);

/*
 * Tasks of IVMGuestOS::Shutdown and Restart (shutdown.c): VM_LOGOFF_FORCE is their only option.
 * That of Shutdown ends when the machine is off, the one of Restart when the guest has begun.
 */
extern const struct transport machine_shutdown, machine_restart;

/* See IVMGuestOS2's CancelLogoff(). The text is "" if there is no sentence for the error. */
HRESULT machine_kvp_cancel(struct machine *machine, uint64_t id, char *text, size_t size);

#endif /* HVL_MACHINE_H */
