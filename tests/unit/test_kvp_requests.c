// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests by KVP, with the engine and one user's session, which ends on a signal. What the host
 * can read is what was published last.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fake_system.h"
#include "kvp_fixture.h"
#include "unit.h"
#include "userspace/guest/transport/kvp_requests.h"
#include "userspace/shared/util.h"

#define NOW        INT64_C(1795363200) /* 2026-11-22T16:00:00Z */
#define BOOT       "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"
#define OTHER_BOOT "5d5f2a4b-0f7f-4a53-8a0b-58b6f2f1a111"

static struct fixture {
	struct kvp_requests kvp;
	const char *boot;
	uint32_t vsock;
	int64_t now, booted;
	char published[KVP_TEXT_MAX + 1];
	char published_id[KVP_ID_SIZE];
	struct kvp_sessions sessions;
	unsigned int publications;
} fixture;

static int64_t fake_clock(void *userdata)
{
	return fixture.now;
}

static int64_t fake_booted(void *userdata)
{
	return fixture.booted;
}

static void fake_publish(void *userdata, const char *answer, const char *id,
			 const struct kvp_sessions *sessions)
{
	snprintf(fixture.published, sizeof(fixture.published), "%s", answer);
	snprintf(fixture.published_id, sizeof(fixture.published_id), "%s", id);
	fixture.sessions = *sessions;
	fixture.publications++;
}

static const struct kvp_requests_ops kvp_requests_ops = {
	.now = fake_clock,
	.booted = fake_booted,
	.publish = fake_publish,
};

/* Simulates a daemon that starts. */
static void start(void)
{
	fixture.published[0] = '\0';
	start_engine();
	assert_int_equal(kvp_requests_init(&fixture.kvp, &kvp_requests_ops, NULL, &fake.engine,
					   folder, fixture.boot, fixture.vsock),
			 0);
}

/* Simulates a daemon that is killed, and restarted. */
static void restart(void)
{
	engine_drop(&fake.engine);
	journal_done(&fixture.kvp.journal);
	start();
}

static void reboot_guest(void)
{
	fixture.boot = OTHER_BOOT;
	fixture.booted = fixture.now = NOW + 30;
	restart();
}

static int setup(void **state)
{
	make_folder();
	assert_int_equal(fake_system_init(), 0);
	add_session("c1", "anna", BY_SIGNAL)->removal_lost = true;
	memset(&fixture, 0, sizeof(fixture));
	fixture.now = NOW;
	fixture.booted = NOW - 3600;
	fixture.boot = BOOT;
	start();
	return 0;
}

static int teardown(void **state)
{
	fake_system_done();
	journal_done(&fixture.kvp.journal);
	remove_folder();
	return 0;
}

static void take(const char *fields)
{
	char value[KVP_TEXT_MAX + 1];

	snprintf(value, sizeof(value), "v=1 issued=2026-11-22T16:00:00Z life=300 %s", fields);
	kvp_requests_handle(&fixture.kvp, value);
}

static void assert_published(const char *fields)
{
	if (!strstr(fixture.published, fields))
		fail_msg("\"%s\" is not in \"%s\"", fields, fixture.published);
}

static void assert_refused(const char *id, const char *result, const char *why)
{
	char fields[128];

	snprintf(fields, sizeof(fields),
		 "id=%s state=done percent=0 found=0 ended=0 failed=0 "
		 "result=%s ",
		 id, result);
	assert_published(fields);
	assert_published(why);
}

static void test_idle(void **state)
{
	assert_string_equal(fixture.published,
			    "v=1 state=idle accepts=2 boot=" BOOT " time=2026-11-22T16:00:00Z");
}

static void test_logoff(void **state)
{
	take("id=a do=logoff timeout=60 force=yes user=anna message=Save your work");
	assert_int_equal(fake.requests, 1);
	assert_int_equal(fake.last_request.timeout, 60);
	assert_int_equal(fake.last_request.flags, HV_LOGOFF_FORCE);
	assert_string_equal(fake.last_request.id, "a");
	assert_string_equal(fake.last_request.user, "anna");
	assert_string_equal(fake.last_request.message, "Save your work");
	assert_published("id=a state=delivered percent=0 ");
	fake.sessions[0].open = false;
	run_for(60);
	assert_published("id=a state=done ");
	assert_published("result=0x80070520 ");
}

static void test_states(void **state)
{
	fake.sessions[0].ends_by = BY_NOTHING;
	take("id=a do=logoff timeout=60 grace=10");
	run_for(5);
	assert_published(
		"id=a state=grace percent=5 found=1 ended=0 failed=0 accepts=2 boot=" BOOT);
	run_for(10);
	assert_published("id=a state=ending percent=10 found=1 ended=0 ");
	assert_int_equal(fake.sessions[0].signalled, 1);
	run_for(60);
	assert_published("id=a state=done percent=10 found=1 ended=0 failed=1 session-items=1 "
			 "result=0xa0040202 ");
}

static void take_outcome(enum hv_logoff_outcome code)
{
	const struct outcome outcome = {
		.outcome = code, .uid = 1000, .user = "anna", .session = ""};

	fake.engine.transport->outcome(fake.engine.transport_data, &outcome);
}

/* The last answer has the numbers of users with each outcome; the next request starts at 0. */
static void test_numbers_of_users(void **state)
{
	static const enum hv_logoff_outcome outcomes[] = {
		HV_LOGOFF_FAILED,        HV_LOGOFF_SELECTED,         HV_LOGOFF_RETURNED,
		HV_LOGOFF_RETURNED,      HV_LOGOFF_MANAGER_SELECTED, HV_LOGOFF_LINGERING,
		HV_LOGOFF_MANAGER_ENDED, HV_LOGOFF_OUTSIDE,          HV_LOGOFF_OUTSIDE,
		HV_LOGOFF_OUTSIDE,       HV_LOGOFF_UNTOLD,
	};

	take("id=a do=logoff timeout=60");
	run_for(1);
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
		take_outcome(outcomes[i]);
	engine_removed(&fake.engine, "c1");
	run_for(10);
	assert_published(
		"id=a state=done percent=100 found=1 ended=1 failed=0 managers=2 "
		"returned=2 lingering=1 outside=3 untold=1 session-items=1 result=0x00000000 "
		"accepts=2 ");
	restart();
	assert_published("id=a state=done percent=100 found=1 ended=1 failed=0 managers=2 "
			 "returned=2 lingering=1 outside=3 untold=1 result=0x00000000 accepts=2 ");
	take("id=a do=forget");
	add_session("c2", "anna", BY_NOTHING);
	take("id=b do=logoff timeout=60");
	run_for(1);
	take_outcome(HV_LOGOFF_MANAGER_FAILED);
	run_for(60);
	assert_published(" found=1 ended=0 failed=1 managers-left=1 session-items=1 "
			 "result=0xa0040202 accepts=2 ");
}

static void assert_no_sessions(const char *id)
{
	assert_string_equal(fixture.published_id, id);
	assert_int_equal(fixture.sessions.count, 0);
	assert_null(strstr(fixture.published, "session-items="));
}

/* They are published with the result, and not before; the next request or its end drops them. */
static void test_outcomes_of_sessions(void **state)
{
	add_session("c2", "jane doe", BY_NOTHING);
	take("id=a do=logoff timeout=60");
	run_for(1);
	engine_removed(&fake.engine, "c1");
	assert_no_sessions("a");
	run_for(60);
	assert_published("failed=1 session-items=1 result=0xa0040202 ");
	assert_string_equal(fixture.published_id, "a");
	assert_int_equal(fixture.sessions.count, 1);
	assert_string_equal(fixture.sessions.values[0],
			    "v=1 id=a part=1/1 failed=\"c2:1001:jane doe\" ended=c1:1000:anna");
	take("id=b do=logoff timeout=60 user=nobody-else dry-run=yes");
	assert_no_sessions("b");
	run_for(1);
	assert_published("result=0x80070520");
	assert_no_sessions("b");
	take("id=c do=logoff timeout=60 dry-run=yes");
	run_for(1);
	assert_string_equal(fixture.sessions.values[0],
			    "v=1 id=c part=1/1 selected=\"c2:1001:jane doe\"");
	take("id=d do=logoff timeout=now");
	assert_refused("d", "0x80070057", "timeout=now");
	assert_no_sessions("d");
	take("id=e do=logoff timeout=60 dry-run=yes");
	run_for(1);
	assert_int_equal(fixture.sessions.count, 1);
	take("id=e do=forget");
	assert_published("state=idle ");
	assert_no_sessions("");
}

/* A new daemon does not have them; the items' id tells which of the pool are those of its answer.
 */
static void test_outcomes_after_restart(void **state)
{
	take("id=a do=logoff timeout=60 dry-run=yes");
	run_for(1);
	assert_published(" session-items=1 ");
	restart();
	assert_published("id=a state=done ");
	assert_no_sessions("a");
	take("id=a do=forget");
	restart();
	assert_no_sessions("");
}

static void take_2(const char *fields)
{
	char value[KVP_TEXT_MAX + 1];

	snprintf(value, sizeof(value), "v=2 issued=2026-11-22T16:00:00Z life=300 %s", fields);
	kvp_requests_handle(&fixture.kvp, value);
}

static void test_version_2(void **state)
{
	take_2("id=a do=logoff include-lingering=yes user=\"jane doe\" message=Good night");
	assert_int_equal(fake.requests, 1);
	assert_int_equal(fake.last_request.flags, HV_LOGOFF_INCLUDE_LINGERING);
	assert_string_equal(fake.last_request.user, "jane doe");
	run_for(60);
	assert_published("id=a state=done ");
	take_2("id=b do=logoff user=\"jane");
	assert_refused("b", "0x80070057", "ends with a quote");
	assert_int_equal(fake.requests, 1);
	/* A host cancels it with either version. */
	take_2("id=c do=logoff no-logins=yes timeout=60 grace=30");
	run_for(1);
	assert_true(fake.no_logins);
	take("id=c do=cancel");
	assert_published("result=0x800704c7 ");
	assert_false(fake.no_logins);
}

static void test_end_of_session(void **state)
{
	take("id=a do=logoff timeout=60");
	run_for(1);
	engine_removed(&fake.engine, "c1");
	run_for(10);
	assert_published("id=a state=done percent=100 found=1 ended=1 failed=0 session-items=1 "
			 "result=0x00000000 ");
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
}

/* The item is read again after every change to the pool, and after a migration. */
static void test_same_item_again(void **state)
{
	take("id=a do=logoff");
	take("id=a do=logoff");
	run_for(1);
	take("id=a do=logoff");
	engine_removed(&fake.engine, "c1");
	run_for(60);
	take("id=a do=logoff");
	assert_published("result=0x00000000 ");
	assert_int_equal(fake.requests, 1);
}

static void test_cancel_in_grace(void **state)
{
	take("id=a do=logoff timeout=60 grace=30");
	run_for(1);
	take("id=a do=cancel");
	assert_published("id=a state=done ");
	assert_published("result=0x800704c7 ");
	run_for(60);
	assert_int_equal(fake.sessions[0].signalled, 0);
}

static void test_cancel_in_guest(void **state)
{
	take("id=a do=logoff timeout=60 grace=30");
	run_for(1);
	assert_int_equal(engine_cancel_in_guest(&fake.engine, 0), 0);
	assert_published("id=a state=done ");
	assert_published("result=0x800704c7 ");
	assert_int_equal(engine_cancel_in_guest(&fake.engine, 0), -ESRCH);
	assert_int_equal(fake.sessions[0].signalled, 0);
}

static void test_cancel_too_late(void **state)
{
	take("id=a do=logoff timeout=60");
	run_for(1);
	take("id=a do=cancel");
	assert_published("id=a state=ending ");
	engine_removed(&fake.engine, "c1");
	run_for(60);
	assert_published("result=0x00000000 ");
	/* Nor does a cancellation have an effect after completion. */
	take("id=a do=cancel");
	assert_published("result=0x00000000 ");
}

/* The host has a single item, so the guest may miss the request and see only its cancellation. */
static void test_cancel_before_request(void **state)
{
	take("id=a do=cancel");
	assert_refused("a", "0x800704c7", "before it was started");
	take("id=a do=logoff");
	restart();
	take("id=a do=logoff");
	take("id=b do=forget");
	take("id=a do=logoff");
	assert_int_equal(fake.requests, 0);
	assert_refused("a", "0x800704c7", "before it was started");
}

static void test_forget(void **state)
{
	take("id=a do=logoff");
	take("id=a do=forget");
	assert_published("id=a state=delivered ");
	take("id=b do=forget");
	assert_published("id=a state=delivered ");
	fake.sessions[0].open = false;
	run_for(60);
	take("id=b do=forget");
	assert_published("id=a state=done ");
	take("id=a do=forget");
	assert_published("state=idle ");
	/* FORGET clears the answer, but the id stays in the journal. */
	restart();
	assert_published("state=idle ");
	take("id=a do=logoff");
	assert_refused("a", "0x800700b7", "was received before");
	assert_int_equal(fake.requests, 1);
}

static void test_next_request_replaces_answer(void **state)
{
	fake.sessions[0].open = false;
	take("id=a do=logoff");
	run_for(60);
	take("id=b do=logoff");
	run_for(60);
	assert_published("id=b state=done ");
	assert_int_equal(fake.requests, 2);
	take("id=a do=logoff");
	assert_refused("a", "0x800700b7", "was received before");
	assert_int_equal(fake.requests, 2);
}

static void test_busy_with_kvp_request(void **state)
{
	take("id=a do=logoff");
	run_for(1);
	take("id=b do=logoff user=anna");
	assert_published("id=a state=ending ");
	assert_published(" busy=b ");
	kvp_requests_handle(&fixture.kvp, "nonsense");
	assert_published("id=a state=ending ");
	engine_removed(&fake.engine, "c1");
	run_for(60);
	assert_published("id=a state=done ");
	assert_published("result=0x00000000 busy=b ");
	/* The refusal is final, even if the item outlasts the first request. */
	take("id=b do=logoff user=anna");
	restart();
	take("id=b do=logoff user=anna");
	assert_refused("b", "0x800700b7", "was received before");
	assert_int_equal(fake.requests, 1);
}

static int other_report(void *userdata, const struct hv_logoff_report *report)
{
	return 0;
}

static const struct logoff_transport other_transport = {.report = other_report};
static const struct logoff_request other_request = {.id = "0x1", .timeout = 60};

static void test_busy_with_other_transport(void **state)
{
	assert_int_equal(engine_request(&fake.engine, &other_transport, NULL, &other_request), 0);
	take("id=a do=logoff");
	assert_refused("a", "0x800700aa", "another request");
	assert_int_equal(fake.requests, 1);
	assert_true(engine_serves(&fake.engine, &other_transport));
	take("id=a do=cancel");
	assert_true(engine_serves(&fake.engine, &other_transport));
	/* When the daemon exits, that request is left to its own transport. */
	assert_true(kvp_requests_done(&fixture.kvp));
	assert_true(engine_serves(&fake.engine, &other_transport));
}

static void test_other_transport_gets_busy(void **state)
{
	take("id=a do=logoff");
	assert_int_equal(engine_request(&fake.engine, &other_transport, NULL, &other_request),
			 -EBUSY);
}

static void test_daemon_killed(void **state)
{
	take("id=a do=logoff grace=30 timeout=60");
	run_for(5);
	restart();
	assert_refused("a", "0x80020009", "was restarted while");
	take("id=a do=logoff grace=30 timeout=60");
	assert_refused("a", "0x80020009", "was restarted while");
	/* Killed a second time. */
	restart();
	take("id=a do=logoff grace=30 timeout=60");
	assert_refused("a", "0x80020009", "was restarted while");
	run_for(60);
	assert_int_equal(fake.requests, 1);
	take("id=b do=logoff");
	assert_int_equal(fake.requests, 2);
}

static void test_daemon_killed_after_completion(void **state)
{
	fake.sessions[0].open = false;
	take("id=a do=logoff");
	run_for(60);
	restart();
	assert_published("id=a state=done ");
	assert_published("result=0x80070520 ");
	take("id=a do=logoff");
	assert_published("result=0x80070520 ");
	assert_int_equal(fake.requests, 1);
}

static void test_daemon_stopped(void **state)
{
	assert_false(kvp_requests_done(&fixture.kvp));
	restart();
	take("id=a do=logoff");
	run_for(1);
	assert_true(kvp_requests_done(&fixture.kvp));
	assert_refused("a", "0x80020009", "was stopped while");
	assert_int_equal(fake.engine.phase, ENGINE_IDLE);
	restart();
	assert_refused("a", "0x80020009", "was stopped while");
	take("id=a do=forget");
	assert_false(kvp_requests_done(&fixture.kvp));
}

/* Both the host's items and the guest's disk survive a reboot. */
static void test_guest_rebooted(void **state)
{
	take("id=a do=logoff");
	run_for(1);
	reboot_guest();
	assert_refused("a", "0x80020009", "boot=" OTHER_BOOT);
	take("id=a do=logoff");
	assert_int_equal(fake.requests, 1);
	assert_refused("a", "0x80020009", "was restarted while");
}

/* The guest has no persistent disk, so the journal is lost. */
static void test_guest_rebooted_without_journal(void **state)
{
	take("id=a do=logoff");
	run_for(1);
	assert_int_equal(unlink(path_of(KVP_JOURNAL_NAME)), 0);
	reboot_guest();
	assert_published("state=idle ");
	take("id=a do=logoff");
	assert_refused("a", "0x80020009",
		       "issued at 2026-11-22T16:00:00Z, before the guest was "
		       "started at 2026-11-22T16:00:30Z");
	/* The clock is too far off to reveal the reboot, but the boot id does. */
	fixture.booted = NOW - 5;
	take("id=b do=logoff boot=" BOOT);
	assert_refused("b", "0x80020009",
		       "is for boot " BOOT " of the guest, but this is boot " OTHER_BOOT);
	assert_int_equal(fake.requests, 1);
	take("id=c do=logoff boot=5D5F2A4B-0f7f-4a53-8a0b-58b6f2f1a111");
	assert_int_equal(fake.requests, 2);
}

static void test_clock_differences(void **state)
{
	static const struct {
		int64_t now;
		const char *result; /* NULL if carried out */
		const char *why;
	} cases[] = {
		{NOW + 300, NULL, NULL},
		{NOW + 301, "0x800705b4",
		 "issued at 2026-11-22T16:00:00Z for 300 s, but the guest's "
		 "clock is at 2026-11-22T16:05:01Z"},
		{NOW + 999999999, "0x800705b4", "issue a new request, or correct a clock"},
		{NOW - 300, NULL, NULL},
		{NOW - 301, "0x80070576",
		 "issued at 2026-11-22T16:00:00Z, but the guest's clock is only at "
		 "2026-11-22T15:54:59Z"},
		{0, "0x80070576", "only at 1970-01-01T00:00:00Z; correct a clock"},
	};
	char fields[64], id[16];

	fake.sessions[0].open = false;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int before = fake.requests;

		fixture.now = cases[i].now;
		snprintf(id, sizeof(id), "id-%zu", i);
		snprintf(fields, sizeof(fields), "id=%s do=logoff", id);
		take(fields);
		run_for(60);
		assert_int_equal(fake.requests - before, !cases[i].result);
		if (cases[i].result)
			assert_refused(id, cases[i].result, cases[i].why);
		/* The refusal stays in effect after the clock is corrected. */
		fixture.now = NOW;
		restart();
		take(fields);
		assert_int_equal(fake.requests - before, !cases[i].result);
	}
}

static void take_numbered(unsigned int number)
{
	char fields[64];

	snprintf(fields, sizeof(fields), "id=id-%u do=logoff", number);
	take(fields);
}

static void test_many_requests(void **state)
{
	fake.sessions[0].open = false;
	mute_stderr();
	for (unsigned int i = 0; i < 2 * JOURNAL_MAX; i++) {
		take_numbered(i);
		run_for(1);
	}
	/* All expire at the same time: once the journal is full, the others are refused. */
	assert_int_equal(fake.requests, JOURNAL_MAX + 1);
	assert_published("result=0x800700b7 ");
	restart();
	for (unsigned int i = 0; i < 2 * JOURNAL_MAX; i++)
		take_numbered(i);
	unmute_stderr();
	assert_int_equal(fake.requests, JOURNAL_MAX + 1);
	/* A request issued later expires later, so it is accepted. */
	kvp_requests_handle(&fixture.kvp,
			    "v=1 id=x issued=2026-11-22T16:00:01Z life=300 do=logoff");
	assert_int_equal(fake.requests, JOURNAL_MAX + 2);
}

/* The sequence is the same in every run. */
static uint32_t random_number(uint32_t below)
{
	static uint64_t seed = 20261122;

	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % below;
}

/* A plausible pool whose request has an error that changing a few bytes does not fix. */
static size_t make_invalid_pool(struct pool_record records[4])
{
	static const char *const values[] = {
		"v=1 id=a issued=2019-03-08T02:41:37Z life=300 do=logoff message=Save your work",
		"v=1 id=a issued=2037-03-08T02:41:37Z life=86400 do=logoff user=anna grace=20",
		"v=two id=a issued=2026-11-22T16:00:00Z life=300 do=logoff",
		"v=1 id=a issued=2026-11-22T16:00:00Z life=300 do=logoff do=logoff timeout=30",
		"v=1 id=a issued=2026-11-22T16:00:00Z life=300 do=logoff grace=86399 timeout=1",
		"v=1 id=a issued=2026-11-22T16:00:00Z life=300 do=logoff boot=5d5f2a4b-0f7f",
		"v=1 issued=2026-11-22T16:00:00Z life=300 do=logoff session=c1 force=yes",
		"v=1 id=a issued=2026-11-22T16:00:00Z do=logoff dry-run=yes",
		"v=1 id=a issued=2026-11-22T16:00:00Z life=300",
		"{\"v\":1,\"id\":\"a\",\"do\":\"logoff\"}",
	};

	records[0] = make_record("Other", "something else");
	records[1] = make_record(KVP_REQUEST_KEY, values[random_number(ARRAY_SIZE(values))]);
	records[2] = make_record("HvLogoffReques", values[0]);
	records[3] = make_record("Last", "");
	return 4 * sizeof(*records);
}

/* Changes bytes, removes or overwrites a range, or truncates the pool. Returns its new size. */
static size_t damage(char *bytes, size_t size)
{
	size_t place = random_number(size);
	size_t length = random_number(64);

	for (uint32_t i = random_number(8); i > 0; i--)
		bytes[random_number(size)] = (char)random_number(256);
	/* In the request itself. */
	for (uint32_t i = random_number(3); i > 0; i--)
		bytes[sizeof(struct pool_record) + KVP_KEY_SIZE + random_number(96)] =
			" =-:0179avZ\n\xff"[random_number(14)];
	if (place + length < size && random_number(4) == 0) {
		memmove(bytes + place, bytes + place + length, size - place - length);
		size -= length;
	}
	if (random_number(8) == 0)
		memset(bytes + place, (int)random_number(256),
		       size > place ? (size - place) / 2 : 0);
	return random_number(4) ? size : random_number(size);
}

static void test_fuzzed_pools(void **state)
{
	struct kvp_pool pool = {.directory = folder, .number = KVP_POOL_EXTERNAL};
	static struct pool_record records[4];
	unsigned int requests = 0;
	char value[KVP_VALUE_SIZE + 1];

	mute_stderr();
	for (unsigned int i = 0; i < 10000; i++) {
		size_t size = make_invalid_pool(records);

		write_file(kvp_pool_name(KVP_POOL_EXTERNAL), records,
			   damage((char *)records, size));
		if (kvp_pool_read(&pool, KVP_REQUEST_KEY, value) <= 0)
			continue;
		requests++;
		kvp_requests_handle(&fixture.kvp, value);
		run_for(1);
	}
	unmute_stderr();
	assert_int_equal(fake.requests, 0);
	assert_int_equal(fake.sessions[0].signalled, 0);
	/* Most requests were read, and refused. */
	assert_true(requests > 5000);
	assert_true(fixture.publications > 5000);
	kvp_requests_handle(&fixture.kvp,
			    "v=1 id=good issued=2026-11-22T16:00:00Z life=300 do=logoff");
	assert_int_equal(fake.requests, 1);
}

static void test_journal_not_writable(void **state)
{
	assert_int_equal(mkdir(path_of(KVP_JOURNAL_NAME), 0700), 0);
	take("id=a do=logoff");
	assert_refused("a", "0x80020009", "cannot record the request in ");
	assert_int_equal(rmdir(path_of(KVP_JOURNAL_NAME)), 0);
	take("id=a do=logoff");
	take("id=b do=forget");
	take("id=a do=logoff");
	assert_int_equal(fake.requests, 0);
	take("id=b do=logoff");
	assert_int_equal(fake.requests, 1);
}

static void test_journal_damaged(void **state)
{
	write_file(KVP_JOURNAL_NAME, "x", 1);
	journal_done(&fixture.kvp.journal);
	assert_int_equal(kvp_requests_init(&fixture.kvp, &kvp_requests_ops, NULL, &fake.engine,
					   folder, BOOT, 0),
			 -EBADMSG);
}

static void test_malformed(void **state)
{
	kvp_requests_handle(&fixture.kvp, "");
	assert_refused("-", "0x80070057", "lacks v=");
	kvp_requests_handle(&fixture.kvp, "v=9 id=a do=logoff");
	assert_refused("a", "0x8007051a", "version 9");
	take("id=a do=logoff life=5");
	assert_refused("a", "0x80070057", "the field life= twice");
	assert_int_equal(fake.requests, 0);
	/* The refusal survives a restart, and does not block the next request. */
	restart();
	assert_refused("a", "0x80070057", "the field life= twice");
	take("id=b do=logoff");
	assert_int_equal(fake.requests, 1);
}

/* The host learns of the socket before its first request, and from every other answer. */
static void test_vsock_port(void **state)
{
	assert_null(strstr(fixture.published, "vsock="));
	fixture.vsock = 877;
	restart();
	assert_non_null(strstr(fixture.published, " state=idle accepts=2 vsock=877 "));
	take("id=a do=logoff");
	assert_non_null(strstr(fixture.published, " vsock=877 "));
	run_for(120);
	assert_non_null(strstr(fixture.published, " state=done "));
	assert_non_null(strstr(fixture.published, " vsock=877 "));
	/* The next daemon may not listen. */
	fixture.vsock = 0;
	restart();
	assert_non_null(strstr(fixture.published, " state=done "));
	assert_null(strstr(fixture.published, "vsock="));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_idle),
		TEST(test_logoff),
		TEST(test_states),
		TEST(test_numbers_of_users),
		TEST(test_outcomes_of_sessions),
		TEST(test_outcomes_after_restart),
		TEST(test_version_2),
		TEST(test_end_of_session),
		TEST(test_same_item_again),
		TEST(test_cancel_in_grace),
		TEST(test_cancel_in_guest),
		TEST(test_cancel_too_late),
		TEST(test_cancel_before_request),
		TEST(test_forget),
		TEST(test_next_request_replaces_answer),
		TEST(test_busy_with_kvp_request),
		TEST(test_busy_with_other_transport),
		TEST(test_other_transport_gets_busy),
		TEST(test_daemon_killed),
		TEST(test_daemon_killed_after_completion),
		TEST(test_daemon_stopped),
		TEST(test_guest_rebooted),
		TEST(test_guest_rebooted_without_journal),
		TEST(test_clock_differences),
		TEST(test_many_requests),
		TEST(test_fuzzed_pools),
		TEST(test_journal_not_writable),
		TEST(test_journal_damaged),
		TEST(test_malformed),
		TEST(test_vsock_port),
	};

	return cmocka_run_group_tests_name("kvp", tests, NULL, NULL);
}
