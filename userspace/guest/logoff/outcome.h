/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVL_OUTCOME_H
#define HVL_OUTCOME_H

#include <linux/hv_logoff.h>
#include <sys/types.h>

#include "session.h"

/* What became of a session, or of a user's processes. */
struct outcome {
	enum hv_logoff_outcome outcome;
	uid_t uid;
	const char *user;       /* empty if unknown */
	const char *session;    /* logind's id; empty if the outcome is about the user */
	unsigned int processes; /* of HV_LOGOFF_OUTSIDE */
};

/* Its strings are those of the session. */
static inline struct outcome outcome_of(const struct session *session, enum hv_logoff_outcome value)
{
	return (struct outcome){
		.outcome = value,
		.uid = session->uid,
		.user = session->user,
		.session = session->id,
	};
}

#endif /* HVL_OUTCOME_H */
