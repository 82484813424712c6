/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The logoff component: see docs/protocol.md. */
#ifndef HVHOST_LOGOFF_H
#define HVHOST_LOGOFF_H

#include "ic.h"

struct logoff_request;
struct logoff_op;

struct ic_logoff {
	struct ic ic;
	struct timer timer; /* for the earliest deadline of all requests and operations */
	STAILQ_HEAD(logoff_requests, logoff_request) requests; /* open and completed, in order */
	STAILQ_HEAD(logoff_ops, logoff_op) pending_ops;
};

int ic_logoff_init(struct ic_logoff *logoff, struct vm *vm);
void ic_logoff_done(struct ic_logoff *logoff);

void ic_logoff_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_logoff_cancel_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_logoff_query_command(struct vm *vm, uint64_t client, const json_t *request);
void ic_logoff_count_command(struct vm *vm, uint64_t client, const json_t *request);

#endif /* HVHOST_LOGOFF_H */
