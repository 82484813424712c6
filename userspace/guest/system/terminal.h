/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notices on the terminals of users. */
#ifndef HVL_TERMINAL_H
#define HVL_TERMINAL_H

#include "userspace/guest/logoff/session.h"

/*
 * Writes @text to the session's terminal. Returns 0 or -errno. It never blocks: -EAGAIN if the
 * terminal is stopped. -EPERM if the terminal now belongs to another session.
 */
int terminal_write(const struct session *session, const char *text);

#endif /* HVL_TERMINAL_H */
