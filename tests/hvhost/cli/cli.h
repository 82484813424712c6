/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hvhost's commands. Each returns the exit status, after reporting errors on standard error. */
#ifndef HVHOST_CLI_H
#define HVHOST_CLI_H

#include <jansson.h>
#include <stdbool.h>

#define EXIT_USAGE 2

/* start.c */
int cli_start(int argc, char **argv);
int cli_run(int argc, char **argv);

/* cli.c */
int cli_list(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_console(int argc, char **argv);
int cli_exec(int argc, char **argv);
int cli_logoff(int argc, char **argv);
int cli_watch(int argc, char **argv);
int cli_cancel(int argc, char **argv);
int cli_query(int argc, char **argv);
int cli_shutdown(int argc, char **argv);
int cli_heartbeat(int argc, char **argv);
int cli_timesync(int argc, char **argv);
int cli_kvp(int argc, char **argv);
int cli_component(int argc, char **argv);
int cli_storm(int argc, char **argv);
int cli_inject(int argc, char **argv);
int cli_reset(int argc, char **argv);

/* stop.c */
int cli_stop(int argc, char **argv);

/* client.c */
struct connection;
/* NULL if the machine is not running, which is reported unless @quiet. */
struct connection *client_connect(const char *name, bool quiet);
void client_close(struct connection **connection);
int client_send(struct connection *connection, const json_t *request);
/* The next object, or NULL when the connection has ended. */
json_t *client_receive(struct connection *connection);
/*
 * Runs one command and returns its reply, or NULL after reporting an error. Takes
 * @request. Calls @event, unless NULL, for each event before the reply.
 */
json_t *client_call(const char *name, json_t *request, void (*event)(const json_t *event));

#endif /* HVHOST_CLI_H */
