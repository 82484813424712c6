/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of each session that a logoff was about. */
#ifndef VMG_SESSIONS_H
#define VMG_SESSIONS_H

#include <jansson.h>
#include <stddef.h>

#include "vmguestos.h"

struct sessions {
	VMSessionResult *results; /* which own their strings */
	size_t count, room;
};

void vmg_sessions_free(struct sessions *sessions);
/* The last word on a session counts. What makes no sense, and what is too much, is passed over. */
void vmg_sessions_take(struct sessions *sessions, const json_t *event);
/* See IVMTask2's get_SessionResults(). */
HRESULT vmg_sessions_copy(const struct sessions *sessions, VMSessionResult **out, uint32_t *count);

#endif /* VMG_SESSIONS_H */
