/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_ERROR_H
#define VMG_ERROR_H

/* What VMGuestOS_LastErrorText() says in this thread from now on; NULL is "". */
void vmg_last_error(const char *text);

#endif /* VMG_ERROR_H */
