// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "userspace/shared/util.h"

#define LINE_MAX_BYTES (4 << 20) /* the longest line contains all KVP items of a guest */
#define READ_BYTES     (64 << 10)

/* Also applies to connect(), which blocks while the host's backlog is full. */
static int set_send_timeout(int fd)
{
	struct timeval timeout = {.tv_sec = VMG_REPLY_MS / 1000};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ? -errno : 0;
}

static int connect_to(int fd, const struct sockaddr_un *address)
{
	int ret;

	do {
		ret = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

int vmg_connection_open(struct connection *connection, const char *directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int size = sizeof(address.sun_path), ret;

	*connection = (struct connection){.fd = -1};
	/* No host can listen on a longer path. */
	if (snprintf(address.sun_path, (size_t)size, "%s/control.sock", directory) >= size)
		return -ENOENT;
	connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0)
		return -errno;
	ret = set_send_timeout(connection->fd);
	if (ret == 0)
		ret = connect_to(connection->fd, &address);
	if (ret < 0)
		vmg_connection_close(connection);
	return ret;
}

void vmg_connection_close(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	free(connection->input);
	*connection = (struct connection){.fd = -1};
}

static int send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return -errno;
		if (sent > 0) {
			data += sent;
			length -= (size_t)sent;
		}
	}
	return 0;
}

int vmg_connection_send(struct connection *connection, json_t *request)
{
	json_auto_t *stolen = request;
	_cleanup_free_ char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	int ret;

	if (!line)
		return -ENOMEM;
	ret = send_all(connection->fd, line, strlen(line));
	return ret < 0 ? ret : send_all(connection->fd, "\n", 1);
}

/* Removes the first line from the input. Returns 0 if no line is complete. */
static int take_line(struct connection *connection, json_t **object)
{
	size_t left = connection->length - connection->searched;
	char *end = left ? memchr(connection->input + connection->searched, '\n', left) : NULL;
	size_t used;

	connection->searched = connection->length;
	if (!end)
		return 0;
	connection->searched = 0;
	*object = json_loadb(connection->input, (size_t)(end - connection->input), JSON_ALLOW_NUL,
			     NULL);
	used = (size_t)(end + 1 - connection->input);
	connection->length -= used;
	memmove(connection->input, end + 1, connection->length);
	return *object ? 1 : -EPROTO;
}

static int read_more(struct connection *connection)
{
	char buffer[READ_BYTES], *input;
	ssize_t got = recv(connection->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	if (got == 0)
		return -EPIPE;
	if (connection->length + (size_t)got > LINE_MAX_BYTES)
		return -EPROTO;
	input = realloc(connection->input, connection->length + (size_t)got);
	if (!input)
		return -ENOMEM;
	memcpy(input + connection->length, buffer, (size_t)got);
	connection->input = input;
	connection->length += (size_t)got;
	return 1;
}

int vmg_connection_next(struct connection *connection, json_t **object)
{
	int ret = take_line(connection, object);

	while (ret == 0) {
		ret = read_more(connection);
		if (ret <= 0)
			break;
		ret = take_line(connection, object);
	}
	return ret;
}

int vmg_poll(int fd, int64_t deadline)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	int ret;

	do {
		ret = poll(&readable, 1, vmg_poll_time(deadline));
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	return ret ? 0 : -ETIMEDOUT;
}

int vmg_connection_receive(struct connection *connection, int64_t deadline, json_t **object)
{
	int ret;

	while ((ret = vmg_connection_next(connection, object)) == 0) {
		ret = vmg_poll(connection->fd, deadline);
		if (ret < 0)
			break;
	}
	return ret;
}

int vmg_connection_call(const char *directory, json_t *request, json_t **reply)
{
	int64_t deadline = vmg_now_ms() + VMG_REPLY_MS;
	struct connection connection;
	int ret = vmg_connection_open(&connection, directory);

	if (ret < 0) {
		json_decref(request);
		return ret;
	}
	ret = vmg_connection_send(&connection, request);
	if (ret == 0)
		ret = vmg_connection_receive(&connection, deadline, reply);
	vmg_connection_close(&connection);
	return ret < 0 ? ret : 0;
}

HRESULT vmg_hresult_of(int error)
{
	switch (error) {
	case 0:
		return S_OK;
	case -EACCES:
	case -EPERM:
		return E_ACCESSDENIED;
	case -ENOENT:
	case -ENOTDIR:
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -EPIPE:
		return VM_E_VM_NOT_RUNNING;
	case -EAGAIN:
	case -ETIMEDOUT:
		return VM_E_TIMED_OUT;
	case -ENOMEM:
		return E_OUTOFMEMORY;
	default:
		return DISP_E_EXCEPTION;
	}
}

HRESULT vmg_hresult_in(const json_t *reply)
{
	const json_t *number = json_object_get(reply, "hresult");
	HRESULT hr = (HRESULT)json_integer_value(number);

	if (json_is_true(json_object_get(reply, "ok")))
		return json_is_integer(number) ? hr : DISP_E_EXCEPTION;
	return FAILED(hr) ? hr : DISP_E_EXCEPTION;
}
