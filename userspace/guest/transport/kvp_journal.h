/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ensures that no request by KVP is carried out twice: the ids of received requests are on disk
 * before anything else is done. The journal is bounded and needs no clock: see docs/kvp.md.
 */
#ifndef HVL_KVP_JOURNAL_H
#define HVL_KVP_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "userspace/shared/kvp_value.h"

#define KVP_STATE_DIRECTORY "/var/lib/hv-logoff"
#define KVP_JOURNAL_NAME    "kvp-journal"
#define KVP_JOURNAL_MAX     256

struct kvp_entry {
	char id[KVP_ID_SIZE];
	int64_t end; /* when the request's life ends */
};

struct kvp_journal {
	const char *directory;
	int fd; /* of the directory; locked, so that only one daemon uses it */
	struct kvp_entry entries[KVP_JOURNAL_MAX];
	unsigned int count;
	int64_t floor;            /* ids whose life ends no later may have been dropped */
	char begun[KVP_ID_SIZE];  /* the id of the started request, or empty */
	struct kvp_answer answer; /* the last one, unless it was acknowledged */
};

/*
 * A journal that does not exist is empty. Returns 0; -EBADMSG if it is damaged; -EWOULDBLOCK if
 * another daemon uses it; or another -errno. The directory is created, but not its parents.
 */
int kvp_journal_load(struct kvp_journal *journal, const char *directory);
void kvp_journal_done(struct kvp_journal *journal);
/* Whether the id was received, or may have been received and dropped since. */
bool kvp_journal_knows(const struct kvp_journal *journal, const char *id);
bool kvp_journal_may_know(const struct kvp_journal *journal, int64_t end);
/* Changes only memory. If the journal is full, the id whose life ends first is dropped. */
void kvp_journal_add(struct kvp_journal *journal, const char *id, int64_t end);
/* Replaces the file as a whole, or fails without changing it. Returns 0 or -errno. */
int kvp_journal_save(const struct kvp_journal *journal);

#endif /* HVL_KVP_JOURNAL_H */
