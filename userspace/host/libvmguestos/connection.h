/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection to a machine's control socket: one JSON object a line, each way. */
#ifndef VMG_CONNECTION_H
#define VMG_CONNECTION_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "vmguestos.h"

/* Within which a host that lives says whether it takes a command. */
#define VMG_ANSWER_MS 60000

struct connection {
	int fd;
	char *input;
	size_t length;
};

/* 0, or a negative errno: -ENOENT and -ECONNREFUSED when the machine doesn't run. */
int vmg_connection_open(struct connection *connection, const char *folder);
/* May be called again, and for one that was never open (fd is -1). */
void vmg_connection_close(struct connection *connection);

/* Takes @request. NULL, for lack of memory, is -ENOMEM. */
int vmg_connection_send(struct connection *connection, json_t *request);
/* What has come: 1 and an object; 0 if there is none yet; -EPIPE at the end; or -EPROTO. */
int vmg_connection_next(struct connection *connection, json_t **object);
/* Waits for the next object until @deadline (vmg_now_ms(), or -1 for never), or -ETIMEDOUT. */
int vmg_connection_receive(struct connection *connection, int64_t deadline, json_t **object);

/* Sends one command and waits for its reply. Takes @request. */
int vmg_connection_ask(const char *folder, json_t *request, json_t **reply);

int64_t vmg_now_ms(void);
/* 0 when @fd can be read, -ETIMEDOUT, or another negative errno. Signals don't end it. */
int vmg_poll(int fd, int64_t deadline);

/* What a failure here means to who called the library. */
HRESULT vmg_hresult_of(int error);
/* What a reply says: {"ok": false} always is a failure. */
HRESULT vmg_hresult_in(const json_t *reply);

#endif /* VMG_CONNECTION_H */
