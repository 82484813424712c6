/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries many byte streams over one port, between hvhost outside and hvhost
 * inside the outer machine. A frame is two little endian 32 bit numbers, the
 * stream and the number of bytes, and the bytes; a frame with no bytes ends
 * its direction of the stream.
 */
#ifndef HVHOST_MUX_H
#define HVHOST_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mux_number {
	MUX_NUDGE = 0,   /* to the inside: nothing but an interrupt */
	MUX_CONSOLE = 1, /* to the outside: the guest's console */
	MUX_LOG = 2,     /* to the outside: what hvhost says on standard error */
	MUX_READY = 3,   /* to the outside: the lines of vmm_run()'s `ready` */
	MUX_STATUS = 4,  /* to the outside: vmm_run() returned this, as text */
	MUX_CONNECT = 5, /* to the inside: {"stream": number, "peer": …}, of a new client */
	MUX_CLIENT = 16, /* this and up: a client of the control socket */
};

struct mux;

/* Bytes (or with size 0 the end) of a stream that was not added. May add it. */
typedef int mux_unknown(struct mux *mux, uint32_t number, const void *bytes, size_t size);

struct mux *mux_new(int port, mux_unknown *unknown, void *userdata);
struct mux *mux_free(struct mux *mux);
void *mux_userdata(const struct mux *mux);

/*
 * What @fd gives goes to the port, and if @both what the port gives goes to
 * @fd. Takes the descriptor, also when it fails.
 */
int mux_add(struct mux *mux, uint32_t number, int fd, bool both);
/* Whether more than half of what there is room for is taken. */
bool mux_is_crowded(const struct mux *mux);
/* Calls @ready when there is something to read from @fd, which stays the caller's. */
int mux_watch(struct mux *mux, int fd, int (*ready)(struct mux *mux, int fd));

/* Bytes for the other end of the port, or for this end's descriptor of a stream. */
int mux_send(struct mux *mux, uint32_t number, const void *bytes, size_t size);
int mux_send_end(struct mux *mux, uint32_t number);
int mux_deliver(struct mux *mux, uint32_t number, const void *bytes, size_t size);
/* The same bytes for the descriptors of all clients. */
void mux_deliver_clients(struct mux *mux, const char *text);

/* Relays until mux_stop(), or -errno; -EPIPE when the port has no other end. */
int mux_run(struct mux *mux);
void mux_stop(struct mux *mux);
/* Reads a stream's descriptor, or those of all clients, to the end. */
void mux_drain(struct mux *mux, uint32_t number);
void mux_drain_clients(struct mux *mux);
/* Tries for a while to write out all that waits. */
void mux_flush(struct mux *mux, int milliseconds);

#endif /* HVHOST_MUX_H */
