// SPDX-License-Identifier: GPL-2.0-or-later
#include "logoff.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "tests/hvhost/control/json_text.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/host/libvmguestos/hresult.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/shared/names.h"
#include "userspace/shared/wire_host.h"

#define TIMEOUT_DEFAULT         60
/* The guest enforces the request's timeout. The host gives up this long after it. */
#define DEADLINE_MARGIN_SECONDS 30
#define ANSWER_SECONDS          30 /* for CANCEL and QUERY */

struct waiter {
	STAILQ_ENTRY(waiter) entry;
	uint64_t client;
};

struct logoff_request {
	STAILQ_ENTRY(logoff_request) entry;
	uint64_t id;
	uint8_t transaction;
	bool open; /* sent, and not completed yet */
	uint64_t sent_us;
	uint64_t deadline_us;
	unsigned int progress; /* PROGRESSes received */
	unsigned int complete; /* COMPLETEs received */
	STAILQ_HEAD(waiters, waiter) waiters;
};

/* A CANCEL or QUERY that has not been answered yet. */
struct logoff_op {
	STAILQ_ENTRY(logoff_op) entry;
	uint64_t client;
	uint8_t transaction;
	uint64_t sent_us;
	uint64_t deadline_us;
};

static json_t *id_to_json(uint64_t id)
{
	return json_sprintf("0x%llx", (unsigned long long)id);
}

static uint64_t id_from_json(const json_t *request)
{
	const char *text = json_string_value(json_object_get(request, "id"));

	return text ? strtoull(text, NULL, 16) : 0;
}

static struct logoff_request *find_request(struct ic_logoff *logoff, uint64_t id)
{
	struct logoff_request *request;

	STAILQ_FOREACH(request, &logoff->requests, entry) {
		if (request->id == id)
			return request;
	}
	return NULL;
}

static struct logoff_request *find_open(struct ic_logoff *logoff, uint8_t transaction)
{
	struct logoff_request *request;

	STAILQ_FOREACH(request, &logoff->requests, entry) {
		if (request->open && request->transaction == transaction)
			return request;
	}
	return NULL;
}

static void arm_timer(struct ic_logoff *logoff)
{
	struct logoff_request *request;
	struct logoff_op *op;
	uint64_t first = UINT64_MAX;

	STAILQ_FOREACH(request, &logoff->requests, entry) {
		if (request->open)
			first = MIN(first, request->deadline_us);
	}
	STAILQ_FOREACH(op, &logoff->pending_ops, entry)
		first = MIN(first, op->deadline_us);
	timer_set_deadline(&logoff->timer, first);
}

/* Sends @reply to all clients that wait for the request. Takes ownership of @reply. */
static void end_request(struct ic_logoff *logoff, struct logoff_request *request, json_t *reply)
{
	struct waiter *waiter;

	request->open = false;
	json_object_set_new(reply, "id", id_to_json(request->id));
	while ((waiter = STAILQ_FIRST(&request->waiters))) {
		control_reply(&logoff->ic.vm->control, waiter->client, json_incref(reply));
		STAILQ_REMOVE_HEAD(&request->waiters, entry);
		free(waiter);
	}
	json_decref(reply);
	arm_timer(logoff);
}

static void end_op(struct ic_logoff *logoff, struct logoff_op *op, json_t *reply)
{
	control_reply(&logoff->ic.vm->control, op->client, reply);
	STAILQ_REMOVE(&logoff->pending_ops, op, logoff_op, entry);
	free(op);
	arm_timer(logoff);
}

/* Fails all requests and operations with a deadline up to @before. */
static void end_overdue(struct ic_logoff *logoff, uint64_t before, uint32_t hresult,
			const char *why)
{
	struct logoff_request *request;
	struct logoff_op *op = STAILQ_FIRST(&logoff->pending_ops);

	STAILQ_FOREACH(request, &logoff->requests, entry) {
		if (!request->open || request->deadline_us > before)
			continue;
		log_line("logoff: request %#llx: %s", (unsigned long long)request->id, why);
		end_request(logoff, request, control_failure(hresult, why));
	}
	while (op) {
		struct logoff_op *next = STAILQ_NEXT(op, entry);

		if (op->deadline_us <= before)
			end_op(logoff, op, control_failure(hresult, why));
		op = next;
	}
}

static void expired(struct timer *timer)
{
	struct ic_logoff *logoff = container_of(timer, struct ic_logoff, timer);

	end_overdue(logoff, now_us(), HV_LOGOFF_E_TIMED_OUT,
		    "The guest did not answer in time: is it still running?");
	arm_timer(logoff);
}

static void closed(struct ic *ic)
{
	end_overdue(container_of(ic, struct ic_logoff, ic), UINT64_MAX, HV_LOGOFF_E_EXCEPTION,
		    IC_CHANNEL_CLOSED);
}

/* @string need not be NUL-terminated. */
static json_t *string_to_json(const char *string, size_t size)
{
	return text_to_json(string, strnlen(string, size));
}

static void add_report(json_t *json, const struct hvl_report *report)
{
	json_object_set_new(json, "state", json_string(state_names[report->state]));
	json_object_set_new(json, "percent", json_integer(report->percent));
	json_object_set_new(json, "found", json_integer(report->found));
	json_object_set_new(json, "ended", json_integer(report->ended));
	json_object_set_new(json, "failed", json_integer(report->failed));
	json_object_set_new(json, "text", string_to_json(report->text, sizeof(report->text)));
}

/* The time since a message was sent, without the delays of the control socket. */
static void add_round_trip(json_t *json, uint64_t sent_us)
{
	json_object_set_new(json, "round_trip_us", json_integer((json_int_t)(now_us() - sent_us)));
}

static void notify_waiters(struct ic_logoff *logoff, const struct logoff_request *request,
			   json_t *event)
{
	struct waiter *waiter;

	STAILQ_FOREACH(waiter, &request->waiters, entry)
		control_event(&logoff->ic.vm->control, waiter->client, json_incref(event));
}

static void progress(struct ic_logoff *logoff, const struct hvl_report *report)
{
	struct logoff_request *request = find_request(logoff, report->header.id);
	json_t *event;

	if (!request)
		return;
	request->progress++;
	event = json_pack("{s:s, s:o}", "event", "progress", "id", id_to_json(request->id));
	add_report(event, report);
	add_round_trip(event, request->sent_us);
	notify_waiters(logoff, request, event);
	json_decref(event);
}

static json_t *session_to_json(const struct hvl_session *session)
{
	bool ended = session->outcome == HV_LOGOFF_ENDED;

	return json_pack("{s:s, s:o, s:s, s:s?, s:I, s:I, s:o, s:o}", "event", "session", "id",
			 id_to_json(session->header.id), "outcome", outcome_names[session->outcome],
			 "kind", ended ? kind_names[session->kind] : NULL, "uid",
			 (json_int_t)session->uid, "lost", (json_int_t)session->lost, "user",
			 string_to_json(session->user, sizeof(session->user)), "session",
			 string_to_json(session->session, sizeof(session->session)));
}

/* Sends an event to the clients that wait for the session's request, and to all watchers. */
static void session(struct ic_logoff *logoff, const struct hvl_packet *packet)
{
	const struct hvl_session *session = &packet->body.session;
	struct logoff_request *request;
	json_t *event;

	if (!hvl_check_session(packet, logoff->ic.message)) {
		log_line("logoff: ignored an invalid SESSION.");
		return;
	}
	request = find_request(logoff, session->header.id);
	event = session_to_json(session);
	if (request)
		notify_waiters(logoff, request, event);
	watches_notify(&logoff->ic.vm->control.watches, event);
	json_decref(event);
}

static void complete(struct ic_logoff *logoff, const struct hvl_packet *packet)
{
	const struct hvl_report *report = &packet->body.report;
	struct logoff_request *request = find_request(logoff, report->header.id);
	json_t *reply;

	if (!request)
		return;
	request->complete++;
	log_line("logoff: request %#llx: COMPLETE, %s (%#x)%s.", (unsigned long long)request->id,
		 hresult_name(packet->header.status), packet->header.status,
		 report->header.flags & HVL_REPLAY ? ", repeated" : "");
	reply = control_result(packet->header.status);
	add_report(reply, report);
	json_object_set_new(reply, "replay", json_boolean(report->header.flags & HVL_REPLAY));
	add_round_trip(reply, request->sent_us);
	end_request(logoff, request, reply);
}

/* The answer to CANCEL or QUERY. If the guest rejected the message, it has no body. */
static void op_answered(struct ic_logoff *logoff, const struct hvl_packet *packet)
{
	struct logoff_op *op;
	json_t *reply;

	STAILQ_FOREACH(op, &logoff->pending_ops, entry) {
		if (op->transaction == packet->header.transaction)
			break;
	}
	if (!op)
		return;
	reply = control_result(packet->header.status);
	add_round_trip(reply, op->sent_us);
	if (packet->header.size) {
		add_report(reply, &packet->body.report);
		json_object_set_new(reply, "id", id_to_json(packet->body.report.header.id));
		json_object_set_new(reply, "result", json_integer(packet->body.report.result));
	}
	end_op(logoff, op, reply);
}

/* An answer without a body: the guest rejected the message. */
static void rejected(struct ic_logoff *logoff, const struct hvl_packet *packet)
{
	struct logoff_request *request = find_open(logoff, packet->header.transaction);

	log_line("logoff: the guest rejected a message: %s (%#x).",
		 hresult_name(packet->header.status), packet->header.status);
	if (request)
		end_request(logoff, request, control_result(packet->header.status));
	else
		op_answered(logoff, packet);
}

static void received(struct ic *ic, const struct hvl_packet *packet, size_t length)
{
	struct ic_logoff *logoff = container_of(ic, struct ic_logoff, ic);

	if (!hvl_packet_check(packet, length) || packet->header.type != HVL_MSGTYPE_LOGOFF) {
		log_line("logoff: ignored a message of %zu bytes and type %u.", length,
			 packet->header.type);
		return;
	}
	if (packet->header.size == 0) {
		rejected(logoff, packet);
		return;
	}
	if (packet->body.op.op == HVL_OP_SESSION) {
		session(logoff, packet);
		return;
	}
	if (!hvl_check_report(packet, ic->message)) {
		log_line("logoff: ignored an invalid report.");
		return;
	}
	switch (packet->body.op.op) {
	case HVL_OP_PROGRESS:
		progress(logoff, &packet->body.report);
		break;
	case HVL_OP_COMPLETE:
		complete(logoff, packet);
		break;
	default:
		op_answered(logoff, packet);
	}
}

static const struct ic_ops ops = {
	.closed = closed,
	.received = received,
};

/* Emulates an older host: drops the message versions above @highest. */
static void limit_versions(struct ic *ic, uint32_t highest)
{
	ic->versions = hvl_message_versions;
	ic->version_count = ARRAY_SIZE(hvl_message_versions);
	while (ic->version_count > 1 &&
	       ((uint32_t)ic->versions->major << 16 | ic->versions->minor) > highest) {
		ic->versions++;
		ic->version_count--;
	}
}

int ic_logoff_init(struct ic_logoff *logoff, struct vm *vm)
{
	int ret;

	STAILQ_INIT(&logoff->requests);
	STAILQ_INIT(&logoff->pending_ops);
	logoff->ic.ops = &ops;
	limit_versions(&logoff->ic, vm->config->message_version);
	logoff->ic.channel.name = "logoff";
	logoff->ic.channel.class = (struct guid){
		0x99fea0db, 0x4880, 0x499a, {0xb6, 0xd8, 0x73, 0xdf, 0xf9, 0xbc, 0x91, 0xbe}};
	logoff->ic.channel.instance = (struct guid){
		0x6d1a3f02, 0x94c7, 0x4be5, {0x8e, 0x2b, 0xd0, 0x57, 0x1c, 0xa9, 0x63, 0x4f}};
	ret = timer_init(&vm->loop, &logoff->timer, expired);
	return ret < 0 ? ret : ic_init(&logoff->ic, vm);
}

void ic_logoff_done(struct ic_logoff *logoff)
{
	struct logoff_request *request;
	struct logoff_op *op;

	if (!logoff->ic.vm)
		return;
	while ((request = STAILQ_FIRST(&logoff->requests))) {
		struct waiter *waiter;

		while ((waiter = STAILQ_FIRST(&request->waiters))) {
			STAILQ_REMOVE_HEAD(&request->waiters, entry);
			free(waiter);
		}
		STAILQ_REMOVE_HEAD(&logoff->requests, entry);
		free(request);
	}
	while ((op = STAILQ_FIRST(&logoff->pending_ops))) {
		STAILQ_REMOVE_HEAD(&logoff->pending_ops, entry);
		free(op);
	}
}

static bool is_available(struct vm *vm, uint64_t client)
{
	if (vm->logoff.ic.negotiated)
		return true;
	control_fail(&vm->control, client, HV_LOGOFF_E_NOT_AVAIL,
		     "The logoff component is not negotiated: is hv_logoff loaded in the guest, "
		     "and is hv-logoffd running?");
	return false;
}

static uint64_t new_id(void)
{
	uint64_t id = 0;

	while (!id) {
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			id = now_us();
	}
	return id;
}

static struct logoff_request *take_request(struct ic_logoff *logoff, uint64_t id)
{
	struct logoff_request *request = find_request(logoff, id);

	if (request)
		return request;
	request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	request->id = id;
	STAILQ_INIT(&request->waiters);
	STAILQ_INSERT_TAIL(&logoff->requests, request, entry);
	return request;
}

/* Values out of range are sent unchanged: the guest must reject them. */
static uint32_t seconds(const json_t *request, const char *name, uint32_t value_default)
{
	const json_t *value = json_object_get(request, name);

	return value ? (uint32_t)json_integer_value(value) : value_default;
}

static const char *string(const json_t *command, const char *name)
{
	const char *value = json_string_value(json_object_get(command, name));

	return value ? value : "";
}

static bool is_set(const json_t *command, const char *name)
{
	return json_is_true(json_object_get(command, name));
}

/* The flags of a TARGET, besides FORCE. */
static uint32_t target_flags(const json_t *command)
{
	return (is_set(command, "dry_run") ? HV_LOGOFF_DRY_RUN : 0) |
	       (is_set(command, "include_lingering") ? HV_LOGOFF_INCLUDE_LINGERING : 0) |
	       (is_set(command, "no_logins") ? HV_LOGOFF_NO_LOGINS : 0);
}

static bool has_target(const json_t *command)
{
	return *string(command, "user") || *string(command, "session") || target_flags(command);
}

static void build_logoff(struct hvl_packet *packet, const struct logoff_request *request,
			 const json_t *command)
{
	struct hvl_target *target = &packet->body.target;
	struct hvl_logoff *body = &packet->body.logoff;
	bool targeted = has_target(command);

	hvl_build_op(packet, request->transaction, targeted ? HVL_OP_TARGET : HVL_OP_LOGOFF,
		     request->id);
	if (is_set(command, "force"))
		body->header.flags |= HV_LOGOFF_FORCE;
	body->timeout = seconds(command, "timeout", TIMEOUT_DEFAULT);
	body->grace = seconds(command, "grace", 0);
	snprintf(body->message, sizeof(body->message), "%s", string(command, "message"));
	if (!targeted)
		return;
	body->header.flags |= target_flags(command);
	snprintf(target->user, sizeof(target->user), "%s", string(command, "user"));
	snprintf(target->session, sizeof(target->session), "%s", string(command, "session"));
}

/* Returns a sentence if the guest's message version does not support the command, or NULL. */
static const char *find_unsupported(const struct ic *ic, const json_t *command)
{
	if (has_target(command) && !hvl_version_since(ic->message, 1, 1))
		return "hv-logoff in the guest has message version 1.0, which can only log "
		       "off all users.";
	if (target_flags(command) & ~HV_LOGOFF_DRY_RUN && !hvl_version_since(ic->message, 1, 2))
		return "hv-logoff in the guest has a message version before 1.2, which cannot "
		       "end the managers of lingering users or prevent logons.";
	return NULL;
}

/* Whether a message can express the command's target. If not, replies with an error. */
static bool is_expressible(struct vm *vm, uint64_t client, const json_t *command)
{
	const char *unsupported = find_unsupported(&vm->logoff.ic, command);

	if (strlen(string(command, "user")) >= HV_LOGOFF_USER_SIZE ||
	    strlen(string(command, "session")) >= HV_LOGOFF_SESSION_SIZE) {
		control_fail(&vm->control, client, HV_LOGOFF_E_INVALIDARG,
			     "\"user\" must have at most 255 bytes, and \"session\" at most 63.");
		return false;
	}
	if (unsupported)
		control_fail(&vm->control, client, HV_LOGOFF_E_NOT_AVAIL, unsupported);
	return !unsupported;
}

static bool add_waiter(struct logoff_request *request, uint64_t client)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return false;
	waiter->client = client;
	STAILQ_INSERT_TAIL(&request->waiters, waiter, entry);
	return true;
}

void ic_logoff_command(struct vm *vm, uint64_t client, const json_t *command)
{
	struct ic_logoff *logoff = &vm->logoff;
	uint64_t id = id_from_json(command);
	bool wait = !is_set(command, "no_wait");
	struct logoff_request *request;
	struct hvl_packet packet;

	if (!is_available(vm, client) || !is_expressible(vm, client, command))
		return;
	request = take_request(logoff, id ? id : new_id());
	if (!request || (wait && !add_waiter(request, client))) {
		control_fail_no_memory(&vm->control, client);
		return;
	}
	request->open = true;
	request->transaction = ic_next_transaction(&logoff->ic);
	build_logoff(&packet, request, command);
	request->sent_us = now_us();
	request->deadline_us = request->sent_us +
			       (packet.body.logoff.timeout + DEADLINE_MARGIN_SECONDS) * 1000000ULL;
	arm_timer(logoff);
	log_line("logoff: request %#llx: sent.", (unsigned long long)request->id);
	if (!wait)
		control_reply(&vm->control, client,
			      json_pack("{s:b, s:o}", "ok", 1, "id", id_to_json(request->id)));
	ic_send(&logoff->ic, &packet);
}

static void send_op(struct vm *vm, uint64_t client, enum hvl_op type, uint64_t id)
{
	struct ic_logoff *logoff = &vm->logoff;
	struct logoff_op *op;
	struct hvl_packet packet;

	if (!is_available(vm, client))
		return;
	op = calloc(1, sizeof(*op));
	if (!op) {
		control_fail_no_memory(&vm->control, client);
		return;
	}
	op->client = client;
	op->transaction = ic_next_transaction(&logoff->ic);
	op->sent_us = now_us();
	op->deadline_us = op->sent_us + ANSWER_SECONDS * 1000000ULL;
	STAILQ_INSERT_TAIL(&logoff->pending_ops, op, entry);
	arm_timer(logoff);
	hvl_build_op(&packet, op->transaction, type, id);
	ic_send(&logoff->ic, &packet);
}

static uint64_t open_request_id(struct ic_logoff *logoff)
{
	struct logoff_request *request;

	STAILQ_FOREACH(request, &logoff->requests, entry) {
		if (request->open)
			return request->id;
	}
	return 0;
}

void ic_logoff_cancel_command(struct vm *vm, uint64_t client, const json_t *request)
{
	uint64_t id = id_from_json(request);

	if (!id)
		id = open_request_id(&vm->logoff);
	if (id)
		send_op(vm, client, HVL_OP_CANCEL, id);
	else
		control_fail(&vm->control, client, HV_LOGOFF_E_NOT_FOUND,
			     "No logoff is in progress.");
}

void ic_logoff_query_command(struct vm *vm, uint64_t client, const json_t *request)
{
	send_op(vm, client, HVL_OP_QUERY, id_from_json(request));
}

void ic_logoff_count_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const struct logoff_request *known = find_request(&vm->logoff, id_from_json(request));

	control_reply(&vm->control, client,
		      json_pack("{s:b, s:i, s:i}", "ok", 1, "complete",
				known ? (int)known->complete : 0, "progress",
				known ? (int)known->progress : 0));
}
