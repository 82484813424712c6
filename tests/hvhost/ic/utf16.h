/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Windows' strings and everyone else's. */
#ifndef HVHOST_UTF16_H
#define HVHOST_UTF16_H

#include <stddef.h>
#include <stdint.h>

/*
 * @text is UTF-8 as JSON has it, without an error. Writes as many of its units
 * as fit, whole characters and a NUL; returns how many it has without one.
 */
size_t utf16_from_utf8(const char *text, uint16_t *units, size_t size);

/*
 * Up to a NUL, or @count units; half a surrogate pair becomes U+FFFD. @text has
 * room for UTF8_SIZE(@count) bytes and gets a NUL at its end.
 */
#define UTF8_SIZE(count) ((count)*3 + 1)
void utf8_from_utf16(const uint16_t *units, size_t count, char *text);

#endif /* HVHOST_UTF16_H */
