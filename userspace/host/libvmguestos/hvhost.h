/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two transports through a control socket of hvhost have in common. */
#ifndef VMG_HVHOST_H
#define VMG_HVHOST_H

#include "connection.h"
#include "events.h"
#include "machine.h"
#include "task.h"

/* The directory of a machine of hvhost. */
const char *vmg_hvhost_directory(const struct machine *machine);

/* A transport's wait(): until the task's descriptor is readable. */
HRESULT vmg_hvhost_wait(struct task *task, int64_t deadline);
/* Ends the task because of @error, a negative errno of its connection. */
void vmg_hvhost_disconnected(struct task *task, int error);

/* Cancels a logoff through the component, see IVMGuestOS2's CancelLogoff(). */
HRESULT vmg_vmbus_cancel(const char *directory, uint64_t id);

/* The events of the component. An error has its text in vmg_last_error(). */
HRESULT vmg_vmbus_events(const char *directory, struct events_source **out);

/* The logoff component, and key-value pairs. */
extern const struct transport vmg_vmbus, vmg_kvp;

#endif /* VMG_HVHOST_H */
