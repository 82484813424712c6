/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes of a session, in the control group of its scope, and those of a user, in that of
 * the user's slice. @root is where control groups are mounted: SCOPE_ROOT, except in tests. Where
 * systemd keeps its units in version 1, processes are only thawed, and the functions return
 * -EOPNOTSUPP.
 */
#ifndef HVL_SCOPE_H
#define HVL_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "userspace/guest/logoff/session.h"

#define SCOPE_ROOT "/sys/fs/cgroup"

/* The name of the session's unit, such as "session-3.scope", allocated; or NULL. */
char *scope_unit(const char *id);
/* The session id of a unit, such as "3", allocated; NULL if @unit is not a session's scope. */
char *scope_session(const char *unit);

/*
 * The directory of the hierarchy in which systemd keeps its units, for many calls of
 * scope_has_ended(). Returns a descriptor to close or -errno.
 */
int scope_open(const char *root);
/*
 * Whether the session has ended although logind lists it: systemd 252 keeps sessions that were
 * closing while logind restarted. Such a session is closing and has no scope; a session that is
 * opening may have no scope yet. Does not call logind. False without a @hierarchy.
 */
bool scope_has_ended(int hierarchy, const char *id, uid_t uid);

typedef void (*process_handler)(void *userdata, pid_t pid);

/*
 * Calls @handle for every process in the scope and in the groups below it. A process may have ended
 * by then, and its PID may have been reused. Returns 0 or -errno.
 */
int scope_for_each_process(const char *root, const struct session *session, process_handler handle,
			   void *userdata);

/*
 * Sends TERM, HUP and CONT to every process in the scope and in the groups below it, and thaws
 * frozen groups. Returns the number of processes; -EBUSY if they cannot handle the signals, since
 * the user's slice is frozen; or another -errno.
 */
int scope_signal(const char *root, const struct session *session);

/*
 * Kills every process and all that they start in the meantime. Thaws those that the freezer of
 * version 1 has frozen. Returns 0 or -errno.
 */
int scope_kill(const char *root, const struct session *session);

/* The name of the user's manager, such as "user@1000.service", allocated; or NULL. */
char *scope_manager_unit(uid_t uid);

/* scope_for_each_process() for the user's manager. */
int scope_manager_for_each_process(const char *root, uid_t uid, process_handler handle,
				   void *userdata);

/* Whether a process runs in the user's slice. Returns 1, 0 or -errno. */
int scope_user_runs(const char *root, uid_t uid);

/* Thaws the user's slice and all groups below it, so that processes can handle signals. */
void scope_user_thaw(const char *root, uid_t uid);

/*
 * Kills the user's manager and all processes below it; without a manager, all processes in the
 * user's slice. Returns 0 or -errno.
 */
int scope_user_kill(const char *root, uid_t uid);

#endif /* HVL_SCOPE_H */
