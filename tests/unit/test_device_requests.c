// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The requests of the driver's device, with the engine, one user's session, which ends on a signal,
 * and the journal. The driver is the other end of a socket pair, which preserves records.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "events.h"
#include "fake_system.h"
#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/guest/transport/device_requests.h"
#include "userspace/shared/util.h"

#define ID         0x1122334455667788ULL
#define ID_TEXT    "0x1122334455667788"
#define BOOT       "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"
#define OTHER_BOOT "5d5f2a4b-0f7f-4a53-8a0b-58b6f2f1a111"

static struct fixture {
	sd_event *event;
	struct known_requests known;
	struct device_requests requests;
	int driver; /* the other end of the socket pair */
	uint32_t version;
	const char *boot;
	unsigned int gone;
	unsigned int reports;         /* that the driver has received */
	struct hv_logoff_report last; /* the last one, with the size of the driver's version */
	unsigned int sessions;
	int write_error; /* of the daemon's records */
} fixture;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	if (!fixture.write_error)
		return __real_write(fd, data, size);
	errno = fixture.write_error;
	return -1;
}

static void on_gone(void *userdata, int error)
{
	fixture.gone++;
}

/* Reads what the daemon has written. */
static void receive(void)
{
	union {
		struct hv_logoff_header header;
		struct hv_logoff_report report;
		char bytes[512];
	} record;
	ssize_t size;

	run_events(fixture.event, 0);
	memset(&record, 0, sizeof(record));
	while ((size = recv(fixture.driver, &record, sizeof(record), MSG_DONTWAIT)) > 0) {
		assert_int_equal(record.header.size, size);
		fixture.sessions += record.header.type == HV_LOGOFF_SESSION;
		if (record.header.type == HV_LOGOFF_REPORT) {
			fixture.reports++;
			fixture.last = record.report;
		}
		memset(&record, 0, sizeof(record));
	}
}

static void send_record(const void *record, size_t size)
{
	assert_int_equal(send(fixture.driver, record, size, 0), size);
	receive();
}

static void open_device(void)
{
	struct hv_logoff_hello hello = {
		.header = {.type = HV_LOGOFF_HELLO, .size = sizeof(hello)},
		.version = fixture.version,
		.minimum = HV_LOGOFF_VERSION_1_0,
	};
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	fixture.driver = pair[1];
	assert_int_equal(device_requests_start(&fixture.requests, pair[0], fixture.event), 0);
	receive();
	if (fixture.version < HV_LOGOFF_VERSION_1_2)
		hello.header.size = HV_LOGOFF_HELLO_SIZE_1_0;
	send_record(&hello, hello.header.size);
	assert_int_equal(fixture.gone, 0);
}

/* Simulates a daemon that starts, and opens the device. */
static void start(void)
{
	start_engine();
	known_requests_init(&fixture.known, folder, fixture.boot);
	device_requests_init(&fixture.requests, &fake.engine, &fixture.known, on_gone, NULL);
	open_device();
}

/* Simulates a daemon that is killed at this moment. */
static void kill_daemon(void)
{
	engine_drop(&fake.engine);
	device_requests_done(&fixture.requests);
	known_requests_done(&fixture.known);
	closep(&fixture.driver);
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
	fixture.version = HV_LOGOFF_VERSION;
	fixture.boot = BOOT;
	assert_true(sd_event_new(&fixture.event) >= 0);
	start();
	return 0;
}

static int teardown(void **state)
{
	kill_daemon();
	sd_event_unref(fixture.event);
	fake_system_done();
	remove_folder();
	return 0;
}

/* A TARGET with these flags, and a grace period of 10 s. */
static void request_for(uint64_t id, uint32_t flags, const char *user)
{
	struct hv_logoff_target target = {
		.request =
			{
				.header =
					{
						.type = HV_LOGOFF_TARGET,
						.size = sizeof(target),
						.id = id,
					},
				.flags = flags,
				.timeout = 60,
				.grace = 10,
				.message = "bye",
			},
	};

	snprintf(target.user, sizeof(target.user), "%s", user);
	send_record(&target, sizeof(target));
}

static void request(uint64_t id, uint32_t flags)
{
	request_for(id, flags, "");
}

static void cancel(uint64_t id, uint32_t reason)
{
	const struct hv_logoff_cancel record = {
		.header = {.type = HV_LOGOFF_CANCEL, .size = sizeof(record), .id = id},
		.reason = reason,
	};

	send_record(&record, sizeof(record));
}

static void run(unsigned int seconds)
{
	run_for(seconds);
	receive();
}

static void assert_result(uint64_t id, uint32_t result, const char *text)
{
	assert_int_equal(fixture.last.state, HV_LOGOFF_DONE);
	assert_int_equal(fixture.last.header.id, id);
	assert_int_equal(fixture.last.result, result);
	if (!strstr(fixture.last.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, fixture.last.text);
}

/* The last request was answered at once, and nothing was done. */
static void assert_replayed(uint64_t id, uint32_t result, const char *text)
{
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	assert_result(id, result, text);
	assert_int_equal(fixture.last.flags, HV_LOGOFF_REPLAYED);
}

static bool is_recorded(uint64_t id)
{
	char text[LOGOFF_ID_SIZE];

	snprintf(text, sizeof(text), "0x%016llx", (unsigned long long)id);
	return journal_find(&fixture.known.journal, text);
}

/* Logs the only user off. */
static void complete(uint64_t id)
{
	request(id, 0);
	run(60);
	assert_result(id, HV_LOGOFF_S_OK, "The session has ended.");
	assert_int_equal(open_sessions(), 0);
}

static void test_logoff(void **state)
{
	complete(ID);
	assert_int_equal(fake.requests, 1);
	assert_string_equal(fake.last_request.id, ID_TEXT);
	assert_string_equal(fake.last_request.message, "bye");
	assert_int_equal(fixture.last.flags, 0);
	assert_int_equal(fixture.last.found, 1);
	assert_int_equal(fixture.last.ended, 1);
	assert_int_equal(device_requests_current(&fixture.requests), 0);
}

/* A user who has logged on since is neither notified nor logged off. */
static void check_replay(void)
{
	struct fake_session *later = add_session("c2", "bert", BY_SIGNAL);

	fixture.last = (struct hv_logoff_report){0};
	request(ID, 0);
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
	assert_int_equal(fixture.last.percent, 100);
	assert_int_equal(fixture.last.found, 1);
	assert_int_equal(fixture.last.ended, 1);
	assert_int_equal(fixture.last.failed, 0);
	assert_true(later->open);
	assert_int_equal(later->notices + later->signalled, 0);
	assert_int_equal(fake.requests, 1);
}

static void test_repeated(void **state)
{
	complete(ID);
	check_replay();
}

static void test_repeated_after_restart(void **state)
{
	complete(ID);
	restart();
	check_replay();
}

/* The module was reloaded: the daemon opens another device. */
static void test_repeated_on_new_device(void **state)
{
	complete(ID);
	device_requests_done(&fixture.requests);
	closep(&fixture.driver);
	open_device();
	check_replay();
}

/* Any earlier request of this boot, not only the last one. */
static void test_older_request_repeated(void **state)
{
	complete(ID);
	for (uint64_t id = 1; id < JOURNAL_MAX; id++) {
		request(id, 0);
		run(60);
		assert_result(id, HV_LOGOFF_E_NO_SESSION, "Nobody is logged on.");
	}
	assert_int_equal(fake.requests, JOURNAL_MAX);
	fake.requests = 1;
	check_replay();
}

/* The first of more than JOURNAL_MAX requests is not known any more. */
static void test_journal_full(void **state)
{
	complete(ID);
	for (uint64_t id = 1; id <= JOURNAL_MAX; id++) {
		request(id, 0);
		run(60);
	}
	assert_int_equal(fixture.known.journal.count, JOURNAL_MAX);
	assert_false(is_recorded(ID));
	restart();
	request(1, 0);
	assert_replayed(1, HV_LOGOFF_E_NO_SESSION, "Nobody is logged on.");
	request(ID, 0);
	assert_int_equal(fake.engine.phase, ENGINE_STARTING);
}

/* The id decides, whatever else the request contains. */
static void test_other_content(void **state)
{
	complete(ID);
	request_for(ID, HV_LOGOFF_DRY_RUN, "nobody");
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
	request_for(ID, HV_LOGOFF_FORCE, "in:valid");
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
	assert_int_equal(fake.requests, 1);
}

static void test_other_results(void **state)
{
	request(1, 0);
	run(5);
	assert_int_equal(fixture.last.state, HV_LOGOFF_GRACE);
	cancel(1, HV_LOGOFF_CANCEL_HOST);
	assert_result(1, HV_LOGOFF_E_CANCELLED, "Cancelled by the host");
	fake.sessions[0].ends_by = BY_NOTHING;
	request(2, 0);
	run(60);
	assert_result(2, HV_LOGOFF_E_TIMED_OUT, "1 of 1 sessions are left: c1 (anna)");
	restart();
	request(1, 0);
	assert_replayed(1, HV_LOGOFF_E_CANCELLED, "Cancelled by the host");
	request(2, 0);
	assert_replayed(2, HV_LOGOFF_E_TIMED_OUT, "1 of 1 sessions are left: c1 (anna)");
	assert_int_equal(fixture.last.failed, 1);
	assert_int_equal(fixture.last.found, 1);
}

static void test_cancelled_in_guest(void **state)
{
	request(1, 0);
	run(5);
	assert_int_equal(engine_cancel_in_guest(&fake.engine, 1000), 0);
	receive();
	assert_result(1, HV_LOGOFF_E_CANCELLED, "Cancelled in the guest by UID 1000");
	restart();
	request(1, 0);
	assert_replayed(1, HV_LOGOFF_E_CANCELLED, "Cancelled in the guest by UID 1000");
	assert_int_equal(fake.sessions[0].signalled, 0);
}

/* A driver before 1.2 has no field for the mark. */
static void test_repeated_to_1_1_driver(void **state)
{
	kill_daemon();
	fixture.version = HV_LOGOFF_VERSION_1_1;
	start();
	complete(ID);
	restart();
	request(ID, 0);
	assert_result(ID, HV_LOGOFF_S_OK, "The session has ended.");
	assert_int_equal(fixture.last.header.size, HV_LOGOFF_REPORT_SIZE_1_0);
	assert_int_equal(fixture.last.flags, 0);
	assert_int_equal(fake.requests, 1);
}

static void begin(void)
{
	request(ID, 0);
	run(5);
	assert_int_equal(fixture.last.state, HV_LOGOFF_GRACE);
	assert_int_equal(fake.sessions[0].signalled, 0);
}

/* The only session does not end. */
static void begin_ending(void)
{
	fake.sessions[0].ends_by = BY_NOTHING;
	request(ID, 0);
	run(11);
	assert_int_equal(fixture.last.state, HV_LOGOFF_ENDING);
	assert_int_equal(fake.sessions[0].signalled, 1);
}

static void check_continued(uint32_t flags)
{
	fake.sessions[0].ends_by = BY_SIGNAL;
	request(ID, flags);
	assert_string_equal(fake.last_outcome, "redelivered");
	run(60);
	assert_result(ID, HV_LOGOFF_S_OK, "The session has ended.");
	assert_int_equal(fixture.last.flags, 0);
	assert_int_equal(open_sessions(), 0);
	request(ID, 0);
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
}

static void test_begun_redelivered(void **state)
{
	begin();
	restart();
	check_continued(HV_LOGOFF_REDELIVERED);
}

static void test_ending_redelivered(void **state)
{
	begin_ending();
	restart();
	check_continued(HV_LOGOFF_REDELIVERED);
}

/* The driver does not know that an earlier daemon had the request, if it was reloaded. */
static void test_ending_after_reload(void **state)
{
	begin_ending();
	restart();
	check_continued(0);
}

static void assert_abandoned(void)
{
	assert_replayed(ID, HV_LOGOFF_E_CANCELLED, "interrupted before any session was ended");
	assert_int_equal(fixture.last.found, 0);
	assert_int_equal(fake.sessions[0].signalled, 0);
	assert_int_equal(open_sessions(), 1);
}

/* The host may have cancelled the request after the last daemon was killed. */
static void test_begun_after_reload(void **state)
{
	begin();
	restart();
	request(ID, 0);
	assert_abandoned();
	restart();
	request(ID, HV_LOGOFF_REDELIVERED);
	assert_abandoned();
}

/* It was cancelled, and the daemon killed before it has read that. Another request followed. */
static void test_cancelled_before_other_request(void **state)
{
	begin();
	restart();
	request(2, HV_LOGOFF_DRY_RUN);
	run(60);
	assert_result(2, HV_LOGOFF_S_OK, "1 session would be ended");
	request(ID, 0);
	assert_abandoned();
}

/* The earlier daemon has ended all sessions. */
static void test_begun_without_sessions_left(void **state)
{
	begin_ending();
	restart();
	fake.sessions[0].open = false;
	request(ID, 0);
	run(60);
	assert_result(ID, HV_LOGOFF_S_OK, "All sessions have ended.");
}

static void open_other_device(void)
{
	closep(&fixture.driver);
	run_events(fixture.event, 0);
	assert_int_equal(fixture.gone, 1);
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	fixture.gone = 0;
	device_requests_done(&fixture.requests);
	open_device();
}

static void test_begun_on_new_device(void **state)
{
	begin();
	open_other_device();
	request(ID, 0);
	assert_abandoned();
}

static void test_ending_on_new_device(void **state)
{
	begin_ending();
	open_other_device();
	check_continued(0);
}

/* The driver has answered the host: it is unbound, or the request has taken too long. */
static void test_ending_not_accepted(void **state)
{
	static const int errors[] = {ENODEV, ESTALE};

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		request(i + 1, 0);
		run(5);
		fixture.write_error = errors[i];
		run(10);
		fixture.write_error = 0;
		assert_int_equal(fake.engine.phase, ENGINE_IDLE);
		assert_int_equal(fake.sessions[0].signalled, 0);
		restart();
		request(i + 1, 0);
		assert_replayed(i + 1, HV_LOGOFF_E_CANCELLED, "interrupted");
	}
}

/* A daemon before 1.2 has begun it, without a journal. */
static void test_redelivered_but_unknown(void **state)
{
	request(ID, HV_LOGOFF_REDELIVERED);
	assert_true(is_recorded(ID));
	assert_string_equal(fake.last_outcome, "redelivered");
	run(60);
	request(ID, 0);
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
}

/* The result was recorded, and the daemon killed before the driver had it. */
static void test_result_recorded_but_not_reported(void **state)
{
	complete(ID);
	restart();
	add_session("c2", "bert", BY_SIGNAL);
	request(ID, HV_LOGOFF_REDELIVERED);
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
	assert_int_equal(open_sessions(), 1);
}

/* The driver has answered the host, which may repeat the request after a reload of the module. */
static void test_abandoned(void **state)
{
	request(1, 0);
	run(5);
	cancel(1, HV_LOGOFF_CANCEL_TIMEOUT);
	request(2, 0);
	run(5);
	cancel(2, HV_LOGOFF_CANCEL_SUSPEND);
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	restart();
	request(1, 0);
	assert_replayed(1, HV_LOGOFF_E_TIMED_OUT, "did not report a result in time");
	assert_int_equal(fixture.last.found, 1);
	assert_int_equal(fixture.last.ended, 0);
	request(2, 0);
	assert_replayed(2, HV_LOGOFF_E_EXCEPTION, "suspended");
	assert_int_equal(open_sessions(), 1);
}

static void test_dry_run(void **state)
{
	request(ID, HV_LOGOFF_DRY_RUN);
	run(60);
	assert_result(ID, HV_LOGOFF_S_OK, "1 session would be ended: c1 (anna)");
	assert_int_equal(fixture.sessions, 1);
	assert_false(is_recorded(ID));
	assert_int_equal(access(path_of(KNOWN_REQUESTS_NAME), F_OK), -1);
	request(ID, HV_LOGOFF_DRY_RUN);
	run(60);
	assert_int_equal(fake.requests, 2);
	assert_int_equal(fixture.last.flags, 0);
	complete(ID);
}

/* A dry run with the id of a request that was begun does not complete it. */
static void test_dry_run_of_begun(void **state)
{
	begin_ending();
	restart();
	fake.sessions[0].ends_by = BY_SIGNAL;
	request(2, 0);
	cancel(2, HV_LOGOFF_CANCEL_HOST);
	assert_result(2, HV_LOGOFF_E_CANCELLED, "Cancelled by the host");
	request(ID, HV_LOGOFF_DRY_RUN);
	run(60);
	assert_result(ID, HV_LOGOFF_S_OK, "1 session would be ended");
	request(ID, 0);
	run(60);
	assert_result(ID, HV_LOGOFF_S_OK, "The session has ended.");
}

/* The last request was refused at once: it was never accepted. */
static void assert_declined(uint32_t result, const char *text)
{
	assert_result(ID, result, text);
	assert_int_equal(fixture.last.flags, HV_LOGOFF_DECLINED);
	assert_int_equal(fixture.last.found, 0);
}

static void test_refused(void **state)
{
	static const struct logoff_transport other = {0};
	const struct logoff_request running = {.timeout = 60, .grace = 10};

	request_for(ID, 0, "in:valid");
	assert_declined(HV_LOGOFF_E_INVALIDARG, "not a user name");
	assert_false(is_recorded(ID));
	assert_int_equal(engine_request(&fake.engine, &other, NULL, &running), 0);
	request(ID, 0);
	assert_declined(HV_LOGOFF_E_BUSY, "another transport");
	assert_false(is_recorded(ID));
	engine_drop(&fake.engine);
	complete(ID);
}

/* It was accepted, and an earlier daemon may have ended sessions. */
static void test_redelivered_refused(void **state)
{
	static const struct logoff_transport other = {0};
	const struct logoff_request running = {.timeout = 60, .grace = 10};

	assert_int_equal(engine_request(&fake.engine, &other, NULL, &running), 0);
	request(ID, HV_LOGOFF_REDELIVERED);
	assert_result(ID, HV_LOGOFF_E_BUSY, "another transport");
	assert_int_equal(fixture.last.flags, 0);
	engine_drop(&fake.engine);
}

/* The driver was reloaded. The request is continued when the host sends it once more. */
static void test_begun_refused(void **state)
{
	static const struct logoff_transport other = {0};
	const struct logoff_request running = {.timeout = 60, .grace = 10};

	begin_ending();
	restart();
	assert_int_equal(engine_request(&fake.engine, &other, NULL, &running), 0);
	request(ID, 0);
	assert_declined(HV_LOGOFF_E_BUSY, "another transport");
	engine_drop(&fake.engine);
	check_continued(0);
}

/* A finished request needs no engine. */
static void test_repeated_while_busy(void **state)
{
	static const struct logoff_transport other = {0};
	const struct logoff_request running = {.timeout = 60, .grace = 10};

	complete(ID);
	assert_int_equal(engine_request(&fake.engine, &other, NULL, &running), 0);
	request(ID, 0);
	assert_result(ID, HV_LOGOFF_S_OK, "The session has ended.");
	assert_int_equal(fixture.last.flags, HV_LOGOFF_REPLAYED);
	assert_int_equal(fake.engine.phase, ENGINE_STARTING);
}

static void test_other_boot(void **state)
{
	complete(ID);
	fixture.boot = OTHER_BOOT;
	fake.sessions[0].open = true;
	restart();
	complete(ID);
	assert_int_equal(fake.requests, 2);
}

static void test_not_writable(void **state)
{
	struct rlimit limit = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	request(ID, 0);
	limit.rlim_cur = RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_result(ID, HV_LOGOFF_E_EXCEPTION, "cannot record the request in ");
	assert_result(ID, HV_LOGOFF_E_EXCEPTION, "/device-journal: File too large.");
	assert_int_equal(fake.requests, 0);
	assert_int_equal(fixture.last.flags, HV_LOGOFF_DECLINED);
	/* It was never accepted. */
	assert_false(is_recorded(ID));
	complete(ID);
}

/* What was begun needs no new entry, so a journal that cannot be written any more does not matter.
 */
static void test_begun_then_not_writable(void **state)
{
	request(ID, 0);
	run(5);
	restart();
	assert_int_equal(mkdir(path_of(KNOWN_REQUESTS_NAME ".new"), 0700), 0);
	request(ID, HV_LOGOFF_REDELIVERED);
	run(60);
	assert_result(ID, HV_LOGOFF_S_OK, "The session has ended.");
	/* This daemon still has the result, and writes it with the next one. */
	request(ID, 0);
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
	assert_int_equal(rmdir(path_of(KNOWN_REQUESTS_NAME ".new")), 0);
	request(2, 0);
	run(60);
	restart();
	request(ID, 0);
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
}

static void test_damaged(void **state)
{
	kill_daemon();
	write_file(KNOWN_REQUESTS_NAME, "x", 1);
	start();
	request(ID, 0);
	assert_result(ID, HV_LOGOFF_E_EXCEPTION, "/device-journal: it is damaged.");
	assert_int_equal(fake.requests, 0);
	request(2, HV_LOGOFF_DRY_RUN);
	run(60);
	assert_result(2, HV_LOGOFF_S_OK, "1 session would be ended");
	/* It is repaired: no restart is necessary. */
	assert_int_equal(unlink(path_of(KNOWN_REQUESTS_NAME)), 0);
	complete(ID);
}

static void test_second_daemon(void **state)
{
	struct journal other;

	kill_daemon();
	assert_int_equal(journal_load(&other, folder, KNOWN_REQUESTS_NAME, BOOT), 0);
	start();
	request(ID, 0);
	assert_result(ID, HV_LOGOFF_E_EXCEPTION, "another hv-logoffd uses it");
	journal_done(&other);
	complete(ID);
}

/* The id of the next request is not that of a cancellation that arrives late. */
static void test_late_cancel(void **state)
{
	complete(ID);
	fake.sessions[0].open = true;
	request(2, 0);
	run(5);
	cancel(ID, HV_LOGOFF_CANCEL_TIMEOUT);
	assert_int_equal(device_requests_current(&fixture.requests), 2);
	run(60);
	assert_result(2, HV_LOGOFF_S_OK, "The session has ended.");
	request(ID, 0);
	assert_replayed(ID, HV_LOGOFF_S_OK, "The session has ended.");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_logoff),
		TEST(test_repeated),
		TEST(test_repeated_after_restart),
		TEST(test_repeated_on_new_device),
		TEST(test_older_request_repeated),
		TEST(test_journal_full),
		TEST(test_other_content),
		TEST(test_other_results),
		TEST(test_cancelled_in_guest),
		TEST(test_repeated_to_1_1_driver),
		TEST(test_begun_redelivered),
		TEST(test_ending_redelivered),
		TEST(test_ending_after_reload),
		TEST(test_begun_after_reload),
		TEST(test_cancelled_before_other_request),
		TEST(test_begun_without_sessions_left),
		TEST(test_begun_on_new_device),
		TEST(test_ending_on_new_device),
		TEST(test_ending_not_accepted),
		TEST(test_redelivered_but_unknown),
		TEST(test_result_recorded_but_not_reported),
		TEST(test_abandoned),
		TEST(test_dry_run),
		TEST(test_dry_run_of_begun),
		TEST(test_refused),
		TEST(test_redelivered_refused),
		TEST(test_begun_refused),
		TEST(test_repeated_while_busy),
		TEST(test_other_boot),
		TEST(test_not_writable),
		TEST(test_begun_then_not_writable),
		TEST(test_damaged),
		TEST(test_second_daemon),
		TEST(test_late_cancel),
	};

	/* As in the daemon, a write to a closed socket fails; so does one beyond the limit. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("device_requests", tests, NULL, NULL);
}
