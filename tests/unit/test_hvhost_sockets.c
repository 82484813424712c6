// SPDX-License-Identifier: GPL-2.0-or-later
/* Which connections hvhost's Hyper-V sockets accept, from both sides, and how many. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fake_channel.h"
#include "tests/hvhost/socket.h"
#include "tests/hvhost/vmbus/channel.h"
#include "tests/hvhost/vsock/stream.h"
#include "tests/hvhost/vsock/vsock.h"
#include "unit.h"

#define PORT 6000

static char folder[] = "/tmp/test_hvhost_sockets.XXXXXX";
static struct machine_config config = {.directory = folder};
static struct vm vm;
static struct vsock *const vsock = &vm.vsock;
static int listener;                         /* the program that listens at the host's port */
static struct msg_tl_connect_result refusal; /* the last one */
static unsigned int refusals;

void vmbus_send(struct vmbus *bus, const void *message, size_t length)
{
	assert_ptr_equal(bus, &vm.bus);
	assert_int_equal(length, sizeof(refusal));
	memcpy(&refusal, message, length);
	refusals++;
}

static int start(bool relayed)
{
	vm = (struct vm){.config = &config};
	vm.bus.offers_requested = true;
	config.access.owner = getuid();
	fake_guest = (struct fake_guest){0};
	refusals = 0;
	assert_int_equal(loop_init(&vm.loop), 0);
	assert_int_equal(vsock_init(vsock, &vm, relayed), 0);
	assert_int_equal(vsock_listen(vsock), 0);
	listener = socket_listen(folder, relayed ? VSOCK_RELAY : VSOCK_SOCKET "_6000");
	assert_true(listener >= 0);
	return 0;
}

static int setup(void **state)
{
	return start(false);
}

static int setup_relayed(void **state)
{
	return start(true);
}

static void release(struct stream *stream)
{
	fake_close_channel(&stream->channel, CHANNEL_NOT_OFFERED);
	stream->channel.ops->released(&stream->channel);
}

static int teardown(void **state)
{
	struct stream *stream;

	LIST_FOREACH(stream, &vsock->streams, entry)
		release(stream);
	vsock_done(vsock);
	assert_int_equal(socket_connect(folder, VSOCK_SOCKET, 0), -ENOENT);
	closep(&listener);
	socket_unlink(folder, VSOCK_RELAY);
	socket_unlink(folder, VSOCK_SOCKET "_6000");
	loop_done(&vm.loop);
	return 0;
}

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

static struct msg_tl_connect_request request_of(uint32_t endpoint, uint32_t port)
{
	return (struct msg_tl_connect_request){.header.type = CHANNELMSG_TL_CONNECT_REQUEST,
					       .endpoint = service_of_port(endpoint),
					       .service = service_of_port(port)};
}

static void guest_connects(uint32_t endpoint, uint32_t port)
{
	struct msg_tl_connect_request request = request_of(endpoint, port);

	vsock_guest_connects(vsock, &request);
	fake_run_loop(&vm.loop);
}

static int client(const char *line)
{
	int fd = socket_connect(folder, VSOCK_SOCKET, SOCK_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	fake_run_loop(&vm.loop);
	return fd;
}

static struct stream *newest(void)
{
	return LIST_FIRST(&vsock->streams);
}

static void assert_refused(uint32_t endpoint, uint32_t port)
{
	unsigned int before = refusals;

	guest_connects(endpoint, port);
	assert_int_equal(refusals, before + 1);
	assert_int_equal(refusal.header.type, CHANNELMSG_TL_CONNECT_RESULT);
	assert_true(guid_equal(refusal.endpoint, service_of_port(endpoint)));
	assert_true(guid_equal(refusal.service, service_of_port(port)));
	assert_true(refusal.status < 0);
}

static void test_message_sizes(void **state)
{
	assert_int_equal(sizeof(struct msg_tl_connect_request), 40);
	assert_int_equal(sizeof(struct msg_tl_connect_result), 44);
}

static void test_guest_connects(void **state)
{
	int fd;

	guest_connects(1025, PORT);
	assert_int_equal(refusals, 0);
	assert_int_equal(newest()->channel.state, CHANNEL_OFFERED);
	assert_int_equal(newest()->channel.kind, CHANNEL_TO_HOST);
	assert_true(guid_equal(newest()->channel.class, service_of_port(PORT)));
	assert_true(guid_equal(newest()->channel.instance, service_of_port(1025)));
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void test_nobody_listens(void **state)
{
	assert_refused(1025, PORT + 1);
	assert_int_equal(vsock->count, 0);
}

static void test_service_that_is_no_port(void **state)
{
	struct msg_tl_connect_request request = request_of(1025, PORT);

	request.service.b++;
	vsock_guest_connects(vsock, &request);
	assert_int_equal(refusals, 1);
}

static void test_guest_without_offers(void **state)
{
	vm.bus.offers_requested = false;
	assert_refused(1025, PORT);
}

static void test_endpoint_in_use(void **state)
{
	guest_connects(1025, PORT);
	assert_refused(1025, PORT);
	guest_connects(1026, PORT);
	assert_int_equal(vsock->count, 2);
	stream_end(newest(), "test");
	assert_refused(1026, PORT); /* its relid is not released */
	release(newest());
	fake_run_loop(&vm.loop);
	guest_connects(1026, PORT);
	assert_int_equal(vsock->count, 2);
}

static void test_too_many(void **state)
{
	char byte;
	int fd;

	for (uint32_t i = 0; i < STREAMS_MAX; i++)
		guest_connects(1025 + i, PORT);
	assert_int_equal(refusals, 0);
	assert_int_equal(vsock->count, STREAMS_MAX);
	assert_refused(1024, PORT);
	fd = client("CONNECT 877\n");
	/* ECONNRESET, as the line was not read */
	assert_true(read(fd, &byte, 1) <= 0 && errno != EAGAIN);
	close(fd);
	stream_end(newest(), "test");
	release(newest());
	fake_run_loop(&vm.loop);
	assert_int_equal(vsock->count, STREAMS_MAX - 1);
	fd = client("CONNECT 877\n");
	assert_int_equal(vsock->count, STREAMS_MAX);
	close(fd);
}

/* The ports of the host's ends, which the guest sees, differ. */
static void test_clients(void **state)
{
	int first = client("CONNECT 877\n"), second;
	struct guid endpoint = newest()->channel.instance;
	struct stat status;
	char path[64];

	assert_int_equal(newest()->channel.kind, CHANNEL_TO_GUEST);
	assert_true(guid_equal(newest()->channel.class, service_of_port(877)));
	second = client("CONNECT 877\n");
	assert_int_equal(vsock->count, 2);
	assert_false(guid_equal(newest()->channel.instance, endpoint));
	assert_true(newest()->channel.instance.a >= 1024);
	snprintf(path, sizeof(path), "%s/" VSOCK_SOCKET, folder);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0666);
	close(first);
	close(second);
}

static void test_relay(void **state)
{
	char line[32] = "";
	int fd;

	guest_connects(1025, PORT);
	assert_int_equal(newest()->channel.state, CHANNEL_NOT_OFFERED);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, line, sizeof(line)), strlen("CONNECT 6000\n"));
	assert_string_equal(line, "CONNECT 6000\n");
	assert_int_equal(write(fd, "OK 6000\n", 8), 8);
	fake_run_loop(&vm.loop);
	assert_int_equal(newest()->channel.state, CHANNEL_OFFERED);
	close(fd);
}

static void test_relay_refuses(void **state)
{
	guest_connects(1025, PORT);
	close(accept(listener, NULL, NULL));
	fake_run_loop(&vm.loop);
	assert_int_equal(refusals, 1);
	assert_int_equal(vsock->count, 0);
}

static void test_reset_before_the_relay_answers(void **state)
{
	guest_connects(1025, PORT);
	vsock_reset(vsock);
	fake_run_loop(&vm.loop);
	assert_int_equal(vsock->count, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_sizes),
		TEST(test_guest_connects),
		TEST(test_nobody_listens),
		TEST(test_service_that_is_no_port),
		TEST(test_guest_without_offers),
		TEST(test_endpoint_in_use),
		TEST(test_too_many),
		TEST(test_clients),
		cmocka_unit_test_setup_teardown(test_relay, setup_relayed, teardown),
		cmocka_unit_test_setup_teardown(test_relay_refuses, setup_relayed, teardown),
		cmocka_unit_test_setup_teardown(test_reset_before_the_relay_answers, setup_relayed,
						teardown),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
