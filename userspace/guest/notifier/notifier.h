/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shows notices of hv-logoffd on the desktop of its user, with a countdown. */
#ifndef HVL_NOTIFIER_H
#define HVL_NOTIFIER_H

#include "desktop.h"
#include "manager.h"

struct notifier {
	sd_event *event;
	sd_event_source *countdown;
	struct desktop desktop;
	struct manager manager;
	bool subscribes; /* the manager was started */
	uint64_t id;     /* of the request whose countdown is shown; 0: none */
	uint64_t end;    /* of the countdown, microseconds of CLOCK_BOOTTIME */
};

/*
 * @bus is the session bus, attached to the event loop. A user without a notification server is not
 * subscribed to notices, so that the host learns that the user could not be notified. Returns 0 or
 * -errno.
 */
int notifier_start(struct notifier *notifier, sd_event *event, sd_bus *bus);
void notifier_done(struct notifier *notifier);

/* The text of a countdown, and the microseconds after which it changes; 0: no more. */
uint64_t notifier_countdown(char *text, size_t size, uint64_t left);

#endif /* HVL_NOTIFIER_H */
