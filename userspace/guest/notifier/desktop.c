// SPDX-License-Identifier: GPL-2.0-or-later
#include "desktop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "userspace/guest/log.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define NAME      "org.freedesktop.Notifications"
#define PATH      "/org/freedesktop/Notifications"
#define INTERFACE "org.freedesktop.Notifications"

#define DBUS_NAME "org.freedesktop.DBus"

#define RETRY (10 * USEC_PER_SEC)

/* The byte of the hint "urgency". */
#define URGENCY_NORMAL   1
#define URGENCY_CRITICAL 2

/* In milliseconds: as long as the server's settings say, or until it is closed. */
#define EXPIRES_BY_DEFAULT (-1)
#define EXPIRES_NEVER      0

static void advance(struct desktop *desktop);

static void retry(struct desktop *desktop)
{
	sd_event_source_set_time_relative(desktop->timer, desktop->retry_time);
	sd_event_source_set_enabled(desktop->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
	(void)source;
	(void)time;
	advance(userdata);
	return 0;
}

/* Of "&amp;". */
#define ENTITY_MAX 5

/* @escaped has ENTITY_MAX bytes for each byte of the text, including the NUL. */
static void escape(char *escaped, const char *text)
{
	static const char *const entities[] = {['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;"};

	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < ARRAY_SIZE(entities) && entities[byte])
			escaped = stpcpy(escaped, entities[byte]);
		else
			*escaped++ = *text;
	}
	*escaped = '\0';
}

static int on_notified(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct desktop *desktop = userdata;

	(void)error;
	desktop->call = sd_bus_slot_unref(desktop->call);
	if (sd_bus_message_is_method_error(reply, NULL)) {
		log_message(LOG_WARNING, "Cannot show a notification: %s",
			    sd_bus_message_get_error(reply)->message);
		desktop->changed = true;
		retry(desktop);
		return 0;
	}
	sd_bus_message_read(reply, "u", &desktop->id);
	advance(desktop);
	return 0;
}

static int notify(struct desktop *desktop)
{
	uint8_t urgency = desktop->critical ? URGENCY_CRITICAL : URGENCY_NORMAL;
	int32_t expires = desktop->critical ? EXPIRES_NEVER : EXPIRES_BY_DEFAULT;
	char escaped[ENTITY_MAX * DESKTOP_BODY_SIZE];

	escape(escaped, desktop->body);
	return sd_bus_call_method_async(
		desktop->bus, &desktop->call, NAME, PATH, INTERFACE, "Notify", on_notified, desktop,
		"susssasa{sv}i", "hv-logoff", desktop->id, "system-log-out", desktop->summary,
		desktop->has_markup ? escaped : desktop->body, 0, 2, "urgency", "y", urgency,
		"desktop-entry", "s", "hv-logoff-notifier", expires);
}

static int on_capabilities(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct desktop *desktop = userdata;
	const char *capability;

	(void)error;
	desktop->call = sd_bus_slot_unref(desktop->call);
	if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return 0; /* on_owner() follows when a server starts */
	if (sd_bus_message_enter_container(reply, 'a', "s") <= 0) {
		retry(desktop);
		return 0;
	}
	desktop->has_markup = false;
	while (sd_bus_message_read(reply, "s", &capability) > 0)
		if (!strcmp(capability, "body-markup"))
			desktop->has_markup = true;
	desktop->is_ready = true;
	desktop->ready(desktop->userdata);
	advance(desktop);
	return 0;
}

/* The next call, if there is anything to do. The call starts a server that the bus can start. */
static void advance(struct desktop *desktop)
{
	int r = 0;

	if (desktop->call)
		return;
	if (!desktop->is_ready) {
		r = sd_bus_call_method_async(desktop->bus, &desktop->call, NAME, PATH, INTERFACE,
					     "GetCapabilities", on_capabilities, desktop, "");
	} else if (desktop->changed && desktop->shown) {
		desktop->changed = false;
		r = notify(desktop);
	} else if (desktop->changed) {
		desktop->changed = false;
		if (desktop->id)
			r = sd_bus_call_method_async(desktop->bus, NULL, NAME, PATH, INTERFACE,
						     "CloseNotification", NULL, NULL, "u",
						     desktop->id);
		desktop->id = 0;
	}
	if (r < 0) {
		desktop->changed = true;
		retry(desktop);
	}
}

/* A new server has none of the notifications of the previous one. */
static int on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct desktop *desktop = userdata;
	const char *owner;

	(void)error;
	if (sd_bus_message_read(signal, "sss", NULL, NULL, &owner) <= 0)
		return 0;
	/* The answer to a call may be that of the old server, or never arrive. */
	desktop->call = sd_bus_slot_unref(desktop->call);
	desktop->is_ready = false;
	desktop->id = 0;
	desktop->changed = desktop->shown && !desktop->closed;
	if (owner[0])
		advance(desktop);
	else if (desktop->changed)
		retry(desktop);
	return 0;
}

static int on_closed(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct desktop *desktop = userdata;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(signal, "uu", &id, NULL) > 0 && id && id == desktop->id)
		desktop->closed = true;
	return 0;
}

int desktop_start(struct desktop *desktop, sd_event *event, sd_bus *bus,
		  void (*ready)(void *userdata), void *userdata)
{
	int r;

	*desktop = (struct desktop){
		.event = event,
		.bus = sd_bus_ref(bus),
		.ready = ready,
		.userdata = userdata,
		.retry_time = RETRY,
	};
	r = sd_bus_add_match_async(bus, NULL,
				   "type='signal',sender='" DBUS_NAME "',interface='" DBUS_NAME
				   "',member='NameOwnerChanged',arg0='" NAME "'",
				   on_owner, NULL, desktop);
	if (r >= 0)
		r = sd_bus_match_signal_async(bus, NULL, NAME, PATH, INTERFACE,
					      "NotificationClosed", on_closed, NULL, desktop);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &desktop->timer, CLOCK_MONOTONIC, 0, 0,
					       on_time, desktop);
	return r;
}

void desktop_done(struct desktop *desktop)
{
	sd_event_source_disable_unref(desktop->timer);
	sd_bus_slot_unref(desktop->call);
	sd_bus_unref(desktop->bus);
}

void desktop_show(struct desktop *desktop, const char *summary, const char *body, bool critical)
{
	snprintf(desktop->summary, sizeof(desktop->summary), "%s", summary);
	text_clean(desktop->body, sizeof(desktop->body), body, strlen(body));
	desktop->critical = critical;
	desktop->shown = true;
	desktop->changed = true;
	desktop->closed = false;
	advance(desktop);
}

void desktop_update(struct desktop *desktop, const char *summary)
{
	snprintf(desktop->summary, sizeof(desktop->summary), "%s", summary);
	if (desktop->closed)
		return;
	desktop->changed = true;
	advance(desktop);
}

void desktop_close(struct desktop *desktop)
{
	if (!desktop->shown)
		return;
	desktop->shown = false;
	desktop->changed = true;
	advance(desktop);
}
