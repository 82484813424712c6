// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The test host's stream between a Hyper-V socket and a UNIX socket, with a guest and a program
 * that do anything in any order. An input is a sequence of steps: the action, and an argument. Both
 * sides send bytes that count up, so that a lost, repeated or foreign byte is noticed.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "tests/hvhost/vsock/stream.h"
#include "tests/hvhost/vsock/vsock.h"

enum action {
	HOST_WRITES,
	HOST_READS,
	HOST_SHUTS_DOWN,
	HOST_CLOSES,
	GUEST_OPENS,
	GUEST_WRITES,
	GUEST_SHUTS_DOWN,
	GUEST_SENDS_GARBAGE,
	GUEST_CLOSES,
	GUEST_RELEASES,
	GUEST_READS, /* the ring has space, or none */
	RESET,
	TIMER,
	ACTIONS,
};

static struct vm vm;
static struct vsock vsock = {.vm = &vm};
static struct stream *stream;
static int host;
static bool full, reaped;
static uint32_t host_sent, guest_got, guest_sent, host_got; /* bytes of the stream */
static size_t line_left;                                    /* of the "OK" line */

void log_line(const char *format, ...)
{
}

uint64_t now_us(void)
{
	return 0; /* the timer expires by a step */
}

int vmbus_add_channel(struct vmbus *bus, struct channel *channel)
{
	channel->bus = bus;
	return 0;
}

void vmbus_remove_channel(struct channel *channel)
{
	must(channel->state == CHANNEL_NOT_OFFERED);
}

void channel_offer(struct channel *channel)
{
	must(channel->state == CHANNEL_NOT_OFFERED);
	channel->state = CHANNEL_OFFERED;
}

static void close_channel(struct channel *channel, enum channel_state next)
{
	bool was_open = channel->state == CHANNEL_OPEN;

	channel->state = next;
	if (was_open)
		channel->ops->closed(channel);
}

void channel_rescind(struct channel *channel)
{
	if (channel->state == CHANNEL_OFFERED || channel->state == CHANNEL_OPEN)
		close_channel(channel, CHANNEL_RESCINDED);
}

int channel_send(struct channel *channel, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	struct pipe_header header;

	must(channel->state == CHANNEL_OPEN && !full && length >= sizeof(header));
	memcpy(&header, data, sizeof(header));
	must(header.type == 1 && header.size == length - sizeof(header));
	for (size_t i = sizeof(header); i < length; i++)
		must(bytes[i] == (uint8_t)guest_got++);
	must(guest_got <= host_sent);
	return 0;
}

bool channel_is_full(const struct channel *channel)
{
	return full;
}

void channel_hold(struct channel *channel)
{
	channel->held = true;
}

void channel_continue(struct channel *channel)
{
	channel->held = false;
}

uint32_t vsock_next_port(struct vsock *owner)
{
	return 5000;
}

void vsock_refuse(struct stream *refused)
{
	must(false); /* only of a connection from the guest */
}

void vsock_reap(struct vsock *owner)
{
	reaped = true;
}

static void run_loop(void)
{
	struct epoll_event event;
	int events = 0;

	while (epoll_wait(vm.loop.epoll, &event, 1, 0) > 0) {
		struct source *source = event.data.ptr;

		must(++events <
		     1000); /* an event that nobody handles is reported again and again */
		source->ready(source, event.events);
	}
}

static void host_writes(size_t size)
{
	uint8_t bytes[8192];
	ssize_t sent;

	size = size * 32 + 1;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(host_sent + i);
	sent = send(host, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		host_sent += (uint32_t)sent;
}

static void host_reads(size_t size)
{
	uint8_t bytes[65536];
	ssize_t got = recv(host, bytes, size * 256 + 1, MSG_DONTWAIT);

	for (ssize_t i = 0; i < got; i++) {
		if (line_left > 0)
			line_left--;
		else
			must(bytes[i] == (uint8_t)host_got++);
	}
	must(host_got <= guest_sent);
}

static void guest_packet(uint32_t type, uint32_t size, const uint8_t *data, size_t length)
{
	struct channel *channel = &stream->channel;
	struct pipe_header header = {type, size};
	uint8_t *packet;

	if (channel->state != CHANNEL_OPEN || channel->held)
		return;
	packet = malloc(sizeof(header) + length);
	must(packet);
	memcpy(packet, &header, sizeof(header));
	memcpy(packet + sizeof(header), data, length);
	channel->ops->received(channel, packet, sizeof(header) + length);
	free(packet);
}

static void guest_writes(uint32_t size)
{
	static uint8_t bytes[16384];

	size = size * 64 + 1;
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(guest_sent + i);
	if (stream->channel.state == CHANNEL_OPEN && !stream->channel.held)
		guest_sent += size;
	guest_packet(1, size, bytes, size);
}

static void guest_opens(void)
{
	if (stream->channel.state != CHANNEL_OFFERED)
		return;
	stream->channel.state = CHANNEL_OPEN;
	stream->channel.ops->opened(&stream->channel);
}

/* What is in the ring is received, even if it was on hold. */
static void guest_closes(unsigned int packets)
{
	while (packets-- && stream->channel.state == CHANNEL_OPEN) {
		stream->channel.held = false;
		guest_writes(255);
	}
	if (stream->channel.state == CHANNEL_OPEN)
		close_channel(&stream->channel, CHANNEL_OFFERED);
}

static void guest_releases(enum channel_state from)
{
	if (stream->channel.state != from)
		return;
	close_channel(&stream->channel, CHANNEL_NOT_OFFERED);
	stream->channel.ops->released(&stream->channel);
}

static void step(enum action action, uint8_t argument)
{
	switch (action) {
	case HOST_WRITES:
		host_writes(argument);
		break;
	case HOST_READS:
		host_reads(argument);
		break;
	case HOST_SHUTS_DOWN:
		shutdown(host, SHUT_WR);
		break;
	case HOST_CLOSES:
		closep(&host);
		break;
	case GUEST_OPENS:
		guest_opens();
		break;
	case GUEST_WRITES:
		guest_writes(argument);
		break;
	case GUEST_SHUTS_DOWN:
		guest_packet(1, 0, &argument, 0);
		break;
	case GUEST_SENDS_GARBAGE:
		guest_packet(argument % 3, argument % 2 + 1u, &argument, argument % 2);
		break;
	case GUEST_CLOSES:
		guest_closes(argument % 32);
		break;
	case GUEST_RELEASES:
		guest_releases(CHANNEL_RESCINDED);
		break;
	case GUEST_READS:
		full = argument % 2;
		if (!full && stream->channel.state == CHANNEL_OPEN)
			stream->channel.ops->writable(&stream->channel);
		break;
	case RESET:
		if (stream->channel.state != CHANNEL_NOT_OFFERED)
			guest_releases(stream->channel.state);
		break;
	case TIMER:
		stream->timer.expired(&stream->timer);
		break;
	case ACTIONS:
		break;
	}
	run_loop();
}

/*
 * The guest is read unless bytes wait for the program; it is given a limited time once the program
 * has left and its direction has ended. At the end of a stream nobody waits for it, and it can be
 * freed.
 */
static void check(void)
{
	if (stream->state == STREAM_ENDED) {
		must(stream->socket.fd < 0 && !stream->rest);
		must(stream->channel.state == CHANNEL_RESCINDED ||
		     (stream->channel.state == CHANNEL_NOT_OFFERED && reaped));
	} else if (stream->state == STREAM_CONNECTED) {
		must(stream->channel.state != CHANNEL_OPEN ||
		     stream->channel.held == (stream->rest_size > 0));
		must(!stream->hung_up || !stream->host_ended || stream->guest_ended ||
		     stream->closing);
	}
}

static void set_up(void)
{
	static const char line[] = "CONNECT 877\n";
	int pair[2];

	vm.bus.offers_requested = true;
	full = reaped = false;
	host_sent = guest_got = guest_sent = host_got = 0;
	line_left = sizeof("OK 5000\n") - 1;
	must(loop_init(&vm.loop) == 0);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	host = pair[0];
	stream = stream_new(&vsock, pair[1], STREAM_CONNECT, CHANNEL_TO_GUEST);
	must(stream);
	must(write(host, line, sizeof(line) - 1) == sizeof(line) - 1);
	run_loop();
}

static void tear_down(void)
{
	stream->channel.state = CHANNEL_NOT_OFFERED;
	stream_free(stream);
	closep(&host);
	loop_done(&vm.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t port;
	char line[VSOCK_LINE_MAX] = "";

	memcpy(line, data, size < sizeof(line) ? size : sizeof(line) - 1);
	parse_connect(line, &port);
	set_up();
	for (size_t i = 0; i + 1 < size; i += 2) {
		step(data[i] % ACTIONS, data[i + 1]);
		check();
	}
	tear_down();
	return 0;
}
