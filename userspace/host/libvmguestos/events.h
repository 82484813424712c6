/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Delivers the events of a machine to one sink. */
#ifndef VMG_EVENTS_H
#define VMG_EVENTS_H

#include "vmguestos.h"

struct events;

/* Holds references to @sink until its last call has returned. */
HRESULT vmg_events_start(const char *directory, IVMVirtualMachineEvents *sink, struct events **out);
/* Ends the calls of the sink. Waits for a call in progress, unless called from within it. */
void vmg_events_stop(struct events *events);

#endif /* VMG_EVENTS_H */
