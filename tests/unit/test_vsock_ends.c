// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A logoff over a stream with both ends: that of libvmguestos, and that of hv-logoffd with its
 * engine, one user's session, and the journal. The stream breaks, and the daemon is killed, between
 * any two messages.
 */
#include <string.h>

#include "fake_system.h"
#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/guest/transport/vsock_requests.h"
#include "userspace/host/libvmguestos/transport/vsock_request.h"

#define ID   0x1122334455667788ULL
#define BOOT "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"

static struct known_requests known;
static struct vsock_requests requests;
static struct vsock_host connection;
static struct vsock_request request;
static unsigned int ended; /* outcomes that the host has got */
static int64_t now;
static unsigned int messages; /* in either direction */
static unsigned int breaks_after;

static void ignore_kick(struct vsock_host *host)
{
}

static void start_daemon(void)
{
	start_engine();
	known_requests_init(&known, folder, BOOT);
	vsock_requests_init(&requests, &fake.engine, &known);
}

static void kill_daemon(void)
{
	engine_drop(&fake.engine);
	known_requests_done(&known);
}

static void take_session(void *userdata, const VMSessionResult *session)
{
	assert_string_equal(session->user, "anna");
	ended += session->outcome == vmSessionOutcome_Ended;
}

static int setup(void **state)
{
	static const VMLogoffOptions options = {
		.size = sizeof(options), .timeout = 60, .grace = 10};

	make_folder();
	assert_int_equal(fake_system_init(), 0);
	add_session("c1", "anna", BY_SIGNAL);
	start_daemon();
	vsock_request_init(&request, ID, &options, take_session, NULL);
	ended = messages = 0;
	now = 1000;
	return 0;
}

static int teardown(void **state)
{
	kill_daemon();
	fake_system_done();
	remove_folder();
	return 0;
}

static void connect_host(void)
{
	assert_true(vsock_request_connects(&request, now));
	vsock_requests_add(&requests, &connection, ignore_kick);
	vsock_request_connected(&request, now);
}

static void disconnect(void)
{
	vsock_requests_remove(&connection);
	vsock_request_disconnected(&request, DISP_E_EXCEPTION, VSOCK_LOST_TEXT, now);
	now += vmg_vsock_times.retry_ms;
}

/* Whether the stream breaks before this message. */
static bool breaks(void)
{
	return ++messages == breaks_after;
}

/* One message of the host, and the guest's answer. */
static bool to_guest(void)
{
	struct hvl_packet packet = {0};

	if (breaks())
		return false;
	memcpy(&packet, request.link.output,
	       request.link.queued < sizeof(packet) ? request.link.queued : sizeof(packet));
	assert_true(hvl_packet_check(&packet, request.link.queued));
	vsock_link_sent(&request.link, hvl_packet_size(&packet));
	/* The rest of what is queued was copied, too. */
	memset((char *)&packet + hvl_packet_size(&packet), 0,
	       sizeof(packet) - hvl_packet_size(&packet));
	return vsock_requests_receive(&requests, &connection, &packet);
}

static bool to_host(void)
{
	struct hvl_packet packet;

	while (vsock_requests_transmit(&requests, &connection, &packet)) {
		if (breaks())
			return false;
		assert_true(vsock_request_receive(&request, (uint8_t *)&packet,
						  hvl_packet_size(&packet), now));
	}
	return true;
}

/* Exchanges all messages. Returns false if the stream has broken. */
static bool exchange(void)
{
	while (request.link.queued > 0) {
		if (!to_guest() || !to_host())
			return false;
	}
	return to_host();
}

/* Connects until the request is complete. Calls @broken when the stream has broken. */
static void run_request(void (*broken)(void))
{
	connect_host();
	for (unsigned int steps = 0; !request.report.complete; steps++) {
		assert_true(steps < 200);
		if (exchange()) {
			run_for(1);
			continue;
		}
		disconnect();
		broken();
		if (!request.report.complete)
			connect_host();
	}
	vsock_requests_remove(&connection);
}

static void never(void)
{
	fail_msg("the stream has broken");
}

static void nothing(void)
{
}

static void restart_daemon(void)
{
	kill_daemon();
	start_daemon();
}

static void reboot(void)
{
	kill_daemon();
	remove_folder();
	make_folder();
	start_daemon();
}

/* The number of messages of a whole logoff. */
static unsigned int count_messages(void **state)
{
	breaks_after = 0;
	run_request(never);
	assert_int_equal((uint32_t)request.report.error, (uint32_t)S_OK);
	assert_int_equal(request.report.found, 1);
	assert_int_equal(request.report.ended, 1);
	assert_int_equal(open_sessions(), 0);
	assert_int_equal(fake.requests, 1);
	return messages;
}

static void test_logoff(void **state)
{
	assert_true(count_messages(state) > 6);
	assert_int_equal(ended,
			 0); /* the daemon's watch reports those, which is not part of this */
}

/* The guest carries the request out once, and the host gets the result. */
static void test_stream_breaks(void **state)
{
	unsigned int last = count_messages(state);

	for (unsigned int at = 3; at <= last; at++) {
		teardown(state);
		setup(state);
		breaks_after = at;
		run_request(nothing);
		assert_int_equal((uint32_t)request.report.error, (uint32_t)S_OK);
		assert_int_equal(fake.requests, 1);
		assert_int_equal(open_sessions(), 0);
	}
}

/* A killed daemon has ended no session, or the next one continues. */
static void test_daemon_is_killed(void **state)
{
	unsigned int last = count_messages(state), cancelled = 0;

	for (unsigned int at = 3; at <= last; at++) {
		teardown(state);
		setup(state);
		breaks_after = at;
		run_request(restart_daemon);
		if (request.report.error == HRESULT_FROM_WIN32(ERROR_CANCELLED)) {
			assert_int_equal(open_sessions(), 1);
			cancelled++;
		} else {
			assert_int_equal((uint32_t)request.report.error, (uint32_t)S_OK);
			assert_int_equal(open_sessions(), 0);
		}
	}
	assert_true(cancelled > 0);
}

/* A guest that had accepted the request does not carry it out again in another boot. */
static void test_guest_restarts(void **state)
{
	unsigned int last = count_messages(state), refused = 0;

	for (unsigned int at = 3; at <= last; at++) {
		bool accepted;

		teardown(state);
		setup(state);
		breaks_after = at;
		run_request(reboot);
		accepted = request.report.error == DISP_E_EXCEPTION;
		refused += accepted;
		/* Otherwise the host does not know that the earlier boot had the request. */
		assert_true(accepted || request.report.error == S_OK);
		assert_true(fake.requests <= 2 && (!accepted || fake.requests == 1));
	}
	assert_true(refused > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_logoff),
		TEST(test_stream_breaks),
		TEST(test_daemon_is_killed),
		TEST(test_guest_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
