/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notices on the terminals of users. Writing never blocks: a terminal that is stopped does not get
 * the notice. No notice is written to a terminal of another user.
 */
#ifndef HVL_TERMINAL_H
#define HVL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "userspace/guest/logoff/session.h"

/* Those that have the current notice, so that none gets it twice. All zero at first. */
struct terminals {
	dev_t *items;
	size_t count;
};

void terminals_done(struct terminals *terminals);

/*
 * Writes @text to the session's terminal. If logind has none, as for sessions of sshd on Debian 13,
 * or if that now belongs to another session: to the controlling terminals of the session's
 * processes. @root is that of scope.h. Returns the number of terminals that have the notice; or
 * -errno if there is none: -ENXIO without a terminal, -EAGAIN if it is stopped, -EPERM if it
 * belongs to another user.
 */
int terminal_write_session(struct terminals *told, const char *root, const struct session *session,
			   const char *text);
/* The same for the controlling terminals of the processes below the user's manager. */
int terminal_write_manager(struct terminals *told, const char *root, uid_t uid, const char *text);
/* Whether there is such a terminal, of any owner. */
bool terminal_of_manager(const char *root, uid_t uid);

#endif /* HVL_TERMINAL_H */
