/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_ERROR_H
#define VMG_ERROR_H

#include <stddef.h>
#include <stdint.h>

/* Sets what VMGuestOS_LastErrorText() returns in this thread; NULL is "". */
void vmg_last_error(const char *text);

/* The sentence for options with @flags that a guest older than 1.2 does not support. */
void vmg_too_old_text(char *text, size_t size, uint32_t flags);

#endif /* VMG_ERROR_H */
