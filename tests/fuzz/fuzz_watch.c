// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's watch with sessions that open and end, lists that are made early and arrive late,
 * and ids that are reused. An input is a sequence of struct event.
 */
#include <errno.h>

#include "fuzz.h"
#include "userspace/guest/logoff/watch.h"
#include "userspace/shared/util.h"

#define SESSIONS 8

/* The same values as in seeds.py. */
enum event_type { FOUND, ENDED, STOPPING, CLAIMED, GONE, LIST, ANSWERED, FAILED, EVENT_TYPES };

struct event {
	uint8_t type;
	uint8_t session;  /* a session, or a set of them */
	uint8_t argument; /* a leader, a request or an error */
};

/* What the watch can know about a session, and what it must report. */
struct known {
	bool open;
	bool reported;
	bool in_list; /* found before the pending list was requested */
	bool stopping, claimed;
	pid_t leader;
	uint64_t request;
};

static struct fake {
	struct watch watch;
	struct known sessions[SESSIONS];
	bool list_due;
	bool logind_down;
	bool list_later;
} fake;

/* Sessions that are found from now on may be missing from the answer. */
static int fake_list(void *userdata)
{
	watch_list_requested(&fake.watch);
	for (unsigned int i = 0; i < SESSIONS; i++)
		fake.sessions[i].in_list = fake.sessions[i].open;
	fake.list_due = !fake.logind_down;
	return fake.logind_down ? -ECONNREFUSED : 0;
}

static void fake_list_later(void *userdata)
{
	fake.list_later = true;
}

/* Called once for each session, with the strongest reason that was given. */
static void fake_ended(void *userdata, const struct session *session, enum hv_logoff_kind kind,
		       uint64_t request)
{
	struct known *known = &fake.sessions[session->uid];

	must(known->open && !known->reported && session->leader == known->leader);
	must(session->id[0] == (char)('0' + session->uid));
	must((kind == HV_LOGOFF_EXTERNAL) == known->claimed);
	must((kind == HV_LOGOFF_FORCED) == (known->stopping && !known->claimed));
	must(request == known->request);
	known->reported = true;
}

static const struct watch_ops ops = {
	.list = fake_list,
	.list_later = fake_list_later,
	.ended = fake_ended,
};

/* The number is also the uid. According to its class, session 7 is not a user session. */
static void make(struct session *session, unsigned int number, pid_t leader)
{
	char id[] = {(char)('0' + number), '\0'};

	must(!session_init(session, id, number, "alice", number == 7 ? "greeter" : "user", "", "",
			   leader));
}

static void must_be_reported(struct known *known)
{
	must(!known->open || known->reported);
	*known = (struct known){0};
}

/* Updates what is expected after @number was found with this leader. */
static void note_found(unsigned int number, pid_t leader)
{
	struct known *known = &fake.sessions[number];

	if (number == 7 || (known->open && known->leader == leader))
		return;
	must_be_reported(known);
	known->open = true;
	known->leader = leader;
}

static void find(unsigned int number, pid_t leader)
{
	struct session session;

	make(&session, number, leader);
	watch_found(&fake.watch, &session);
	session_done(&session);
	note_found(number, leader);
}

static void answer_list(uint8_t set, pid_t leader)
{
	struct session_list list = {0};
	struct session session;

	fake.list_due = false;
	for (unsigned int i = 0; i < SESSIONS; i++) {
		if (!(set & 1U << i))
			continue;
		make(&session, i, leader);
		must(!session_list_add(&list, &session));
	}
	watch_listed(&fake.watch, &list, 0);
	session_list_done(&list);
	for (unsigned int i = 0; i < SESSIONS; i++) {
		if (set & 1U << i)
			note_found(i, leader);
		else if (fake.sessions[i].in_list)
			must_be_reported(&fake.sessions[i]);
	}
}

static void handle_event(const struct event *event)
{
	unsigned int number = event->session % SESSIONS;
	struct known *known = &fake.sessions[number];
	struct session_list empty = {0};
	char id[] = {(char)('0' + number), '\0'};

	switch (event->type % EVENT_TYPES) {
	case FOUND:
		find(number, event->argument % 2);
		break;
	case ENDED:
		watch_removed(&fake.watch, id);
		must_be_reported(known);
		break;
	case STOPPING:
		watch_stopping(&fake.watch, id);
		known->stopping = known->open;
		break;
	case CLAIMED:
		watch_claim(&fake.watch, id, event->argument);
		known->claimed = known->open;
		known->request = known->open ? event->argument : 0;
		break;
	case GONE:
		watch_ended(&fake.watch, id);
		must(!known->open || known->reported);
		break;
	case LIST:
		fake.logind_down = event->argument & 1;
		fake.list_later = false;
		watch_list(&fake.watch);
		must(fake.list_later == fake.logind_down);
		break;
	case ANSWERED:
		if (fake.list_due)
			answer_list(event->session, event->argument % 2);
		break;
	case FAILED:
		fake.list_due = false;
		fake.list_later = false;
		watch_listed(&fake.watch, &empty, -EIO);
		must(fake.list_later);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	struct event event;

	if (!config.classes)
		must(config_parse(&config, "", "", 0, stderr) == 0);
	fake = (struct fake){0};
	watch_init(&fake.watch, &ops, NULL, &config);
	for (; size >= sizeof(event); data += sizeof(event), size -= sizeof(event)) {
		memcpy(&event, data, sizeof(event));
		handle_event(&event);
	}
	watch_done(&fake.watch);
	return 0;
}
