/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The calls of AF_HYPERV, which tests replace: no other program here has a Hyper-V socket. */
#ifndef HVL_HVSOCKET_H
#define HVL_HVSOCKET_H

#include <winsock2.h>

#include <stdint.h>

/*
 * Starts to connect to a port of the guest in the machine with that GUID, in lower case without
 * braces, for at most @ms milliseconds. @event is set for FD_CONNECT, FD_READ, FD_WRITE and
 * FD_CLOSE. Returns 0, or the error of Windows Sockets, and then there is no socket.
 */
int hvsocket_connect(const char *guid, uint32_t port, DWORD ms, WSAEVENT event, SOCKET *out);

#endif /* HVL_HVSOCKET_H */
