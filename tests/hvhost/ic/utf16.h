/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conversion between UTF-16, which the components' messages use, and UTF-8. */
#ifndef HVHOST_UTF16_H
#define HVHOST_UTF16_H

#include <stddef.h>
#include <stdint.h>

/*
 * @text must be valid UTF-8, as strings from jansson are. Writes as many whole
 * characters as fit into @size units, and a NUL; returns the number of units
 * of the whole text, without the NUL.
 */
size_t utf16_from_utf8(const char *text, uint16_t *units, size_t size);

/*
 * Converts up to a NUL, at most @count units; an unpaired surrogate becomes
 * U+FFFD. @text has room for UTF8_SIZE(@count) bytes and is NUL-terminated.
 */
#define UTF8_SIZE(count) ((count)*3 + 1)
void utf8_from_utf16(const uint16_t *units, size_t count, char *text);

#endif /* HVHOST_UTF16_H */
