// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's engine with events of the sessions, logind, the driver and the clock in any order.
 * An input is a sequence of struct event.
 */
#include <errno.h>

#include "driver/record.h"
#include "fuzz.h"
#include "userspace/guest/logoff/engine.h"
#include "userspace/shared/util.h"

#define SESSIONS 8

/* The same values as in seeds.py. */
enum event_type {
	PASS, /* time passes, but the timer is not handled */
	WAKE, /* time passes up to the timer, which fires, possibly late */
	TIMER,
	LISTED,
	LIST_FAILED,
	REMOVED,
	OPENED,
	RESYNC,
	CALL_FAILED,
	START,
	CANCEL,
	SETTINGS,
	MANAGER_FOUND,
	SESSION_FOUND,
	USERS_LISTED,
	OUTSIDE_FOUND,
	STATES_CHANGED,
	EVENT_TYPES
};

struct event {
	uint8_t type;
	uint8_t argument; /* a session, a set of them, or another number; depends on type */
	uint16_t time;
};

/* In the time of START, in addition to the timeout and the grace. */
#define START_INCLUDE_LINGERING 0x8000
#define START_NO_LOGINS         0x4000

#define LONG_NAME "a-user-name-that-is-longer-than-every-field-that-it-is-copied-into"
static const char longest[] = LONG_NAME LONG_NAME LONG_NAME LONG_NAME;
/* Names that are likely to cause trouble. */
static const char *const users[SESSIONS] = {
	"root", "\033[2J", "\xc3\xa9t\xc3\xa9", "\xff\xfe", longest, "", "root", "%s%n",
};

static struct fake {
	struct engine engine;
	uint64_t time;
	uint64_t wake;
	bool resolving;
	bool list_due;
	bool users_due;
	bool outside_due;
	bool logind_down;
	bool report_is_stale;
	unsigned int opening;   /* sessions that logind has not opened yet */
	unsigned int begun;     /* sessions that the request ends */
	unsigned int ended;     /* of these, those whose end the engine was told */
	unsigned int looked_up; /* a set of users */
	unsigned int stopped;
	unsigned int running; /* users with processes, whether they have a session or not */

	unsigned int requests;
	bool dry_run; /* the last request is one */
	bool includes_lingering;
	bool no_logins; /* they are refused */
	bool in_flight; /* the driver expects its result */
	uint64_t deadline;
	unsigned int percent, state;
} fake;

static uint64_t fake_now(void *userdata)
{
	return fake.time;
}

static void fake_wake(void *userdata, uint64_t time)
{
	fake.wake = time;
}

static int fake_resolve(void *userdata, const char *user)
{
	const uid_t uid = user[0] % SESSIONS;

	must(fake.in_flight && user[0]);
	fake.resolving = fake.logind_down;
	if (!fake.resolving)
		engine_resolved(&fake.engine, user[0] % 2 ? &uid : NULL);
	return 0;
}

/* Some sessions have the same user, and some users may return. */
static uid_t uid_of(unsigned int number)
{
	return number == 7 ? number : number % 4;
}

static bool may_return(uid_t uid)
{
	return uid == 1 || uid == 2;
}

static void init_session(struct session *session, unsigned int number)
{
	const char id[] = {(char)('0' + number), '\0'};
	uid_t uid = uid_of(number);

	must(!session_init(session, id, uid, users[number], number == 7 ? "greeter" : "user",
			   uid == 1 ? "seat0" : "", uid == 2 ? "ttyS0" : "pts/0", 0));
}

static unsigned int number_of(const struct session *session)
{
	return (unsigned int)(session->id[0] - '0');
}

static int fake_list_users(void *userdata)
{
	must(fake.in_flight && !fake.users_due);
	fake.users_due = !fake.logind_down;
	return fake.logind_down ? -ECONNREFUSED : 0;
}

static int fake_find_outside(void *userdata)
{
	must(fake.in_flight && !fake.outside_due);
	fake.outside_due = !fake.logind_down;
	return fake.logind_down ? -ENOMEM : 0;
}

static int fake_begin_no_logins(void *userdata, const char *text)
{
	must(fake.in_flight && !fake.dry_run && !fake.no_logins && text[0]);
	fake.no_logins = !fake.logind_down;
	return fake.logind_down ? -EROFS : 0;
}

static void fake_end_no_logins(void *userdata)
{
	must(fake.no_logins);
	fake.no_logins = false;
}

static int fake_list(void *userdata)
{
	must(fake.in_flight && !fake.list_due);
	fake.list_due = !fake.logind_down;
	return fake.logind_down ? -ECONNREFUSED : 0;
}

/* Until the driver has accepted a report of this state, the request may be cancelled. */
static bool may_end_sessions(void)
{
	return fake.in_flight && !fake.dry_run && fake.state == HV_LOGOFF_ENDING &&
	       fake.time < fake.deadline;
}

static bool fake_is_opening(void *userdata, const struct session *session)
{
	must(may_end_sessions());
	return fake.opening & 1U << number_of(session);
}

static void fake_begin(void *userdata, const struct session *session)
{
	must(may_end_sessions());
	fake.begun |= 1U << number_of(session);
}

/* The session's number determines whether its processes can be signaled. */
static int fake_signal(void *userdata, const struct session *session)
{
	must(may_end_sessions());
	return session->uid % 3 ? (int)session->uid % 3 - 1 : -EOPNOTSUPP;
}

static int fake_kill(void *userdata, const struct session *session)
{
	must(may_end_sessions());
	return session->uid % 2 ? 0 : -EOPNOTSUPP;
}

static int fake_kill_session(void *userdata, const struct session *session, int number)
{
	must(may_end_sessions() && number > 0);
	return fake.logind_down ? -ECONNREFUSED : 0;
}

static void fake_stop_scope(void *userdata, const struct session *session)
{
	must(may_end_sessions());
}

/* Whether the request has ended a session of this user. */
static bool has_ended_one(uid_t uid)
{
	for (unsigned int i = 0; i < SESSIONS; i++)
		if (uid_of(i) == uid && fake.ended & 1U << i)
			return true;
	return false;
}

/* Of some users it is not known. */
static int fake_user_runs(void *userdata, uid_t uid)
{
	must(fake.in_flight && uid < SESSIONS);
	return uid == 3 ? -EOPNOTSUPP : !!(fake.running & 1U << uid);
}

static int fake_look_up_manager(void *userdata, uid_t uid)
{
	must(fake.in_flight && !fake.dry_run && uid < SESSIONS);
	if (fake.logind_down)
		return -ECONNREFUSED;
	fake.looked_up |= 1U << uid;
	return 0;
}

static int fake_stop_manager(void *userdata, uid_t uid)
{
	must(may_end_sessions() && uid < SESSIONS);
	fake.stopped |= 1U << uid;
	return fake.logind_down ? -ECONNREFUSED : 0;
}

static void fake_kill_user(void *userdata, uid_t uid)
{
	must(may_end_sessions() && fake.stopped & 1U << uid);
}

static void fake_reset_manager(void *userdata, uid_t uid)
{
	must(may_end_sessions() && fake.stopped & 1U << uid);
}

static void fake_begin_notices(void *userdata)
{
	must(fake.in_flight);
}

static bool fake_notify(void *userdata, const struct session *session, const char *text)
{
	must(fake.in_flight && !fake.dry_run && session->id && text[0]);
	/* A user who has returned is left alone. */
	must(!(may_return(session->uid) && has_ended_one(session->uid)));
	return session->uid % 2;
}

static bool fake_manager_has_terminal(void *userdata, uid_t uid)
{
	must(fake.in_flight && !fake.dry_run && uid < SESSIONS);
	return fake.running & 1U << uid;
}

static bool fake_notify_manager(void *userdata, uid_t uid, const char *text)
{
	must(fake.in_flight && !fake.dry_run && uid < SESSIONS && text[0]);
	return true;
}

/* The driver accepts every report, expects none after the last one, and values never decrease. */
static int fake_report(void *userdata, const struct hv_logoff_report *report)
{
	union hvl_written record = {.report = *report};

	must(userdata == &fake && fake.in_flight);
	must(hvl_record_check(&record, sizeof(*report), HV_LOGOFF_VERSION) == 0);
	must(report->percent >= fake.percent && report->state >= fake.state);
	must(report->text[0]);
	fake.percent = report->percent;
	fake.state = report->state;
	if (report->state == HV_LOGOFF_DONE || fake.report_is_stale)
		fake.in_flight = false;
	return fake.report_is_stale ? -ESTALE : 0;
}

static void fake_outcome(void *userdata, const struct outcome *outcome)
{
	bool of_session = false;

	must(userdata == &fake && fake.in_flight);
	switch (outcome->outcome) {
	case HV_LOGOFF_SELECTED:
	case HV_LOGOFF_FAILED:
		must(fake.dry_run == (outcome->outcome == HV_LOGOFF_SELECTED));
		of_session = true;
		break;
	case HV_LOGOFF_ENDED:
		must(fake.ended & 1U << (outcome->session[0] - '0'));
		of_session = true;
		break;
	case HV_LOGOFF_MANAGER_ENDED:
		must(fake.stopped & 1U << outcome->uid);
		/* Fall through. */
	case HV_LOGOFF_MANAGER_FAILED:
		must(!fake.dry_run);
		break;
	case HV_LOGOFF_MANAGER_SELECTED:
		must(fake.dry_run && fake.includes_lingering);
		break;
	case HV_LOGOFF_RETURNED:
		must(may_return(outcome->uid) && has_ended_one(outcome->uid));
		of_session = true;
		break;
	case HV_LOGOFF_LINGERING:
		must(!fake.includes_lingering);
		break;
	case HV_LOGOFF_UNTOLD:
		must(!fake.dry_run && outcome->uid % 2 == 0);
		break;
	case HV_LOGOFF_OUTSIDE:
		must(outcome->processes > 0);
		break;
	default:
		must(false);
	}
	must(!outcome->session[0] == !of_session);
}

static void fake_audit_user(void *userdata, const char *id, const struct outcome *outcome)
{
	must(strtoul(id, NULL, 10) == fake.requests && !fake.dry_run);
}

static void fake_audit(void *userdata, const char *id, const struct session *session,
		       const char *outcome, const char *detail)
{
	must(strtoul(id, NULL, 10) == fake.requests && outcome[0] && detail[0]);
}

static void fake_changed(void *userdata)
{
	must(fake.engine.phase == ENGINE_IDLE || fake.engine.last.state > HV_LOGOFF_DELIVERED);
}

static const struct engine_ops ops = {
	.now = fake_now,
	.wake = fake_wake,
	.resolve = fake_resolve,
	.list_users = fake_list_users,
	.list = fake_list,
	.is_opening = fake_is_opening,
	.begin = fake_begin,
	.signal = fake_signal,
	.kill = fake_kill,
	.kill_session = fake_kill_session,
	.stop_scope = fake_stop_scope,
	.user_runs = fake_user_runs,
	.look_up_manager = fake_look_up_manager,
	.stop_manager = fake_stop_manager,
	.kill_user = fake_kill_user,
	.reset_manager = fake_reset_manager,
	.changed = fake_changed,
	.begin_notices = fake_begin_notices,
	.notify = fake_notify,
	.manager_has_terminal = fake_manager_has_terminal,
	.notify_manager = fake_notify_manager,
	.begin_no_logins = fake_begin_no_logins,
	.end_no_logins = fake_end_no_logins,
	.find_outside = fake_find_outside,
	.audit = fake_audit,
	.audit_user = fake_audit_user,
};

static const struct logoff_transport transport = {.report = fake_report, .outcome = fake_outcome};
static const struct logoff_transport other_transport = {.report = fake_report};

static void get_name(char *id, unsigned int number)
{
	id[0] = (char)('0' + number % SESSIONS);
	id[1] = '\0';
}

/* Lists the sessions of @set; one of them is exempt by its class. */
static void answer_list(uint8_t set)
{
	struct session_list list = {0};

	for (unsigned int i = 0; i < SESSIONS; i++) {
		struct session session;

		if (!(set & 1U << i))
			continue;
		init_session(&session, i);
		must(!session_list_add(&list, &session));
	}
	fake.list_due = false;
	fake.ended |= fake.begun & ~set;
	engine_listed(&fake.engine, &list, 0);
	session_list_done(&list);
}

static void fail_list(void)
{
	struct session_list list = {0};

	fake.list_due = false;
	engine_listed(&fake.engine, &list, -ETIMEDOUT);
}

/* A request within the limits that the driver enforces. -EBUSY while another is in flight. */
static void request(const struct event *event)
{
	struct logoff_request request = {
		.flags = event->argument & 1 ? HV_LOGOFF_FORCE : 0,
	};
	unsigned int times = event->time & 0x3fff;

	request.timeout = 1 + times % 100;
	request.grace = times / 100 % request.timeout;
	if (event->time & START_INCLUDE_LINGERING)
		request.flags |= HV_LOGOFF_INCLUDE_LINGERING;
	if (event->time & START_NO_LOGINS)
		request.flags |= HV_LOGOFF_NO_LOGINS;
	if (event->argument & 2)
		request.flags |= HV_LOGOFF_REDELIVERED;
	if (event->argument & 4)
		request.flags |= HV_LOGOFF_DRY_RUN;
	if (event->argument & 8)
		snprintf(request.user, sizeof(request.user), "%s", users[event->argument >> 5]);
	if (event->argument & 16)
		get_name(request.session, event->argument >> 5);
	memset(request.message, event->argument, event->argument);
	if (fake.in_flight) {
		must(engine_request(&fake.engine, &transport, &fake, &request) == -EBUSY);
		return;
	}
	snprintf(request.id, sizeof(request.id), "%u", ++fake.requests);
	fake.in_flight = true;
	fake.dry_run = request.flags & HV_LOGOFF_DRY_RUN;
	fake.includes_lingering = request.flags & HV_LOGOFF_INCLUDE_LINGERING;
	fake.begun = 0;
	fake.ended = 0;
	fake.users_due = false;
	fake.outside_due = false;
	fake.list_due = false;
	fake.resolving = false;
	fake.stopped = 0;
	fake.deadline = fake.time + request.timeout * USEC_PER_SEC;
	fake.percent = 0;
	fake.state = 0;
	must(engine_request(&fake.engine, &transport, &fake, &request) == 0);
}

static void cancel(const struct event *event)
{
	uint32_t reason = HV_LOGOFF_CANCEL_HOST + event->argument % 4;
	bool ours = event->time & 1;

	if (reason > HV_LOGOFF_CANCEL_SUSPEND) {
		engine_cancel_in_guest(&fake.engine, 1000);
		return;
	}
	engine_cancel(&fake.engine, ours ? &transport : &other_transport, reason);
	/* For any other reason, the driver has completed the request itself. */
	if (ours && reason != HV_LOGOFF_CANCEL_HOST)
		fake.in_flight = false;
}

/* Answers arrive late or never, and after the request that wanted them. */
static void find_manager(const struct event *event)
{
	unsigned int uid = event->argument % SESSIONS;

	if (!(fake.looked_up & 1U << uid))
		return;
	fake.looked_up &= ~(1U << uid);
	engine_manager_found(&fake.engine, uid, event->time % 4 == 3 ? -EIO : event->time % 4);
}

static void list_users(const struct event *event)
{
	struct listed_user listed[SESSIONS];

	if (!fake.users_due)
		return;
	fake.users_due = false;
	for (unsigned int i = 0; i < SESSIONS; i++)
		listed[i] = (struct listed_user){
			.uid = i,
			.name = (char *)users[i],
			.lingers = event->argument & 1U << i,
		};
	engine_users_listed(&fake.engine, listed, event->time % (SESSIONS + 1),
			    event->time & 0x100 ? -EIO : 0);
}

/* The answer may belong to an earlier request. */
static void find_outside(const struct event *event)
{
	struct outside_user outside[SESSIONS];

	for (unsigned int i = 0; i < SESSIONS; i++)
		outside[i] = (struct outside_user){
			.uid = i,
			.user = users[i],
			.processes = 1 + event->argument,
		};
	fake.outside_due = false;
	engine_outside_found(&fake.engine, outside, event->time % (SESSIONS + 1));
}

static void find_session(unsigned int number)
{
	struct session session;

	init_session(&session, number);
	engine_found(&fake.engine, &session);
	session_done(&session);
}

static void handle_event(const struct event *event)
{
	char id[2];

	get_name(id, event->argument);
	switch (event->type % EVENT_TYPES) {
	case PASS:
		fake.time += event->time * (event->argument & 1 ? USEC_PER_SEC : USEC_PER_MSEC);
		break;
	case WAKE:
		if (fake.wake != USEC_NEVER && fake.time < fake.wake)
			fake.time = fake.wake;
		/* Fall through. */
	case TIMER:
		if (fake.time >= fake.wake)
			engine_tick(&fake.engine);
		break;
	case LISTED:
		if (fake.list_due)
			answer_list(event->argument);
		break;
	case LIST_FAILED:
		if (fake.resolving) {
			fake.resolving = false;
			if (event->argument & 1)
				engine_resolve_failed(&fake.engine, "%s", -ETIMEDOUT);
			else
				engine_resolved(&fake.engine, NULL);
		}
		if (fake.list_due)
			fail_list();
		break;
	case REMOVED:
		fake.ended |= fake.begun & 1U << event->argument % SESSIONS;
		engine_removed(&fake.engine, id);
		break;
	case OPENED:
		engine_opened(&fake.engine);
		break;
	case RESYNC:
		engine_resync(&fake.engine);
		break;
	case CALL_FAILED:
		if (event->time & 1)
			fake.ended |= fake.begun & 1U << event->argument % SESSIONS;
		engine_call_failed(&fake.engine, id, event->time & 1 ? -ENOENT : -EIO);
		break;
	case START:
		request(event);
		break;
	case CANCEL:
		cancel(event);
		break;
	case SETTINGS:
		fake.logind_down = event->argument & 1;
		fake.report_is_stale = event->argument & 2;
		fake.running = event->time;
		break;
	case MANAGER_FOUND:
		find_manager(event);
		break;
	case SESSION_FOUND:
		find_session(event->argument % SESSIONS);
		break;
	case USERS_LISTED:
		list_users(event);
		break;
	case OUTSIDE_FOUND:
		find_outside(event);
		break;
	case STATES_CHANGED:
		fake.opening = event->argument;
		engine_states_changed(&fake.engine);
		break;
	}
}

/* While a request is in flight, the engine has a timer no later than the deadline. */
static void must_have_timer(void)
{
	must(fake.in_flight == (fake.engine.phase != ENGINE_IDLE));
	must(!fake.no_logins || fake.in_flight);
	must(fake.in_flight ? fake.wake <= fake.deadline : fake.wake == USEC_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	struct event event;

	if (!config.classes)
		must(config_parse(&config, "", "", 0, stderr) == 0);
	fake = (struct fake){.time = USEC_PER_SEC, .wake = USEC_NEVER};
	engine_init(&fake.engine, &ops, NULL, &config);
	for (; size >= sizeof(event); data += sizeof(event), size -= sizeof(event)) {
		memcpy(&event, data, sizeof(event));
		handle_event(&event);
		must_have_timer();
	}
	/* Without any further event, the request completes by its deadline. */
	fake.time = fake.time > fake.deadline ? fake.time : fake.deadline;
	if (fake.in_flight)
		engine_tick(&fake.engine);
	must(!fake.in_flight);
	must_have_timer();
	return 0;
}
