/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several fake machines: control sockets in a registry of their own, and a thread that replies like
 * hvhost (docs/hvhost.md), each as its role says.
 */
#ifndef FAKE_FLEET_H
#define FAKE_FLEET_H

#include <stddef.h>
#include <stdint.h>

enum fleet_role {
	FLEET_USERS,    /* a logoff ends the session of anna; to a watch, it has ended */
	FLEET_NOBODY,   /* nobody is logged on */
	FLEET_BUSY,     /* another request is in progress */
	FLEET_GRACE,    /* a logoff stays in the grace until fleet_release() or a cancellation */
	FLEET_DEAF,     /* the same, but a cancellation is not answered */
	FLEET_AWAY,     /* accepts connections, and never answers */
	FLEET_NO_GUEST, /* runs, without hv-logoff in the guest */
	FLEET_STOPPED,  /* is not running */
};

#define FLEET_GUID "0f8fad5b-d9cb-469f-a165-7086772895%02x" /* of the machine with that index */

/* Creates a registry, $HVHOST_DIR, without machines. */
void fleet_begin(void);
/* Adds a machine, before the first client. */
void fleet_add(const char *name, enum fleet_role role);
/* Starts the thread. */
void fleet_start(void);
/* Ends all machines and removes the registry. */
void fleet_end(void);

/* Waits until @count logoffs are in progress. */
void fleet_wait_active(size_t count);
/* Completes the logoffs in progress, with S_OK. */
void fleet_release(void);
/* Waits until @count cancellations have arrived. */
void fleet_wait_cancels(size_t count);
/* The highest number of logoffs that were in progress at a time. */
size_t fleet_most_active(void);
/* The number of logoffs that @name has received, and the last of them, "" if there is none. */
size_t fleet_logoffs(const char *name);
const char *fleet_last_logoff(const char *name);

#endif /* FAKE_FLEET_H */
