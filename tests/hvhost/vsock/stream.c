// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "vsock.h"

#define PIPE_DATA 1

/* Packets to the guest that are written for one event, so that other streams are not delayed. */
#define PACKET_BUDGET 16

/*
 * For a client's first line, for the relay's answer, for the guest to open the channel, and to read
 * what is sent to it after its own FIN.
 */
#define CONNECT_MS 30000
/* The same, and for the guest to close, when the host's end is closed; as HVS_CLOSE_TIMEOUT. */
#define CLOSE_MS   8000

static struct loop *loop_of(const struct stream *stream)
{
	return &stream->vsock->vm->loop;
}

static uint32_t wanted_events(const struct stream *stream)
{
	uint32_t events = 0;

	if (stream->state == STREAM_CONNECT || stream->state == STREAM_RELAY)
		return EPOLLIN;
	if (stream->state != STREAM_CONNECTED)
		return 0;
	if (!stream->host_ended && !channel_is_full(&stream->channel))
		events |= EPOLLIN;
	if (stream->rest_size)
		events |= EPOLLOUT;
	return events;
}

/* A hang-up is reported even if no event is wanted, but must be reported only once. */
static void watch(struct stream *stream)
{
	uint32_t events = wanted_events(stream);
	bool wanted = events || !stream->hung_up;

	if (stream->watched && !wanted)
		loop_remove(loop_of(stream), &stream->socket);
	else if (stream->watched && events != stream->events)
		loop_change(loop_of(stream), &stream->socket, events);
	else if (!stream->watched && wanted)
		loop_add(loop_of(stream), &stream->socket, events);
	stream->watched = wanted;
	stream->events = events;
}

static void drop_rest(struct stream *stream)
{
	free(stream->rest);
	stream->rest = NULL;
	stream->rest_size = 0;
}

void stream_end(struct stream *stream, const char *why)
{
	if (stream->state == STREAM_ENDED)
		return;
	log_line("%s, port %u: %s.", stream->channel.name, stream->port, why);
	if (stream->state == STREAM_RELAY)
		vsock_refuse(stream);
	stream->state = STREAM_ENDED;
	timer_set(&stream->timer, 0, 0);
	if (stream->watched)
		loop_remove(loop_of(stream), &stream->socket);
	stream->watched = false;
	closep(&stream->socket.fd);
	drop_rest(stream);
	channel_rescind(&stream->channel);
	if (stream->channel.state == CHANNEL_NOT_OFFERED)
		vsock_reap(stream->vsock);
}

static int keep_rest(struct stream *stream, const uint8_t *data, size_t size)
{
	uint8_t *rest = realloc(stream->rest, stream->rest_size + size);

	if (!rest)
		return -ENOMEM;
	memcpy(rest + stream->rest_size, data, size);
	stream->rest = rest;
	stream->rest_size += size;
	return 0;
}

static void host_hung_up(struct stream *stream)
{
	stream->hung_up = true;
	drop_rest(stream);
	channel_continue(&stream->channel);
}

/* Returns the number of bytes that the UNIX socket has taken. */
static size_t send_some(struct stream *stream, const uint8_t *data, size_t size)
{
	ssize_t sent = send(stream->socket.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent >= 0)
		return (size_t)sent;
	if (errno != EAGAIN && errno != EINTR) {
		host_hung_up(stream);
		return size;
	}
	return 0;
}

/* To the UNIX socket; what it does not take is kept, and nothing more is read from the guest. */
static void send_to_host(struct stream *stream, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	size_t sent = 0;

	if (stream->hung_up)
		return;
	if (!stream->rest_size)
		sent = send_some(stream, bytes, size);
	if (sent == size)
		return;
	if (keep_rest(stream, bytes + sent, size - sent) < 0)
		stream_end(stream, "out of memory");
	else
		channel_hold(&stream->channel);
}

static void send_rest(struct stream *stream)
{
	size_t sent = send_some(stream, stream->rest, stream->rest_size);

	if (stream->hung_up || sent == stream->rest_size) {
		drop_rest(stream);
		channel_continue(&stream->channel);
		return;
	}
	stream->rest_size -= sent;
	memmove(stream->rest, stream->rest + sent, stream->rest_size);
}

/* Reads no more than the ring has space for, except for one packet that is queued. */
static int relay_to_guest(struct stream *stream)
{
	struct {
		struct pipe_header header;
		uint8_t data[STREAM_CHUNK];
	} packet = {.header.type = PIPE_DATA};
	int ret = 0;

	for (int i = 0; i < PACKET_BUDGET && ret == 0 && !stream->host_ended &&
			!channel_is_full(&stream->channel);
	     i++) {
		ssize_t got =
			recv(stream->socket.fd, packet.data, sizeof(packet.data), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		stream->host_ended = got <= 0;
		packet.header.size = got > 0 ? (uint32_t)got : 0;
		ret = channel_send(&stream->channel, &packet,
				   sizeof(packet.header) + packet.header.size);
	}
	return ret;
}

/* A guest that has sent FIN may have closed its socket, and then it reads no more. */
static void limit_end(struct stream *stream)
{
	if (stream->guest_ended) {
		timer_set(&stream->timer,
			  stream->hung_up                     ? CLOSE_MS
			  : channel_is_full(&stream->channel) ? CONNECT_MS
							      : 0,
			  0);
	} else if (stream->hung_up && stream->host_ended && !stream->closing) {
		stream->closing = true;
		timer_set(&stream->timer, CLOSE_MS, 0);
	}
}

/* Ends the stream if both sides have ended, and otherwise waits for what comes next. */
static void proceed(struct stream *stream)
{
	bool all_sent = stream->guest_ended && !stream->rest_size;

	if (stream->state == STREAM_ENDED)
		return;
	if (all_sent && stream->host_ended) {
		stream_end(stream, "closed");
		return;
	}
	if (all_sent)
		shutdown(stream->socket.fd, SHUT_WR);
	limit_end(stream);
	watch(stream);
}

/* The channel of a socket is offered only once. */
void stream_offer(struct stream *stream)
{
	stream->state = STREAM_OFFERED;
	timer_set(&stream->timer, CONNECT_MS, 0);
	channel_offer(&stream->channel);
	stream->channel.enabled = false;
	if (stream->channel.state != CHANNEL_OFFERED)
		stream_end(stream, "the guest is not connected to the VMBus");
	else if (stream->hung_up)
		stream_end(stream, "the other end has left");
}

static void take_line(struct stream *stream)
{
	uint32_t port;

	if (stream->state == STREAM_RELAY) {
		if (strncmp(stream->line, "OK ", 3) == 0)
			stream_offer(stream);
		else
			stream_end(stream, "the relay's answer is malformed");
	} else if (!parse_connect(stream->line, &port)) {
		stream_end(stream, "the client's line is not \"CONNECT <port>\"");
	} else {
		stream->port = port;
		stream->channel.class = service_of_port(port);
		stream->channel.instance = host_endpoint(vsock_next_port(stream->vsock));
		stream_offer(stream);
	}
}

/* Byte by byte: what follows the line is the stream's, and stays in the socket until then. */
static void read_line(struct stream *stream)
{
	char byte;
	ssize_t got;

	while ((got = recv(stream->socket.fd, &byte, 1, MSG_DONTWAIT)) == 1) {
		if (byte == '\n') {
			stream->line[stream->line_length] = '\0';
			take_line(stream);
			return;
		}
		stream->line[stream->line_length++] = byte;
		if (!byte || stream->line_length == sizeof(stream->line)) {
			stream_end(stream, "the first line is too long or not text");
			return;
		}
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		stream_end(stream, stream->state == STREAM_RELAY ? "nobody listens at the host"
								 : "the client has left");
}

static void transfer(struct stream *stream, uint32_t events)
{
	if (events & EPOLLOUT && stream->rest_size)
		send_rest(stream);
	if (events & EPOLLIN && relay_to_guest(stream) < 0)
		stream_end(stream, "out of memory");
}

static void socket_ready(struct source *source, uint32_t events)
{
	struct stream *stream = container_of(source, struct stream, socket);

	/* A vCPU's thread may have ended the stream after the event. */
	if (stream->state == STREAM_ENDED)
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		host_hung_up(stream);
	switch (stream->state) {
	case STREAM_CONNECT:
	case STREAM_RELAY:
		read_line(stream);
		break;
	case STREAM_OFFERED:
		stream_end(stream, "the client has left before the guest accepted");
		break;
	default:
		transfer(stream, events);
	}
	proceed(stream);
}

static void timer_expired(struct timer *timer)
{
	struct stream *stream = container_of(timer, struct stream, timer);

	stream_end(stream, stream->state == STREAM_CONNECTED ? "the guest did not close in time"
			   : stream->state == STREAM_OFFERED ? "the guest did not accept in time"
							     : "nothing came in time");
}

static void channel_offered(struct channel *channel)
{
	(void)channel;
}

static void channel_opened(struct channel *channel)
{
	struct stream *stream = container_of(channel, struct stream, channel);
	char line[VSOCK_LINE_MAX];

	if (stream->state != STREAM_OFFERED) {
		stream_end(stream, "the guest has opened the channel again");
		return;
	}
	stream->state = STREAM_CONNECTED;
	timer_set(&stream->timer, 0, 0);
	if (channel->kind == CHANNEL_TO_GUEST)
		send_to_host(stream, line,
			     (size_t)snprintf(line, sizeof(line), "OK %u\n", channel->instance.a));
	proceed(stream);
}

/* The guest has closed the channel, or was reset. What it has sent is still written. */
static void channel_closed(struct channel *channel)
{
	struct stream *stream = container_of(channel, struct stream, channel);

	stream->host_ended = true;
	stream->guest_ended = true;
	proceed(stream);
}

static void channel_released(struct channel *channel)
{
	struct stream *stream = container_of(channel, struct stream, channel);

	if (stream->state == STREAM_OFFERED)
		stream_end(stream, "the guest was reset before it accepted");
	if (stream->state == STREAM_ENDED)
		vsock_reap(stream->vsock);
}

static void channel_received(struct channel *channel, const void *data, size_t length)
{
	struct stream *stream = container_of(channel, struct stream, channel);
	struct pipe_header header;

	if (length < sizeof(header))
		length = 0;
	else
		memcpy(&header, data, sizeof(header));
	if (!length || header.type != PIPE_DATA || header.size > length - sizeof(header) ||
	    stream->guest_ended) {
		stream_end(stream, "the guest sent an invalid packet");
		return;
	}
	if (header.size)
		send_to_host(stream, (const uint8_t *)data + sizeof(header), header.size);
	else
		stream->guest_ended = true;
	proceed(stream);
}

static void channel_writable(struct channel *channel)
{
	proceed(container_of(channel, struct stream, channel));
}

static const struct channel_ops channel_ops = {
	.offered = channel_offered,
	.opened = channel_opened,
	.closed = channel_closed,
	.received = channel_received,
	.writable = channel_writable,
	.released = channel_released,
};

static int stream_init(struct stream *stream)
{
	int ret = timer_init(loop_of(stream), &stream->timer, timer_expired);

	if (ret == 0)
		ret = vmbus_add_channel(&stream->vsock->vm->bus, &stream->channel);
	stream->channel.enabled = false;
	if (ret == 0) {
		stream->events = wanted_events(stream);
		ret = loop_add(loop_of(stream), &stream->socket, stream->events);
		stream->watched = ret == 0;
	}
	return ret;
}

struct stream *stream_new(struct vsock *vsock, int socket, enum stream_state state,
			  enum channel_kind kind)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream) {
		close(socket);
		return NULL;
	}
	stream->vsock = vsock;
	stream->state = state;
	stream->socket.fd = socket;
	stream->socket.ready = socket_ready;
	stream->timer.source.fd = -1;
	stream->channel.name = kind == CHANNEL_TO_GUEST ? "vsock to guest" : "vsock to host";
	stream->channel.kind = kind;
	stream->channel.ops = &channel_ops;
	if (stream_init(stream) < 0) {
		stream_free(stream);
		return NULL;
	}
	timer_set(&stream->timer, CONNECT_MS, 0);
	return stream;
}

void stream_free(struct stream *stream)
{
	if (stream->watched)
		loop_remove(loop_of(stream), &stream->socket);
	closep(&stream->socket.fd);
	timer_done(loop_of(stream), &stream->timer);
	if (stream->channel.bus)
		vmbus_remove_channel(&stream->channel);
	drop_rest(stream);
	free(stream);
}
