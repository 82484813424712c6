/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine and the watch, with the real world around them. */
#ifndef HVL_DAEMON_H
#define HVL_DAEMON_H

#include <systemd/sd-event.h>

#include "config.h"
#include "device.h"
#include "engine.h"
#include "logind.h"
#include "watch.h"

struct daemon {
	sd_event *event;
	sd_event_source *timer;
	sd_event_source *list_timer;
	struct device device;
	uint64_t device_request;	/* the id that the driver gave its last request */
	struct logind logind;
	struct engine engine;
	struct watch watch;
	int error;		/* why the device was given up */
};

/* Takes over @fd, the device. 0 or -errno. */
int daemon_start(struct daemon *daemon, sd_event *event, int fd, const struct config *config);
void daemon_done(struct daemon *daemon);

#endif /* HVL_DAEMON_H */
