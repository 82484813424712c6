// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's engine, while sessions, logind and the driver do as they like, in
 * any order, and time passes as it likes too. An input is a list of struct event.
 */
#include <errno.h>

#include "driver/record.h"
#include "fuzz.h"
#include "userspace/guest/logoff/engine.h"
#include "userspace/shared/util.h"

#define SESSIONS 8

struct event {
	uint8_t what;
	uint8_t whom; /* a session, a set of them, or a number of any other meaning */
	uint16_t time;
};

static const char longest[] =
	"a-name-that-is-as-long-as-a-name-of-a-user-may-be-and-longer-than-some-text-that-it-is-in"
	"a-name-that-is-as-long-as-a-name-of-a-user-may-be-and-longer-than-some-text-that-it-is-in"
	"a-name-that-is-as-long-as-a-name-of-a-user-may-be-and-longer-than-some-text-that-it-is-in";
/* As bad as names get. */
static const char *const users[SESSIONS] = {
	"root", "\033[2J", "\xc3\xa9t\xc3\xa9", "\xff\xfe", longest, "", "root", "%s%n",
};

static struct world {
	struct engine engine;
	uint64_t time;
	uint64_t wake;
	bool list_due;
	bool logind_down;
	bool report_is_stale;

	unsigned int requests;
	bool dry_run;   /* the last one */
	bool in_flight; /* the driver waits for its result */
	uint64_t deadline;
	unsigned int percent, state;
} world;

static uint64_t world_now(void *outside)
{
	(void)outside;
	return world.time;
}

static void world_wake(void *outside, uint64_t time)
{
	(void)outside;
	world.wake = time;
}

static int world_list(void *outside)
{
	(void)outside;
	must(world.in_flight && !world.list_due);
	world.list_due = !world.logind_down;
	return world.logind_down ? -ECONNREFUSED : 0;
}

static void world_begin(void *outside, const struct session *session)
{
	(void)outside;
	(void)session;
	must(world.in_flight && !world.dry_run);
}

/* A session's number decides how it can be reached. */
static int world_signal(void *outside, const struct session *session)
{
	(void)outside;
	must(world.in_flight && !world.dry_run);
	return session->uid % 3 ? (int)session->uid % 3 - 1 : -EOPNOTSUPP;
}

static int world_kill(void *outside, const struct session *session)
{
	(void)outside;
	must(world.in_flight && !world.dry_run);
	return session->uid % 2 ? 0 : -EOPNOTSUPP;
}

static int world_kill_session(void *outside, const struct session *session, int number)
{
	(void)outside;
	(void)session;
	must(world.in_flight && !world.dry_run && number > 0);
	return world.logind_down ? -ECONNREFUSED : 0;
}

static void world_stop_scope(void *outside, const struct session *session)
{
	(void)outside;
	(void)session;
	must(world.in_flight && !world.dry_run);
}

static void world_notify(void *outside, const struct session *session, const char *text)
{
	(void)outside;
	must(world.in_flight && !world.dry_run && session->id && text[0]);
}

/* The driver takes every report, and none after the last; nothing goes back. */
static int world_report(void *userdata, const struct hv_logoff_report *report)
{
	union hvl_written record = {.report = *report};

	must(userdata == &world && world.in_flight);
	must(hvl_record_check(&record, sizeof(*report)) == 0);
	must(report->percent >= world.percent && report->state >= world.state);
	must(report->text[0]);
	world.percent = report->percent;
	world.state = report->state;
	if (report->state == HV_LOGOFF_DONE || world.report_is_stale)
		world.in_flight = false;
	return world.report_is_stale ? -ESTALE : 0;
}

static void world_outcome(void *userdata, const struct session *session,
			  enum hv_logoff_outcome outcome)
{
	must(userdata == &world && world.in_flight && session->id);
	must(outcome == (world.dry_run ? HV_LOGOFF_SELECTED : HV_LOGOFF_FAILED));
}

static void world_audit(void *outside, const char *id, const struct session *session,
			const char *outcome, const char *detail)
{
	(void)outside;
	(void)session;
	must(strtoul(id, NULL, 10) == world.requests && outcome[0] && detail[0]);
}

static const struct engine_ops ops = {
	.now = world_now,
	.wake = world_wake,
	.list = world_list,
	.begin = world_begin,
	.signal = world_signal,
	.kill = world_kill,
	.kill_session = world_kill_session,
	.stop_scope = world_stop_scope,
	.notify = world_notify,
	.audit = world_audit,
};

static const struct logoff_transport transport = {.report = world_report, .outcome = world_outcome};
static const struct logoff_transport other_transport = {.report = world_report};

static void get_name(char *id, unsigned int number)
{
	id[0] = (char)('0' + number % SESSIONS);
	id[1] = '\0';
}

/* The sessions of @set; one is exempt by its class. */
static void answer_list(uint8_t set)
{
	struct session_list list = {0};

	for (unsigned int i = 0; i < SESSIONS; i++) {
		struct session session;
		char id[2];

		get_name(id, i);
		if (!(set & 1U << i))
			continue;
		must(!session_init(&session, id, i, users[i], i == 7 ? "greeter" : "user", "", 0));
		must(!session_list_add(&list, &session));
	}
	world.list_due = false;
	engine_listed(&world.engine, &list, 0);
	session_list_done(&list);
}

static void fail_list(void)
{
	struct session_list list = {0};

	world.list_due = false;
	engine_listed(&world.engine, &list, -ETIMEDOUT);
}

/* As the driver has checked them. While there is one, nobody gets another. */
static void request(const struct event *event)
{
	struct logoff_request request = {
		.flags = event->whom & 1 ? HV_LOGOFF_FORCE : 0,
		.timeout = 1 + event->time % 100,
	};

	request.grace = event->time / 100 % request.timeout;
	if (event->whom & 2)
		request.flags |= HV_LOGOFF_REDELIVERED;
	if (event->whom & 4)
		request.flags |= HV_LOGOFF_DRY_RUN;
	if (event->whom & 8)
		snprintf(request.user, sizeof(request.user), "%s", users[event->whom >> 5]);
	if (event->whom & 16)
		get_name(request.session, event->whom >> 5);
	memset(request.message, event->whom, event->whom);
	if (world.in_flight) {
		must(engine_request(&world.engine, &transport, &world, &request) == -EBUSY);
		return;
	}
	snprintf(request.id, sizeof(request.id), "%u", ++world.requests);
	world.in_flight = true;
	world.dry_run = request.flags & HV_LOGOFF_DRY_RUN;
	world.list_due = false;
	world.deadline = world.time + request.timeout * USEC_PER_SEC;
	world.percent = 0;
	world.state = 0;
	must(engine_request(&world.engine, &transport, &world, &request) == 0);
}

static void cancel(const struct event *event)
{
	uint32_t reason = HV_LOGOFF_CANCEL_HOST + event->whom % 3;
	bool ours = event->time & 1;

	engine_cancel(&world.engine, ours ? &transport : &other_transport, reason);
	/* For another reason, the driver has answered in the daemon's place. */
	if (ours && reason != HV_LOGOFF_CANCEL_HOST)
		world.in_flight = false;
}

static void happen(const struct event *event)
{
	char id[2];

	get_name(id, event->whom);
	switch (event->what % 12) {
	case 0: /* Time passes, and the loop was busy with something else. */
		world.time += event->time * (event->whom & 1 ? USEC_PER_SEC : USEC_PER_MSEC);
		break;
	case 1:
		if (world.wake != USEC_NEVER && world.time < world.wake)
			world.time = world.wake;
		/* Fall through: the timer fires, late or not. */
	case 2:
		if (world.time >= world.wake)
			engine_tick(&world.engine);
		break;
	case 3:
		if (world.list_due)
			answer_list(event->whom);
		break;
	case 4:
		if (world.list_due)
			fail_list();
		break;
	case 5:
		engine_removed(&world.engine, id);
		break;
	case 6:
		engine_opened(&world.engine);
		break;
	case 7:
		engine_resync(&world.engine);
		break;
	case 8:
		engine_call_failed(&world.engine, id, event->time & 1 ? -ENOENT : -EIO);
		break;
	case 9:
		request(event);
		break;
	case 10:
		cancel(event);
		break;
	case 11:
		world.logind_down = event->whom & 1;
		world.report_is_stale = event->whom & 2;
		break;
	}
}

/* A request that the driver waits for always has a moment at which it goes on. */
static void must_be_alive(void)
{
	must(world.in_flight == (world.engine.phase != ENGINE_IDLE));
	must(world.in_flight ? world.wake <= world.deadline : world.wake == USEC_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	struct event event = {.what = 1};

	if (!config.classes)
		must(config_parse(&config, "", "", 0, stderr) == 0);
	world = (struct world){.wake = USEC_NEVER};
	engine_init(&world.engine, &ops, NULL, &config);
	for (; size >= sizeof(event); data += sizeof(event), size -= sizeof(event)) {
		memcpy(&event, data, sizeof(event));
		happen(&event);
		must_be_alive();
	}
	/* And if nothing more ever happens, it ends in time. */
	world.time = world.time > world.deadline ? world.time : world.deadline;
	if (world.in_flight)
		engine_tick(&world.engine);
	must(!world.in_flight);
	must_be_alive();
	return 0;
}
