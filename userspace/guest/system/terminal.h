/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words on a user's terminal. */
#ifndef HVL_TERMINAL_H
#define HVL_TERMINAL_H

#include "userspace/guest/logoff/session.h"

/*
 * Writes @text to the session's terminal. Never waits: -EAGAIN if the terminal is
 * stopped. -EPERM if it is another session's by now.
 */
int terminal_write(const struct session *session, const char *text);

#endif /* HVL_TERMINAL_H */
