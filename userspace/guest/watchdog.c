// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sd_event_set_watchdog() may wait three quarters of the timeout between two notifications. If one
 * is lost because memory is short, PID 1 kills a working daemon. Here, six notifications are sent
 * within the timeout, and five of them may be lost.
 */
#include "watchdog.h"

#include <stdint.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define NOTIFICATIONS 6

static int notify(sd_event_source *source, uint64_t time, void *userdata)
{
	uint64_t timeout;

	(void)time;
	(void)userdata;
	if (sd_watchdog_enabled(0, &timeout) <= 0)
		return 0;
	sd_notify(0, "WATCHDOG=1");
	sd_event_source_set_time_relative(source, timeout / NOTIFICATIONS);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

int watchdog_start(sd_event *event)
{
	uint64_t timeout;
	int r = sd_watchdog_enabled(0, &timeout);

	if (r <= 0)
		return r;
	/* With a low accuracy, the timer rarely wakes an idle machine on its own. */
	return sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 0,
					  timeout / NOTIFICATIONS / 2, notify, NULL);
}
