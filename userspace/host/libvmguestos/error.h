/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_ERROR_H
#define VMG_ERROR_H

/* Sets what VMGuestOS_LastErrorText() returns in this thread; NULL is "". */
void vmg_last_error(const char *text);

#endif /* VMG_ERROR_H */
