// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's messages, as the host parses them. */
#include "fuzz.h"
#include "userspace/shared/wire_host.h"

#define VERSIONS (sizeof(hvl_message_versions) / sizeof(hvl_message_versions[0]))

/* The host checks a negotiation in a full-size packet, zero past what was received. */
static void negotiated(const uint8_t *data, size_t size)
{
	struct hvl_version framework, message;
	struct hvl_packet packet = {0};

	memcpy(&packet, data, size < sizeof(packet) ? size : sizeof(packet));
	if (!hvl_check_negotiate_answer(&packet, hvl_message_versions, VERSIONS, &framework,
					&message))
		return;
	must(packet.header.status == HV_LOGOFF_S_OK);
	must(packet.body.negotiate.framework_count == 1 &&
	     packet.body.negotiate.message_count == 1);
	must((framework.major == 3 || framework.major == 1) && framework.minor == 0);
	must(message.major == 1 && message.minor <= 2);
}

/* Before 1.2 the size is exact; since then a message can be longer, with zeros. */
static void must_have_size(const struct hvl_packet *packet, size_t size, struct hvl_version version)
{
	must(version.minor >= 2 ? packet->header.size >= size : packet->header.size == size);
	for (size_t i = size; i < packet->header.size; i++)
		must(!packet->body.bytes[i]);
}

/* The limits of docs/protocol.md. */
static void must_be_report(const struct hvl_packet *packet, struct hvl_version version)
{
	const struct hvl_report *report = &packet->body.report;
	__u32 op = report->header.op;

	must_have_size(packet, 296, version);
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

static void must_be_session(const struct hvl_packet *packet, struct hvl_version version)
{
	const struct hvl_session *session = &packet->body.session;

	must(version.minor >= 1);
	must_have_size(packet, 352, version);
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
		must(version.minor >= 2 && session->outcome <= HV_LOGOFF_UNTOLD);
		must(session->header.id && !session->kind);
		must(session->outcome == HV_LOGOFF_RETURNED || !session->session[0]);
	}
	must(memchr(session->user, 0, HV_LOGOFF_USER_SIZE));
	must(memchr(session->session, 0, HV_LOGOFF_SESSION_SIZE));
}

static void check(const struct hvl_packet *packet, struct hvl_version version)
{
	if (hvl_check_report(packet, version))
		must_be_report(packet, version);
	if (hvl_check_session(packet, version))
		must_be_session(packet, version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hvl_packet *packet = exact_copy(data, size);

	negotiated(data, size);
	if (hvl_packet_check(packet, size)) {
		must(hvl_packet_size(packet) <= size);
		for (size_t i = 0; packet->header.type == HVL_MSGTYPE_LOGOFF && i < VERSIONS; i++)
			check(packet, hvl_message_versions[i]);
	}
	free(packet);
	return 0;
}
