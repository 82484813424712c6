// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock_request.h"

#include <stdio.h>
#include <string.h>

#include "userspace/host/libvmguestos/error.h"
#include "userspace/shared/util.h"

#define OF_1_2 (VM_LOGOFF_INCLUDE_LINGERING | VM_LOGOFF_NO_LOGINS)

struct vsock_times vmg_vsock_times = {
	.connect_ms = 10000,
	.accept_ms = 10000,
	.retry_ms = 500,
	.outage_ms = 30000,
	.backstop_ms = 30000,
};

/* The enums of vmguestos.h have the numbers of linux/hv_logoff.h. */
_Static_assert((int)vmLogoffState_Done == (int)HV_LOGOFF_DONE, "states");
_Static_assert((int)vmSessionOutcome_Untold == (int)HV_LOGOFF_UNTOLD, "outcomes");

static void set_text(struct vsock_request *request, const char *text)
{
	snprintf(request->text, sizeof(request->text), "%s", text);
}

static void end(struct vsock_request *request, HRESULT error, const char *text)
{
	set_text(request, text);
	request->report.complete = true;
	request->report.error = error;
	request->report.state = vmLogoffState_Done;
}

/* The result of the guest, with the text and the numbers of the report. */
static void complete(struct vsock_request *request, __u32 result)
{
	request->report.complete = true;
	request->report.error = (HRESULT)result;
	request->report.state = vmLogoffState_Done;
}

static void copy(char *target, size_t size, const char *text)
{
	snprintf(target, size, "%s", text ? text : "");
}

static void build_logoff(struct hvl_packet *packet, uint64_t id, const VMLogoffOptions *options)
{
	struct hvl_target *target = &packet->body.target;
	uint32_t only_target = VM_LOGOFF_DRY_RUN | OF_1_2;
	bool targets = options->user || options->session || options->flags & only_target;

	hvl_build_op(packet, 0, targets ? HVL_OP_TARGET : HVL_OP_LOGOFF, id);
	if (options->flags & VM_LOGOFF_FORCE)
		target->logoff.header.flags |= HV_LOGOFF_FORCE;
	if (options->flags & VM_LOGOFF_DRY_RUN)
		target->logoff.header.flags |= HV_LOGOFF_DRY_RUN;
	if (options->flags & VM_LOGOFF_INCLUDE_LINGERING)
		target->logoff.header.flags |= HV_LOGOFF_INCLUDE_LINGERING;
	if (options->flags & VM_LOGOFF_NO_LOGINS)
		target->logoff.header.flags |= HV_LOGOFF_NO_LOGINS;
	target->logoff.timeout = options->timeout;
	target->logoff.grace = options->grace;
	copy(target->logoff.message, sizeof(target->logoff.message), options->message);
	if (targets) {
		copy(target->user, sizeof(target->user), options->user);
		copy(target->session, sizeof(target->session), options->session);
	}
}

void vsock_request_init(struct vsock_request *request, uint64_t id, const VMLogoffOptions *options,
			void (*session)(void *userdata, const VMSessionResult *outcome),
			void *userdata)
{
	*request = (struct vsock_request){
		.session = session,
		.userdata = userdata,
		.id = id,
		.flags = options->flags,
		.outage = -1,
		.deadline = -1,
	};
	request->report.text = request->text;
	build_logoff(&request->logoff, id, options);
}

bool vsock_request_connects(const struct vsock_request *request, int64_t now)
{
	return !request->report.complete && !request->connected && now >= request->next;
}

void vsock_request_connected(struct vsock_request *request, int64_t now)
{
	request->connected = true;
	request->repeats = false;
	request->logoff_transaction = request->query_transaction = request->cancel_transaction = 0;
	request->next = now + vmg_vsock_times.connect_ms;
	vsock_link_open(&request->link);
}

/* Of an error that another attempt cannot repair. */
static bool is_final(HRESULT error)
{
	return error == VM_E_VM_NOT_RUNNING || error == E_ACCESSDENIED || error == E_OUTOFMEMORY;
}

/* The guest may have logged users off, or may still do so. */
static void end_outage(struct vsock_request *request, const char *text)
{
	char whole[sizeof(request->text)];

	snprintf(whole, sizeof(whole),
		 "The guest cannot be reached since it was sent the request; "
		 "check who is logged on. %s",
		 text);
	end(request, DISP_E_EXCEPTION, whole);
}

void vsock_request_disconnected(struct vsock_request *request, HRESULT error, const char *text,
				int64_t now)
{
	request->connected = false;
	if (request->report.complete)
		return;
	if (!request->sent || is_final(error)) {
		end(request, error, text);
		return;
	}
	if (request->outage < 0)
		request->outage = now + vmg_vsock_times.outage_ms;
	request->next = now + vmg_vsock_times.retry_ms;
	if (now >= request->outage)
		end_outage(request, text);
}

/* The guest has answered about the request. */
static void hear(struct vsock_request *request)
{
	request->accepted = true;
	request->outage = -1;
	request->next = -1;
}

static int send_op(struct vsock_request *request, enum hvl_op op)
{
	struct hvl_packet packet;

	hvl_build_op(&packet, 0, op, request->id);
	return vsock_link_send(&request->link, &packet);
}

static void send_cancel(struct vsock_request *request)
{
	request->cancel_transaction = send_op(request, HVL_OP_CANCEL);
}

/* The QUERY is answered once the guest has accepted or declined the LOGOFF. */
static void send_logoff(struct vsock_request *request, int64_t now)
{
	const struct hvl_logoff *logoff = &request->logoff.body.logoff;

	request->repeats = false;
	request->sent = true;
	request->next = now + vmg_vsock_times.accept_ms;
	if (request->deadline < 0)
		request->deadline = now + logoff->timeout * 1000LL + vmg_vsock_times.backstop_ms;
	request->logoff_transaction = vsock_link_send(&request->link, &request->logoff);
	request->query_transaction = send_op(request, HVL_OP_QUERY);
	if (request->cancelled)
		send_cancel(request);
}

static bool is_too_old(const struct vsock_request *request)
{
	struct hvl_version version = request->link.version;

	if (request->flags & OF_1_2)
		return !hvl_version_since(version, 1, 2);
	return request->logoff.body.op.op == HVL_OP_TARGET && !hvl_version_since(version, 1, 1);
}

static void end_too_old(struct vsock_request *request)
{
	char text[256] = "hv-logoff in the guest is older than 1.1 and can only log off all users; "
			 "update it, or omit the options.";

	if (request->flags & OF_1_2)
		vmg_too_old_text(text, sizeof(text), request->flags);
	end(request, VM_E_ADDITIONS_FEATURE_NOT_AVAIL, text);
}

static void handle_negotiated(struct vsock_request *request, int64_t now)
{
	if (is_too_old(request)) {
		end_too_old(request);
	} else if (request->sent) {
		request->repeats = true;
		request->next = now + vmg_vsock_times.accept_ms;
		request->query_transaction = send_op(request, HVL_OP_QUERY);
	} else {
		send_logoff(request, now);
	}
}

static void take_report(struct vsock_request *request, const struct hvl_report *from)
{
	struct report *report = &request->report;

	report->state = (VMLogoffState)from->state;
	report->percent = from->percent;
	report->found = from->found;
	report->ended = from->ended;
	report->failed = from->failed;
	set_text(request, from->text);
	hear(request);
	if (from->state == HV_LOGOFF_DONE)
		complete(request, from->result);
}

/* The guest does not know the request. */
static void handle_unknown(struct vsock_request *request, int64_t now)
{
	/* After a LOGOFF on this stream, its COMPLETE says why. */
	if (!request->repeats)
		return;
	/* The guest does not keep dry runs, which can be repeated. */
	if (request->accepted && !(request->flags & VM_LOGOFF_DRY_RUN))
		end(request, DISP_E_EXCEPTION,
		    "The guest was restarted before the logoff ended; check who is logged on, and "
		    "try again.");
	else if (request->cancelled)
		end(request, HRESULT_FROM_WIN32(ERROR_CANCELLED),
		    "The request was cancelled before the guest received it.");
	else
		send_logoff(request, now);
}

static void handle_query(struct vsock_request *request, __u32 status, int64_t now)
{
	const struct hvl_report *report = &request->link.input.body.report;

	if (status != HV_LOGOFF_S_OK) {
		handle_unknown(request, now);
		return;
	}
	take_report(request, report);
	if (!request->report.complete && request->repeats)
		send_logoff(request, now);
}

static void answer_cancel(struct vsock_request *request, __u32 status)
{
	request->cancel_answered = true;
	/* The request is complete, and the guest does not have it any more. */
	request->cancel_result = status == HV_LOGOFF_E_NOT_FOUND ? E_FAIL : (HRESULT)status;
}

static void handle_report(struct vsock_request *request, int64_t now)
{
	const struct hvl_report *report = &request->link.input.body.report;
	__u32 status = request->link.input.header.status;

	if (report->header.id != request->id)
		return;
	switch (report->header.op) {
	case HVL_OP_CANCEL:
		answer_cancel(request, status);
		break;
	case HVL_OP_QUERY:
		handle_query(request, status, now);
		break;
	default:
		take_report(request, report);
	}
}

static void handle_session(struct vsock_request *request)
{
	const struct hvl_session *session = &request->link.input.body.session;

	if (session->header.id != request->id)
		return;
	hear(request);
	request->session(request->userdata, &(VMSessionResult){
						    .session = session->session,
						    .user = session->user,
						    .uid = session->uid,
						    .outcome = (VMSessionOutcome)session->outcome,
					    });
}

/* A header without a body. */
static void handle_refusal(struct vsock_request *request, int64_t now)
{
	const struct hvl_header *header = &request->link.input.header;

	if (header->status == HV_LOGOFF_S_OK || !header->transaction)
		return;
	if (header->transaction == request->logoff_transaction)
		end(request, (HRESULT)header->status, "The guest refuses the request.");
	else if (header->transaction == request->query_transaction)
		handle_unknown(request, now);
	else if (header->transaction == request->cancel_transaction)
		answer_cancel(request, header->status);
}

/* Ignores what is invalid: a later guest may send it. */
static void handle_message(struct vsock_request *request, int64_t now)
{
	const struct hvl_packet *packet = &request->link.input;
	struct hvl_version version = request->link.version;

	if (packet->header.size == 0)
		handle_refusal(request, now);
	else if (hvl_check_report(packet, version))
		handle_report(request, now);
	else if (hvl_check_session(packet, version))
		handle_session(request);
}

bool vsock_request_receive(struct vsock_request *request, const uint8_t *bytes, size_t count,
			   int64_t now)
{
	while (!request->report.complete) {
		switch (vsock_link_receive(&request->link, &bytes, &count)) {
		case VSOCK_NEGOTIATED:
			handle_negotiated(request, now);
			break;
		case VSOCK_MESSAGE:
			handle_message(request, now);
			break;
		case VSOCK_NOTHING:
			return true;
		default:
			return false;
		}
	}
	return true;
}

int64_t vsock_request_next(const struct vsock_request *request)
{
	int64_t next = request->next;

	if (request->deadline >= 0 && (next < 0 || request->deadline < next))
		next = request->deadline;
	return next;
}

bool vsock_request_tick(struct vsock_request *request, int64_t now)
{
	if (request->report.complete)
		return true;
	if (request->deadline >= 0 && now >= request->deadline)
		end(request, VM_E_TIMED_OUT,
		    "The guest did not answer in time; check that it is running.");
	return !request->connected || request->next < 0 || now < request->next;
}

void vsock_request_cancel(struct vsock_request *request)
{
	request->cancelled = true;
	request->cancel_answered = false;
	/* Otherwise it is sent after the LOGOFF of the next stream. */
	if (request->connected && request->logoff_transaction)
		send_cancel(request);
}
