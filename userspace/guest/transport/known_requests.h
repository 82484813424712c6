/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requests of this boot with a 64-bit id, which came by the logoff component or by sockets: the
 * journal of their ids and results. Both transports use the same one, so that a request that came
 * by one is not carried out again if it comes by the other: see rule 3 of docs/protocol.md.
 */
#ifndef HVL_KNOWN_REQUESTS_H
#define HVL_KNOWN_REQUESTS_H

#include <linux/hv_logoff.h>
#include <stdint.h>

#include "journal.h"
#include "userspace/guest/system/boot_id.h"
#include "userspace/shared/logoff_request.h"

#define KNOWN_REQUESTS_DIRECTORY "/run/hv-logoff"
/* It was the component's alone before 1.2. */
#define KNOWN_REQUESTS_NAME      "device-journal"

struct known_requests {
	const char *directory;
	char boot[BOOT_ID_SIZE];
	struct journal journal; /* its fd is negative if it could not be loaded */
};

/* The journal is in @directory, which must remain valid, and belongs to the boot @boot. */
void known_requests_init(struct known_requests *known, const char *directory, const char *boot);
/* Loads the journal, if it is not loaded yet, and logs why that fails. */
void known_requests_load(struct known_requests *known);
void known_requests_done(struct known_requests *known);

/*
 * Returns the entry of the request @id, or NULL. A journal that was not usable may have been
 * repaired since, and is tried again. Valid until the next change.
 */
const struct journal_entry *known_requests_find(struct known_requests *known, const char *id);
/*
 * As known_requests_find(), while the engine is idle. If an earlier daemon was interrupted before
 * it ended any session, the request gets a result: the host may have cancelled it, so it is not
 * continued.
 */
const struct journal_entry *known_requests_settle(struct known_requests *known, const char *id);
/*
 * The request is accepted once it is in the file, so that no later daemon starts it again. Returns
 * 0 or -errno, which was logged.
 */
int known_requests_add(struct known_requests *known, const char *id);
/* Sessions may be ended from now on. Failures are logged, as those of the next one. */
void known_requests_ending(struct known_requests *known, const char *id);
/*
 * Records the result of the request @id. Until it is in the file, another daemon would continue the
 * request, or take it for cancelled.
 */
void known_requests_finish(struct known_requests *known, const char *id,
			   const struct hv_logoff_report *report);

/* The last report on a request with this result; its header is not set. */
void known_requests_report(struct hv_logoff_report *report, const struct journal_result *result);
/* The form of ids in the journals. */
void known_requests_format_id(char id[LOGOFF_ID_SIZE], uint64_t number);
/* Returns a sentence about a name that no user or session has, or NULL. */
const char *known_requests_invalid_name(const struct logoff_request *request);

#endif /* HVL_KNOWN_REQUESTS_H */
