// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's messages by sockets, in the daemon: several connections, which end and are made again,
 * while a request is in progress or ends. An input is a sequence of steps: an action, an argument,
 * and for SEND the bytes that the host sends.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "folder.h"
#include "userspace/guest/transport/vsock_listener.h"

#define CONNECTIONS 3
#define STARTED_MAX 512

/* The same values as in seeds.py. */
enum action {
	SEND, /* the argument is a quarter of the number of bytes */
	SEND_SECOND,
	SEND_THIRD,
	CUT,           /* the connection of the argument */
	REPORT,        /* the argument is the state; DONE completes the request */
	SESSION_ENDED, /* the argument is the number of sessions */
	OUTCOME,       /* the argument is the outcome */
	READ,          /* the host reads what the daemon has sent */
	ACTIONS
};

static struct fake {
	sd_event *event;
	struct engine engine;
	struct known_requests known;
	struct vsock_listener listener;
	int hosts[CONNECTIONS];
	char started[STARTED_MAX][LOGOFF_ID_SIZE]; /* requests that end sessions */
	size_t count;
} fake;

/* The engine: a request continues until a step ends it. */

bool engine_serves(const struct engine *engine, const struct logoff_transport *transport)
{
	return engine->phase != ENGINE_IDLE && engine->transport == transport;
}

/* No request is carried out twice, and there is one at a time. */
int engine_request(struct engine *engine, const struct logoff_transport *transport, void *userdata,
		   const struct logoff_request *request)
{
	must(engine->phase == ENGINE_IDLE);
	must(request->timeout >= 1 && request->grace < request->timeout);
	if (!(request->flags & HV_LOGOFF_DRY_RUN)) {
		for (size_t i = 0; i < fake.count; i++)
			must(strcmp(fake.started[i], request->id) != 0);
		must(fake.count < STARTED_MAX);
		memcpy(fake.started[fake.count++], request->id, LOGOFF_ID_SIZE);
	}
	engine->phase = ENGINE_STARTING;
	engine->transport = transport;
	engine->transport_data = userdata;
	engine->request = *request;
	return 0;
}

static void report(uint32_t state, uint32_t result)
{
	const struct hv_logoff_report last = {.state = state, .result = result, .text = "text"};
	struct engine *engine = &fake.engine;

	if (engine->phase == ENGINE_IDLE)
		return;
	engine->last = last;
	if (state == HV_LOGOFF_ENDING)
		engine->phase = ENGINE_ENDING;
	must(engine->transport->report(engine->transport_data, &last) == 0);
	if (state == HV_LOGOFF_DONE)
		engine->phase = ENGINE_IDLE;
}

void engine_cancel(struct engine *engine, const struct logoff_transport *transport, uint32_t reason)
{
	must(engine_serves(engine, transport) && reason == HV_LOGOFF_CANCEL_HOST);
	must(engine->phase != ENGINE_ENDING);
	report(HV_LOGOFF_DONE, HV_LOGOFF_E_CANCELLED);
}

static void run(void)
{
	int r;

	do {
		r = sd_event_run(fake.event, 0);
		must(r >= 0);
	} while (r > 0);
}

static void cut(unsigned int number)
{
	int pair[2];

	closep(&fake.hosts[number]);
	run();
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
	must(vsock_listener_add(&fake.listener, pair[0]) == 0);
	fake.hosts[number] = pair[1];
}

/* Whole messages with possible sizes arrive, whatever the host has sent. */
static void read_all(int host)
{
	struct hvl_packet packet;

	while (recv(host, &packet.header, sizeof(packet.header), 0) ==
	       (ssize_t)sizeof(packet.header)) {
		must(hvl_packet_check(&packet, sizeof(packet)));
		must(!packet.header.size ||
		     recv(host, &packet.body, packet.header.size, 0) == packet.header.size);
		must(packet.header.type == HVL_MSGTYPE_NEGOTIATE || !packet.header.size ||
		     packet.header.message.major == 1);
		run();
	}
}

static void end_sessions(unsigned int count)
{
	const struct session session = {.id = (char *)"c\033", .user = (char *)"\xff", .uid = 7};

	while (count--)
		vsock_requests_session_ended(&fake.listener.requests, 0, &session,
					     HV_LOGOFF_NORMAL);
}

static void report_outcome(uint32_t outcome)
{
	const struct outcome about = {.outcome = outcome, .user = "anna", .session = ""};

	if (fake.engine.phase != ENGINE_IDLE)
		fake.engine.transport->outcome(fake.engine.transport_data, &about);
}

/* Returns the bytes of the step's data. */
static size_t take_step(const uint8_t *step, const uint8_t *data, size_t size)
{
	size_t length = step[1] * 4UL;

	switch (step[0] % ACTIONS) {
	case SEND:
	case SEND_SECOND:
	case SEND_THIRD:
		if (length > size)
			length = size;
		/* The daemon may have closed the connection, or not read what was sent before. */
		(void)!send(fake.hosts[step[0] % ACTIONS], data, length, MSG_NOSIGNAL);
		return length;
	case CUT:
		cut(step[1] % CONNECTIONS);
		break;
	case REPORT:
		report(step[1] % (HV_LOGOFF_DONE + 1), HV_LOGOFF_E_TIMED_OUT);
		break;
	case SESSION_ENDED:
		end_sessions(step[1]);
		break;
	case OUTCOME:
		report_outcome(HV_LOGOFF_FAILED + step[1] % 9);
		break;
	default:
		read_all(fake.hosts[step[1] % CONNECTIONS]);
	}
	return 0;
}

static void remove_folder(void)
{
	char path[128];

	path_of(path, KNOWN_REQUESTS_NAME);
	unlink(path);
	rmdir(folder);
}

static void start(void)
{
	char path[128];
	int pair[2];

	fake.engine = (struct engine){0};
	fake.count = 0;
	path_of(path, KNOWN_REQUESTS_NAME);
	unlink(path);
	known_requests_init(&fake.known, folder, "b0-1");
	vsock_listener_init(&fake.listener, &fake.engine, &fake.known);
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	must(vsock_listener_start(&fake.listener, pair[0], fake.event, true) == 0);
	close(pair[1]);
	/* It is not a socket that listens. */
	fake.listener.source = sd_event_source_disable_unref(fake.listener.source);
	for (unsigned int i = 0; i < CONNECTIONS; i++) {
		fake.hosts[i] = -1;
		cut(i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	must(fake.event || sd_event_new(&fake.event) >= 0);
	make_folder(remove_folder);
	start();
	while (size >= 2) {
		size_t used = 2 + take_step(data, data + 2, size - 2);

		data += used;
		size -= used;
		run();
	}
	report(HV_LOGOFF_DONE, HV_LOGOFF_S_OK);
	run();
	for (unsigned int i = 0; i < CONNECTIONS; i++) {
		read_all(fake.hosts[i]);
		closep(&fake.hosts[i]);
	}
	run();
	must(!fake.listener.connections);
	vsock_listener_done(&fake.listener);
	known_requests_done(&fake.known);
	return 0;
}
