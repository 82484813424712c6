/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text from elsewhere, made fit to be shown. */
#ifndef HVL_TEXT_H
#define HVL_TEXT_H

#include <stddef.h>

/*
 * Copies @source, up to @length bytes or its NUL, as clean UTF-8 into @target of
 * @size bytes. Control characters other than a newline and a tab, broken UTF-8,
 * and what turns the writing direction become '?'. A character that does not
 * fit whole ends the copy, and all bytes after it are zero.
 */
void text_clean(char *target, size_t size, const char *source, size_t length);

#endif /* HVL_TEXT_H */
