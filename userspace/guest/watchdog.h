/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications for the watchdog of PID 1: see WatchdogSec= in systemd.service(5). */
#ifndef HVL_WATCHDOG_H
#define HVL_WATCHDOG_H

#include <systemd/sd-event.h>

/* Sends them while @event is dispatched, if WatchdogSec= is set. Returns 0 or -errno. */
int watchdog_start(sd_event *event);

#endif /* HVL_WATCHDOG_H */
