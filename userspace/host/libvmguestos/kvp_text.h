/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests and answers as the values of KVP items: see docs/kvp.md. */
#ifndef VMG_KVP_TEXT_H
#define VMG_KVP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmguestos.h"

#define KVP_REQUEST_KEY "HvLogoffRequest"
#define KVP_ANSWER_KEY  "HvLogoffAnswer"
#define KVP_VALUE_MAX   1022 /* bytes that every host and guest passes on whole */
#define KVP_ID_SIZE     37   /* with the NUL, of requests and of boots */

/* What has no word in the value is "" or 0. */
struct kvp_answer {
	char id[KVP_ID_SIZE];
	char busy[KVP_ID_SIZE]; /* the request that was refused for this one's sake */
	char boot[KVP_ID_SIZE];
	char state[16];
	uint32_t percent, found, ended, failed;
	uint32_t result;
	int64_t time; /* when it was written, by the guest's clock, in seconds since 1970 */
	char text[KVP_VALUE_MAX + 1];
};

/* Whether it is an answer, of the version that is known here; else it is made empty. */
bool vmg_kvp_parse(struct kvp_answer *answer, const char *value);

/* The options' words, each with a blank before it; NULL if they can't be said so, or ENOMEM. */
char *vmg_kvp_options(const VMLogoffOptions *options);
/* A request; @options as above, or "" for what is no logoff. Longer than fits: NULL, E2BIG. */
char *vmg_kvp_request(const char *verb, const char *id, int64_t issued, uint32_t life,
		      const char *boot, const char *options);

#endif /* VMG_KVP_TEXT_H */
