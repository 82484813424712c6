/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The UNIX sockets in a machine's directory. Functions return a descriptor, or -errno. */
#ifndef HVHOST_SOCKET_H
#define HVHOST_SOCKET_H

#define CONTROL_SOCKET "control.sock"
#define VSOCK_SOCKET   "vsock.sock"

/*
 * Replaces a socket that an earlier run has left. Anyone may connect: the permissions of a client
 * are checked when it has connected. Logs the reason of an error.
 */
int socket_listen(const char *directory, const char *name);
void socket_unlink(const char *directory, const char *name);
/* @flags: SOCK_NONBLOCK or 0. With it, -EAGAIN if the listener's backlog is full. */
int socket_connect(const char *directory, const char *name, int flags);

#endif /* HVHOST_SOCKET_H */
