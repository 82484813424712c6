/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dbus-daemon that is the system bus of the test. */
#ifndef PRIVATE_BUS_H
#define PRIVATE_BUS_H

/* Its address, in a directory of its own. It is not running yet. Returns 0, or -1 if that fails. */
int private_bus_init(void);
/* Returns once the bus can be connected to. */
void private_bus_start(void);
void private_bus_stop(void);
/* Stops it and removes the directory. */
void private_bus_done(void);

#endif /* PRIVATE_BUS_H */
