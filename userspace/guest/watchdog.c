// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sd_event_set_watchdog() does not repeat a notification that could not be sent, because memory was
 * short, and PID 1 kills a working daemon after two of these.
 */
#include "watchdog.h"

#include <stdint.h>
#include <systemd/sd-daemon.h>
#include <time.h>

static int notify(sd_event_source *source, uint64_t time, void *userdata)
{
	uint64_t timeout, delay;

	(void)time;
	(void)userdata;
	if (sd_watchdog_enabled(0, &timeout) <= 0)
		return 0;
	delay = sd_notify(0, "WATCHDOG=1") > 0 ? timeout / 2 : timeout / 60;
	sd_event_source_set_time_relative(source, delay);
	/* With a low accuracy, the timer rarely wakes an idle machine on its own. */
	sd_event_source_set_time_accuracy(source, delay / 3);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

int watchdog_start(sd_event *event)
{
	uint64_t timeout;
	int r = sd_watchdog_enabled(0, &timeout);

	if (r <= 0)
		return r;
	return sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 0, 1, notify, NULL);
}
