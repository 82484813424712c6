/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports of this computer, for tests that call WSAStartup(). */
#ifndef WMI_PORTS_H
#define WMI_PORTS_H

#include <winsock2.h>
#include <ws2tcpip.h>

#include "tests/unit/unit.h"

/* A TCP socket that is bound to a port of 127.0.0.1, and does not listen yet. */
static inline SOCKET bound_socket(unsigned short *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int size = sizeof(address);
	SOCKET descriptor = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(descriptor, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return descriptor;
}

/* A port without a listener. */
static inline unsigned short free_port(void)
{
	unsigned short port;

	closesocket(bound_socket(&port));
	return port;
}

#endif /* WMI_PORTS_H */
