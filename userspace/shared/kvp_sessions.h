/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outcomes of a request for sessions and users, as values of KVP items. The format is in
 * docs/kvp.md.
 */
#ifndef HVL_KVP_SESSIONS_H
#define HVL_KVP_SESSIONS_H

#include <linux/hv_logoff.h>
#include <stdint.h>

#include "kvp_value.h"

/* The items: HvLogoffSessions1 to HvLogoffSessions8. A host stores a limited number of items. */
#define KVP_SESSIONS_KEY      "HvLogoffSessions"
#define KVP_SESSIONS_MAX      8
#define KVP_SESSIONS_KEY_SIZE (sizeof(KVP_SESSIONS_KEY) + 1)

struct kvp_session {
	enum hv_logoff_outcome outcome;
	uint32_t uid;
	char user[HV_LOGOFF_USER_SIZE];       /* empty if unknown */
	char session[HV_LOGOFF_SESSION_SIZE]; /* empty if the outcome is about the user */
};

/* All zero: there are none. */
struct kvp_sessions {
	unsigned int count; /* of values */
	uint32_t omitted;   /* outcomes that did not fit into KVP_SESSIONS_MAX values */
	char values[KVP_SESSIONS_MAX][KVP_TEXT_MAX + 1];
};

/* One of the items. */
struct kvp_sessions_part {
	char id[KVP_ID_SIZE]; /* of the request */
	unsigned int part;    /* 1 to @parts */
	unsigned int parts;   /* 1 to KVP_SESSIONS_MAX */
	uint32_t omitted;
};

/* Writes the key of item @number, 1 to KVP_SESSIONS_MAX. */
void kvp_sessions_key(char key[KVP_SESSIONS_KEY_SIZE], unsigned int number);

/* Adds an outcome, or counts it as omitted. @user and @session need not be clean. */
void kvp_sessions_add(struct kvp_sessions *sessions, enum hv_logoff_outcome outcome, uint32_t uid,
		      const char *user, const char *session);
/* Completes the values with the request's id. Nothing can be added after that. */
void kvp_sessions_finish(struct kvp_sessions *sessions, const char *id);

/*
 * Passes the outcomes in @value to @take, unless that is NULL. Unknown fields are ignored, and with
 * them outcomes of a later version. Returns 0; or -EINVAL, in which case @part is undefined and
 * @take was not called.
 */
int kvp_sessions_parse(struct kvp_sessions_part *part, const char *value,
		       void (*take)(void *userdata, const struct kvp_session *session),
		       void *userdata);

#endif /* HVL_KVP_SESSIONS_H */
