/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's side of Hyper-V sockets (AF_VSOCK in the guest). Programs of the host use UNIX sockets
 * in the machine's directory: they connect to "vsock.sock" for a port of the guest, and listen at
 * "vsock.sock_PORT" for connections from the guest.
 */
#ifndef HVHOST_VSOCK_H
#define HVHOST_VSOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tests/hvhost/loop.h"
#include "tests/hvhost/vmbus/vmbus_wire.h"

/* Connections at once, including those whose relid the guest has not released yet. */
#define STREAMS_MAX 128

/*
 * In the outer machine, connections from the guest go to this socket, where its process 1 listens.
 * The first line is "CONNECT <port>"; the answer is "OK <port>", or the end of the connection.
 */
#define VSOCK_RELAY "vsock.relay"

struct vm;
struct stream;

struct vsock {
	struct vm *vm;
	bool relayed; /* see vmm_run() */
	struct source listener;
	struct source reaper; /* eventfd: there are streams to be freed */
	uint32_t last_port;   /* of the host's ends of connections from the host */
	unsigned int count;
	LIST_HEAD(streams, stream) streams;
};

int vsock_init(struct vsock *vsock, struct vm *vm, bool relayed);
int vsock_listen(struct vsock *vsock);
void vsock_done(struct vsock *vsock);
/* The guest has disconnected from the VMBus; its channels are reset already. */
void vsock_reset(struct vsock *vsock);
void vsock_guest_connects(struct vsock *vsock, const struct msg_tl_connect_request *request);

#endif /* HVHOST_VSOCK_H */
