/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handles the requests by KVP and maintains the answer. A request is carried out at most once, even
 * if the daemon or the guest restarts: see docs/kvp.md.
 */
#ifndef HVL_KVP_REQUESTS_H
#define HVL_KVP_REQUESTS_H

#include <stdint.h>

#include "journal.h"
#include "userspace/guest/logoff/engine.h"
#include "userspace/shared/kvp_sessions.h"
#include "userspace/shared/kvp_value.h"

#define KVP_STATE_DIRECTORY "/var/lib/hv-logoff"
#define KVP_JOURNAL_NAME    "kvp-journal"

struct kvp_requests_ops {
	/* Seconds since 1970, by this machine's clock: now, and when it was booted. */
	int64_t (*now)(void *userdata);
	int64_t (*booted)(void *userdata);
	/*
	 * Replace the answer to the request @id that the host can read, and the items with its
	 * outcomes. @id is empty if there is no request.
	 */
	void (*publish)(void *userdata, const char *answer, const char *id,
			const struct kvp_sessions *sessions);
};

struct kvp_requests {
	const struct kvp_requests_ops *ops;
	void *userdata;
	struct engine *engine;
	char boot[KVP_ID_SIZE];
	uint32_t vsock; /* in every answer, unless 0 */
	struct journal journal;
	struct kvp_answer answer;
	struct kvp_sessions
		sessions; /* of the answer; incomplete while the request is in progress */
};

/*
 * Publishes the answer to the last request before this daemon was started. @vsock is the port at
 * which this daemon accepts requests by sockets, or 0. Returns 0, or -errno after logging the
 * reason; @kvp need not be freed then.
 */
int kvp_requests_init(struct kvp_requests *kvp, const struct kvp_requests_ops *ops, void *userdata,
		      struct engine *engine, const char *directory, const char *boot,
		      uint32_t vsock);
/* Handles a request from the host, which may be repeated any number of times. */
void kvp_requests_handle(struct kvp_requests *kvp, const char *value);
/* Answers a request in progress. Returns whether there is a result to keep for the host. */
bool kvp_requests_done(struct kvp_requests *kvp);

#endif /* HVL_KVP_REQUESTS_H */
