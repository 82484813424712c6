// SPDX-License-Identifier: GPL-2.0-or-later
/* A logoff over a stream, with a fake guest that uses the driver's half of the messages. */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "userspace/host/libvmguestos/transport/vsock_request.h"

#define ID       0x1122334455667788ULL
#define RESULTS  8
#define VERSIONS 3 /* of the messages */

/* The guest, and what it has read on this stream. */
static struct guest {
	size_t versions; /* it supports the lowest so many of the messages' versions */
	size_t chunk;    /* it writes so many bytes at once */
	struct hvl_version framework, version;
	struct hvl_packet read[RESULTS];
	size_t count;
	unsigned int logoffs; /* on all streams */
} guest;

static struct vsock_request request;
static int64_t now;
static VMSessionResult outcome;
static char outcome_user[HV_LOGOFF_USER_SIZE];
static unsigned int outcomes;

static void take_session(void *userdata, const VMSessionResult *session)
{
	assert_ptr_equal(userdata, &outcomes);
	assert_false(request.report.complete);
	outcome = *session;
	snprintf(outcome_user, sizeof(outcome_user), "%s", session->user);
	outcomes++;
}

static void init(const VMLogoffOptions *options)
{
	vsock_request_init(&request, ID, options, take_session, &outcomes);
}

static int setup(void **state)
{
	static const VMLogoffOptions options = {.size = sizeof(options), .timeout = 60};

	guest = (struct guest){.versions = VERSIONS, .chunk = HVL_PACKET_MAX};
	vmg_vsock_times = (struct vsock_times){.connect_ms = 10000,
					       .accept_ms = 10000,
					       .retry_ms = 500,
					       .outage_ms = 30000,
					       .backstop_ms = 30000};
	outcomes = 0;
	now = 1000;
	init(&options);
	return 0;
}

static int teardown(void **state)
{
	return 0;
}

static void write_bytes(const void *bytes, size_t size)
{
	const uint8_t *next = bytes;

	while (size > 0) {
		size_t part = size < guest.chunk ? size : guest.chunk;

		assert_true(vsock_request_receive(&request, next, part, now));
		next += part;
		size -= part;
	}
}

static void write_packet(const struct hvl_packet *packet)
{
	write_bytes(packet, hvl_packet_size(packet));
}

static void read_packet(const struct hvl_packet *packet)
{
	struct hvl_packet answer;

	if (packet->header.type == HVL_MSGTYPE_NEGOTIATE) {
		assert_true(hvl_answer_negotiate(packet, &answer,
						 hvl_message_versions + VERSIONS - guest.versions,
						 guest.versions, &guest.framework, &guest.version));
		write_packet(&answer);
		return;
	}
	assert_int_equal(packet->header.message.minor, guest.version.minor);
	assert_int_equal(hvl_check_request(packet, guest.version), HV_LOGOFF_S_OK);
	assert_true(packet->body.op.id == ID);
	guest.logoffs += packet->body.op.op == HVL_OP_LOGOFF || packet->body.op.op == HVL_OP_TARGET;
	assert_true(guest.count < RESULTS);
	guest.read[guest.count++] = *packet;
}

/* Reads what the host has written, and answers a negotiation. */
static void guest_reads(void)
{
	while (request.link.queued > 0) {
		struct hvl_packet packet = {0};

		memcpy(&packet, request.link.output,
		       request.link.queued < sizeof(packet) ? request.link.queued : sizeof(packet));
		assert_true(hvl_packet_check(&packet, request.link.queued));
		vsock_link_sent(&request.link, hvl_packet_size(&packet));
		read_packet(&packet);
	}
}

static const struct hvl_packet *last_read(enum hvl_op op)
{
	for (size_t i = guest.count; i > 0; i--) {
		if (guest.read[i - 1].body.op.op == op)
			return &guest.read[i - 1];
	}
	fail_msg("no operation %d was sent", (int)op);
	return NULL;
}

/* The operations that the guest has read on this stream, such as "L Q". */
static void assert_read(const char *expected)
{
	static const char letters[] = "?LCQ??T";
	char text[2 * RESULTS + 1] = "";

	for (size_t i = 0; i < guest.count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%c", i ? " " : "",
			 letters[guest.read[i].body.op.op]);
	assert_string_equal(text, expected);
}

static void connect_guest(void)
{
	assert_true(vsock_request_connects(&request, now));
	guest.count = 0;
	vsock_request_connected(&request, now);
	guest_reads();
}

static void disconnect(void)
{
	vsock_request_disconnected(&request, DISP_E_EXCEPTION, VSOCK_LOST_TEXT, now);
}

static void reconnect(void)
{
	disconnect();
	assert_false(request.report.complete);
	now = request.next;
	connect_guest();
}

/* A report with the counts 3, 1, 0; the answer to the last @asked, unless that is 0. */
static void build_report(struct hvl_packet *packet, enum hvl_op op, enum hvl_op asked,
			 uint32_t state, uint32_t status)
{
	hvl_packet_init(packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_report),
			asked ? last_read(asked)->header.transaction : 0, 0);
	packet->header.status = status;
	packet->body.report = (struct hvl_report){
		.header = {.op = op, .id = ID},
		.state = state,
		.percent = state == HV_LOGOFF_DONE ? 100 : 10 * state,
		.found = 3,
		.ended = 1,
		.result = state == HV_LOGOFF_DONE ? status : 0,
		.text = "One of 3 sessions has ended.",
	};
}

static void report(enum hvl_op op, enum hvl_op asked, uint32_t state, uint32_t status)
{
	struct hvl_packet packet;

	build_report(&packet, op, asked, state, status);
	write_packet(&packet);
}

static void answer_query(uint32_t state)
{
	report(HVL_OP_QUERY, HVL_OP_QUERY, state, HV_LOGOFF_S_OK);
}

static void answer_unknown(void)
{
	report(HVL_OP_QUERY, HVL_OP_QUERY, HV_LOGOFF_PENDING, HV_LOGOFF_E_NOT_FOUND);
}

static void progress(uint32_t state)
{
	report(HVL_OP_PROGRESS, 0, state, HV_LOGOFF_S_OK);
}

static void complete(uint32_t result)
{
	report(HVL_OP_COMPLETE, 0, HV_LOGOFF_DONE, result);
}

static void refuse(enum hvl_op op, uint32_t status)
{
	struct hvl_packet packet;

	hvl_build_refusal(&packet, HVL_MSGTYPE_LOGOFF, last_read(op)->header.transaction, status);
	write_packet(&packet);
}

static void session(uint64_t id, uint32_t outcome_number)
{
	struct hvl_packet packet;

	hvl_packet_init(&packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_session), 0, 0);
	packet.body.session = (struct hvl_session){
		.header = {.op = HVL_OP_SESSION, .id = id},
		.outcome = outcome_number,
		.uid = 1000,
		.user = "anna",
		.session = "c3",
	};
	write_packet(&packet);
}

static void assert_end(HRESULT error, const char *text)
{
	assert_true(request.report.complete);
	assert_int_equal((uint32_t)request.report.error, (uint32_t)error);
	assert_int_equal(request.report.state, vmLogoffState_Done);
	if (!strstr(request.report.text, text))
		fail_msg("\"%s\" does not contain \"%s\"", request.report.text, text);
}

static void test_whole_logoff(void **state)
{
	connect_guest();
	assert_read("L Q");
	assert_true(request.sent);
	assert_false(request.accepted);
	progress(HV_LOGOFF_DELIVERED);
	assert_true(request.accepted);
	answer_query(HV_LOGOFF_GRACE);
	assert_int_equal(request.report.state, vmLogoffState_Grace);
	assert_int_equal(request.report.percent, 20);
	assert_int_equal(request.report.found, 3);
	assert_int_equal(request.report.ended, 1);
	assert_string_equal(request.report.text, "One of 3 sessions has ended.");
	session(ID, HV_LOGOFF_ENDED);
	assert_int_equal(outcomes, 1);
	assert_int_equal(outcome.outcome, vmSessionOutcome_Ended);
	assert_string_equal(outcome_user, "anna");
	complete(HV_LOGOFF_S_OK);
	assert_end(S_OK, "One of 3");
}

/* The stream has no borders between messages. */
static void test_byte_by_byte(void **state)
{
	guest.chunk = 1;
	test_whole_logoff(state);
}

static void test_messages_at_once(void **state)
{
	struct hvl_packet packets[2];
	uint8_t bytes[2 * HVL_PACKET_MAX];
	size_t first;

	connect_guest();
	build_report(&packets[0], HVL_OP_PROGRESS, 0, HV_LOGOFF_ENDING, 0);
	build_report(&packets[1], HVL_OP_COMPLETE, 0, HV_LOGOFF_DONE, HV_LOGOFF_E_TIMED_OUT);
	first = hvl_packet_size(&packets[0]);
	memcpy(bytes, &packets[0], first);
	memcpy(bytes + first, &packets[1], hvl_packet_size(&packets[1]));
	write_bytes(bytes, first + hvl_packet_size(&packets[1]));
	assert_end(VM_E_TIMED_OUT, "One of 3");
}

static void test_options(void **state)
{
	const VMLogoffOptions options = {
		.size = sizeof(options),
		.timeout = 300,
		.grace = 200,
		.message = "Save your work.",
		.user = "anna",
		.session = "c3",
		.flags = VM_LOGOFF_FORCE | VM_LOGOFF_DRY_RUN | VM_LOGOFF_INCLUDE_LINGERING |
			 VM_LOGOFF_NO_LOGINS,
	};
	const struct hvl_target *target;

	init(&options);
	connect_guest();
	assert_read("T Q");
	target = &last_read(HVL_OP_TARGET)->body.target;
	assert_int_equal(target->logoff.header.flags, 15);
	assert_int_equal(target->logoff.timeout, 300);
	assert_int_equal(target->logoff.grace, 200);
	assert_string_equal(target->logoff.message, "Save your work.");
	assert_string_equal(target->user, "anna");
	assert_string_equal(target->session, "c3");
}

static void try_old(size_t versions, const VMLogoffOptions *options, const char *text)
{
	guest.versions = versions;
	init(options);
	connect_guest();
	assert_false(request.sent);
	assert_end(VM_E_ADDITIONS_FEATURE_NOT_AVAIL, text);
}

/* An older guest gets what it supports, and nothing else: not even without the options. */
static void test_old_guests(void **state)
{
	const VMLogoffOptions user = {.size = sizeof(user), .timeout = 60, .user = "anna"},
			      flags = {.size = sizeof(flags),
				       .timeout = 60,
				       .flags = VM_LOGOFF_NO_LOGINS};

	try_old(1, &user, "older than 1.1");
	try_old(1, &flags, "preventing logins");
	try_old(2, &flags, "preventing logins");
	assert_int_equal(guest.logoffs, 0);
	setup(state);
	guest.versions = 1;
	connect_guest();
	assert_read("L Q");
	complete(HV_LOGOFF_S_OK);
	assert_end(S_OK, "");
	guest.versions = 2;
	init(&user);
	connect_guest();
	assert_read("T Q");
}

static void test_no_common_version(void **state)
{
	struct hvl_packet answer;

	vsock_request_connected(&request, now);
	hvl_packet_init(&answer, HVL_MSGTYPE_NEGOTIATE, 16, 1,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE);
	assert_false(
		vsock_request_receive(&request, (uint8_t *)&answer, hvl_packet_size(&answer), now));
	vsock_request_disconnected(&request, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, VSOCK_NO_ANSWER_TEXT,
				   now);
	assert_false(request.sent);
	assert_end(VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "does not answer");
}

/* Before the LOGOFF is sent, the first failure is the last: another transport may be tried. */
static void test_fails_before_logoff(void **state)
{
	vsock_request_disconnected(&request, E_ACCESSDENIED, "Run this as root.", now);
	assert_false(request.sent);
	assert_end(E_ACCESSDENIED, "as root");
	setup(state);
	vsock_request_connected(&request, now);
	disconnect();
	assert_false(request.sent);
	assert_end(DISP_E_EXCEPTION, "lost");
	/* A guest that says nothing. */
	setup(state);
	vsock_request_connected(&request, now);
	assert_true(vsock_request_tick(&request, now));
	now = vsock_request_next(&request);
	assert_int_equal(now, 11000);
	assert_false(vsock_request_tick(&request, now));
	assert_false(request.sent);
}

static void test_guest_declines(void **state)
{
	connect_guest();
	complete(HV_LOGOFF_E_BUSY);
	assert_end(HRESULT_FROM_WIN32(ERROR_BUSY), "");
	setup(state);
	connect_guest();
	refuse(HVL_OP_LOGOFF, HV_LOGOFF_E_INVALIDARG);
	assert_end(E_INVALIDARG, "refuses");
}

/* After the guest has accepted it, the request is asked about, and its LOGOFF repeated. */
static void test_reconnects(void **state)
{
	static const uint32_t states[] = {HV_LOGOFF_PENDING, HV_LOGOFF_DELIVERED, HV_LOGOFF_GRACE,
					  HV_LOGOFF_ENDING};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		setup(state);
		connect_guest();
		answer_query(states[i]);
		reconnect();
		assert_read("Q");
		answer_query(states[i]);
		guest_reads();
		assert_read("Q L Q");
		progress(states[i]);
		reconnect();
		answer_query(HV_LOGOFF_DONE);
		guest_reads();
		assert_read("Q");
		assert_end(S_OK, "One of 3");
		assert_int_equal(guest.logoffs, 2);
	}
}

/* The stream ended before the guest has read the LOGOFF. */
static void test_repeats_what_was_not_read(void **state)
{
	connect_guest();
	reconnect();
	assert_read("Q");
	answer_unknown();
	guest_reads();
	assert_read("Q L Q");
	complete(HV_LOGOFF_S_OK);
	assert_end(S_OK, "");
}

/* A guest that was restarted would log off other users. */
static void test_repeats_nothing_after_restart(void **state)
{
	connect_guest();
	progress(HV_LOGOFF_GRACE);
	reconnect();
	answer_unknown();
	guest_reads();
	assert_read("Q");
	assert_end(DISP_E_EXCEPTION, "restarted");
	assert_int_equal(guest.logoffs, 1);
}

/* The guest does not keep dry runs, not even until its daemon is restarted. */
static void test_repeats_dry_run(void **state)
{
	const VMLogoffOptions options = {
		.size = sizeof(options), .timeout = 60, .flags = VM_LOGOFF_DRY_RUN};

	init(&options);
	connect_guest();
	progress(HV_LOGOFF_GRACE);
	reconnect();
	answer_unknown();
	guest_reads();
	assert_read("Q T Q");
}

/* A refusal of the QUERY is no answer about the request either. */
static void test_query_is_refused(void **state)
{
	connect_guest();
	refuse(HVL_OP_QUERY, HV_LOGOFF_E_FAIL);
	assert_false(request.report.complete);
	reconnect();
	refuse(HVL_OP_QUERY, HV_LOGOFF_E_FAIL);
	guest_reads();
	assert_read("Q L Q");
}

static void test_outage_ends(void **state)
{
	unsigned int attempts = 0;
	int64_t start;

	connect_guest();
	progress(HV_LOGOFF_GRACE);
	start = now;
	while (!request.report.complete) {
		vsock_request_disconnected(&request, VM_E_TIMED_OUT, "It does not answer.", now);
		now = request.next;
		attempts++;
	}
	assert_end(DISP_E_EXCEPTION, "check who is logged on. It does not answer.");
	assert_in_range(now - start, 30000, 31000);
	assert_int_equal(attempts, 61);
	/* The machine has stopped: there is nothing to wait for. */
	setup(state);
	connect_guest();
	vsock_request_disconnected(&request, VM_E_VM_NOT_RUNNING, "", now);
	assert_end(VM_E_VM_NOT_RUNNING, "");
}

/* Streams that open, but on which the guest says nothing. */
static void test_guest_hangs(void **state)
{
	connect_guest();
	for (unsigned int streams = 1; !request.report.complete; streams++) {
		assert_true(streams < 10);
		now = vsock_request_next(&request);
		assert_false(vsock_request_tick(&request, now));
		disconnect();
		if (request.report.complete)
			break;
		now = request.next;
		connect_guest();
	}
	assert_end(DISP_E_EXCEPTION, "lost");
	assert_int_equal(guest.logoffs, 1);
}

/* A guest that answers, but does not end. */
static void test_deadline(void **state)
{
	connect_guest();
	progress(HV_LOGOFF_ENDING);
	now = vsock_request_next(&request);
	assert_int_equal(now, 1000 + 60000 + 30000);
	vsock_request_tick(&request, now - 1);
	assert_false(request.report.complete);
	vsock_request_tick(&request, now);
	assert_end(VM_E_TIMED_OUT, "in time");
}

static void assert_cancel(HRESULT hr)
{
	assert_true(request.cancel_answered);
	assert_int_equal((uint32_t)request.cancel_result, (uint32_t)hr);
}

static void test_cancel(void **state)
{
	connect_guest();
	progress(HV_LOGOFF_GRACE);
	vsock_request_cancel(&request);
	guest_reads();
	assert_read("L Q C");
	assert_false(request.cancel_answered);
	report(HVL_OP_CANCEL, HVL_OP_CANCEL, HV_LOGOFF_GRACE, HV_LOGOFF_S_OK);
	assert_cancel(S_OK);
	assert_false(request.report.complete);
	/* It is too late. */
	vsock_request_cancel(&request);
	assert_false(request.cancel_answered);
	guest_reads();
	report(HVL_OP_CANCEL, HVL_OP_CANCEL, HV_LOGOFF_ENDING, HV_LOGOFF_E_FAIL);
	assert_cancel(E_FAIL);
	vsock_request_cancel(&request);
	guest_reads();
	refuse(HVL_OP_CANCEL, HV_LOGOFF_E_NOT_FOUND);
	assert_cancel(E_FAIL);
	complete(HV_LOGOFF_E_CANCELLED);
	assert_end(HRESULT_FROM_WIN32(ERROR_CANCELLED), "");
}

/* Without a stream, it is sent on the next one. */
static void test_cancel_while_disconnected(void **state)
{
	connect_guest();
	progress(HV_LOGOFF_GRACE);
	disconnect();
	vsock_request_cancel(&request);
	now = request.next;
	connect_guest();
	answer_query(HV_LOGOFF_GRACE);
	guest_reads();
	assert_read("Q L Q C");
	report(HVL_OP_CANCEL, HVL_OP_CANCEL, HV_LOGOFF_GRACE, HV_LOGOFF_S_OK);
	assert_cancel(S_OK);
	/* A request that the guest never had is not sent any more. */
	setup(state);
	connect_guest();
	disconnect();
	vsock_request_cancel(&request);
	now = request.next;
	connect_guest();
	answer_unknown();
	guest_reads();
	assert_read("Q");
	assert_end(HRESULT_FROM_WIN32(ERROR_CANCELLED), "before the guest");
	assert_int_equal(guest.logoffs, 1);
}

/* Messages about other requests, and invalid ones, change nothing. */
static void test_ignores(void **state)
{
	struct hvl_packet packet;

	connect_guest();
	progress(HV_LOGOFF_DELIVERED);
	build_report(&packet, HVL_OP_COMPLETE, 0, HV_LOGOFF_DONE, 0);
	packet.body.report.header.id = ID + 1;
	write_packet(&packet);
	build_report(&packet, HVL_OP_COMPLETE, 0, HV_LOGOFF_ENDING, 0);
	write_packet(&packet);
	build_report(&packet, HVL_OP_PROGRESS, 0, HV_LOGOFF_ENDING, 0);
	memset(packet.body.report.text, 'x', sizeof(packet.body.report.text));
	write_packet(&packet);
	packet.header.type = 3;
	write_packet(&packet);
	hvl_build_refusal(&packet, HVL_MSGTYPE_LOGOFF, 99, HV_LOGOFF_E_FAIL);
	write_packet(&packet);
	session(0, HV_LOGOFF_ENDED);
	session(ID + 1, HV_LOGOFF_FAILED);
	session(ID, 99);
	assert_int_equal(outcomes, 0);
	assert_false(request.report.complete);
	assert_int_equal(request.report.state, vmLogoffState_Delivered);
}

/* Sizes for which the start of the next message is not known. */
static void test_garbage(void **state)
{
	struct hvl_packet packet;
	static const uint8_t ones[64] = {[0 ... 63] = 0xff};

	for (unsigned int i = 0; i < 3; i++) {
		setup(state);
		connect_guest();
		build_report(&packet, HVL_OP_PROGRESS, 0, HV_LOGOFF_GRACE, 0);
		if (i == 0)
			packet.header.pipe_size++;
		else if (i == 1)
			packet.header.size = packet.header.pipe_size = HVL_PACKET_MAX;
		else
			memcpy(&packet, ones, sizeof(ones));
		assert_false(vsock_request_receive(&request, (uint8_t *)&packet,
						   sizeof(packet.header), now));
		assert_false(request.accepted);
		reconnect();
		assert_read("Q");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole_logoff),
		TEST(test_byte_by_byte),
		TEST(test_messages_at_once),
		TEST(test_options),
		TEST(test_old_guests),
		TEST(test_no_common_version),
		TEST(test_fails_before_logoff),
		TEST(test_guest_declines),
		TEST(test_reconnects),
		TEST(test_repeats_what_was_not_read),
		TEST(test_repeats_nothing_after_restart),
		TEST(test_repeats_dry_run),
		TEST(test_query_is_refused),
		TEST(test_outage_ends),
		TEST(test_guest_hangs),
		TEST(test_deadline),
		TEST(test_cancel),
		TEST(test_cancel_while_disconnected),
		TEST(test_ignores),
		TEST(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
