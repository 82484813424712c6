// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop's own watchdog gives a sign once in up to three quarters of the time:
 * if that one is lost, because memory is short just then and the message finds
 * no room, a healthy daemon is killed. Here there are six, of which five may be
 * lost.
 */
#include "watchdog.h"

#include <stdint.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define SIGNS 6

static int give_sign(sd_event_source *source, uint64_t time, void *userdata)
{
	uint64_t patience;

	(void)time;
	(void)userdata;
	if (sd_watchdog_enabled(0, &patience) <= 0)
		return 0;
	sd_notify(0, "WATCHDOG=1");
	sd_event_source_set_time_relative(source, patience / SIGNS);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

int watchdog_start(sd_event *event)
{
	uint64_t patience;
	int r = sd_watchdog_enabled(0, &patience);

	if (r <= 0)
		return r;
	/* So inaccurate that it seldom wakes an idle machine for itself alone. */
	return sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 0, patience / SIGNS / 2,
					  give_sign, NULL);
}
