// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections by sockets: who may connect, framing, limits and slow readers. The connections are
 * socket pairs of AF_UNIX; accept4() gives them the addresses of AF_VSOCK.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <linux/vm_sockets.h>

#include "events.h"
#include "fake_system.h"
#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/guest/system/vsock_g2h.h"
#include "userspace/guest/transport/vsock_listener.h"

#define ID   0x1122334455667788ULL
#define BOOT "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"

static struct fixture {
	sd_event *event;
	struct known_requests known;
	struct vsock_listener listener;
	int waking; /* one byte for each connection that waits at the listener */
	enum vsock_g2h g2h;
	struct sockaddr_vm peer; /* of the next connection */
	int accepted;            /* the daemon's end of it, or a negative errno */
	struct hvl_packet last;
} fixture;

enum vsock_g2h __wrap_vsock_g2h_find(const char *root);
enum vsock_g2h __real_vsock_g2h_find(const char *root);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);

enum vsock_g2h __wrap_vsock_g2h_find(const char *root)
{
	return root[0] ? __real_vsock_g2h_find(root) : fixture.g2h;
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	char byte;

	if (recv(fd, &byte, 1, MSG_DONTWAIT) != 1)
		return -1;
	assert_int_equal(*size, sizeof(fixture.peer));
	memcpy(address, &fixture.peer, sizeof(fixture.peer));
	if (fixture.accepted >= 0)
		return fixture.accepted;
	errno = -fixture.accepted;
	return -1;
}

static int setup(void **state)
{
	int pair[2];

	make_folder();
	assert_int_equal(fake_system_init(), 0);
	add_session("c1", "anna", BY_SIGNAL);
	memset(&fixture, 0, sizeof(fixture));
	fixture.g2h = VSOCK_G2H_HYPERV;
	fixture.peer = (struct sockaddr_vm){
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 123456};
	assert_true(sd_event_new(&fixture.event) >= 0);
	known_requests_init(&fixture.known, folder, BOOT);
	vsock_listener_init(&fixture.listener, &fake.engine, &fixture.known);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fixture.waking = pair[1];
	assert_int_equal(vsock_listener_start(&fixture.listener, pair[0], fixture.event, true), 0);
	return 0;
}

static int teardown(void **state)
{
	engine_drop(&fake.engine);
	vsock_listener_done(&fixture.listener);
	known_requests_done(&fixture.known);
	closep(&fixture.waking);
	sd_event_unref(fixture.event);
	fake_system_done();
	remove_folder();
	return 0;
}

static void run(void)
{
	run_events(fixture.event, 0);
}

/* Returns the host's end. */
static int connect_host(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	fixture.accepted = pair[0];
	assert_int_equal(send(fixture.waking, "x", 1, 0), 1);
	run();
	return pair[1];
}

static bool is_closed(int host)
{
	char byte;

	ssize_t size = recv(host, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	/* The daemon may not have read all. */
	return size == 0 || (size < 0 && errno == ECONNRESET);
}

static void assert_refused(void)
{
	_cleanup_close_ int host = connect_host();

	assert_true(is_closed(host));
	assert_int_equal(fixture.listener.connections, 0);
}

static void write_host(int host, const void *bytes, size_t size)
{
	assert_int_equal(send(host, bytes, size, MSG_NOSIGNAL), size);
	run();
}

static void send_packet(int host, const struct hvl_packet *packet)
{
	write_host(host, packet, hvl_packet_size(packet));
}

/* Returns whether there was a message. */
static bool receive(int host)
{
	struct hvl_packet *last = &fixture.last;
	ssize_t size = recv(host, &last->header, sizeof(last->header), MSG_DONTWAIT);

	if (size <= 0)
		return false;
	assert_int_equal(size, sizeof(last->header));
	assert_true(hvl_packet_check(last, sizeof(*last)));
	if (last->header.size > 0)
		assert_int_equal(recv(host, &last->body, last->header.size, MSG_DONTWAIT),
				 last->header.size);
	return true;
}

static struct hvl_packet negotiation(void)
{
	struct hvl_packet packet;
	struct hvl_negotiate *body = &packet.body.negotiate;

	hvl_packet_init(&packet, HVL_MSGTYPE_NEGOTIATE,
			offsetof(struct hvl_negotiate, versions) + 2 * sizeof(struct hvl_version),
			1, HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	body->framework_count = 1;
	body->message_count = 1;
	body->versions[0] = hvl_framework_versions[0];
	body->versions[1] = hvl_message_versions[0];
	return packet;
}

static struct hvl_packet operation(uint32_t op, uint64_t id)
{
	struct hvl_packet packet;
	bool logoff = op == HVL_OP_LOGOFF;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF,
			logoff ? sizeof(struct hvl_logoff) : sizeof(struct hvl_op_header), 2,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	packet.body.op.op = op;
	packet.body.op.id = id;
	if (logoff)
		packet.body.logoff.timeout = 60;
	return packet;
}

static void send_op(int host, uint32_t op)
{
	const struct hvl_packet packet = operation(op, ID);

	send_packet(host, &packet);
}

static int connect_and_negotiate(void)
{
	const struct hvl_packet packet = negotiation();
	int host = connect_host();

	send_packet(host, &packet);
	assert_true(receive(host));
	assert_int_equal(fixture.last.header.type, HVL_MSGTYPE_NEGOTIATE);
	assert_int_equal(fixture.last.body.negotiate.message_count, 1);
	return host;
}

static const struct peer {
	enum vsock_g2h g2h;
	unsigned int cid, port;
	bool is_host;
} peers[] = {
	/* hv_sock: the host's ports are the first fields of GUIDs. */
	{VSOCK_G2H_HYPERV, VMADDR_CID_HOST, 1, true},
	{VSOCK_G2H_HYPERV, VMADDR_CID_HOST, 0x80000001, true},
	/* virtio: root of the host, bound to 700; root and another user, not bound. */
	{VSOCK_G2H_VIRTIO, VMADDR_CID_HOST, 700, true},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_HOST, 0, true},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_HOST, 1023, true},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_HOST, 1024, false},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_HOST, 0x80000001, false},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_HOST, VMADDR_PORT_ANY, false},
	/* vsock_loopback: a user of this machine, also its root. */
	{VSOCK_G2H_HYPERV, VMADDR_CID_LOCAL, 0x80000001, false},
	{VSOCK_G2H_HYPERV, VMADDR_CID_LOCAL, 1, false},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_LOCAL, 0x80000001, false},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_LOCAL, 700, false},
	/* The hypervisor, other guests, this machine's own CID and guests. */
	{VSOCK_G2H_HYPERV, VMADDR_CID_HYPERVISOR, 700, false},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_HYPERVISOR, 700, false},
	{VSOCK_G2H_HYPERV, 3, 700, false},
	{VSOCK_G2H_VIRTIO, 3, 700, false},
	{VSOCK_G2H_VIRTIO, VMADDR_CID_ANY, 700, false},
	{VSOCK_G2H_HYPERV, VMADDR_CID_ANY, 700, false},
	/* Without a known transport, CID 2 can be this machine. */
	{VSOCK_G2H_NONE, VMADDR_CID_HOST, 700, false},
	{VSOCK_G2H_NONE, VMADDR_CID_LOCAL, 700, false},
	{VSOCK_G2H_UNCLEAR, VMADDR_CID_HOST, 700, false},
};

static void test_peers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		_cleanup_close_ int host = -1;

		assert_int_equal(vsock_g2h_is_host(peers[i].g2h, peers[i].cid, peers[i].port),
				 peers[i].is_host);
		fixture.g2h = peers[i].g2h;
		fixture.peer.svm_cid = peers[i].cid;
		fixture.peer.svm_port = peers[i].port;
		host = connect_host();
		assert_int_equal(is_closed(host), !peers[i].is_host);
	}
	fixture.peer = (struct sockaddr_vm){.svm_family = AF_UNIX, .svm_cid = VMADDR_CID_HOST};
	fixture.g2h = VSOCK_G2H_HYPERV;
	_cleanup_close_ int host = connect_host();

	assert_true(is_closed(host));
}

static void make_directories(const char *path)
{
	char part[256];

	snprintf(part, sizeof(part), "%s/%s", folder, path);
	for (char *end = part + strlen(folder) + 1; *end; end++) {
		if (*end != '/')
			continue;
		*end = '\0';
		mkdir(part, 0700);
		*end = '/';
	}
	mkdir(part, 0700);
}

static void test_transports_of_the_kernel(void **state)
{
	assert_int_equal(vsock_g2h_find(folder), VSOCK_G2H_NONE);
	make_directories("sys/bus/virtio/drivers/vmw_vsock_virtio_transport/module");
	assert_int_equal(vsock_g2h_find(folder), VSOCK_G2H_NONE);
	make_directories("sys/bus/virtio/drivers/vmw_vsock_virtio_transport/virtio12");
	assert_int_equal(vsock_g2h_find(folder), VSOCK_G2H_VIRTIO);
	make_directories("sys/bus/vmbus/drivers/hv_sock");
	assert_int_equal(vsock_g2h_find(folder), VSOCK_G2H_UNCLEAR);
	remove_folder();
	make_folder();
	make_directories("sys/bus/vmbus/drivers/hv_sock");
	assert_int_equal(vsock_g2h_find(folder), VSOCK_G2H_HYPERV);
}

static void test_disabled(void **state)
{
	fixture.listener.enabled = false;
	assert_refused();
}

static void test_accept_fails(void **state)
{
	static const int errors[] = {ECONNABORTED, EINTR, EMFILE};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		fixture.accepted = -errors[i];
		assert_int_equal(send(fixture.waking, "x", 1, 0), 1);
		run();
		assert_int_equal(fixture.listener.connections, 0);
	}
	closep(&(int){connect_and_negotiate()});
}

static void test_logoff(void **state)
{
	_cleanup_close_ int host = connect_and_negotiate();

	send_op(host, HVL_OP_LOGOFF);
	assert_true(receive(host));
	assert_int_equal(fixture.last.body.op.op, HVL_OP_PROGRESS);
	run_for(60);
	run();
	while (fixture.last.body.op.op != HVL_OP_COMPLETE)
		assert_true(receive(host));
	assert_int_equal(fixture.last.body.report.result, HV_LOGOFF_S_OK);
	assert_int_equal(open_sessions(), 0);
	assert_false(receive(host));
	assert_false(is_closed(host));
}

/* The connection ends in the middle of the request, which continues. */
static void test_connection_cut(void **state)
{
	int host = connect_and_negotiate();

	send_op(host, HVL_OP_LOGOFF);
	closep(&host);
	run();
	assert_int_equal(fixture.listener.connections, 0);
	run_for(60);
	run();
	assert_int_equal(open_sessions(), 0);
	host = connect_and_negotiate();
	send_op(host, HVL_OP_LOGOFF);
	assert_true(receive(host));
	assert_int_equal(fixture.last.body.op.op, HVL_OP_COMPLETE);
	assert_int_equal(fixture.last.body.op.flags, HVL_REPLAY);
	assert_int_equal(fake.requests, 1);
	closep(&host);
}

static void test_one_byte_at_a_time(void **state)
{
	struct hvl_packet packets[] = {negotiation(), operation(HVL_OP_LOGOFF, ID)};
	_cleanup_close_ int host = connect_host();

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		for (size_t j = 0; j < hvl_packet_size(&packets[i]); j++) {
			assert_false(receive(host));
			write_host(host, (const char *)&packets[i] + j, 1);
		}
		assert_true(receive(host));
	}
	assert_int_equal(fake.requests, 1);
}

static void test_many_messages_at_once(void **state)
{
	_cleanup_close_ int host = connect_and_negotiate();
	const struct hvl_packet query = operation(HVL_OP_QUERY, ID);
	const unsigned int count = 100;

	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(send(host, &query, hvl_packet_size(&query), 0),
				 hvl_packet_size(&query));
	run();
	for (unsigned int i = 0; i < count; i++) {
		assert_true(receive(host));
		assert_int_equal(fixture.last.header.status, HV_LOGOFF_E_NOT_FOUND);
	}
	assert_false(receive(host));
}

/* What is not a header ends the connection, without an answer, and nothing else. */
static void test_garbage(void **state)
{
	_cleanup_close_ int watcher = connect_and_negotiate();
	unsigned int seed = 1;

	for (unsigned int i = 0; i < 300; i++) {
		_cleanup_close_ int host = i % 2 ? connect_and_negotiate() : connect_host();
		unsigned char bytes[sizeof(struct hvl_packet)];

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = (unsigned char)rand_r(&seed);
		assert_int_equal(send(host, bytes, 28 + i, MSG_NOSIGNAL), 28 + i);
		run();
		assert_false(receive(host));
		assert_int_equal(fixture.listener.connections, 1);
	}
	assert_false(is_closed(watcher));
}

static void test_sizes(void **state)
{
	static const struct {
		uint16_t size;
		uint32_t pipe_size;
	} wrong[] = {{2021, 2041}, {16, 35}, {16, 37}, {16, 0}, {65535, 65555}, {0, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_close_ int host = connect_and_negotiate();
		struct hvl_packet packet = operation(HVL_OP_QUERY, ID);

		packet.header.size = wrong[i].size;
		packet.header.pipe_size = wrong[i].pipe_size;
		write_host(host, &packet, sizeof(packet.header));
		assert_true(is_closed(host));
	}
	/* The largest message is only refused. */
	_cleanup_close_ int host = connect_and_negotiate();
	struct hvl_packet packet = operation(HVL_OP_QUERY, ID);

	packet.header.size = sizeof(packet.body);
	packet.header.pipe_size = HVL_IC_HEADER_SIZE + sizeof(packet.body);
	packet.body.bytes[sizeof(packet.body) - 1] = 1;
	send_packet(host, &packet);
	assert_true(receive(host));
	assert_int_equal(fixture.last.header.status, HV_LOGOFF_E_FAIL);
	assert_false(is_closed(host));
}

static void test_before_negotiation(void **state)
{
	_cleanup_close_ int host = connect_host();

	send_op(host, HVL_OP_LOGOFF);
	assert_true(receive(host));
	assert_int_equal(fixture.last.header.status, HV_LOGOFF_E_FAIL);
	assert_true(is_closed(host));
	assert_int_equal(fake.requests, 0);
	assert_int_equal(fixture.listener.connections, 0);
}

/* Waits for the end of the connection, which its time causes. */
static void await_close(int host)
{
	while (!is_closed(host))
		assert_true(sd_event_run(fixture.event, 10 * USEC_PER_SEC) > 0);
}

static void test_no_negotiation(void **state)
{
	const struct hvl_packet packet = negotiation();

	fixture.listener.patience = USEC_PER_MSEC;
	_cleanup_close_ int silent = connect_host();

	await_close(silent);
	/* A part of it is not sufficient, either. */
	_cleanup_close_ int slow = connect_host();

	assert_int_equal(send(slow, &packet, 40, 0), 40);
	await_close(slow);
	assert_int_equal(fixture.listener.connections, 0);
}

static void test_message_incomplete(void **state)
{
	const struct hvl_packet packet = operation(HVL_OP_LOGOFF, ID);
	_cleanup_close_ int watcher = connect_and_negotiate();

	fixture.listener.patience = USEC_PER_MSEC;
	for (size_t size = 1; size < hvl_packet_size(&packet); size += 100) {
		_cleanup_close_ int host = -1;

		fixture.listener.patience = VSOCK_PATIENCE;
		host = connect_and_negotiate();
		fixture.listener.patience = USEC_PER_MSEC;
		assert_int_equal(send(host, &packet, size, 0), size);
		await_close(host);
	}
	/* One that sends nothing remains. */
	assert_false(is_closed(watcher));
	assert_int_equal(fake.requests, 0);
}

static void end_sessions(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		vsock_requests_session_ended(&fixture.listener.requests, 0,
					     &(struct session){.id = (char *)"c9",
							       .user = (char *)"bert",
							       .uid = 1000 + i},
					     HV_LOGOFF_NORMAL);
}

/* Nothing is lost without being counted, in order, and other connections do not wait. */
static void test_slow_reader(void **state)
{
	_cleanup_close_ int host = connect_and_negotiate();
	_cleanup_close_ int other = connect_and_negotiate();
	unsigned int received = 0, lost = 0;

	for (unsigned int i = 0; i < 20; i++) {
		end_sessions(100);
		run();
		for (unsigned int j = 0; j < 100; j++)
			assert_true(receive(other));
	}
	for (unsigned int round = 0; round < 2; round++) {
		while (receive(host)) {
			const struct hvl_session *session = &fixture.last.body.session;

			lost += session->lost;
			assert_int_equal(session->uid,
					 round ? 1000 : 1000 + (received + lost) % 100);
			received++;
			run();
		}
		/* The next one has the number of those that were lost last. */
		end_sessions(round ? 0 : 1);
		run();
	}
	assert_true(lost > 0);
	assert_int_equal(received + lost, 2001);
}

static void test_one_after_the_other(void **state)
{
	for (unsigned int i = 0; i < 10000; i++) {
		int host = i % 100 ? connect_host() : connect_and_negotiate();

		closep(&host);
		run();
		assert_int_equal(fixture.listener.connections, 0);
	}
}

static void test_too_many_at_once(void **state)
{
	int hosts[VSOCK_CONNECTIONS_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		hosts[i] = connect_and_negotiate();
	_cleanup_close_ int refused = connect_host();

	assert_true(is_closed(refused));
	closep(&hosts[7]);
	run();
	hosts[7] = connect_and_negotiate();
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		closep(&hosts[i]);
}

static void test_no_socket_passed(void **state)
{
	int pair[2];
	char pid[16];

	assert_int_equal(vsock_listener_take(), -ENOENT);
	/* One of another family is not used, but closed. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	if (pair[0] != SD_LISTEN_FDS_START) {
		closep(&pair[0]);
		closep(&pair[1]);
		skip();
	}
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(vsock_listener_take(), -ENOENT);
	assert_null(getenv("LISTEN_FDS"));
	assert_int_equal(close(pair[0]), -1);
	closep(&pair[1]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_peers),
		TEST(test_transports_of_the_kernel),
		TEST(test_disabled),
		TEST(test_accept_fails),
		TEST(test_logoff),
		TEST(test_connection_cut),
		TEST(test_one_byte_at_a_time),
		TEST(test_many_messages_at_once),
		TEST(test_garbage),
		TEST(test_sizes),
		TEST(test_before_negotiation),
		TEST(test_no_negotiation),
		TEST(test_message_incomplete),
		TEST(test_slow_reader),
		TEST(test_one_after_the_other),
		TEST(test_too_many_at_once),
		cmocka_unit_test(test_no_socket_passed),
	};

	return cmocka_run_group_tests_name("vsock_listener", tests, NULL, NULL);
}
