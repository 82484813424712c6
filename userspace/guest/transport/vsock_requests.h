/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests by sockets: the effect of the host's messages, and the messages for the host. This is
 * the counterpart of the driver's host.c, with any number of hosts (connections), and with the
 * engine in place of the driver's daemon. What both accept and answer is described by the same
 * vectors: driver/kunit/vectors.h. See "Hyper-V sockets" in docs/protocol.md.
 */
#ifndef HVL_VSOCK_REQUESTS_H
#define HVL_VSOCK_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "driver/wire.h"
#include "known_requests.h"
#include "userspace/guest/logoff/engine.h"

/* SESSION messages that are queued for a host that reads slowly. */
#define VSOCK_SESSIONS_MAX 256

struct vsock_requests;

/* The host at the other end of one connection. */
struct vsock_host {
	LIST_ENTRY(vsock_host) list;
	/* There is a message to transmit. Called at any time; must not remove a host. */
	void (*kick)(struct vsock_host *host);

	struct hvl_version framework;
	struct hvl_version version; /* of the messages; 0.0 before the negotiation */

	uint64_t request;    /* whose LOGOFF or TARGET it sent last, if that was accepted; or 0 */
	uint8_t transaction; /* of that message */
	bool progress_pending;
	bool complete_pending;
	struct hvl_report complete; /* the result of the request */

	struct hvl_session *sessions; /* a ring of VSOCK_SESSIONS_MAX, or NULL before the first */
	unsigned int first_session;
	unsigned int session_count;
	unsigned int sessions_ahead; /* of these, are sent before the result */
	uint32_t sessions_lost;      /* since the last one in the ring */

	struct hvl_packet answer; /* to the host's last message */
	bool answer_pending;
};

struct vsock_requests {
	struct engine *engine;
	struct known_requests *known;
	LIST_HEAD(, vsock_host) hosts;

	/* The last request that was accepted, which may have completed; its id is 0 if none was. */
	uint64_t id;
	bool recorded;                  /* it is in the journal: no dry run */
	struct hv_logoff_report report; /* on it */
};

/* @known must remain valid. */
void vsock_requests_init(struct vsock_requests *requests, struct engine *engine,
			 struct known_requests *known);

/* @kick: see struct vsock_host. Nothing was negotiated yet. */
void vsock_requests_add(struct vsock_requests *requests, struct vsock_host *host,
			void (*kick)(struct vsock_host *host));
/* A request of the host continues. */
void vsock_requests_remove(struct vsock_host *host);

/*
 * Handles a message, which passed hvl_packet_check() and is zero behind its body, once
 * vsock_requests_transmit() has returned the answer to the last one. Returns false if the
 * connection must be closed after the answer.
 */
bool vsock_requests_receive(struct vsock_requests *requests, struct vsock_host *host,
			    const struct hvl_packet *packet);
/*
 * Fills @packet with the next message for the host, which counts as sent. Returns false if there is
 * none.
 */
bool vsock_requests_transmit(struct vsock_requests *requests, struct vsock_host *host,
			     struct hvl_packet *packet);

/* The id of the request in progress, or 0 if there is none by a socket. */
uint64_t vsock_requests_current(const struct vsock_requests *requests);
/* A session has ended, because of the request @id, of any transport, unless that is 0. */
void vsock_requests_session_ended(struct vsock_requests *requests, uint64_t id,
				  const struct session *session, enum hv_logoff_kind kind);

#endif /* HVL_VSOCK_REQUESTS_H */
