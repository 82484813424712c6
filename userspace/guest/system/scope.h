/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes of a session, in the control group (v2) of its scope. @root is the mount point of
 * the control groups: SCOPE_ROOT, except in tests.
 */
#ifndef HVL_SCOPE_H
#define HVL_SCOPE_H

#include <stddef.h>

#include "userspace/guest/logoff/session.h"

#define SCOPE_ROOT "/sys/fs/cgroup"

/* The name of the session's unit, such as "session-3.scope", allocated; or NULL. */
char *scope_unit(const struct session *session);
/* The session id of a unit, such as "3", allocated; NULL if @unit is not a session's scope. */
char *scope_session(const char *unit);

/* Sends TERM, HUP and CONT to every process. Returns the number of processes or -errno. */
int scope_signal(const char *root, const struct session *session);

/* Kills every process and all that they start in the meantime. Returns 0 or -errno. */
int scope_kill(const char *root, const struct session *session);

#endif /* HVL_SCOPE_H */
