// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way in by KVP, with the engine behind it and a small world around both: one user's session,
 * which ends when it is asked to. What the host reads is what was published last.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kvp_fixture.h"
#include "userspace/guest/transport/kvp_requests.h"
#include "userspace/shared/util.h"

#define NOW        INT64_C(1795363200) /* 2026-11-22T16:00:00Z */
#define BOOT       "0b0fc1ae-5a1c-4f50-9a4d-3c1b8d5b9f10"
#define OTHER_BOOT "5d5f2a4b-0f7f-4a53-8a0b-58b6f2f1a111"

static struct world {
	struct config config;
	struct engine engine;
	struct kvp_requests kvp;
	const char *boot;
	int64_t now, booted;
	uint64_t time, wake;
	bool list_due;
	bool user_logged_on;
	bool stubborn;        /* its session does not end */
	unsigned int actions; /* requests that were begun */
	unsigned int signals;
	struct logoff_request begun;
	char shown[KVP_TEXT_MAX + 1];
	unsigned int published;
} world;

static uint64_t fake_now(void *outside)
{
	(void)outside;
	return world.time;
}

static void fake_wake(void *outside, uint64_t time)
{
	(void)outside;
	world.wake = time;
}

static int fake_list(void *outside)
{
	(void)outside;
	world.list_due = true;
	return 0;
}

static void fake_begin(void *outside, const struct session *session)
{
	(void)outside;
	(void)session;
}

static int fake_signal(void *outside, const struct session *session)
{
	(void)outside;
	(void)session;
	world.signals++;
	world.user_logged_on = world.stubborn;
	return 1;
}

static int fake_kill(void *outside, const struct session *session)
{
	(void)outside;
	(void)session;
	return 0;
}

static int fake_kill_session(void *outside, const struct session *session, int number)
{
	(void)outside;
	(void)session;
	(void)number;
	return 0;
}

static void fake_stop_scope(void *outside, const struct session *session)
{
	(void)outside;
	(void)session;
}

static void fake_notify(void *outside, const struct session *session, const char *text)
{
	(void)outside;
	(void)session;
	(void)text;
}

static void fake_audit(void *outside, const char *id, const struct session *session,
		       const char *outcome, const char *detail)
{
	(void)outside;
	(void)id;
	(void)detail;
	if (session || strcmp(outcome, "requested") != 0)
		return;
	world.actions++;
	world.begun = world.engine.request;
}

static const struct engine_ops engine_ops = {
	.now = fake_now,
	.wake = fake_wake,
	.list = fake_list,
	.begin = fake_begin,
	.signal = fake_signal,
	.kill = fake_kill,
	.kill_session = fake_kill_session,
	.stop_scope = fake_stop_scope,
	.notify = fake_notify,
	.audit = fake_audit,
};

static int64_t fake_clock(void *outside)
{
	(void)outside;
	return world.now;
}

static int64_t fake_booted(void *outside)
{
	(void)outside;
	return world.booted;
}

static void fake_publish(void *outside, const char *value)
{
	(void)outside;
	snprintf(world.shown, sizeof(world.shown), "%s", value);
	world.published++;
}

static const struct kvp_requests_ops kvp_requests_ops = {
	.now = fake_clock,
	.booted = fake_booted,
	.publish = fake_publish,
};

/* As a daemon that starts. */
static void start(void)
{
	world.shown[0] = '\0';
	engine_init(&world.engine, &engine_ops, NULL, &world.config);
	assert_int_equal(kvp_requests_init(&world.kvp, &kvp_requests_ops, NULL, &world.engine,
					   folder, world.boot),
			 0);
}

/* As one that is killed, and started again. */
static void start_again(void)
{
	engine_drop(&world.engine);
	kvp_journal_done(&world.kvp.journal);
	world.list_due = false;
	start();
}

static int setup(void **state)
{
	(void)state;
	make_folder();
	memset(&world, 0, sizeof(world));
	world.now = NOW;
	world.booted = NOW - 3600;
	world.wake = USEC_NEVER;
	world.boot = BOOT;
	world.user_logged_on = true;
	assert_int_equal(config_parse(&world.config, "", "", 0, stderr), 0);
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	engine_drop(&world.engine);
	kvp_journal_done(&world.kvp.journal);
	config_done(&world.config);
	remove_folder();
	return 0;
}

static void list_sessions(void)
{
	struct session_list list = {0};
	struct session session;

	world.list_due = false;
	if (world.user_logged_on) {
		assert_int_equal(session_init(&session, "c1", 1000, "anna", "user", "", 0), 0);
		assert_int_equal(session_list_add(&list, &session), 0);
	}
	engine_listed(&world.engine, &list, 0);
	session_list_done(&list);
}

/* Until the engine waits for a time that is later than this many seconds from now. */
static void run(unsigned int seconds)
{
	uint64_t end = world.time + seconds * USEC_PER_SEC;

	for (;;) {
		if (world.list_due) {
			list_sessions();
		} else if (world.wake <= end) {
			world.time = world.wake > world.time ? world.wake : world.time;
			engine_tick(&world.engine);
		} else {
			break;
		}
	}
	world.time = end;
}

static void take(const char *words)
{
	char value[KVP_TEXT_MAX + 1];

	snprintf(value, sizeof(value), "v=1 issued=2026-11-22T16:00:00Z life=300 %s", words);
	kvp_requests_take(&world.kvp, value);
}

static void assert_shows(const char *words)
{
	if (!strstr(world.shown, words))
		fail_msg("\"%s\" is not in \"%s\"", words, world.shown);
}

static void assert_refused(const char *id, const char *result, const char *why)
{
	char words[128];

	snprintf(words, sizeof(words),
		 "id=%s state=done percent=0 found=0 ended=0 failed=0 "
		 "result=%s ",
		 id, result);
	assert_shows(words);
	assert_shows(why);
}

static void test_idle(void **state)
{
	(void)state;
	assert_string_equal(world.shown, "v=1 state=idle boot=" BOOT " time=2026-11-22T16:00:00Z");
}

static void test_logoff(void **state)
{
	(void)state;
	take("id=a do=logoff timeout=60 force=yes user=anna message=Save your work");
	assert_int_equal(world.actions, 1);
	assert_int_equal(world.begun.timeout, 60);
	assert_int_equal(world.begun.flags, HV_LOGOFF_FORCE);
	assert_string_equal(world.begun.id, "a");
	assert_string_equal(world.begun.user, "anna");
	assert_string_equal(world.begun.message, "Save your work");
	assert_shows("id=a state=delivered percent=0 ");
	world.user_logged_on = false;
	run(60);
	assert_shows("id=a state=done ");
	assert_shows("result=0x80070520 ");
}

static void test_states(void **state)
{
	(void)state;
	world.stubborn = true;
	take("id=a do=logoff timeout=60 grace=10");
	run(5);
	assert_shows("id=a state=grace percent=5 found=1 ended=0 failed=0 boot=" BOOT);
	run(10);
	assert_shows("id=a state=ending percent=10 found=1 ended=0 ");
	assert_int_equal(world.signals, 1);
	run(60);
	assert_shows("id=a state=done percent=10 found=1 ended=0 failed=1 result=0xa0040202 ");
}

static void test_end_of_session(void **state)
{
	(void)state;
	take("id=a do=logoff timeout=60");
	run(1);
	engine_removed(&world.engine, "c1");
	run(10);
	assert_shows("id=a state=done percent=100 found=1 ended=1 failed=0 result=0x00000000 ");
	assert_int_equal(world.engine.phase, ENGINE_IDLE);
}

/* The same item, seen again and again: after every change of the pool, after a migration. */
static void test_the_same_again(void **state)
{
	(void)state;
	take("id=a do=logoff");
	take("id=a do=logoff");
	run(1);
	take("id=a do=logoff");
	engine_removed(&world.engine, "c1");
	run(60);
	take("id=a do=logoff");
	assert_shows("result=0x00000000 ");
	assert_int_equal(world.actions, 1);
}

static void test_cancel_in_the_grace(void **state)
{
	(void)state;
	take("id=a do=logoff timeout=60 grace=30");
	run(1);
	take("id=a do=cancel");
	assert_shows("id=a state=done ");
	assert_shows("result=0x800704c7 ");
	run(60);
	assert_int_equal(world.signals, 0);
}

static void test_cancel_too_late(void **state)
{
	(void)state;
	take("id=a do=logoff timeout=60");
	run(1);
	take("id=a do=cancel");
	assert_shows("id=a state=ending ");
	engine_removed(&world.engine, "c1");
	run(60);
	assert_shows("result=0x00000000 ");
	/* And later still it changes nothing. */
	take("id=a do=cancel");
	assert_shows("result=0x00000000 ");
}

/* The host has one item: the guest may see the cancellation alone. */
static void test_cancel_before_the_request(void **state)
{
	(void)state;
	take("id=a do=cancel");
	assert_refused("a", "0x800704c7", "before it was begun");
	take("id=a do=logoff");
	start_again();
	take("id=a do=logoff");
	take("id=b do=forget");
	take("id=a do=logoff");
	assert_int_equal(world.actions, 0);
	assert_refused("a", "0x800704c7", "before it was begun");
}

static void test_forget(void **state)
{
	(void)state;
	take("id=a do=logoff");
	take("id=a do=forget");
	assert_shows("id=a state=delivered ");
	take("id=b do=forget");
	assert_shows("id=a state=delivered ");
	world.user_logged_on = false;
	run(60);
	take("id=b do=forget");
	assert_shows("id=a state=done ");
	take("id=a do=forget");
	assert_shows("state=idle ");
	/* Forgotten is the answer, not the id. */
	start_again();
	assert_shows("state=idle ");
	take("id=a do=logoff");
	assert_refused("a", "0x800700b7", "has come before");
	assert_int_equal(world.actions, 1);
}

static void test_next_request_replaces_the_answer(void **state)
{
	(void)state;
	world.user_logged_on = false;
	take("id=a do=logoff");
	run(60);
	take("id=b do=logoff");
	run(60);
	assert_shows("id=b state=done ");
	assert_int_equal(world.actions, 2);
	take("id=a do=logoff");
	assert_refused("a", "0x800700b7", "has come before");
	assert_int_equal(world.actions, 2);
}

static void test_busy_with_another_by_kvp(void **state)
{
	(void)state;
	take("id=a do=logoff");
	run(1);
	take("id=b do=logoff user=anna");
	assert_shows("id=a state=ending ");
	assert_shows(" busy=b ");
	kvp_requests_take(&world.kvp, "nonsense");
	assert_shows("id=a state=ending ");
	engine_removed(&world.engine, "c1");
	run(60);
	assert_shows("id=a state=done ");
	assert_shows("result=0x00000000 busy=b ");
	/* Refused for good, also if it is there still when the other one is over. */
	take("id=b do=logoff user=anna");
	start_again();
	take("id=b do=logoff user=anna");
	assert_refused("b", "0x800700b7", "has come before");
	assert_int_equal(world.actions, 1);
}

static int other_report(void *userdata, const struct hv_logoff_report *report)
{
	(void)userdata;
	(void)report;
	return 0;
}

static void test_busy_with_another_way_in(void **state)
{
	static const struct logoff_transport other = {.report = other_report};
	static const struct logoff_request request = {.id = "0x1", .timeout = 60};

	(void)state;
	assert_int_equal(engine_request(&world.engine, &other, NULL, &request), 0);
	take("id=a do=logoff");
	assert_refused("a", "0x800700aa", "another request");
	assert_int_equal(world.actions, 1);
	assert_true(engine_serves(&world.engine, &other));
	take("id=a do=cancel");
	assert_true(engine_serves(&world.engine, &other));
	/* And the daemon's end leaves that one to its transport. */
	assert_true(kvp_requests_done(&world.kvp));
	assert_true(engine_serves(&world.engine, &other));
}

static void test_other_front_is_told_busy(void **state)
{
	static const struct logoff_transport other = {.report = other_report};
	static const struct logoff_request request = {.id = "0x1", .timeout = 60};

	(void)state;
	take("id=a do=logoff");
	assert_int_equal(engine_request(&world.engine, &other, NULL, &request), -EBUSY);
}

static void test_daemon_killed(void **state)
{
	(void)state;
	take("id=a do=logoff grace=30 timeout=60");
	run(5);
	start_again();
	assert_refused("a", "0x80020009", "was restarted while");
	take("id=a do=logoff grace=30 timeout=60");
	assert_refused("a", "0x80020009", "was restarted while");
	/* And killed once more. */
	start_again();
	take("id=a do=logoff grace=30 timeout=60");
	assert_refused("a", "0x80020009", "was restarted while");
	run(60);
	assert_int_equal(world.actions, 1);
	take("id=b do=logoff");
	assert_int_equal(world.actions, 2);
}

static void test_daemon_killed_after_the_end(void **state)
{
	(void)state;
	world.user_logged_on = false;
	take("id=a do=logoff");
	run(60);
	start_again();
	assert_shows("id=a state=done ");
	assert_shows("result=0x80070520 ");
	take("id=a do=logoff");
	assert_shows("result=0x80070520 ");
	assert_int_equal(world.actions, 1);
}

static void test_daemon_stopped(void **state)
{
	(void)state;
	assert_false(kvp_requests_done(&world.kvp));
	start_again();
	take("id=a do=logoff");
	run(1);
	assert_true(kvp_requests_done(&world.kvp));
	assert_refused("a", "0x80020009", "was stopped while");
	assert_int_equal(world.engine.phase, ENGINE_IDLE);
	start_again();
	assert_refused("a", "0x80020009", "was stopped while");
	take("id=a do=forget");
	assert_false(kvp_requests_done(&world.kvp));
}

/* The host's items come along, and so does the guest's disk. */
static void test_guest_rebooted(void **state)
{
	(void)state;
	take("id=a do=logoff");
	run(1);
	world.boot = OTHER_BOOT;
	world.booted = world.now = NOW + 30;
	start_again();
	assert_refused("a", "0x80020009", "boot=" OTHER_BOOT);
	take("id=a do=logoff");
	assert_int_equal(world.actions, 1);
	assert_refused("a", "0x80020009", "was restarted while");
}

/* Without a disk that remembers it. */
static void test_guest_rebooted_and_forgetful(void **state)
{
	(void)state;
	take("id=a do=logoff");
	run(1);
	assert_int_equal(unlink(path_of(KVP_JOURNAL_NAME)), 0);
	world.boot = OTHER_BOOT;
	world.booted = world.now = NOW + 30;
	start_again();
	assert_shows("state=idle ");
	take("id=a do=logoff");
	assert_refused("a", "0x80020009",
		       "issued at 2026-11-22T16:00:00Z, before the guest was "
		       "started at 2026-11-22T16:00:30Z");
	/* Its clock is so wrong that it does not know either: then the boot says it. */
	world.booted = NOW - 5;
	take("id=b do=logoff boot=" BOOT);
	assert_refused("b", "0x80020009",
		       "was for boot " BOOT " of the guest, and this is boot " OTHER_BOOT);
	assert_int_equal(world.actions, 1);
	take("id=c do=logoff boot=5D5F2A4B-0f7f-4a53-8a0b-58b6f2f1a111");
	assert_int_equal(world.actions, 2);
}

static void test_times(void **state)
{
	static const struct {
		int64_t now;
		const char *result; /* NULL: carried out */
		const char *why;
	} cases[] = {
		{NOW + 300, NULL, NULL},
		{NOW + 301, "0x800705b4",
		 "issued at 2026-11-22T16:00:00Z for 300 s, and in the "
		 "guest it is 2026-11-22T16:05:01Z"},
		{NOW + 999999999, "0x800705b4", "issue a new one, or correct a clock"},
		{NOW - 300, NULL, NULL},
		{NOW - 301, "0x80070576",
		 "issued at 2026-11-22T16:00:00Z, and in the guest it is "
		 "only 2026-11-22T15:54:59Z"},
		{0, "0x80070576", "only 1970-01-01T00:00:00Z; correct a clock"},
	};
	char words[64], id[16];

	(void)state;
	world.user_logged_on = false;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int before = world.actions;

		world.now = cases[i].now;
		snprintf(id, sizeof(id), "id-%zu", i);
		snprintf(words, sizeof(words), "id=%s do=logoff", id);
		take(words);
		run(60);
		assert_int_equal(world.actions - before, !cases[i].result);
		if (cases[i].result)
			assert_refused(id, cases[i].result, cases[i].why);
		/* What was refused stays so when the clock is right. */
		world.now = NOW;
		start_again();
		take(words);
		assert_int_equal(world.actions - before, !cases[i].result);
	}
}

static void test_many_requests(void **state)
{
	char words[64];

	(void)state;
	world.user_logged_on = false;
	quiet();
	for (unsigned int i = 0; i < 2 * KVP_JOURNAL_MAX; i++) {
		snprintf(words, sizeof(words), "id=id-%u do=logoff", i);
		take(words);
		run(1);
	}
	/* All live equally long: beyond what is remembered, none of them is let in. */
	assert_int_equal(world.actions, KVP_JOURNAL_MAX + 1);
	assert_shows("result=0x800700b7 ");
	start_again();
	for (unsigned int i = 0; i < 2 * KVP_JOURNAL_MAX; i++) {
		snprintf(words, sizeof(words), "id=id-%u do=logoff", i);
		take(words);
	}
	loud();
	assert_int_equal(world.actions, KVP_JOURNAL_MAX + 1);
	/* One issued later is. */
	kvp_requests_take(&world.kvp, "v=1 id=x issued=2026-11-22T16:00:01Z life=300 do=logoff");
	assert_int_equal(world.actions, KVP_JOURNAL_MAX + 2);
}

/* Numbers that are the same in every run. */
static uint32_t random_number(uint32_t below)
{
	static uint64_t seed = 20261122;

	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % below;
}

/* A pool as it might be, but for its request: with one thing wrong that no few bytes put right. */
static size_t make_wrong_pool(struct pool_record records[4])
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

/* Bytes that change, and pieces that are missing, come twice or are cut off at the end. */
static size_t damage(char *bytes, size_t size)
{
	size_t place = random_number(size);
	size_t length = random_number(64);

	for (uint32_t i = random_number(8); i > 0; i--)
		bytes[random_number(size)] = (char)random_number(256);
	/* Where it matters. */
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

static void test_ten_thousand_fuzzed_pools(void **state)
{
	static struct pool_record records[4];
	unsigned int requests = 0;
	char value[KVP_VALUE_SIZE + 1];

	(void)state;
	quiet();
	for (unsigned int i = 0; i < 10000; i++) {
		size_t size = make_wrong_pool(records);

		write_file(kvp_pool_name(KVP_POOL_HOST), records, damage((char *)records, size));
		if (kvp_pool_read(folder, KVP_POOL_HOST, KVP_REQUEST_KEY, value) <= 0)
			continue;
		requests++;
		kvp_requests_take(&world.kvp, value);
		run(1);
	}
	loud();
	assert_int_equal(world.actions, 0);
	assert_int_equal(world.signals, 0);
	/* Most of them have come as far as to be refused. */
	assert_true(requests > 5000);
	assert_true(world.published > 5000);
	kvp_requests_take(&world.kvp, "v=1 id=good issued=2026-11-22T16:00:00Z life=300 do=logoff");
	assert_int_equal(world.actions, 1);
}

static void test_journal_cannot_be_written(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_of(KVP_JOURNAL_NAME), 0700), 0);
	take("id=a do=logoff");
	assert_refused("a", "0x80020009", "cannot note in ");
	assert_int_equal(rmdir(path_of(KVP_JOURNAL_NAME)), 0);
	take("id=a do=logoff");
	take("id=b do=forget");
	take("id=a do=logoff");
	assert_int_equal(world.actions, 0);
	take("id=b do=logoff");
	assert_int_equal(world.actions, 1);
}

static void test_journal_is_damaged(void **state)
{
	(void)state;
	write_file(KVP_JOURNAL_NAME, "x", 1);
	kvp_journal_done(&world.kvp.journal);
	assert_int_equal(
		kvp_requests_init(&world.kvp, &kvp_requests_ops, NULL, &world.engine, folder, BOOT),
		-EBADMSG);
}

static void test_malformed(void **state)
{
	(void)state;
	kvp_requests_take(&world.kvp, "");
	assert_refused("-", "0x80070057", "lacks v=");
	kvp_requests_take(&world.kvp, "v=9 id=a do=logoff");
	assert_refused("a", "0x8007051a", "version 9");
	take("id=a do=logoff life=5");
	assert_refused("a", "0x80070057", "the field life= twice");
	assert_int_equal(world.actions, 0);
	/* Still there after a restart, and in the way of none. */
	start_again();
	assert_refused("a", "0x80070057", "the field life= twice");
	take("id=b do=logoff");
	assert_int_equal(world.actions, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_idle),
		TEST(test_logoff),
		TEST(test_states),
		TEST(test_end_of_session),
		TEST(test_the_same_again),
		TEST(test_cancel_in_the_grace),
		TEST(test_cancel_too_late),
		TEST(test_cancel_before_the_request),
		TEST(test_forget),
		TEST(test_next_request_replaces_the_answer),
		TEST(test_busy_with_another_by_kvp),
		TEST(test_busy_with_another_way_in),
		TEST(test_other_front_is_told_busy),
		TEST(test_daemon_killed),
		TEST(test_daemon_killed_after_the_end),
		TEST(test_daemon_stopped),
		TEST(test_guest_rebooted),
		TEST(test_guest_rebooted_and_forgetful),
		TEST(test_times),
		TEST(test_many_requests),
		TEST(test_ten_thousand_fuzzed_pools),
		TEST(test_journal_cannot_be_written),
		TEST(test_journal_is_damaged),
		TEST(test_malformed),
	};

	return cmocka_run_group_tests_name("kvp", tests, NULL, NULL);
}
