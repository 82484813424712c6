// SPDX-License-Identifier: GPL-2.0-or-later
/* A connection to a machine's control socket. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "tests/hvhost/socket.h"
#include "tests/hvhost/util.h"
#include "userspace/host/libvmguestos/registry.h"

struct connection {
	FILE *stream;
	char *line;
	size_t size;
};

int client_socket(const char *name, const char *socket)
{
	_cleanup_free_ char *directory = NULL;
	int ret = vmg_registry_find(name, &directory);

	return ret < 0 ? ret : socket_connect(directory, socket, 0);
}

void client_report_not_running(const char *name)
{
	fprintf(stderr,
		"hvhost: no machine \"%s\" is running: \"hvhost list\" shows those that are, "
		"\"hvhost start\" starts one.\n",
		name);
}

struct connection *client_connect(const char *name, bool quiet)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int fd;

	if (!connection)
		return NULL;
	fd = client_socket(name, CONTROL_SOCKET);
	if (fd >= 0)
		connection->stream = fdopen(fd, "r+");
	if (connection->stream)
		return connection;
	if (fd >= 0)
		close(fd);
	free(connection);
	if (!quiet)
		client_report_not_running(name);
	return NULL;
}

void client_close(struct connection **connection)
{
	if (!*connection)
		return;
	fclose((*connection)->stream);
	free((*connection)->line);
	free(*connection);
	*connection = NULL;
}

int client_send(struct connection *connection, const json_t *request)
{
	_cleanup_free_ char *line = json_dumps(request, JSON_COMPACT);
	int fd = fileno(connection->stream);
	int ret;

	if (!line)
		return -ENOMEM;
	ret = write_all(fd, line, strlen(line));
	return ret < 0 ? ret : write_all(fd, "\n", 1);
}

json_t *client_receive(struct connection *connection)
{
	ssize_t length = getline(&connection->line, &connection->size, connection->stream);

	return length > 0 ? json_loadb(connection->line, (size_t)length, JSON_ALLOW_NUL, NULL)
			  : NULL;
}

json_t *client_call(const char *name, json_t *request, void (*event)(const json_t *event))
{
	_cleanup_(client_close) struct connection *connection = client_connect(name, false);
	json_auto_t *taken = request;
	json_t *reply;

	if (!connection)
		return NULL;
	if (client_send(connection, request) < 0)
		reply = NULL;
	else
		reply = client_receive(connection);
	while (reply && json_object_get(reply, "event")) {
		if (event)
			event(reply);
		json_decref(reply);
		reply = client_receive(connection);
	}
	if (!reply)
		fprintf(stderr, "hvhost: the machine \"%s\" ended before it answered.\n", name);
	return reply;
}

const char *text_of(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return text ? text : "";
}

json_int_t number_of(const json_t *json, const char *member)
{
	return json_integer_value(json_object_get(json, member));
}
