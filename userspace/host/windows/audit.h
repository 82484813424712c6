/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The audit: an entry in the Application log of this computer for each request, each cancellation
 * and each result. An entry that cannot be written is lost; it delays a request by AUDIT_WAIT_MS at
 * most, once in a process, and never fails it.
 */
#ifndef HVL_AUDIT_H
#define HVL_AUDIT_H

#include "machine.h"

#define AUDIT_SOURCE  "hv-logoff"
#define AUDIT_WAIT_MS 2000

/* The events. Their texts are in audit.mc; the two highest bits are the severity. */
#define AUDIT_REQUESTED 0x40000001u
#define AUDIT_ENDED     0x40000002u
#define AUDIT_FAILED    0x80000003u
#define AUDIT_CANCELLED 0x40000004u

struct audit {
	const struct machine *machine;
	uint64_t id; /* of the request; 0: the one that is in progress in the guest */
	char *user;  /* who requests, DOMAIN\user; NULL if it is not known */
};

/* For a request of the calling thread's user. */
void audit_init(struct audit *audit, const struct machine *machine, uint64_t id);
void audit_clear(struct audit *audit);

void audit_requested(const struct audit *audit, const VMLogoffOptions *options);
void audit_cancelled(const struct audit *audit, HRESULT hr);
/* @text: the sentence for the result; "" or NULL: there is none. */
void audit_ended(const struct audit *audit, HRESULT hr, const char *text);

#endif /* HVL_AUDIT_H */
