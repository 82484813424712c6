// SPDX-License-Identifier: GPL-2.0-or-later
/* The states of a Hyper-V socket's stream, with a guest that the tests play on a faked channel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "fake_channel.h"
#include "tests/hvhost/vsock/stream.h"
#include "tests/hvhost/vsock/vsock.h"
#include "unit.h"

#define LOTS ((size_t)8 * 1024 * 1024) /* more than a UNIX socket holds */

static struct vm vm;
static struct vsock vsock = {.vm = &vm};
static struct stream *stream;
static int host; /* the other end of the stream's UNIX socket */

/* What the stream has asked its owner for. */
static unsigned int refused, reaped;

uint32_t vsock_next_port(struct vsock *owner)
{
	return 5000;
}

void vsock_refuse(struct stream *of)
{
	assert_ptr_equal(of, stream);
	refused++;
}

void vsock_reap(struct vsock *owner)
{
	reaped++;
}

static void run_loop(void)
{
	fake_run_loop(&vm.loop);
}

static int start(enum stream_state state, enum channel_kind kind)
{
	int pair[2];

	fake_guest = (struct fake_guest){0};
	refused = reaped = 0;
	vm.bus.offers_requested = true;
	assert_int_equal(loop_init(&vm.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	host = pair[0];
	stream = stream_new(&vsock, pair[1], state, kind);
	assert_non_null(stream);
	return 0;
}

static int setup(void **state)
{
	return start(STREAM_CONNECT, CHANNEL_TO_GUEST);
}

static int setup_from_guest(void **state)
{
	return start(STREAM_RELAY, CHANNEL_TO_HOST);
}

static int teardown(void **state)
{
	stream->channel.state = CHANNEL_NOT_OFFERED;
	stream_free(stream);
	closep(&host);
	loop_done(&vm.loop);
	return 0;
}

static void host_writes(const char *text)
{
	assert_int_equal(write(host, text, strlen(text)), strlen(text));
	run_loop();
}

/* Expects that the host's program can read this text, and no more. */
static void assert_host_reads(const char *text)
{
	char got[256];
	ssize_t size = read(host, got, sizeof(got));

	assert_int_equal(size, strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

static void assert_host_waits(void)
{
	char byte;

	assert_int_equal(read(host, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static void guest_opens(void)
{
	assert_int_equal(stream->channel.state, CHANNEL_OFFERED);
	stream->channel.state = CHANNEL_OPEN;
	stream->channel.ops->opened(&stream->channel);
	run_loop();
}

static void guest_sends(uint32_t type, uint32_t size, const void *data, size_t length)
{
	uint8_t packet[SOCKET_PACKET_MAX] = {0};
	struct pipe_header header = {type, size};

	memcpy(packet, &header, sizeof(header));
	memcpy(packet + sizeof(header), data, length);
	stream->channel.ops->received(&stream->channel, packet, sizeof(header) + length);
	run_loop();
}

/* Padded, as the length of a packet is a multiple of 8. */
static void guest_writes(const char *text)
{
	char padded[64] = "";

	snprintf(padded, sizeof(padded), "%s", text);
	guest_sends(1, (uint32_t)strlen(text), padded, (strlen(text) + 7) / 8 * 8);
}

static void guest_shuts_down(void)
{
	guest_sends(1, 0, "", 0);
}

/* Expects this payload in the next packet; "" is FIN. */
static void assert_guest_gets(const char *text)
{
	struct pipe_header header;
	size_t size = sizeof(header) + strlen(text);

	assert_true(fake_guest.sent_size >= size);
	memcpy(&header, fake_guest.sent, sizeof(header));
	assert_int_equal(header.type, 1);
	assert_int_equal(header.size, strlen(text));
	assert_memory_equal(fake_guest.sent + sizeof(header), text, strlen(text));
	fake_guest.sent_size -= size;
	memmove(fake_guest.sent, fake_guest.sent + size, fake_guest.sent_size);
}

static void connect_stream(void)
{
	host_writes("CONNECT 877\n");
	guest_opens();
	assert_host_reads("OK 5000\n");
}

static void assert_ended(void)
{
	char byte;

	errno = 0;
	assert_int_equal(stream->state, STREAM_ENDED);
	assert_int_not_equal(stream->channel.state, CHANNEL_OPEN);
	assert_int_not_equal(stream->channel.state, CHANNEL_OFFERED);
	/* ECONNRESET if the stream has left something unread. */
	if (recv(host, &byte, 1, MSG_DONTWAIT) != 0)
		assert_int_equal(errno, ECONNRESET);
}

static void test_connect_lines(void **state)
{
	static const char *const invalid[] = {
		"",
		"CONNECT",
		"CONNECT ",
		"CONNECT x",
		"CONNECT -1",
		"CONNECT +1",
		"CONNECT  1",
		"CONNECT 1 ",
		"connect 1",
		"CONNECT 1\r",
		"CONNECT 0x1",
		"CONNECT 4294967295",
		"CONNECT 4294967296",
		" CONNECT 1",
	};
	uint32_t port;

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		assert_false(parse_connect(invalid[i], &port));
	assert_true(parse_connect("CONNECT 0", &port));
	assert_int_equal(port, 0);
	assert_true(parse_connect("CONNECT 4294967294", &port));
	assert_int_equal(port, UINT32_MAX - 1);
}

static void test_service_ids(void **state)
{
	/* 0000036d-facb-11e6-bd58-64006a7986d3, as it is on the wire */
	static const uint8_t wire[] = {0x6d, 0x03, 0x00, 0x00, 0xcb, 0xfa, 0xe6, 0x11,
				       0xbd, 0x58, 0x64, 0x00, 0x6a, 0x79, 0x86, 0xd3};
	struct guid service = service_of_port(877);
	uint32_t port;

	assert_int_equal(sizeof(service), sizeof(wire));
	assert_memory_equal(&service, wire, sizeof(wire));
	assert_true(port_of_service(service, &port));
	assert_int_equal(port, 877);
	service.d[7]++;
	assert_false(port_of_service(service, &port));
	assert_false(port_of_service(host_endpoint(877), &port));
	assert_int_equal(host_endpoint(877).a, 877);
}

static void test_connects_and_carries_both_ways(void **state)
{
	host_writes("CONN");
	assert_int_equal(stream->channel.state, CHANNEL_NOT_OFFERED);
	host_writes("ECT 877\nearly");
	assert_true(guid_equal(stream->channel.class, service_of_port(877)));
	assert_true(guid_equal(stream->channel.instance, host_endpoint(5000)));
	assert_false(stream->channel.enabled);
	assert_host_waits();
	guest_opens();
	assert_host_reads("OK 5000\n");
	assert_guest_gets("early");
	host_writes("to the guest");
	assert_guest_gets("to the guest");
	guest_writes("to the host");
	assert_host_reads("to the host");
}

static void test_line_too_long_or_unknown(void **state)
{
	host_writes("CONNECT 00000000000000000000877\n");
	assert_ended();
	assert_int_equal(reaped, 1);
}

static void test_not_a_command(void **state)
{
	host_writes("GET / HTTP/1.1\n");
	assert_ended();
}

static void test_guest_without_bus(void **state)
{
	vm.bus.offers_requested = false;
	host_writes("CONNECT 877\n");
	assert_ended();
	assert_int_equal(reaped, 1);
}

static void test_nobody_accepts(void **state)
{
	host_writes("CONNECT 877\n");
	stream->timer.expired(&stream->timer);
	assert_ended();
	assert_int_equal(stream->channel.state, CHANNEL_RESCINDED);
	/* Not before the guest has released the relid: its release is the next message. */
	assert_int_equal(reaped, 0);
	stream->channel.state = CHANNEL_NOT_OFFERED;
	stream->channel.ops->released(&stream->channel);
	assert_int_equal(reaped, 1);
}

static void test_client_leaves_before_the_guest_accepts(void **state)
{
	host_writes("CONNECT 877\n");
	closep(&host);
	run_loop();
	assert_int_equal(stream->state, STREAM_ENDED);
	assert_int_equal(stream->channel.state, CHANNEL_RESCINDED);
}

static void test_line_and_end_at_once(void **state)
{
	assert_int_equal(write(host, "CONNECT 877\n", 12), 12);
	closep(&host);
	run_loop();
	assert_int_equal(stream->state, STREAM_ENDED);
}

static void test_each_direction_ends_for_itself(void **state)
{
	connect_stream();
	host_writes("last");
	shutdown(host, SHUT_WR);
	run_loop();
	assert_guest_gets("last");
	assert_guest_gets("");
	guest_writes("answer");
	assert_host_reads("answer");
	assert_int_equal(stream->channel.state, CHANNEL_OPEN);
	guest_shuts_down();
	assert_ended();
}

static void test_guest_ends_first(void **state)
{
	connect_stream();
	guest_writes("last");
	guest_shuts_down();
	assert_host_reads("last");
	assert_host_reads("");
	assert_int_equal(stream->channel.state, CHANNEL_OPEN);
	host_writes("answer");
	assert_guest_gets("answer");
	closep(&host);
	run_loop();
	assert_guest_gets("");
	assert_int_equal(stream->state, STREAM_ENDED);
	assert_int_equal(stream->channel.state, CHANNEL_RESCINDED);
}

/* What the program has written before it closes is delivered; what the guest writes is dropped. */
static void test_host_closes(void **state)
{
	connect_stream();
	host_writes("last");
	closep(&host);
	run_loop();
	assert_guest_gets("last");
	assert_guest_gets("");
	guest_writes("nobody reads this");
	assert_int_equal(stream->channel.state, CHANNEL_OPEN);
	assert_false(stream->channel.held);
	/* A guest that does not close is not waited for forever. */
	stream->timer.expired(&stream->timer);
	assert_int_equal(stream->state, STREAM_ENDED);
}

static void test_slow_reader_at_the_guest(void **state)
{
	connect_stream();
	fake_guest.full = true;
	host_writes("one");
	closep(&host);
	run_loop();
	/* An event may have been pending when the ring filled up, but no byte is read anymore. */
	assert_int_equal(fake_guest.sent_size, 0);
	fake_guest.full = false;
	stream->channel.ops->writable(&stream->channel);
	run_loop();
	assert_guest_gets("one");
	assert_guest_gets("");
}

static bool is_timed(void)
{
	struct itimerspec left;

	assert_int_equal(timerfd_gettime(stream->timer.source.fd, &left), 0);
	return left.it_value.tv_sec || left.it_value.tv_nsec;
}

/* After FIN, the guest may have closed its socket: then it reads nothing of what is left. */
static void test_guest_ends_while_the_ring_is_full(void **state)
{
	connect_stream();
	assert_false(is_timed());
	fake_guest.full = true;
	host_writes("one");
	guest_shuts_down();
	assert_true(is_timed());
	/* It reads: there is no limit for the program. */
	fake_guest.full = false;
	stream->channel.ops->writable(&stream->channel);
	run_loop();
	assert_guest_gets("one");
	assert_false(is_timed());
	fake_guest.full = true;
	host_writes("two");
	assert_true(is_timed());
	stream->timer.expired(&stream->timer);
	assert_ended();
}

/* The guest does not read what the program has left, as its socket is closed. */
static void test_both_leave_while_the_ring_is_full(void **state)
{
	connect_stream();
	fake_guest.full = true;
	host_writes("nobody reads this");
	closep(&host);
	guest_shuts_down();
	assert_int_equal(stream->state, STREAM_CONNECTED);
	assert_true(is_timed());
	stream->timer.expired(&stream->timer);
	assert_int_equal(stream->state, STREAM_ENDED);
}

static size_t host_reads_all(void)
{
	static char bytes[65536];
	size_t all = 0;
	ssize_t got;

	while ((got = read(host, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal((uint8_t)bytes[i], (uint8_t)((all + (size_t)i) / 16384));
		all += (size_t)got;
		run_loop();
	}
	return all;
}

static size_t fill_host(void)
{
	static uint8_t block[16384];
	size_t all = 0;

	while (!stream->channel.held && all < LOTS) {
		memset(block, (int)(all / sizeof(block)), sizeof(block));
		guest_sends(1, sizeof(block), block, sizeof(block));
		all += sizeof(block);
	}
	assert_true(all < LOTS);
	return all;
}

static void test_slow_reader_at_the_host(void **state)
{
	size_t sent;

	connect_stream();
	sent = fill_host();
	/* The other direction goes on. */
	host_writes("still here");
	assert_guest_gets("still here");
	assert_int_equal(host_reads_all(), sent);
	assert_false(stream->channel.held);
}

static void test_guest_closes_with_much_unread(void **state)
{
	size_t sent;

	connect_stream();
	sent = fill_host();
	fake_close_channel(&stream->channel, CHANNEL_OFFERED);
	run_loop();
	assert_int_equal(stream->state, STREAM_CONNECTED);
	assert_int_equal(host_reads_all(), sent);
	assert_ended();
	assert_int_equal(stream->channel.state, CHANNEL_RESCINDED);
}

static void test_host_closes_while_it_is_full(void **state)
{
	connect_stream();
	fill_host();
	closep(&host);
	run_loop();
	assert_false(stream->channel.held);
	assert_guest_gets("");
	guest_shuts_down();
	assert_int_equal(stream->state, STREAM_ENDED);
}

static void test_reset(void **state)
{
	connect_stream();
	fake_close_channel(&stream->channel, CHANNEL_NOT_OFFERED);
	stream->channel.ops->released(&stream->channel);
	run_loop();
	assert_ended();
	assert_true(reaped > 0);
}

static void test_reset_before_the_guest_accepts(void **state)
{
	host_writes("CONNECT 877\n");
	fake_close_channel(&stream->channel, CHANNEL_NOT_OFFERED);
	stream->channel.ops->released(&stream->channel);
	assert_ended();
	assert_true(reaped > 0);
}

static void test_opened_twice(void **state)
{
	connect_stream();
	fill_host();
	fake_close_channel(&stream->channel, CHANNEL_OFFERED);
	guest_opens();
	assert_int_equal(stream->state, STREAM_ENDED);
	assert_int_equal(stream->channel.state, CHANNEL_RESCINDED);
}

static void test_invalid_packets(void **state)
{
	static const struct {
		uint32_t type, size, length;
	} invalid[] = {{0, 8, 8}, {2, 8, 8}, {1, 9, 8}, {1, UINT32_MAX, 8}, {1, 1, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		connect_stream();
		guest_sends(invalid[i].type, invalid[i].size, "12345678", invalid[i].length);
		assert_ended();
		teardown(state);
		setup(state);
	}
	connect_stream();
	stream->channel.ops->received(&stream->channel, "1234567", 7);
	assert_ended();
}

static void test_data_after_fin(void **state)
{
	connect_stream();
	guest_shuts_down();
	guest_writes("more");
	assert_int_equal(stream->state, STREAM_ENDED);
}

static void test_connection_of_the_guest(void **state)
{
	host_writes("OK 6000\nhello");
	guest_opens();
	assert_host_waits();
	assert_guest_gets("hello");
	guest_writes("hello, host");
	assert_host_reads("hello, host");
	assert_int_equal(refused, 0);
}

static void test_refused_by_the_relay(void **state)
{
	closep(&host);
	run_loop();
	assert_int_equal(stream->state, STREAM_ENDED);
	assert_int_equal(refused, 1);
	assert_int_equal(reaped, 1);
}

#define TEST_FROM_GUEST(name) cmocka_unit_test_setup_teardown(name, setup_from_guest, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_lines),
		cmocka_unit_test(test_service_ids),
		TEST(test_connects_and_carries_both_ways),
		TEST(test_line_too_long_or_unknown),
		TEST(test_not_a_command),
		TEST(test_guest_without_bus),
		TEST(test_nobody_accepts),
		TEST(test_client_leaves_before_the_guest_accepts),
		TEST(test_line_and_end_at_once),
		TEST(test_each_direction_ends_for_itself),
		TEST(test_guest_ends_first),
		TEST(test_host_closes),
		TEST(test_slow_reader_at_the_guest),
		TEST(test_guest_ends_while_the_ring_is_full),
		TEST(test_both_leave_while_the_ring_is_full),
		TEST(test_slow_reader_at_the_host),
		TEST(test_guest_closes_with_much_unread),
		TEST(test_host_closes_while_it_is_full),
		TEST(test_reset),
		TEST(test_reset_before_the_guest_accepts),
		TEST(test_opened_twice),
		TEST(test_invalid_packets),
		TEST(test_data_after_fin),
		TEST_FROM_GUEST(test_connection_of_the_guest),
		TEST_FROM_GUEST(test_refused_by_the_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
