/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The events of a machine, told to one who listens. */
#ifndef VMG_EVENTS_H
#define VMG_EVENTS_H

#include "vmguestos.h"

struct events;

/* Takes a reference to @sink, and gives it back when it has been called for the last time. */
HRESULT vmg_events_start(const char *folder, IVMVirtualMachineEvents *sink, struct events **out);
/* The sink isn't called any more. Waits for a call that is under way, if it isn't the caller's. */
void vmg_events_stop(struct events *events);

#endif /* VMG_EVENTS_H */
