/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface org.hv_logoff1.Manager on the system bus, see hv-logoffd(8). Users learn of the
 * requests that end their own sessions; administrators see and cancel every request. The name of
 * each caller is checked by the bus, and what a caller may do is checked here.
 */
#ifndef HVL_BUS_H
#define HVL_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

#include "config.h"
#include "userspace/guest/logoff/engine.h"

#define BUS_NAME      "org.hv_logoff1"
#define BUS_PATH      "/org/hv_logoff1"
#define BUS_INTERFACE "org.hv_logoff1.Manager"

#define BUS_NO_REQUEST "org.hv_logoff1.NoRequest" /* with this id */
#define BUS_TOO_LATE   "org.hv_logoff1.TooLate"   /* sessions are being ended */

/* Of subscribers; a connection is at most one. */
#define BUS_SUBSCRIBERS_MAX          256
#define BUS_SUBSCRIBERS_MAX_PER_USER 16

struct bus_ops {
	/* Request a list of all sessions. Returns 0, and bus_listed() follows; or -errno. */
	int (*list)(void *userdata);
	/* Appends "a(sss)", the name, state and version of each transport. Returns 0 or -errno. */
	int (*append_transports)(void *userdata, sd_bus_message *reply);
};

struct bus {
	const struct bus_ops *ops;
	void *userdata;
	struct engine *engine;
	const struct config *config;
	sd_bus *bus; /* NULL while there is no connection */
	sd_bus_slot *object;
	sd_bus_slot *name;
	struct bus_subscriber *subscribers;
	struct bus_call *calls; /* not answered yet */
};

void bus_init(struct bus *bus, const struct bus_ops *ops, void *userdata, struct engine *engine,
	      const struct config *config);
/*
 * The daemon's connection has been opened: offers the interface on it. Failures are logged; they
 * only affect this interface.
 */
void bus_connected(struct bus *bus, sd_bus *connection);
/* The connection is about to be closed. May be called without one. */
void bus_disconnected(struct bus *bus);

/* The state of the request has changed, or there is none any more. */
void bus_update(struct bus *bus);
/* Whether the user has subscribed to notices, as a desktop does. */
bool bus_reaches(const struct bus *bus, uid_t uid);
/* All sessions, or a negative @error. */
void bus_listed(struct bus *bus, const struct session_list *list, int error);

#endif /* HVL_BUS_H */
