// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's watch over sessions, while they come and go, lists are made early
 * and answered late, and ids are used again. An input is a list of struct event.
 */
#include <errno.h>

#include "fuzz.h"
#include "userspace/guest/logoff/watch.h"
#include "userspace/shared/util.h"

#define SESSIONS 8

struct event {
	uint8_t what;
	uint8_t whom; /* a session, or a set of them */
	uint8_t how;  /* a leader, a request or an error */
};

/* What the watch can know of a session, and has to say of it. */
struct known {
	bool there;
	bool told;
	bool in_list; /* was found before the list was asked for that is on its way */
	bool stopping, claimed;
	pid_t leader;
	uint64_t request;
};

static struct world {
	struct watch watch;
	struct known sessions[SESSIONS];
	bool list_due;
	bool logind_down;
	bool list_later;
} world;

/* Whoever is found from here on may be missing in the answer. */
static int world_list(void *outside)
{
	(void)outside;
	watch_list_asked(&world.watch);
	for (unsigned int i = 0; i < SESSIONS; i++)
		world.sessions[i].in_list = world.sessions[i].there;
	world.list_due = !world.logind_down;
	return world.logind_down ? -ECONNREFUSED : 0;
}

static void world_list_later(void *outside)
{
	(void)outside;
	world.list_later = true;
}

/* Of each session once, with the strongest reason that was given. */
static void world_ended(void *outside, const struct session *session, enum hv_logoff_kind kind,
			uint64_t request)
{
	struct known *known = &world.sessions[session->uid];

	(void)outside;
	must(known->there && !known->told && session->leader == known->leader);
	must(session->id[0] == (char)('0' + session->uid));
	must((kind == HV_LOGOFF_EXTERNAL) == known->claimed);
	must((kind == HV_LOGOFF_FORCED) == (known->stopping && !known->claimed));
	must(request == known->request);
	known->told = true;
}

static const struct watch_ops ops = {
	.list = world_list,
	.list_later = world_list_later,
	.ended = world_ended,
};

/* The number is the user's, and decides the class: one is no user's session. */
static void make(struct session *session, unsigned int number, pid_t leader)
{
	char id[] = {(char)('0' + number), '\0'};

	must(!session_init(session, id, number, "alice", number == 7 ? "greeter" : "user", "",
			   leader));
}

static void must_be_told(struct known *known)
{
	must(!known->there || known->told);
	*known = (struct known){0};
}

/* What is to be so once @number was found with this leader. */
static void note_found(unsigned int number, pid_t leader)
{
	struct known *known = &world.sessions[number];

	if (number == 7 || (known->there && known->leader == leader))
		return;
	must_be_told(known);
	known->there = true;
	known->leader = leader;
}

static void find(unsigned int number, pid_t leader)
{
	struct session session;

	make(&session, number, leader);
	watch_found(&world.watch, &session);
	session_done(&session);
	note_found(number, leader);
}

static void answer_list(uint8_t set, pid_t leader)
{
	struct session_list list = {0};
	struct session session;

	world.list_due = false;
	for (unsigned int i = 0; i < SESSIONS; i++) {
		if (!(set & 1U << i))
			continue;
		make(&session, i, leader);
		must(!session_list_add(&list, &session));
	}
	watch_listed(&world.watch, &list, 0);
	session_list_done(&list);
	for (unsigned int i = 0; i < SESSIONS; i++) {
		if (set & 1U << i)
			note_found(i, leader);
		else if (world.sessions[i].in_list)
			must_be_told(&world.sessions[i]);
	}
}

static void happen(const struct event *event)
{
	unsigned int number = event->whom % SESSIONS;
	struct known *known = &world.sessions[number];
	struct session_list nothing = {0};
	char id[] = {(char)('0' + number), '\0'};

	switch (event->what % 8) {
	case 0:
		find(number, event->how % 2);
		break;
	case 1:
		watch_removed(&world.watch, id);
		must_be_told(known);
		break;
	case 2:
		watch_stopping(&world.watch, id);
		known->stopping = known->there;
		break;
	case 3:
		watch_claim(&world.watch, id, event->how);
		known->claimed = known->there;
		known->request = known->there ? event->how : 0;
		break;
	case 4:
		watch_dead(&world.watch, id);
		must(!known->there || known->told);
		break;
	case 5:
		world.logind_down = event->how & 1;
		world.list_later = false;
		watch_list(&world.watch);
		must(world.list_later == world.logind_down);
		break;
	case 6:
		if (world.list_due)
			answer_list(event->whom, event->how % 2);
		break;
	case 7:
		world.list_due = false;
		world.list_later = false;
		watch_listed(&world.watch, &nothing, -EIO);
		must(world.list_later);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	struct event event;

	if (!config.classes)
		must(config_parse(&config, "", "", 0, stderr) == 0);
	world = (struct world){0};
	watch_init(&world.watch, &ops, NULL, &config);
	for (; size >= sizeof(event); data += sizeof(event), size -= sizeof(event)) {
		memcpy(&event, data, sizeof(event));
		happen(&event);
	}
	watch_done(&world.watch);
	return 0;
}
