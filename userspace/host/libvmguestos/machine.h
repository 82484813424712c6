/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual machine, as IVMGuestOS needs it: one of hvhost (hvhost.c), or one of Hyper-V
 * (userspace/host/windows/machine.c). An error has its text in vmg_last_error().
 */
#ifndef VMG_MACHINE_H
#define VMG_MACHINE_H

#include "events.h"

/* At most one of these is set: only that transport. */
#define VM_LOGOFF_VIA_ANY (VM_LOGOFF_VIA_VMBUS | VM_LOGOFF_VIA_KVP | VM_LOGOFF_VIA_VSOCK)

struct machine;

/* @host: NULL for this computer. */
HRESULT vmg_machine_find(const VMHost *host, const char *name, struct machine **out);
HRESULT vmg_machine_names(const VMHost *host, char ***out);
void vmg_machine_free(struct machine *machine);

/* An object for a machine, which it frees with its last reference, also if this fails. */
HRESULT vmg_guest_new(struct machine *machine, IVMGuestOS **out);
/* The machine of a guest, valid as long as that. */
struct machine *vmg_guest_machine(IVMGuestOS2 *guest);

const char *vmg_machine_name(const struct machine *machine);
const char *vmg_machine_guid(const struct machine *machine);

/* See IVMGuestOS2. Any thread may call these at any time. The parameters have been checked. */
HRESULT vmg_machine_can_logoff(struct machine *machine);
HRESULT vmg_machine_logoff(struct machine *machine, const VMLogoffOptions *options, IVMTask **out);
HRESULT vmg_machine_cancel(struct machine *machine, uint64_t id);
/* The source of the events for one sink. */
HRESULT vmg_machine_events(struct machine *machine, struct events_source **out);

#endif /* VMG_MACHINE_H */
