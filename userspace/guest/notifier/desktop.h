/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One notification on the desktop, by org.freedesktop.Notifications on the session bus. It is
 * shown again if the notification server restarts.
 */
#ifndef HVL_NOTIFIER_DESKTOP_H
#define HVL_NOTIFIER_DESKTOP_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* Bytes. */
#define DESKTOP_SUMMARY_SIZE 128
#define DESKTOP_BODY_SIZE    2048

struct desktop {
	sd_event *event;
	sd_event_source *timer; /* the next attempt */
	sd_bus *bus;
	void (*ready)(void *userdata);
	void *userdata;
	sd_bus_slot *call; /* GetCapabilities() or Notify() in progress */
	bool is_ready;     /* a server has answered */
	bool has_markup;   /* it interprets some characters */

	bool shown;    /* there is a notification */
	bool changed;  /* since it was last sent */
	bool critical; /* it does not disappear by itself */
	bool closed;   /* by the user */
	uint32_t id;   /* of the server; 0: none */
	char summary[DESKTOP_SUMMARY_SIZE];
	char body[DESKTOP_BODY_SIZE];
	uint64_t retry_time; /* microseconds; shorter in tests */
};

/*
 * @ready is called by the event loop once there is a notification server, perhaps never. @bus is
 * the session bus, attached to the event loop. Returns 0 or -errno.
 */
int desktop_start(struct desktop *desktop, sd_event *event, sd_bus *bus,
		  void (*ready)(void *userdata), void *userdata);
void desktop_done(struct desktop *desktop);

/*
 * Shows a notification, or replaces the one that is shown, even if the user has closed it. Both
 * texts are plain text; @summary is UTF-8 and not too long.
 */
void desktop_show(struct desktop *desktop, const char *summary, const char *body, bool critical);
/* The same, unless the user has closed the notification. */
void desktop_update(struct desktop *desktop, const char *summary);
/* Removes it. */
void desktop_close(struct desktop *desktop);

#endif /* HVL_NOTIFIER_DESKTOP_H */
