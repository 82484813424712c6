/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hv-logoffd's notices to this user, over the system bus. They arrive as long as the event loop
 * runs: after a restart of the daemon or of the bus, the user is subscribed again.
 */
#ifndef HVL_NOTIFIER_MANAGER_H
#define HVL_NOTIFIER_MANAGER_H

#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* The strings are valid until the handler returns. */
struct notice {
	const char *state;   /* "warned", "ending", "cancelled", "done"; "": nothing is pending */
	uint64_t deadline;   /* end of the grace period, microseconds since 1970 */
	const char *message; /* of the host or of the configuration */
	uint64_t id;         /* of the request */
};

typedef void (*notice_handler)(void *userdata, const struct notice *notice);

struct manager {
	sd_event *event;
	sd_event_source *timer; /* the next attempt to connect or to subscribe */
	notice_handler handler;
	void *userdata;
	sd_bus *bus;         /* NULL: not connected */
	sd_bus_slot *call;   /* Subscribe() in progress */
	char daemon[64];     /* the unique name of the daemon; empty: none has answered */
	uint64_t retry_time; /* microseconds; shorter in tests */
};

/* @handler is only called by the event loop. Returns 0 or -errno; without a bus, it is retried. */
int manager_start(struct manager *manager, sd_event *event, notice_handler handler, void *userdata);
void manager_done(struct manager *manager);

#endif /* HVL_NOTIFIER_MANAGER_H */
