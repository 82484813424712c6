/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests and answers as the values of KVP items: see docs/kvp.md. */
#ifndef HVL_KVP_VALUE_H
#define HVL_KVP_VALUE_H

#include <linux/hv_logoff.h>
#include <stddef.h>
#include <stdint.h>

#include "userspace/guest/logoff/engine.h"

#define KVP_REQUEST_KEY "HvLogoffRequest"
#define KVP_ANSWER_KEY  "HvLogoffAnswer"

/* Bytes of a value that every host and every guest passes on whole. */
#define KVP_TEXT_MAX 1022
/* With the NUL, of requests and of boots. */
#define KVP_ID_SIZE  37

#define KVP_LIFE_MAX 86400

/* Results that requests by KVP have beside those of linux/hv_logoff.h; see docs/kvp.md. */
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
	enum kvp_verb verb;
	char id[KVP_ID_SIZE];
	int64_t issued;         /* seconds since 1970, by the host's clock */
	uint32_t life;          /* seconds from then */
	char boot[KVP_ID_SIZE]; /* empty: any */
	struct logoff_request logoff;
};

/* Zeroed it is the answer when there is no request. */
struct kvp_answer {
	char id[KVP_ID_SIZE]; /* "-" if the request has none that can be read */
	uint32_t state;       /* enum hv_logoff_state, never PENDING with an id */
	uint32_t percent;
	uint32_t found;
	uint32_t ended;
	uint32_t failed;
	uint32_t result;
	char busy[KVP_ID_SIZE]; /* the request that was refused for this one's sake */
	char text[HV_LOGOFF_TEXT_SIZE];
};

/* 0; else -EINVAL, and @refusal is the answer. @value is a string. */
int kvp_request_parse(struct kvp_request *request, const char *value, struct kvp_answer *refusal);

/* On one line, and fit to be shown. */
void kvp_answer_set_text(struct kvp_answer *answer, const char *text);
/* An answer that says that nothing was done, and why. */
void kvp_refuse(struct kvp_answer *answer, const char *id, uint32_t result, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* As "2026-11-22T16:00:00Z", in so many bytes with the NUL. */
#define KVP_TIME_SIZE 24
void kvp_time_format(char text[KVP_TIME_SIZE], int64_t time);

void kvp_answer_format(char value[KVP_TEXT_MAX + 1], const struct kvp_answer *answer,
		       const char *boot, int64_t time);

#endif /* HVL_KVP_VALUE_H */
