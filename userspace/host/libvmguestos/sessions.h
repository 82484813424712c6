/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The outcomes of a logoff for sessions and users. */
#ifndef VMG_SESSIONS_H
#define VMG_SESSIONS_H

#include <stddef.h>

#include "vmguestos.h"

struct sessions {
	VMSessionResult *results; /* own their strings */
	size_t count, capacity;
};

void vmg_sessions_free(struct sessions *sessions);
/* Adds or replaces an outcome, whose strings are cleaned. Ignores outcomes beyond a limit. */
void vmg_sessions_add(struct sessions *sessions, const VMSessionResult *outcome);
/* See IVMTask2's get_SessionResults(). */
HRESULT vmg_sessions_copy(const struct sessions *sessions, VMSessionResult **out, uint32_t *count);

#endif /* VMG_SESSIONS_H */
