/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ensures that no request of a transport is carried out twice: the id of a request is in a file
 * before anything else is done. The journal is bounded and needs no clock: see docs/kvp.md. Each
 * transport has its own, so that a file that cannot be written concerns only that transport.
 */
#ifndef HVL_JOURNAL_H
#define HVL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "userspace/shared/kvp_value.h"
#include "userspace/shared/logoff_request.h"

#define JOURNAL_MAX 256

/* All zero: there is none. */
struct journal_result {
	char id[LOGOFF_ID_SIZE];
	uint32_t percent; /* 0 to 100 */
	uint32_t found;   /* numbers of sessions; ended + failed <= found */
	uint32_t ended;
	uint32_t failed;
	uint32_t result;        /* HRESULT */
	struct kvp_users users; /* only of answers by KVP */
	char text[HV_LOGOFF_TEXT_SIZE];
};

struct journal_entry {
	char id[LOGOFF_ID_SIZE];
	int64_t end; /* when the request's life ends, in seconds since 1970; 0 if it has none */
	bool ending; /* sessions may have been ended, if the transport records it */
	struct journal_result result; /* of the request, if the transport records it */
};

struct journal {
	const char *directory;
	const char *name; /* of the file */
	const char *boot; /* whose entries it has; NULL: they remain valid after a reboot */
	int fd;           /* of the directory; locked, so that only one daemon uses it */
	struct journal_entry entries[JOURNAL_MAX]; /* in the order of their arrival */
	unsigned int count;
	int64_t floor;                /* ids whose life ends no later may have been dropped */
	char begun[LOGOFF_ID_SIZE];   /* KVP: the id of the started request, or empty */
	struct journal_result answer; /* KVP: the last one, unless it was acknowledged */
};

/*
 * @boot is the id of this boot, or NULL. A journal that does not exist or is of another boot is
 * empty. The strings must remain valid. Returns 0; -EBADMSG if the file is damaged; -EWOULDBLOCK if
 * another daemon uses the directory; or another -errno. The directory is created, but not its
 * parents.
 */
int journal_load(struct journal *journal, const char *directory, const char *name,
		 const char *boot);
void journal_done(struct journal *journal);

/* Returns the entry of a request that was received, or NULL. Valid until the next change. */
const struct journal_entry *journal_find(const struct journal *journal, const char *id);
/* Whether a request whose life ends at @end may have been received and dropped since. */
bool journal_may_know(const struct journal *journal, int64_t end);
/*
 * Changes only memory, as do the others up to journal_save(). If the journal is full, the id whose
 * life ends first is dropped; of several, the one that arrived first.
 */
void journal_add(struct journal *journal, const char *id, int64_t end);
void journal_remove(struct journal *journal, const char *id);
/* Sessions may be ended from now on. Returns false if that is known, or for an unknown request. */
bool journal_begin_ending(struct journal *journal, const char *id);
/* Sets the result of the request with its id. Returns false if there is no such request. */
bool journal_finish(struct journal *journal, const struct journal_result *result);
/* Replaces the file as a whole, or fails without changing it. Returns 0 or -errno. */
int journal_save(const struct journal *journal);

/* The cause of an error of journal_load() or journal_save(), as a part of a sentence. */
const char *journal_explain(int error);

#endif /* HVL_JOURNAL_H */
