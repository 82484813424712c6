/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiplexes byte streams over one port, between hvhost outside and hvhost inside the outer
 * machine. A frame is two little endian 32 bit numbers, the stream and the number of bytes, and
 * the bytes. A frame of no bytes ends its direction of the stream. A stream whose reader is slow is
 * stopped at the other end, and does not delay the others.
 */
#ifndef HVHOST_MUX_H
#define HVHOST_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mux_number {
	MUX_NUDGE = 0,   /* to the inside: only causes an interrupt */
	MUX_CONSOLE = 1, /* to the outside: the guest's console */
	MUX_LOG = 2,     /* to the outside: standard error of hvhost */
	MUX_READY = 3,   /* to the outside: what vmm_run() writes to @ready */
	MUX_STATUS = 4,  /* to the outside: the value that vmm_run() returned, as text */
	MUX_CONNECT = 5, /* a new stream: {"stream": number, and "peer": … to the inside,
			    "port": number to the outside} */
	MUX_FLOW = 6,    /* both ways, of mux.c: struct flow */
	/* From these numbers on: */
	MUX_CLIENT = 16,        /* clients of the control socket */
	MUX_VSOCK = 0x20000000, /* clients of vsock.sock */
	MUX_GUEST = 0x40000000, /* connections from the guest to programs of the host */
};

struct mux;

/* Handles bytes, or with size 0 the end, of a stream that was not added. May add it. */
typedef int mux_unknown(struct mux *mux, uint32_t number, const void *bytes, size_t size);

struct mux *mux_new(int port, mux_unknown *unknown, void *userdata);
struct mux *mux_free(struct mux *mux);
void *mux_userdata(const struct mux *mux);

/*
 * Relays from @fd to the port, and if @both also from the port to @fd. Takes ownership of @fd, even
 * on failure.
 */
int mux_add(struct mux *mux, uint32_t number, int fd, bool both);
/* Whether more than half of the entries are in use. */
bool mux_is_crowded(const struct mux *mux);
/* Calls @ready when @fd is readable. The caller keeps ownership of @fd. */
int mux_watch(struct mux *mux, int fd, int (*ready)(struct mux *mux, int fd));

/* Sends bytes to the other end of the port, or delivers them to this end's descriptor. */
int mux_send(struct mux *mux, uint32_t number, const void *bytes, size_t size);
int mux_send_end(struct mux *mux, uint32_t number);
/* This end has closed the stream, or has not opened it: the other end closes it too. */
int mux_send_closed(struct mux *mux, uint32_t number);
int mux_deliver(struct mux *mux, uint32_t number, const void *bytes, size_t size);
/* Delivers the same text to all clients of the control socket. */
void mux_deliver_clients(struct mux *mux, const char *text);

/* Relays until mux_stop(). 0 or -errno; -EPIPE if the other end of the port was closed. */
int mux_run(struct mux *mux);
void mux_stop(struct mux *mux);
/* Relays everything that can still be read from a stream's descriptor, or from all clients' and
 * sockets'. */
void mux_drain(struct mux *mux, uint32_t number);
void mux_drain_clients(struct mux *mux);
/* Writes the pending frames to the port, as far as possible before the timeout. */
void mux_flush(struct mux *mux, int milliseconds);

#endif /* HVHOST_MUX_H */
