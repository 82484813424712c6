/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket at which the host connects, and its connections: who may, framing, limits, and the
 * messages that a slow reader has not taken yet. Systemd creates the socket (hv-logoffd.socket),
 * so that the daemon needs neither AF_VSOCK nor CAP_NET_BIND_SERVICE.
 */
#ifndef HVL_VSOCK_LISTENER_H
#define HVL_VSOCK_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "userspace/shared/util.h"
#include "vsock_requests.h"

/* Enough for many watchers; with it, all connections need some 6 MB at most. */
#define VSOCK_CONNECTIONS_MAX 64
/* Within this time a connection must have negotiated, and a message that begins must end. */
#define VSOCK_PATIENCE        (10 * USEC_PER_SEC)

struct vsock_listener {
	int fd; /* negative if there is none */
	sd_event *event;
	sd_event_source *source;
	bool enabled;      /* otherwise connections are closed at once */
	uint64_t patience; /* VSOCK_PATIENCE, unless a test has changed it */
	struct vsock_requests requests;
	unsigned int connections;
	uint64_t refusal_logged; /* when, by the monotonic clock; 0: never */
	unsigned int refusals;   /* that were not logged since */
};

/*
 * Returns the socket that systemd has passed to this process, which then owns it; -ENOENT if there
 * is none; or another -errno after logging the reason.
 */
int vsock_listener_take(void);

/* @known must remain valid. */
void vsock_listener_init(struct vsock_listener *listener, struct engine *engine,
			 struct known_requests *known);
/* Takes ownership of @fd. Returns 0 or -errno. */
int vsock_listener_start(struct vsock_listener *listener, int fd, sd_event *event, bool enabled);
/* Takes ownership of @fd, a connection of the host. Returns 0 or -errno. */
int vsock_listener_add(struct vsock_listener *listener, int fd);
void vsock_listener_done(struct vsock_listener *listener);

#endif /* HVL_VSOCK_LISTENER_H */
