/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sign of life for PID 1, which restarts a daemon that gives none for WatchdogSec=. */
#ifndef HVL_WATCHDOG_H
#define HVL_WATCHDOG_H

#include <systemd/sd-event.h>

/* As long as @event lives and its loop turns; nothing if nobody wants it. 0 or -errno. */
int watchdog_start(sd_event *event);

#endif /* HVL_WATCHDOG_H */
