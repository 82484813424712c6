// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The messages of hosts by sockets, with the engine, one user's session, which ends on a signal,
 * and the journal. The vectors are those of the driver.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/kunit/vectors.h"
#include "fake_system.h"
#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/guest/transport/vsock_requests.h"

#define ID       VECTOR_ID
#define OTHER_ID VECTOR_OTHER_ID
#define BOOT     "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"

static struct fixture {
	struct known_requests known;
	struct vsock_requests requests;
	struct vsock_host host, second; /* two connections */
	unsigned int kicks;
	struct hvl_packet last; /* that a host has received */
} fixture;

static void count_kick(struct vsock_host *host)
{
	fixture.kicks++;
}

static void start(void)
{
	start_engine();
	known_requests_init(&fixture.known, folder, BOOT);
	vsock_requests_init(&fixture.requests, &fake.engine, &fixture.known);
	vsock_requests_add(&fixture.requests, &fixture.host, count_kick);
	vsock_requests_add(&fixture.requests, &fixture.second, count_kick);
}

/* Simulates a daemon that is killed at this moment. */
static void kill_daemon(void)
{
	engine_drop(&fake.engine);
	vsock_requests_remove(&fixture.host);
	vsock_requests_remove(&fixture.second);
	known_requests_done(&fixture.known);
}

static void restart(void)
{
	kill_daemon();
	start();
}

static int setup(void **state)
{
	make_folder();
	assert_int_equal(fake_system_init(), 0);
	add_session("c1", "anna", BY_SIGNAL);
	memset(&fixture, 0, sizeof(fixture));
	start();
	return 0;
}

static int teardown(void **state)
{
	kill_daemon();
	fake_system_done();
	remove_folder();
	return 0;
}

/* Another connection in place of a broken one. */
static void reconnect(struct vsock_host *host)
{
	vsock_requests_remove(host);
	vsock_requests_add(&fixture.requests, host, count_kick);
}

static bool send_step(struct vsock_host *host, const struct vector_step *step)
{
	struct hvl_packet packet;

	vector_build(step, &packet);
	return vsock_requests_receive(&fixture.requests, host, &packet);
}

static bool transmit(struct vsock_host *host)
{
	return vsock_requests_transmit(&fixture.requests, host, &fixture.last);
}

/* What the engine does when it has got so far. It may have reported the result already. */
static void report_step(const struct vector_step *step)
{
	const struct hv_logoff_report report = {
		.state = step->state,
		.percent = step->percent,
		.result = step->result,
	};

	if (fake.engine.phase == ENGINE_IDLE) {
		assert_int_equal(step->state, HV_LOGOFF_DONE);
		assert_int_equal(fixture.requests.report.result, step->result);
		return;
	}
	assert_int_equal(vsock_requests_current(&fixture.requests), step->id);
	assert_int_equal(fake.engine.transport->report(fake.engine.transport_data, &report), 0);
	if (step->state == HV_LOGOFF_DONE)
		engine_drop(&fake.engine);
}

static void report_outcome_step(const struct vector_step *step)
{
	const struct session session = {
		.id = (char *)"c3", .user = (char *)"anna", .uid = VECTOR_UID};
	const struct outcome outcome = {
		.outcome = step->outcome,
		.uid = VECTOR_UID,
		.user = "anna",
		.session = "c3",
	};

	if (step->outcome == HV_LOGOFF_ENDED)
		vsock_requests_session_ended(&fixture.requests, step->id, &session, 0);
	else
		fake.engine.transport->outcome(fake.engine.transport_data, &outcome);
}

static void receive_step(const struct vector *vector, const struct vector_step *step)
{
	const char *mismatch = "no message";

	if (transmit(&fixture.host))
		mismatch = vector_mismatch(step, &fixture.last);
	if (mismatch)
		fail_msg("%s, step %zd: %s", vector->name, step - vector->steps, mismatch);
}

static void run_step(const struct vector *vector, const struct vector_step *step)
{
	switch (step->action) {
	case VECTOR_NEGOTIATE:
	case VECTOR_DELIVER:
		send_step(&fixture.host, step);
		receive_step(vector, step);
		break;
	case VECTOR_SEND:
		send_step(&fixture.host, step);
		break;
	case VECTOR_NOTHING:
		if (transmit(&fixture.host))
			fail_msg("%s, step %zd: a message", vector->name, step - vector->steps);
		break;
	case VECTOR_REPORT:
		report_step(step);
		break;
	case VECTOR_OUTCOME:
		report_outcome_step(step);
		break;
	default:
		receive_step(vector, step);
	}
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		for (const struct vector_step *step = vectors[i].steps; step->action; step++)
			for (unsigned int j = 0; j <= step->count; j++)
				run_step(&vectors[i], step);
		teardown(state);
		setup(state);
	}
}

static void negotiate(struct vsock_host *host, uint16_t minor)
{
	const struct vector_step step = {.action = VECTOR_NEGOTIATE, .minor = minor};

	assert_true(send_step(host, &step));
	assert_true(transmit(host));
	assert_null(vector_mismatch(&step, &fixture.last));
}

static void send_op(struct vsock_host *host, uint32_t op, uint64_t id)
{
	const struct vector_step step = {
		.action = VECTOR_SEND, .op = op, .id = id, .transaction = 7};

	assert_true(send_step(host, &step));
}

/* Skips other messages than reports with this operation. */
static const struct hvl_report *receive(struct vsock_host *host, uint32_t op, uint64_t id)
{
	do
		assert_true(transmit(host));
	while (fixture.last.header.type != HVL_MSGTYPE_LOGOFF || fixture.last.body.op.op != op);
	assert_int_equal(fixture.last.body.op.id, id);
	return &fixture.last.body.report;
}

static void receive_nothing(struct vsock_host *host)
{
	assert_false(transmit(host));
}

static void receive_result(struct vsock_host *host, uint64_t id, uint32_t result, uint32_t flags)
{
	const struct hvl_report *report = receive(host, HVL_OP_COMPLETE, id);

	assert_int_equal(report->result, result);
	assert_int_equal(fixture.last.header.status, result);
	assert_int_equal(report->header.flags, flags);
}

static void begin(struct vsock_host *host, uint64_t id)
{
	negotiate(host, 2);
	send_op(host, HVL_OP_LOGOFF, id);
	assert_int_equal(receive(host, HVL_OP_PROGRESS, id)->state, HV_LOGOFF_DELIVERED);
}

/* Logs the only user off. */
static void test_logoff(void **state)
{
	begin(&fixture.host, ID);
	assert_string_equal(fake.last_request.id, "0x1122334455667788");
	assert_int_equal(fake.last_request.timeout, 60);
	assert_int_equal(fake.last_request.grace, 20);
	run_for(60);
	receive_result(&fixture.host, ID, HV_LOGOFF_S_OK, 0);
	assert_int_equal(fixture.last.body.report.found, 1);
	assert_int_equal(fixture.last.body.report.ended, 1);
	assert_int_equal(fixture.last.header.message.minor, 2);
	assert_int_equal(open_sessions(), 0);
	assert_true(fixture.kicks > 0);
	receive_nothing(&fixture.host);
}

static void test_target(void **state)
{
	struct hvl_packet packet;

	negotiate(&fixture.host, 2);
	vector_build(&(struct vector_step){.action = VECTOR_SEND,
					   .op = HVL_OP_TARGET,
					   .id = ID,
					   .flags = HV_LOGOFF_NO_LOGINS},
		     &packet);
	strcpy(packet.body.target.user, "anna");
	strcpy(packet.body.target.session, "c1");
	strcpy(packet.body.logoff.message, "bye");
	vsock_requests_receive(&fixture.requests, &fixture.host, &packet);
	assert_string_equal(fake.last_request.user, "anna");
	assert_string_equal(fake.last_request.session, "c1");
	assert_string_equal(fake.last_request.message, "bye");
	assert_int_equal(fake.last_request.flags, HV_LOGOFF_NO_LOGINS);
	run_for(60);
	receive_result(&fixture.host, ID, HV_LOGOFF_S_OK, 0);
	packet.body.op.id = OTHER_ID;
	strcpy(packet.body.target.user, "a:b");
	vsock_requests_receive(&fixture.requests, &fixture.host, &packet);
	receive_result(&fixture.host, OTHER_ID, HV_LOGOFF_E_INVALIDARG, 0);
	strcpy(packet.body.target.user, "anna");
	strcpy(packet.body.target.session, "c-1");
	vsock_requests_receive(&fixture.requests, &fixture.host, &packet);
	receive_result(&fixture.host, OTHER_ID, HV_LOGOFF_E_INVALIDARG, 0);
	assert_int_equal(fake.requests, 1);
}

/* No other message has an effect before the negotiation, and the connection ends. */
static void test_before_negotiation(void **state)
{
	static const uint32_t ops[] = {HVL_OP_LOGOFF, HVL_OP_CANCEL, HVL_OP_QUERY, HVL_OP_TARGET};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		assert_false(send_step(
			&fixture.host,
			&(struct vector_step){.action = VECTOR_SEND, .op = ops[i], .id = ID}));
		assert_true(transmit(&fixture.host));
		assert_int_equal(fixture.last.header.status, HV_LOGOFF_E_FAIL);
		assert_int_equal(fixture.last.header.size, 0);
	}
	/* A failed negotiation does not count, but another one can follow. */
	assert_true(send_step(&fixture.host,
			      &(struct vector_step){.action = VECTOR_NEGOTIATE, .minor = 99}));
	assert_true(transmit(&fixture.host));
	assert_int_equal(fixture.last.body.negotiate.message_count, 0);
	assert_false(send_step(
		&fixture.host,
		&(struct vector_step){.action = VECTOR_SEND, .op = HVL_OP_QUERY, .id = ID}));
	assert_true(transmit(&fixture.host));
	vsock_requests_session_ended(&fixture.requests, 0,
				     &(struct session){.id = (char *)"c9", .user = (char *)"bert"},
				     HV_LOGOFF_NORMAL);
	receive_nothing(&fixture.host);
	assert_int_equal(fake.requests, 0);
}

static void test_connection_broken(void **state)
{
	begin(&fixture.host, ID);
	reconnect(&fixture.host);
	negotiate(&fixture.host, 2);
	send_op(&fixture.host, HVL_OP_QUERY, ID);
	assert_int_equal(receive(&fixture.host, HVL_OP_QUERY, ID)->state, HV_LOGOFF_DELIVERED);
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	receive(&fixture.host, HVL_OP_PROGRESS, ID);
	reconnect(&fixture.host);
	run_for(60);
	assert_int_equal(open_sessions(), 0);
	negotiate(&fixture.host, 2);
	send_op(&fixture.host, HVL_OP_QUERY, ID);
	assert_int_equal(receive(&fixture.host, HVL_OP_QUERY, ID)->state, HV_LOGOFF_DONE);
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	receive_result(&fixture.host, ID, HV_LOGOFF_S_OK, HVL_REPLAY);
	assert_int_equal(fake.requests, 1);
}

static void test_cancel_from_another_connection(void **state)
{
	begin(&fixture.host, ID);
	run_for(1);
	negotiate(&fixture.second, 0);
	send_op(&fixture.second, HVL_OP_CANCEL, ID);
	receive(&fixture.second, HVL_OP_CANCEL, ID);
	assert_int_equal(fixture.last.header.status, HV_LOGOFF_S_OK);
	receive_nothing(&fixture.second);
	receive_result(&fixture.host, ID, HV_LOGOFF_E_CANCELLED, 0);
	assert_int_equal(open_sessions(), 1);
}

/* The host does not know the id: another program has requested it. */
static void test_cancel_without_id(void **state)
{
	negotiate(&fixture.second, 2);
	send_op(&fixture.second, HVL_OP_CANCEL, 0);
	receive(&fixture.second, HVL_OP_CANCEL, 0);
	assert_int_equal(fixture.last.header.status, HV_LOGOFF_E_NOT_FOUND);
	begin(&fixture.host, ID);
	run_for(1);
	send_op(&fixture.second, HVL_OP_CANCEL, 0);
	receive(&fixture.second, HVL_OP_CANCEL, ID);
	assert_int_equal(fixture.last.header.status, HV_LOGOFF_S_OK);
	receive_result(&fixture.host, ID, HV_LOGOFF_E_CANCELLED, 0);
	send_op(&fixture.second, HVL_OP_CANCEL, 0);
	receive(&fixture.second, HVL_OP_CANCEL, 0);
	assert_int_equal(fixture.last.header.status, HV_LOGOFF_E_NOT_FOUND);
	assert_int_equal(open_sessions(), 1);
}

/* Both have sent the LOGOFF, so both get the result. Who only watches gets the session. */
static void test_several_connections(void **state)
{
	struct vsock_host watcher;

	vsock_requests_add(&fixture.requests, &watcher, count_kick);
	negotiate(&watcher, 1);
	begin(&fixture.host, ID);
	negotiate(&fixture.second, 2);
	send_op(&fixture.second, HVL_OP_LOGOFF, OTHER_ID);
	receive_result(&fixture.second, OTHER_ID, HV_LOGOFF_E_BUSY, 0);
	send_op(&fixture.second, HVL_OP_LOGOFF, ID);
	receive(&fixture.second, HVL_OP_PROGRESS, ID);
	vsock_requests_session_ended(&fixture.requests, ID,
				     &(struct session){.id = (char *)"c1", .user = (char *)"anna"},
				     HV_LOGOFF_EXTERNAL);
	run_for(60);
	receive_result(&fixture.host, ID, HV_LOGOFF_S_OK, 0);
	receive_result(&fixture.second, ID, HV_LOGOFF_S_OK, 0);
	assert_true(transmit(&watcher));
	assert_int_equal(fixture.last.body.op.op, HVL_OP_SESSION);
	assert_int_equal(fixture.last.body.op.id, ID);
	assert_int_equal(fixture.last.body.session.kind, HV_LOGOFF_EXTERNAL);
	receive_nothing(&watcher);
	vsock_requests_remove(&watcher);
}

/* The result of a request is kept for a slow reader while the next request is carried out. */
static void test_slow_reader(void **state)
{
	begin(&fixture.host, ID);
	run_for(60);
	add_session("c2", "bert", BY_SIGNAL);
	begin(&fixture.second, OTHER_ID);
	run_for(60);
	receive_result(&fixture.host, ID, HV_LOGOFF_S_OK, 0);
	assert_int_equal(fixture.last.body.report.ended, 1);
	receive_nothing(&fixture.host);
	receive_result(&fixture.second, OTHER_ID, HV_LOGOFF_S_OK, 0);
}

/* The next daemon is activated by the connection that the host makes then. */
static void test_daemon_killed_in_grace(void **state)
{
	begin(&fixture.host, ID);
	run_for(1);
	restart();
	negotiate(&fixture.host, 2);
	send_op(&fixture.host, HVL_OP_QUERY, ID);
	assert_int_equal(receive(&fixture.host, HVL_OP_QUERY, ID)->result, HV_LOGOFF_E_CANCELLED);
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	receive_result(&fixture.host, ID, HV_LOGOFF_E_CANCELLED, HVL_REPLAY);
	run_for(60);
	assert_int_equal(fake.requests, 1);
	assert_int_equal(open_sessions(), 1);
}

static void test_daemon_killed_while_ending(void **state)
{
	fake_session_by_id("c1")->ends_by = BY_KILL;
	begin(&fixture.host, ID);
	run_for(21);
	assert_int_equal(fake.engine.phase, ENGINE_ENDING);
	restart();
	negotiate(&fixture.host, 2);
	send_op(&fixture.host, HVL_OP_QUERY, ID);
	assert_int_equal(receive(&fixture.host, HVL_OP_QUERY, ID)->state, HV_LOGOFF_ENDING);
	/* It is continued as soon as it is repeated. */
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	assert_true(fake.engine.request.flags & HV_LOGOFF_REDELIVERED);
	run_for(60);
	receive_result(&fixture.host, ID, HV_LOGOFF_S_OK, 0);
	assert_int_equal(open_sessions(), 0);
}

static void test_daemon_killed_after_result(void **state)
{
	begin(&fixture.host, ID);
	run_for(60);
	restart();
	negotiate(&fixture.host, 2);
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	receive_result(&fixture.host, ID, HV_LOGOFF_S_OK, HVL_REPLAY);
	assert_int_equal(fixture.last.body.report.ended, 1);
	assert_int_equal(fake.requests, 1);
}

static void test_request_not_recorded(void **state)
{
	/* Another file cannot be created there. */
	assert_int_equal(mkdir(path_of(KNOWN_REQUESTS_NAME ".new"), 0700), 0);
	negotiate(&fixture.host, 2);
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	receive_result(&fixture.host, ID, HV_LOGOFF_E_EXCEPTION, 0);
	assert_int_equal(fake.requests, 0);
	assert_int_equal(rmdir(path_of(KNOWN_REQUESTS_NAME ".new")), 0);
	/* It was never accepted. */
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	receive(&fixture.host, HVL_OP_PROGRESS, ID);
	assert_int_equal(fake.requests, 1);
}

static int ignore_report(void *userdata, const struct hv_logoff_report *report)
{
	return 0;
}

static const struct logoff_transport component = {.name = "component", .report = ignore_report};

/* What is in progress by another transport is busy, even if it has the same id. */
static void test_other_transport(void **state)
{
	const struct logoff_request request = {
		.id = "0x1122334455667788", .timeout = 60, .grace = 20};

	assert_int_equal(known_requests_add(&fixture.known, request.id), 0);
	assert_int_equal(engine_request(&fake.engine, &component, NULL, &request), 0);
	run_for(1);
	negotiate(&fixture.host, 2);
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	receive_result(&fixture.host, ID, HV_LOGOFF_E_BUSY, 0);
	send_op(&fixture.host, HVL_OP_QUERY, ID);
	assert_int_equal(receive(&fixture.host, HVL_OP_QUERY, ID)->state, HV_LOGOFF_GRACE);
	send_op(&fixture.host, HVL_OP_CANCEL, ID);
	receive(&fixture.host, HVL_OP_CANCEL, ID);
	assert_int_equal(fixture.last.header.status, HV_LOGOFF_E_FAIL);
	assert_int_equal(fake.engine.phase, ENGINE_GRACE);
	known_requests_finish(&fixture.known, request.id,
			      &(struct hv_logoff_report){.state = HV_LOGOFF_DONE,
							 .result = HV_LOGOFF_E_TIMED_OUT});
	engine_drop(&fake.engine);
	send_op(&fixture.host, HVL_OP_LOGOFF, ID);
	receive_result(&fixture.host, ID, HV_LOGOFF_E_TIMED_OUT, HVL_REPLAY);
	assert_int_equal(fake.requests, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_vectors),
		TEST(test_logoff),
		TEST(test_target),
		TEST(test_before_negotiation),
		TEST(test_connection_broken),
		TEST(test_cancel_from_another_connection),
		TEST(test_cancel_without_id),
		TEST(test_several_connections),
		TEST(test_slow_reader),
		TEST(test_daemon_killed_in_grace),
		TEST(test_daemon_killed_while_ending),
		TEST(test_daemon_killed_after_result),
		TEST(test_request_not_recorded),
		TEST(test_other_transport),
	};

	return cmocka_run_group_tests_name("vsock_requests", tests, NULL, NULL);
}
