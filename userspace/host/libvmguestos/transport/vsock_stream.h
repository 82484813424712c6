/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream to a port of the guest: the UNIX socket of hvhost or AF_VSOCK (vsock_stream.c), or
 * AF_HYPERV (userspace/host/windows/vsock_stream.c).
 */
#ifndef VMG_VSOCK_STREAM_H
#define VMG_VSOCK_STREAM_H

#include <stddef.h>

#include "userspace/host/libvmguestos/platform.h"
#include "userspace/host/libvmguestos/vmguestos.h"

struct vsock_address {
	const char *directory; /* of a machine of hvhost; or NULL */
	uint32_t cid;          /* of AF_VSOCK, if @directory and @guid are NULL */
	const char *guid;      /* of a machine of Hyper-V; or NULL */
	uint32_t port;
};

/* Copies the strings. Returns false if there is no memory; clear the copy in any case. */
bool vsock_address_copy(struct vsock_address *copy, const struct vsock_address *address);
void vsock_address_clear(struct vsock_address *copy);

struct vsock_stream;

#define VSOCK_TEXT_SIZE 512

/*
 * Connects until @deadline, a vmg_now_ms(), or until @stop is set (E_FAIL). An error has a sentence
 * in @text, which says what to do.
 */
HRESULT vsock_stream_open(const struct vsock_address *address, vmg_event stop, int64_t deadline,
			  struct vsock_stream **out, char text[VSOCK_TEXT_SIZE]);
/* Nothing that was written is lost. Does nothing with NULL. */
void vsock_stream_close(struct vsock_stream *stream);

/* The number of bytes, 0 if it would have to wait, or -1 after the end of the stream. */
long vsock_stream_read(struct vsock_stream *stream, void *bytes, size_t size);
long vsock_stream_write(struct vsock_stream *stream, const void *bytes, size_t size);

/*
 * Waits until a read, or with @writes a write, may not have to wait, until @wake is set, or until
 * @deadline, a vmg_now_ms() or -1 for no limit.
 */
void vsock_stream_wait(struct vsock_stream *stream, bool writes, vmg_event wake, int64_t deadline);

#endif /* VMG_VSOCK_STREAM_H */
