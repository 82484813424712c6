/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's half of the logoff component's messages: build requests, check answers. The guest's
 * half and the structures are in driver/wire.h; see docs/protocol.md.
 */
#ifndef HVL_WIRE_HOST_H
#define HVL_WIRE_HOST_H

#include "driver/wire.h"

/*
 * A negotiation: the first message on a channel, and the first after a restore. @versions are the
 * message versions that the host supports: hvl_message_versions, or those of another component,
 * since the negotiation is the same for all of them. At most HVL_VERSIONS_MAX - 2 versions.
 */
void hvl_build_negotiate(struct hvl_packet *packet, __u8 transaction,
			 const struct hvl_version *versions, size_t count);
/*
 * Whether the guest chose one offered version of each kind. @packet is a private copy, zero past
 * what was received. Linux's own components leave the request's sizes in their answers, so
 * hvl_packet_check() may reject such an answer: this check does not depend on it.
 */
bool hvl_check_negotiate_answer(const struct hvl_packet *packet, const struct hvl_version *versions,
				size_t count, struct hvl_version *framework,
				struct hvl_version *message);
/* A request: LOGOFF, CANCEL, QUERY or TARGET. The caller fills in the rest of the body. */
void hvl_build_op(struct hvl_packet *packet, __u8 transaction, enum hvl_op op, __u64 id);
/*
 * Whether a PROGRESS, COMPLETE or SESSION, or an answer to CANCEL or QUERY, is valid in @version,
 * which was negotiated; 0.0 if none was. @packet has passed hvl_packet_check(), and its type is
 * HVL_MSGTYPE_LOGOFF.
 */
bool hvl_check_report(const struct hvl_packet *packet, struct hvl_version version);
bool hvl_check_session(const struct hvl_packet *packet, struct hvl_version version);

#endif /* HVL_WIRE_HOST_H */
