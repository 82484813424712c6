/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests and answers as values of KVP items, for the guest and the host. The format is in
 * docs/kvp.md.
 */
#ifndef HVL_KVP_VALUE_H
#define HVL_KVP_VALUE_H

#include <linux/hv_logoff.h>
#include <stdint.h>

#include "logoff_request.h"

#define KVP_REQUEST_KEY "HvLogoffRequest"
#define KVP_ANSWER_KEY  "HvLogoffAnswer"

/* Every host and every guest transfers values of up to this many bytes without truncation. */
#define KVP_TEXT_MAX 1022
/* The size of a request or boot id, with the NUL. */
#define KVP_ID_SIZE  37

#define KVP_LIFE_MAX 86400

/* The highest version of requests that the guest accepts; answers have version 1. */
#define KVP_VERSION_MAX 2

/* Results of KVP requests in addition to those of linux/hv_logoff.h; see docs/kvp.md. */
#define KVP_E_EXISTS   0x800700b7U /* ERROR_ALREADY_EXISTS */
#define KVP_E_REVISION 0x8007051aU /* ERROR_REVISION_MISMATCH */
#define KVP_E_SKEW     0x80070576U /* ERROR_TIME_SKEW */
#define KVP_E_STALE    0x800705b4U /* ERROR_TIMEOUT */

enum kvp_verb {
	KVP_LOGOFF,
	KVP_CANCEL,
	KVP_FORGET,
};

struct kvp_request {
	unsigned int version; /* only parsed */
	enum kvp_verb verb;
	char id[KVP_ID_SIZE];
	int64_t issued;         /* seconds since 1970, by the host's clock */
	uint32_t life;          /* seconds after that */
	char boot[KVP_ID_SIZE]; /* empty: any boot of the guest */
	struct logoff_request logoff;
};

/* All zero: there is no request. */
struct kvp_answer {
	char id[KVP_ID_SIZE]; /* "-" for a request without a valid id */
	uint32_t state;       /* enum hv_logoff_state; not PENDING if there is an id */
	uint32_t percent;
	uint32_t found;
	uint32_t ended;
	uint32_t failed;
	uint32_t result;
	struct kvp_users {
		uint32_t managers;      /* whose user manager was stopped; dry run: would be */
		uint32_t managers_left; /* whose user manager did not end in time */
		uint32_t returned;      /* who logged on again, and were not logged off again */
		uint32_t lingering;     /* whose programs still run, because they linger */
		uint32_t outside;       /* who have processes outside any session */
		uint32_t untold;        /* who could not be notified */
	} users;                        /* numbers of users */
	uint32_t session_items;         /* with the outcomes: see kvp_sessions.h */
	char busy[KVP_ID_SIZE];         /* the last request that was refused because of this one */
	char text[HV_LOGOFF_TEXT_SIZE];
	uint32_t accepts; /* only parsed: the highest version of requests, at least 1 */
	uint32_t vsock;   /* the port of a socket that also accepts requests; 0: there is none */
};

/* Returns 0, or -EINVAL and the answer in @refusal. */
int kvp_request_parse(struct kvp_request *request, const char *value, struct kvp_answer *refusal);
/* The version of the format that @request needs: 1 or 2. */
unsigned int kvp_request_version(const struct kvp_request *request);
/*
 * Only a KVP_LOGOFF has the fields of a logoff. Uses the lowest version that has all of them.
 * Returns 0, or -E2BIG if the value would exceed KVP_TEXT_MAX; then @value is undefined.
 */
int kvp_request_format(char value[KVP_TEXT_MAX + 1], const struct kvp_request *request);

/* Sets the text, cleaned and on one line. */
void kvp_answer_set_text(struct kvp_answer *answer, const char *text);
/* Makes @answer a refusal: nothing was done, and the text states why. */
void kvp_refuse(struct kvp_answer *answer, const char *id, uint32_t result, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

void kvp_answer_format(char value[KVP_TEXT_MAX + 1], const struct kvp_answer *answer,
		       const char *boot, int64_t time);
/*
 * Returns 0, or -EINVAL unless @value is an answer of version 1. Fields that are missing are empty
 * or 0 (but accepts is 1), and so are all fields after an error. A boot id that a request cannot
 * have is empty. An unknown state is
 * HV_LOGOFF_PENDING. The numbers are not checked.
 */
int kvp_answer_parse(struct kvp_answer *answer, char boot[KVP_ID_SIZE], int64_t *time,
		     const char *value);

#endif /* HVL_KVP_VALUE_H */
