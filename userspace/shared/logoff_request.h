/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVL_LOGOFF_REQUEST_H
#define HVL_LOGOFF_REQUEST_H

#include <linux/hv_logoff.h>
#include <stdint.h>

/* With the NUL. Each transport has its own form of ids. */
#define LOGOFF_ID_SIZE 40

/* A logoff request, whatever the transport. Strings end with a NUL and are otherwise unchecked. */
struct logoff_request {
	char id[LOGOFF_ID_SIZE]; /* for the journal */
	uint32_t flags;          /* HV_LOGOFF_FORCE and the other flags of requests */
	uint32_t timeout;        /* seconds for the whole request, at least 1 */
	uint32_t grace;          /* the part of the timeout before the first session is ended */
	char message[HV_LOGOFF_MESSAGE_SIZE];
	char user[HV_LOGOFF_USER_SIZE];       /* only this user's sessions, unless empty */
	char session[HV_LOGOFF_SESSION_SIZE]; /* only this session, unless empty */
};

#endif /* HVL_LOGOFF_REQUEST_H */
