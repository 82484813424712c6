/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection to a machine's control socket: one JSON object per line, in both directions. */
#ifndef VMG_CONNECTION_H
#define VMG_CONNECTION_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "platform.h"
#include "vmguestos.h"

/* The time limit for a host to accept or refuse a command. */
#define VMG_REPLY_MS 60000

struct connection {
	int fd;
	char *input;
	size_t length;
	size_t searched; /* bytes at the start of @input without the end of a line */
};

/* Returns 0 or a negative errno: -ENOENT or -ECONNREFUSED if the machine is not running. */
int vmg_connection_open(struct connection *connection, const char *directory);
/* Does nothing if the connection is not open (fd is -1). */
void vmg_connection_close(struct connection *connection);

/* Steals the reference to @request. A @request of NULL is -ENOMEM. */
int vmg_connection_send(struct connection *connection, json_t *request);
/* Returns 1 and the next object, 0 if there is none yet, -EPIPE at the end, or -EPROTO. */
int vmg_connection_next(struct connection *connection, json_t **object);
/* Waits for the next object until @deadline, a vmg_now_ms() or -1 for no limit: -ETIMEDOUT. */
int vmg_connection_receive(struct connection *connection, int64_t deadline, json_t **object);

/* Sends one command on a connection of its own and waits for the reply. Steals @request. */
int vmg_connection_call(const char *directory, json_t *request, json_t **reply);

/* Returns 0 when @fd is readable, -ETIMEDOUT, or another negative errno. Ignores EINTR. */
int vmg_poll(int fd, int64_t deadline);

/* Maps a negative errno of the functions above to an HRESULT of the API. */
HRESULT vmg_hresult_of(int error);
/* The HRESULT of a reply, which is always a failure for {"ok": false}. */
HRESULT vmg_hresult_in(const json_t *reply);

#endif /* VMG_CONNECTION_H */
