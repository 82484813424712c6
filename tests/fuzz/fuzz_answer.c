// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's messages, as the host parses them. */
#include "fuzz.h"
#include "userspace/shared/wire_host.h"

/* The host checks a negotiation in a full-size packet, zero past what was received. */
static void negotiated(const uint8_t *data, size_t size)
{
	struct hvl_version framework, message;
	struct hvl_packet packet = {0};

	memcpy(&packet, data, size < sizeof(packet) ? size : sizeof(packet));
	if (!hvl_check_negotiate_answer(&packet, hvl_message_versions, 2, &framework, &message))
		return;
	must(packet.header.status == HV_LOGOFF_S_OK);
	must(packet.body.negotiate.framework_count == 1 &&
	     packet.body.negotiate.message_count == 1);
	must((framework.major == 3 || framework.major == 1) && framework.minor == 0);
	must(message.major == 1 && message.minor <= 1);
}

/* The limits of docs/protocol.md. */
static void must_be_report(const struct hvl_packet *packet)
{
	const struct hvl_report *report = &packet->body.report;
	__u32 op = report->header.op;

	must(packet->header.size == 296);
	must(op >= HVL_OP_CANCEL && op <= HVL_OP_COMPLETE);
	must(!report->header.flags ||
	     (op == HVL_OP_COMPLETE && report->header.flags == HVL_REPLAY));
	must(report->header.id != 0);
	must(report->state <= HV_LOGOFF_DONE);
	must(op != HVL_OP_COMPLETE || report->state == HV_LOGOFF_DONE);
	must(report->state == HV_LOGOFF_DONE || !report->result);
	must(report->percent <= 100);
	must((__u64)report->ended + report->failed <= report->found);
	must(memchr(report->text, 0, HV_LOGOFF_TEXT_SIZE));
}

static void must_be_session(const struct hvl_packet *packet)
{
	const struct hvl_session *session = &packet->body.session;

	must(packet->header.size == 352);
	must(session->header.op == HVL_OP_SESSION && !session->header.flags);
	switch (session->outcome) {
	case HV_LOGOFF_ENDED:
		must(session->kind <= HV_LOGOFF_EXTERNAL);
		break;
	case HV_LOGOFF_FAILED:
	case HV_LOGOFF_SELECTED:
		must(session->header.id && !session->kind);
		break;
	default:
		must(false);
	}
	must(memchr(session->user, 0, HV_LOGOFF_USER_SIZE));
	must(memchr(session->session, 0, HV_LOGOFF_SESSION_SIZE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hvl_packet *packet = exact_copy(data, size);

	negotiated(data, size);
	if (hvl_packet_check(packet, size)) {
		must(hvl_packet_size(packet) <= size);
		if (packet->header.type == HVL_MSGTYPE_LOGOFF && hvl_check_report(packet))
			must_be_report(packet);
		if (packet->header.type == HVL_MSGTYPE_LOGOFF && hvl_check_session(packet))
			must_be_session(packet);
	}
	free(packet);
	return 0;
}
