/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of a machine's control socket. */
#ifndef HVHOST_CLIENT_H
#define HVHOST_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

struct connection;

/* Connects to the socket of that name in the machine's directory; the descriptor, or -errno. */
int client_socket(const char *name, const char *socket);
/* NULL if the machine is not running, which is reported unless @quiet. */
struct connection *client_connect(const char *name, bool quiet);
void client_close(struct connection **connection);
int client_send(struct connection *connection, const json_t *request);
/* The next object, or NULL when the connection has ended. */
json_t *client_receive(struct connection *connection);
/*
 * Runs one command and returns its reply, or NULL after reporting an error. Takes ownership of
 * @request. Calls @event, unless NULL, for each event before the reply.
 */
json_t *client_call(const char *name, json_t *request, void (*event)(const json_t *event));
void client_report_not_running(const char *name);

/* Members of an object from the machine: "" and 0 if there is no such member. */
const char *text_of(const json_t *json, const char *member);
json_int_t number_of(const json_t *json, const char *member);

#endif /* HVHOST_CLIENT_H */
