// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's messages, as the guest parses them. */
#include "fuzz.h"
#include "userspace/shared/wire_host.h"

#define VERSIONS (sizeof(hvl_message_versions) / sizeof(hvl_message_versions[0]))

static bool same(struct hvl_version a, struct hvl_version b)
{
	return a.major == b.major && a.minor == b.minor;
}

static bool is_among(struct hvl_version version, const struct hvl_version *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (same(list[i], version))
			return true;
	return false;
}

/* @chosen is the highest of @ours that is in both lists. */
static void must_be_best(struct hvl_version chosen, const struct hvl_version *ours, size_t count,
			 const struct hvl_version *theirs, size_t their_count)
{
	must(is_among(chosen, ours, count));
	must(is_among(chosen, theirs, their_count));
	for (; !same(*ours, chosen); ours++)
		must(!is_among(*ours, theirs, their_count));
}

static void must_answer(const struct hvl_packet *answer, const struct hvl_packet *request)
{
	must(hvl_packet_check(answer, hvl_packet_size(answer)));
	must(answer->header.type == request->header.type);
	must(answer->header.transaction == request->header.transaction);
	must(answer->header.flags == (HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_RESPONSE));
}

/* A guest that supports only the lowest @count of our versions. */
static void negotiate(const struct hvl_packet *request, size_t count)
{
	const struct hvl_version *ours = hvl_message_versions + VERSIONS - count;
	const struct hvl_version before = {0xdead, 0xbeef};
	const struct hvl_negotiate *offer = &request->body.negotiate;
	struct hvl_version framework = before, message = before, host_framework, host_message;
	struct hvl_packet answer;
	bool chosen = hvl_answer_negotiate(request, &answer, ours, count, &framework, &message);

	must_answer(&answer, request);
	must(hvl_check_negotiate_answer(&answer, ours, count, &host_framework, &host_message) ==
	     chosen);
	if (!chosen) {
		must(!answer.body.negotiate.framework_count &&
		     !answer.body.negotiate.message_count);
		/* The versions negotiated before stay in effect. */
		must(same(framework, before) && same(message, before));
		return;
	}
	must(answer.header.status == HV_LOGOFF_S_OK);
	must(same(host_framework, framework) && same(host_message, message));
	must_be_best(framework, hvl_framework_versions, 2, offer->versions, offer->framework_count);
	must_be_best(message, ours, count, offer->versions + offer->framework_count,
		     offer->message_count);
}

/* Before 1.2 the size is exact; since then a message can be longer, with zeros. */
static void must_have_size(const struct hvl_packet *packet, size_t size, struct hvl_version version)
{
	must(version.minor >= 2 ? packet->header.size >= size : packet->header.size == size);
	for (size_t i = size; i < packet->header.size; i++)
		must(!packet->body.bytes[i]);
}

/* The limits of docs/protocol.md. */
static void must_be_request(const struct hvl_packet *packet, struct hvl_version version)
{
	const struct hvl_op_header *op = &packet->body.op;
	const struct hvl_logoff *logoff = &packet->body.logoff;
	const struct hvl_target *target = &packet->body.target;

	must(packet->header.type == HVL_MSGTYPE_LOGOFF);
	must(op->id != 0);
	if (op->op == HVL_OP_CANCEL || op->op == HVL_OP_QUERY) {
		must_have_size(packet, 16, version);
		must(!op->flags);
		return;
	}
	if (op->op == HVL_OP_TARGET) {
		must(version.minor >= 1);
		must_have_size(packet, 1368, version);
		must(op->flags <= (version.minor >= 2 ? 15 : 3));
		must(memchr(target->user, 0, HV_LOGOFF_USER_SIZE));
		must(memchr(target->session, 0, HV_LOGOFF_SESSION_SIZE));
	} else {
		must(op->op == HVL_OP_LOGOFF);
		must_have_size(packet, 1048, version);
		must(op->flags <= HV_LOGOFF_FORCE);
	}
	must(logoff->timeout >= 1 && logoff->timeout <= 86400);
	must(logoff->grace < logoff->timeout);
	must(memchr(logoff->message, 0, HV_LOGOFF_MESSAGE_SIZE));
}

static void check_request(const struct hvl_packet *packet, struct hvl_version version)
{
	__u32 status = hvl_check_request(packet, version);
	struct hvl_packet refusal;

	if (status == HV_LOGOFF_S_OK) {
		must_be_request(packet, version);
		return;
	}
	must(status == HV_LOGOFF_E_FAIL || status == HV_LOGOFF_E_INVALIDARG);
	hvl_build_refusal(&refusal, packet->header.type, packet->header.transaction, status);
	must_answer(&refusal, packet);
	must(refusal.header.size == 0 && refusal.header.status == status);
	must(!hvl_check_report(&refusal, version) && !hvl_check_session(&refusal, version));
}

/* The guest accepts every request within the limits. */
static void try_valid_request(const uint8_t *data, size_t size)
{
	struct hvl_packet packet;
	static const enum hvl_op ops[] = {HVL_OP_LOGOFF, HVL_OP_CANCEL, HVL_OP_QUERY,
					  HVL_OP_TARGET};
	struct hvl_logoff *logoff = &packet.body.logoff;
	struct hvl_target any = {0}, *target = &packet.body.target;
	struct hvl_version version;

	memcpy(&any, data, size < sizeof(any) ? size : sizeof(any));
	hvl_build_op(&packet, any.logoff.message[0], ops[any.logoff.header.op % 4],
		     any.logoff.header.id | 1);
	if (packet.body.op.op == HVL_OP_LOGOFF || packet.body.op.op == HVL_OP_TARGET) {
		packet.body.op.flags = any.logoff.header.flags & HV_LOGOFF_FORCE;
		logoff->timeout = 1 + any.logoff.timeout % HV_LOGOFF_TIMEOUT_MAX;
		logoff->grace = any.logoff.grace % logoff->timeout;
		memcpy(logoff->message, any.logoff.message, sizeof(logoff->message) - 1);
	}
	version = hvl_message_versions[any.logoff.header.op / 4 % VERSIONS];
	if (packet.body.op.op == HVL_OP_TARGET) {
		version = hvl_message_versions[any.logoff.header.op / 4 % 2];
		packet.body.op.flags = any.logoff.header.flags & (version.minor >= 2 ? 15 : 3);
		memcpy(target->user, any.user, sizeof(any.user) - 1);
		memcpy(target->session, any.session, sizeof(any.session) - 1);
	}
	if (version.minor >= 2) {
		packet.header.size += any.logoff.header.flags >> 16 & 0xff;
		packet.header.pipe_size = HVL_IC_HEADER_SIZE + packet.header.size;
	}
	must(hvl_packet_check(&packet, hvl_packet_size(&packet)));
	must(hvl_check_request(&packet, version) == HV_LOGOFF_S_OK);
	must_be_request(&packet, version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hvl_packet *packet = exact_copy(data, size);

	if (hvl_packet_check(packet, size)) {
		must(packet->header.size <= size - 28);
		must(packet->header.pipe_size == 20u + packet->header.size);
		for (size_t i = 0; i < VERSIONS; i++) {
			if (packet->header.type == HVL_MSGTYPE_NEGOTIATE)
				negotiate(packet, VERSIONS - i);
			else
				check_request(packet, hvl_message_versions[i]);
		}
	}
	try_valid_request(data, size);
	free(packet);
	return 0;
}
