// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock_requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/guest/log.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define ANSWER_FLAGS (HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE)

/* The messages to one host. */

static bool supports(const struct vsock_host *host, uint32_t outcome)
{
	return hvl_version_since(host->version, 1, outcome > HV_LOGOFF_SELECTED ? 2 : 1);
}

/* The host supports the outcome. The message is dropped if it does not fit. */
static void push_session(struct vsock_host *host, const struct hvl_session *body)
{
	struct hvl_session *last;

	if (!host->sessions)
		host->sessions = calloc(VSOCK_SESSIONS_MAX, sizeof(*host->sessions));
	if (!host->sessions || host->session_count == VSOCK_SESSIONS_MAX) {
		host->sessions_lost++;
		return;
	}
	last = &host->sessions[(host->first_session + host->session_count++) % VSOCK_SESSIONS_MAX];
	*last = *body;
	last->lost = body->lost + host->sessions_lost;
	host->sessions_lost = 0;
}

static struct hvl_session *take_session(struct vsock_host *host)
{
	struct hvl_session *first = &host->sessions[host->first_session];

	host->first_session = (host->first_session + 1) % VSOCK_SESSIONS_MAX;
	host->session_count--;
	return first;
}

/*
 * After a new negotiation. These do not count as lost, but those that were lost before them do so
 * before the next one that remains.
 */
static void drop_unsupported(struct vsock_host *host)
{
	const unsigned int count = host->session_count;
	const uint32_t lost_behind = host->sessions_lost;
	unsigned int ahead = 0;

	host->sessions_lost = 0;
	for (unsigned int i = 0; i < count; i++) {
		const struct hvl_session body = *take_session(host);

		if (supports(host, body.outcome)) {
			push_session(host, &body);
			ahead += i < host->sessions_ahead;
		} else {
			host->sessions_lost += body.lost;
		}
	}
	host->sessions_ahead = ahead;
	host->sessions_lost += lost_behind;
}

static struct hvl_packet *answer_to(struct vsock_host *host)
{
	host->answer_pending = true;
	return &host->answer;
}

static void refuse(struct vsock_host *host, const struct hvl_packet *packet, uint32_t status)
{
	hvl_build_refusal(answer_to(host), packet->header.type, packet->header.transaction, status);
}

static void build_report(struct hvl_packet *packet, uint8_t transaction, uint8_t flags,
			 enum hvl_op op, uint64_t id, const struct hvl_report *report)
{
	hvl_packet_init(packet, HVL_MSGTYPE_LOGOFF, sizeof(*report), transaction, flags);
	packet->body.report = *report;
	packet->body.report.header = (struct hvl_op_header){.op = op, .id = id};
}

static struct hvl_report to_message(const struct hv_logoff_report *report)
{
	struct hvl_report message = {
		.state = report->state,
		.percent = report->percent,
		.found = report->found,
		.ended = report->ended,
		.failed = report->failed,
		.result = report->state == HV_LOGOFF_DONE ? report->result : 0,
	};

	memcpy(message.text, report->text, sizeof(message.text));
	return message;
}

/* Answers a LOGOFF that does not become the request in progress with its result. */
static void complete_at_once(struct vsock_host *host, const struct hvl_packet *packet,
			     const struct hvl_report *report, uint32_t flags)
{
	struct hvl_packet *answer = answer_to(host);

	build_report(answer, packet->header.transaction, ANSWER_FLAGS, HVL_OP_COMPLETE,
		     packet->body.op.id, report);
	answer->header.status = report->result;
	answer->body.op.flags = flags;
}

/* The id can be used again. */
__attribute__((format(printf, 4, 5))) static void decline(struct vsock_host *host,
							  const struct hvl_packet *packet,
							  uint32_t result, const char *format, ...)
{
	struct hvl_report report = {.state = HV_LOGOFF_DONE, .result = result};
	char text[2 * HV_LOGOFF_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_clean_line(report.text, sizeof(report.text), text);
	complete_at_once(host, packet, &report, 0);
}

/* The reports of the engine. */

/* Tells those hosts that have sent its LOGOFF of the request. */
static void tell(struct vsock_requests *requests)
{
	const struct hvl_report report = to_message(&requests->report);
	struct vsock_host *host;

	LIST_FOREACH(host, &requests->hosts, list) {
		if (host->request != requests->id || host->complete_pending)
			continue;
		host->progress_pending = report.state != HV_LOGOFF_DONE;
		host->complete_pending = report.state == HV_LOGOFF_DONE;
		if (host->complete_pending) {
			host->complete = report;
			host->sessions_ahead = host->session_count;
		}
		host->kick(host);
	}
}

/*
 * The journal has the result, or that sessions may be ended, before any host: if this daemon ends
 * in between, the next one knows.
 */
static int handle_report(void *userdata, const struct hv_logoff_report *report)
{
	struct vsock_requests *requests = userdata;
	const uint32_t state = requests->report.state, percent = requests->report.percent;
	char id[LOGOFF_ID_SIZE];

	/* These never decrease. */
	requests->report = *report;
	requests->report.state = later(state, report->state);
	requests->report.percent = later(percent, report->percent);
	known_requests_format_id(id, requests->id);
	if (requests->recorded && report->state == HV_LOGOFF_DONE)
		known_requests_finish(requests->known, id, report);
	else if (requests->recorded && report->state == HV_LOGOFF_ENDING)
		known_requests_ending(requests->known, id);
	tell(requests);
	return 0;
}

/* Whether the host learns of a session that has ended, or, of a request, of any outcome. */
static bool is_watched(const struct vsock_host *host, uint64_t id, uint32_t outcome)
{
	return supports(host, outcome) &&
	       (outcome == HV_LOGOFF_ENDED || (host->request == id && !host->complete_pending));
}

static void queue_outcome(struct vsock_requests *requests, uint64_t id,
			  const struct outcome *outcome, enum hv_logoff_kind kind)
{
	struct hvl_session body = {
		.header = {.op = HVL_OP_SESSION, .id = id},
		.outcome = outcome->outcome,
		.kind = kind,
		.uid = outcome->uid,
	};
	struct vsock_host *host;

	text_clean_line(body.user, sizeof(body.user), outcome->user);
	text_clean_line(body.session, sizeof(body.session), outcome->session);
	LIST_FOREACH(host, &requests->hosts, list) {
		if (!is_watched(host, id, outcome->outcome))
			continue;
		push_session(host, &body);
		host->kick(host);
	}
}

/* The end of a session was reported when it happened: see vsock_requests_session_ended(). */
static void handle_outcome(void *userdata, const struct outcome *outcome)
{
	struct vsock_requests *requests = userdata;

	if (outcome->outcome != HV_LOGOFF_ENDED)
		queue_outcome(requests, requests->id, outcome, 0);
}

static const struct logoff_transport transport = {
	.name = "vsock",
	.report = handle_report,
	.outcome = handle_outcome,
};

/* The messages of a host. */

static void negotiate(struct vsock_host *host, const struct hvl_packet *packet)
{
	if (hvl_answer_negotiate(packet, answer_to(host), hvl_message_versions,
				 ARRAY_SIZE(hvl_message_versions), &host->framework,
				 &host->version))
		drop_unsupported(host);
}

static bool is_in_progress(const struct vsock_requests *requests, uint64_t id)
{
	return id == vsock_requests_current(requests);
}

static void read_request(struct logoff_request *request, const struct hvl_packet *packet)
{
	const struct hvl_target *target = &packet->body.target;
	const struct hvl_logoff *logoff = &target->logoff;

	*request = (struct logoff_request){
		.flags = logoff->header.flags,
		.timeout = logoff->timeout,
		.grace = logoff->grace,
	};
	known_requests_format_id(request->id, logoff->header.id);
	memcpy(request->message, logoff->message, sizeof(request->message) - 1);
	/* A LOGOFF ends there, so these are zero. */
	memcpy(request->user, target->user, sizeof(request->user) - 1);
	memcpy(request->session, target->session, sizeof(request->session) - 1);
}

/* From now on, the host receives the reports on its request. */
static void follow(struct vsock_host *host, const struct hvl_packet *packet)
{
	host->request = packet->body.op.id;
	host->transaction = packet->header.transaction;
	host->progress_pending = true;
}

static void start(struct vsock_requests *requests, struct vsock_host *host,
		  const struct hvl_packet *packet, struct logoff_request *request, bool known)
{
	bool dry_run = request->flags & HV_LOGOFF_DRY_RUN;
	int r = known || dry_run ? 0 : known_requests_add(requests->known, request->id);

	if (r < 0) {
		decline(host, packet, HV_LOGOFF_E_EXCEPTION,
			"The guest cannot record the request in %s/" KNOWN_REQUESTS_NAME ": %s.",
			requests->known->directory, journal_explain(r));
		return;
	}
	/* An earlier daemon has started it, and may have ended sessions. */
	if (known)
		request->flags |= HV_LOGOFF_REDELIVERED;
	requests->id = packet->body.op.id;
	requests->recorded = !dry_run;
	requests->report = (struct hv_logoff_report){.state = HV_LOGOFF_DELIVERED};
	follow(host, packet);
	engine_request(requests->engine, &transport, requests, request);
}

/* Nothing is carried out, whatever the repeated request contains. Returns false if it is new. */
static bool replay(const struct vsock_requests *requests, struct vsock_host *host,
		   const struct hvl_packet *packet, const struct journal_entry *entry)
{
	struct hv_logoff_report report;
	struct hvl_report message;

	if (entry && entry->result.id[0])
		known_requests_report(&report, &entry->result);
	/* The last request, if it was a dry run, is not in the journal. */
	else if (packet->body.op.id == requests->id && requests->report.state == HV_LOGOFF_DONE)
		report = requests->report;
	else
		return false;
	message = to_message(&report);
	complete_at_once(host, packet, &message, HVL_REPLAY);
	return true;
}

/* If the engine is busy, it may be with this request, which also came by another transport. */
static const struct journal_entry *find(const struct vsock_requests *requests, uint64_t id)
{
	char text[LOGOFF_ID_SIZE];

	known_requests_format_id(text, id);
	if (requests->engine->phase != ENGINE_IDLE)
		return known_requests_find(requests->known, text);
	return known_requests_settle(requests->known, text);
}

/* LOGOFF and TARGET. The id decides: a known request is not compared with the earlier one. */
static void handle_logoff(struct vsock_requests *requests, struct vsock_host *host,
			  const struct hvl_packet *packet)
{
	const struct journal_entry *entry;
	struct logoff_request request;
	const char *invalid;

	/* The result that is still to be sent also answers the repetition. */
	if (host->complete_pending && packet->body.op.id == host->request) {
		host->transaction = packet->header.transaction;
		return;
	}
	if (host->complete_pending) {
		decline(host, packet, HV_LOGOFF_E_BUSY,
			"The result of the last request was not read yet.");
		return;
	}
	if (is_in_progress(requests, packet->body.op.id)) {
		follow(host, packet);
		return;
	}
	read_request(&request, packet);
	invalid = known_requests_invalid_name(&request);
	entry = find(requests, packet->body.op.id);
	if (replay(requests, host, packet, entry))
		return;
	if (requests->engine->phase != ENGINE_IDLE)
		decline(host, packet, HV_LOGOFF_E_BUSY, "Another logoff request is in progress.");
	else if (invalid)
		decline(host, packet, HV_LOGOFF_E_INVALIDARG, "%s", invalid);
	else
		start(requests, host, packet, &request, entry);
}

/* Returns whether the request @id is known, in progress or complete. */
static bool find_report(const struct vsock_requests *requests, uint64_t id,
			struct hvl_report *message)
{
	struct hv_logoff_report report = {.state = HV_LOGOFF_DELIVERED};
	const struct engine *engine = requests->engine;
	const struct journal_entry *entry;
	char text[LOGOFF_ID_SIZE];

	known_requests_format_id(text, id);
	entry = find(requests, id);
	if (id == requests->id)
		report = requests->report;
	else if (engine->phase != ENGINE_IDLE && !strcmp(engine->request.id, text))
		report = engine->last;
	else if (!entry)
		return false;
	else if (entry->result.id[0])
		known_requests_report(&report, &entry->result);
	else if (entry->ending)
		report.state = HV_LOGOFF_ENDING;
	*message = to_message(&report);
	return true;
}

static uint32_t try_cancel(const struct vsock_requests *requests, uint64_t id)
{
	if (!is_in_progress(requests, id) || requests->report.state >= HV_LOGOFF_ENDING)
		return HV_LOGOFF_E_FAIL;
	engine_cancel(requests->engine, &transport, HV_LOGOFF_CANCEL_HOST);
	return HV_LOGOFF_S_OK;
}

static void handle_cancel_or_query(struct vsock_requests *requests, struct vsock_host *host,
				   const struct hvl_packet *packet)
{
	const struct hvl_op_header *op = &packet->body.op;
	const uint64_t id = op->id ? op->id : vsock_requests_current(requests);
	uint32_t status = HV_LOGOFF_E_NOT_FOUND;
	struct hvl_report report = {0};
	struct hvl_packet *answer;

	if (id && find_report(requests, id, &report)) {
		status = HV_LOGOFF_S_OK;
		if (op->op == HVL_OP_CANCEL)
			status = try_cancel(requests, id);
	}
	answer = answer_to(host);
	build_report(answer, packet->header.transaction, ANSWER_FLAGS, op->op, id, &report);
	answer->header.status = status;
}

bool vsock_requests_receive(struct vsock_requests *requests, struct vsock_host *host,
			    const struct hvl_packet *packet)
{
	const uint32_t op = packet->body.op.op;
	uint32_t status;

	if (packet->header.type == HVL_MSGTYPE_NEGOTIATE) {
		negotiate(host, packet);
		return true;
	}
	if (!host->version.major) {
		refuse(host, packet, HV_LOGOFF_E_FAIL);
		return false;
	}
	status = hvl_check_request(packet, host->version);
	/* The only value of a CANCEL is its id: 0 is the request of a socket in progress. */
	if (op == HVL_OP_CANCEL && status == HV_LOGOFF_E_INVALIDARG)
		status = HV_LOGOFF_S_OK;
	if (status != HV_LOGOFF_S_OK)
		refuse(host, packet, status);
	else if (op == HVL_OP_LOGOFF || op == HVL_OP_TARGET)
		handle_logoff(requests, host, packet);
	else
		handle_cancel_or_query(requests, host, packet);
	return true;
}

static bool transmit_report(const struct vsock_requests *requests, struct vsock_host *host,
			    struct hvl_packet *packet)
{
	struct hvl_report report;

	if (host->complete_pending ? host->sessions_ahead > 0 : !host->progress_pending)
		return false;
	report = host->complete_pending ? host->complete : to_message(&requests->report);
	build_report(packet, host->transaction, host->complete_pending ? ANSWER_FLAGS : 0,
		     host->complete_pending ? HVL_OP_COMPLETE : HVL_OP_PROGRESS, host->request,
		     &report);
	packet->header.status = report.result;
	if (host->complete_pending)
		host->request = 0;
	host->complete_pending = false;
	host->progress_pending = false;
	return true;
}

static bool transmit_session(struct vsock_host *host, struct hvl_packet *packet)
{
	if (!host->session_count)
		return false;
	hvl_packet_init(packet, HVL_MSGTYPE_LOGOFF, sizeof(struct hvl_session), 0, 0);
	packet->body.session = *take_session(host);
	host->sessions_ahead -= host->sessions_ahead > 0;
	return true;
}

bool vsock_requests_transmit(struct vsock_requests *requests, struct vsock_host *host,
			     struct hvl_packet *packet)
{
	if (host->answer_pending) {
		*packet = host->answer;
		host->answer_pending = false;
	} else if (!transmit_report(requests, host, packet) && !transmit_session(host, packet)) {
		return false;
	}
	if (packet->header.type != HVL_MSGTYPE_NEGOTIATE) {
		packet->header.framework = host->framework;
		packet->header.message = host->version;
	}
	return true;
}

void vsock_requests_init(struct vsock_requests *requests, struct engine *engine,
			 struct known_requests *known)
{
	*requests = (struct vsock_requests){.engine = engine, .known = known};
}

void vsock_requests_add(struct vsock_requests *requests, struct vsock_host *host,
			void (*kick)(struct vsock_host *host))
{
	*host = (struct vsock_host){.kick = kick};
	LIST_INSERT_HEAD(&requests->hosts, host, list);
}

void vsock_requests_remove(struct vsock_host *host)
{
	LIST_REMOVE(host, list);
	free(host->sessions);
}

uint64_t vsock_requests_current(const struct vsock_requests *requests)
{
	return engine_serves(requests->engine, &transport) ? requests->id : 0;
}

void vsock_requests_session_ended(struct vsock_requests *requests, uint64_t id,
				  const struct session *session, enum hv_logoff_kind kind)
{
	const struct outcome outcome = outcome_of(session, HV_LOGOFF_ENDED);

	queue_outcome(requests, id, &outcome, kind);
}
