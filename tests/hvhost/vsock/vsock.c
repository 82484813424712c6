// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "stream.h"
#include "tests/hvhost/control/peer.h"
#include "tests/hvhost/socket.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmbus/channel.h"
#include "tests/hvhost/vmm/vm.h"

#define STATUS_CONNECTION_REFUSED ((int32_t)0xc0000236)

/* Linux reserves the ports below for processes with CAP_NET_BIND_SERVICE. */
#define FIRST_PORT 1024u

/* The 128 streams have different ports: a port is used again after 2^32 others. */
uint32_t vsock_next_port(struct vsock *vsock)
{
	if (vsock->last_port < FIRST_PORT || vsock->last_port == UINT32_MAX - 1)
		vsock->last_port = FIRST_PORT - 1;
	return ++vsock->last_port;
}

/* Takes ownership of @socket. */
static struct stream *add_stream(struct vsock *vsock, int socket, enum stream_state state,
				 enum channel_kind kind)
{
	struct stream *stream = stream_new(vsock, socket, state, kind);

	if (!stream)
		return NULL;
	LIST_INSERT_HEAD(&vsock->streams, stream, entry);
	vsock->count++;
	return stream;
}

static void remove_stream(struct vsock *vsock, struct stream *stream)
{
	LIST_REMOVE(stream, entry);
	vsock->count--;
	stream_free(stream);
}

void vsock_reap(struct vsock *vsock)
{
	eventfd_write(vsock->reaper.fd, 1);
}

static void reap(struct source *source, uint32_t events)
{
	struct vsock *vsock = container_of(source, struct vsock, reaper);
	struct stream *stream = LIST_FIRST(&vsock->streams);
	eventfd_t count;

	(void)events;
	eventfd_read(source->fd, &count);
	while (stream) {
		struct stream *next = LIST_NEXT(stream, entry);

		if (stream->state == STREAM_ENDED && stream->channel.state == CHANNEL_NOT_OFFERED)
			remove_stream(vsock, stream);
		stream = next;
	}
}

/* The port of a guest is a function of the machine like those of its components. */
static bool is_admitted(const struct vsock *vsock, int fd)
{
	struct peer peer;

	return peer_of_socket(fd, &vsock->vm->config->access, &peer) == 0 &&
	       peer_is_allowed(&peer, PERMISSION_EXECUTE, "vsock");
}

static void accept_client(struct source *source, uint32_t events)
{
	struct vsock *vsock = container_of(source, struct vsock, listener);
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (!is_admitted(vsock, fd)) {
		close(fd);
	} else if (vsock->count >= STREAMS_MAX) {
		log_line("vsock to guest: refused: there are %u connections.", vsock->count);
		close(fd);
	} else {
		add_stream(vsock, fd, STREAM_CONNECT, CHANNEL_TO_GUEST);
	}
}

static void send_refusal(struct vsock *vsock, struct guid endpoint, struct guid service)
{
	struct msg_tl_connect_result result = {.header.type = CHANNELMSG_TL_CONNECT_RESULT,
					       .endpoint = endpoint,
					       .service = service,
					       .status = STATUS_CONNECTION_REFUSED};

	vmbus_send(&vsock->vm->bus, &result, sizeof(result));
}

void vsock_refuse(struct stream *stream)
{
	send_refusal(stream->vsock, stream->channel.instance, stream->channel.class);
}

static bool is_in_use(const struct vsock *vsock, struct guid endpoint)
{
	const struct stream *stream;

	LIST_FOREACH(stream, &vsock->streams, entry) {
		if (guid_equal(stream->channel.instance, endpoint))
			return true;
	}
	return false;
}

/* The program that listens for the port, or the outer machine's relay. */
static int connect_to_host(const struct vsock *vsock, uint32_t port)
{
	const char *directory = vsock->vm->config->directory;
	char text[32];
	int fd, error;

	if (!vsock->relayed) {
		snprintf(text, sizeof(text), VSOCK_SOCKET "_%u", port);
		return socket_connect(directory, text, SOCK_NONBLOCK);
	}
	fd = socket_connect(directory, VSOCK_RELAY, SOCK_NONBLOCK);
	if (fd < 0)
		return fd;
	snprintf(text, sizeof(text), "CONNECT %u\n", port);
	error = write_all(fd, text, strlen(text));
	if (error < 0)
		closep(&fd);
	return error < 0 ? error : fd;
}

/* -errno if the connection is refused. */
static int connect_stream(struct vsock *vsock, const struct msg_tl_connect_request *request)
{
	struct stream *stream;
	uint32_t port;
	int fd;

	if (!vsock->vm->bus.offers_requested || !port_of_service(request->service, &port))
		return -EINVAL;
	if (is_in_use(vsock, request->endpoint))
		return -EADDRINUSE;
	if (vsock->count >= STREAMS_MAX)
		return -EMFILE;
	fd = connect_to_host(vsock, port);
	if (fd < 0)
		return fd;
	stream = add_stream(vsock, fd, STREAM_RELAY, CHANNEL_TO_HOST);
	if (!stream)
		return -ENOMEM;
	stream->port = port;
	stream->channel.class = request->service;
	stream->channel.instance = request->endpoint;
	if (!vsock->relayed)
		stream_offer(stream);
	return 0;
}

void vsock_guest_connects(struct vsock *vsock, const struct msg_tl_connect_request *request)
{
	int ret = connect_stream(vsock, request);

	if (ret == 0)
		return;
	log_line("vsock to host, port %u: refused: %s.", request->service.a, strerror(-ret));
	send_refusal(vsock, request->endpoint, request->service);
}

void vsock_reset(struct vsock *vsock)
{
	struct stream *stream;

	LIST_FOREACH(stream, &vsock->streams, entry) {
		if (stream->state == STREAM_RELAY)
			stream_end(stream, "the guest was reset");
	}
}

int vsock_init(struct vsock *vsock, struct vm *vm, bool relayed)
{
	vsock->vm = vm;
	vsock->relayed = relayed;
	LIST_INIT(&vsock->streams);
	vsock->listener.fd = -1;
	vsock->reaper.ready = reap;
	vsock->reaper.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vsock->reaper.fd < 0)
		return -errno;
	return loop_add(&vm->loop, &vsock->reaper, EPOLLIN);
}

int vsock_listen(struct vsock *vsock)
{
	vsock->listener.ready = accept_client;
	vsock->listener.fd = socket_listen(vsock->vm->config->directory, VSOCK_SOCKET);
	if (vsock->listener.fd < 0)
		return vsock->listener.fd;
	return loop_add(&vsock->vm->loop, &vsock->listener, EPOLLIN);
}

void vsock_done(struct vsock *vsock)
{
	struct stream *stream;

	if (!vsock->vm)
		return;
	if (vsock->listener.fd >= 0)
		socket_unlink(vsock->vm->config->directory, VSOCK_SOCKET);
	closep(&vsock->listener.fd);
	while ((stream = LIST_FIRST(&vsock->streams)))
		remove_stream(vsock, stream);
	closep(&vsock->reaper.fd);
}
