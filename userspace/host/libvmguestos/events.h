/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Delivers the events of a machine to sinks, which programs add by Advise(). */
#ifndef VMG_EVENTS_H
#define VMG_EVENTS_H

#include "platform.h"
#include "vmguestos.h"

struct events;

/* Where the events of one sink come from. The source belongs to the events. */
struct events_source {
	/*
	 * Waits for the next event and delivers it by the functions below. Returns false after the
	 * end, or once the events have stopped.
	 */
	bool (*next)(struct events_source *source, struct events *events);
	/* Called once, by any thread: ends next(), now and later. */
	void (*stop)(struct events_source *source);
	void (*free)(struct events_source *source);
};

/* To be called by next(). The strings of @event are cleaned. */
void vmg_events_session(struct events *events, const VMLogoffEvent *event);
/* Whether the guest reports sessions: calls the sink if that has changed. */
void vmg_events_reporting(struct events *events, bool reports);
/* The last call. */
void vmg_events_end(struct events *events, HRESULT reason);
bool vmg_events_stopped(const struct events *events);

/* The sinks of a machine. */
struct listeners {
	vmg_lock lock; /* protects the following */
	uint32_t last_cookie;
	struct listener *first;
};

void vmg_listeners_init(struct listeners *listeners);
void vmg_listeners_done(struct listeners *listeners);
/*
 * Starts to deliver the events of @source, which is freed later, or if this fails. Holds references
 * to @sink until its last call has returned.
 */
HRESULT vmg_listeners_add(struct listeners *listeners, struct events_source *source,
			  IVMVirtualMachineEvents *sink, uint32_t *cookie);
/* Ends the calls of the sink. Waits for a call in progress, unless called from within it. */
HRESULT vmg_listeners_remove(struct listeners *listeners, uint32_t cookie);

#endif /* VMG_EVENTS_H */
