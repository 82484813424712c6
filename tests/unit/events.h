/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UNIT_EVENTS_H
#define UNIT_EVENTS_H

#include <systemd/sd-event.h>

#include "unit.h"

/* Runs the event loop until there is no event for @timeout microseconds. */
static inline void run_events(sd_event *event, uint64_t timeout)
{
	int r;

	do {
		r = sd_event_run(event, timeout);
		assert_true(r >= 0);
	} while (r > 0);
}

#endif /* UNIT_EVENTS_H */
