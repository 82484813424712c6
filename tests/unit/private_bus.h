/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dbus-daemon that is the system bus or the session bus of the test. */
#ifndef PRIVATE_BUS_H
#define PRIVATE_BUS_H

#include <sys/types.h>

#define PRIVATE_SYSTEM_BUS  "DBUS_SYSTEM_BUS_ADDRESS"
#define PRIVATE_SESSION_BUS "DBUS_SESSION_BUS_ADDRESS"

struct private_bus {
	char directory[32];
	char address[64];
	pid_t pid; /* 0: it is not running */
};

/*
 * Its address, in a directory of its own and in the environment @variable, one of the above. It is
 * not running yet. Returns 0, or -1 if that fails.
 */
int private_bus_init(struct private_bus *bus, const char *variable);
/* Returns once the bus can be connected to. */
void private_bus_start(struct private_bus *bus);
void private_bus_stop(struct private_bus *bus);
/* Stops it and removes the directory. */
void private_bus_done(struct private_bus *bus);

#endif /* PRIVATE_BUS_H */
