/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps a request by KVP from being carried out twice: the ids that have come, on the
 * disk before anything is done about them. It is bounded, and needs no clock: see docs/kvp.md.
 */
#ifndef HVL_KVP_JOURNAL_H
#define HVL_KVP_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "userspace/shared/kvp_value.h"

#define KVP_STATE_FOLDER "/var/lib/hv-logoff"
#define KVP_JOURNAL_NAME "kvp-journal"
#define KVP_JOURNAL_MAX  256

struct kvp_entry {
	char id[KVP_ID_SIZE];
	int64_t end; /* of the request's life */
};

struct kvp_journal {
	const char *folder;
	int fd; /* of the folder; locked, so that there is one daemon */
	struct kvp_entry entries[KVP_JOURNAL_MAX];
	unsigned int count;
	int64_t floor;            /* ids whose life ends up to here may have been dropped */
	char begun[KVP_ID_SIZE];  /* the id that is being carried out, or empty */
	struct kvp_answer answer; /* the last one, unless it was forgotten */
};

/*
 * A journal that is not there is empty. -EBADMSG: it is damaged; -EWOULDBLOCK: it is another
 * daemon's; or another -errno. The folder is made, but not what is above it.
 */
int kvp_journal_load(struct kvp_journal *journal, const char *folder);
void kvp_journal_done(struct kvp_journal *journal);
/* Whether a request with this id has come, or may have come and been dropped since. */
bool kvp_journal_knows(const struct kvp_journal *journal, const char *id);
bool kvp_journal_may_know(const struct kvp_journal *journal, int64_t end);
/* In memory. When it is full, the id whose life ends first is dropped. */
void kvp_journal_add(struct kvp_journal *journal, const char *id, int64_t end);
/* All of it is on the disk, or nothing is changed there. 0 or -errno. */
int kvp_journal_save(const struct kvp_journal *journal);

#endif /* HVL_KVP_JOURNAL_H */
