/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports of AF_VSOCK: as service ids of Hyper-V sockets, and in the lines of the UNIX sockets. */
#ifndef HVHOST_VSOCK_ADDRESS_H
#define HVHOST_VSOCK_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/hvhost/vmbus/vmbus_wire.h"

/* "CONNECT " or "OK ", a port, a newline and a NUL. */
#define VSOCK_LINE_MAX 24

/* 00000000-facb-11e6-bd58-64006a7986d3, with the port as the first field. */
struct guid service_of_port(uint32_t port);
/* False if no port has this id. */
bool port_of_service(struct guid service, uint32_t *port);
/*
 * The host's end of a connection from the host. Data1 is the port that the guest sees as the peer's
 * one; the rest differs from the ids of services, so that it is never the guest's end of another.
 */
struct guid host_endpoint(uint32_t port);
bool guid_equal(struct guid a, struct guid b);

/* "CONNECT <port>", without the newline. False for anything else. */
bool parse_connect(const char *line, uint32_t *port);

#endif /* HVHOST_VSOCK_ADDRESS_H */
