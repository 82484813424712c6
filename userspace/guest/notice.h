/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words on a user's terminal. */
#ifndef HVL_NOTICE_H
#define HVL_NOTICE_H

#include <sys/types.h>

/*
 * Writes @text to the terminal @tty (as below /dev) of the user @uid. Never waits:
 * -EAGAIN if the terminal is stopped. -EPERM if it is not that user's.
 */
int notice_write(const char *tty, uid_t uid, const char *text);

#endif /* HVL_NOTICE_H */
