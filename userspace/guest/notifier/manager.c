// SPDX-License-Identifier: GPL-2.0-or-later
#include "manager.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "userspace/guest/bus.h"
#include "userspace/guest/log.h"
#include "userspace/shared/util.h"

#define DBUS_NAME "org.freedesktop.DBus"

#define RETRY (5 * USEC_PER_SEC)

static void disconnect(struct manager *manager)
{
	manager->daemon[0] = '\0';
	manager->call = sd_bus_slot_unref(manager->call);
	if (manager->bus)
		sd_bus_detach_event(manager->bus);
	manager->bus = sd_bus_close_unref(manager->bus);
}

static void retry(struct manager *manager)
{
	sd_event_source_set_time_relative(manager->timer, manager->retry_time);
	sd_event_source_set_enabled(manager->timer, SD_EVENT_ONESHOT);
}

static void handle(struct manager *manager, sd_bus_message *message)
{
	struct notice notice;

	if (sd_bus_message_read(message, "stst", &notice.state, &notice.deadline, &notice.message,
				&notice.id) > 0)
		manager->handler(manager->userdata, &notice);
	else
		log_message(LOG_WARNING, "hv-logoffd and this program are not of the same release "
					 "of hv-logoff.");
}

/* The bus delivers signals of any user, so the sender is compared with the one that answered. */
static int on_notice(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;

	(void)error;
	if (!strcmp(sd_bus_message_get_sender(signal), manager->daemon))
		handle(manager, signal);
	return 0;
}

static int on_subscribed(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;

	(void)error;
	manager->call = sd_bus_slot_unref(manager->call);
	if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return 0; /* on_owner() follows when the daemon starts */
	if (sd_bus_message_is_method_error(reply, NULL)) {
		log_message(LOG_WARNING, "Cannot subscribe to notices of hv-logoffd: %s",
			    sd_bus_message_get_error(reply)->message);
		retry(manager);
		return 0;
	}
	snprintf(manager->daemon, sizeof(manager->daemon), "%s", sd_bus_message_get_sender(reply));
	handle(manager, reply);
	return 0;
}

static int subscribe(struct manager *manager)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	int r;

	manager->call = sd_bus_slot_unref(manager->call);
	r = sd_bus_message_new_method_call(manager->bus, &call, BUS_NAME, BUS_PATH, BUS_INTERFACE,
					   "Subscribe");
	if (r >= 0)
		r = sd_bus_message_set_auto_start(call, false);
	if (r >= 0)
		r = sd_bus_call_async(manager->bus, &manager->call, call, on_subscribed, manager,
				      0);
	return r;
}

/* Like any signal, this one could be another user's. */
static int on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;
	const char *owner;

	(void)error;
	if (strcmp(sd_bus_message_get_sender(signal), DBUS_NAME) != 0 ||
	    sd_bus_message_read(signal, "sss", NULL, NULL, &owner) <= 0)
		return 0;
	manager->daemon[0] = '\0';
	if (owner[0] && subscribe(manager) < 0)
		retry(manager);
	return 0;
}

static int on_disconnected(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct manager *manager = userdata;

	(void)signal;
	(void)error;
	disconnect(manager);
	retry(manager);
	return 0;
}

static int add_matches(struct manager *manager)
{
	int r;

	r = sd_bus_match_signal(manager->bus, NULL, "org.freedesktop.DBus.Local",
				"/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
				"Disconnected", on_disconnected, manager);
	if (r >= 0)
		r = sd_bus_add_match_async(manager->bus, NULL,
					   "type='signal',sender='" DBUS_NAME
					   "',interface='" DBUS_NAME
					   "',member='NameOwnerChanged',arg0='" BUS_NAME "'",
					   on_owner, NULL, manager);
	if (r >= 0)
		r = sd_bus_match_signal_async(manager->bus, NULL, BUS_NAME, BUS_PATH, BUS_INTERFACE,
					      "Notice", on_notice, NULL, manager);
	return r;
}

/* No notice is missed: the bus handles the matches before the call. */
static int connect_bus(struct manager *manager)
{
	int r = sd_bus_open_system(&manager->bus);

	if (r >= 0)
		r = sd_bus_attach_event(manager->bus, manager->event, 0);
	if (r >= 0)
		r = add_matches(manager);
	if (r >= 0)
		r = subscribe(manager);
	if (r < 0)
		disconnect(manager);
	return r;
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
	struct manager *manager = userdata;

	(void)source;
	(void)time;
	if ((manager->bus ? subscribe(manager) : connect_bus(manager)) < 0)
		retry(manager);
	return 0;
}

int manager_start(struct manager *manager, sd_event *event, notice_handler handler, void *userdata)
{
	*manager = (struct manager){
		.event = event,
		.handler = handler,
		.userdata = userdata,
		.retry_time = RETRY,
	};
	return sd_event_add_time_relative(event, &manager->timer, CLOCK_MONOTONIC, 0, 0, on_time,
					  manager);
}

void manager_done(struct manager *manager)
{
	disconnect(manager);
	sd_event_source_disable_unref(manager->timer);
}
