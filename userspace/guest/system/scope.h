/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes of a session, in the control group (v2) of its scope. All
 * functions take the mount point of the groups, SCOPE_ROOT other than in tests.
 */
#ifndef HVL_SCOPE_H
#define HVL_SCOPE_H

#include <stddef.h>

#include "userspace/guest/logoff/session.h"

#define SCOPE_ROOT "/sys/fs/cgroup"

/* The unit's name, allocated, or NULL: "session-3.scope". */
char *scope_unit(const struct session *session);
/* The other way round: "3", allocated, or NULL if @unit is no session's scope. */
char *scope_session(const char *unit);

/* Asks every process to end: TERM, HUP, CONT. How many there were, or -errno. */
int scope_signal(const char *root, const struct session *session);

/* Kills every process, and those that they start meanwhile. 0 or -errno. */
int scope_kill(const char *root, const struct session *session);

#endif /* HVL_SCOPE_H */
