/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks untrusted text and makes it safe to display. */
#ifndef HVL_TEXT_H
#define HVL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool text_is_utf8(const char *text);
/*
 * Whether it may be a user name, possibly of a domain, such as "DOMAIN\John Smith": not empty, on
 * one line, displayable, and without ':' and '/'.
 */
bool text_is_name(const char *text);
/* Whether it may be the id of one of logind's sessions: ASCII letters and digits. */
bool text_is_session(const char *text);
/* Converts a decimal number without sign or blanks. Returns false unless it is in the range. */
bool text_to_number(uint32_t *number, const char *text, uint32_t min, uint32_t max);

/*
 * Copies @source, up to @length bytes or its NUL, as clean UTF-8 into @target of @size bytes.
 * Control characters other than newline and tab, invalid UTF-8, and characters that change the
 * writing direction become '?'. The copy ends before the first character that does not fit
 * completely; all bytes after it are zero.
 */
void text_clean(char *target, size_t size, const char *source, size_t length);
/* The same for a string, on one line: newlines and tabs become blanks. */
void text_clean_line(char *target, size_t size, const char *source);
/* Replaces each character outside ASCII in clean UTF-8 by '?'. */
void text_make_ascii(char *text);
/* text_clean_line() into memory that the caller frees; NULL if there is none. */
char *text_clean_line_dup(const char *source);

/* The same for a formatted string, whose arguments need not be clean. */
char *text_format_line(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

#endif /* HVL_TEXT_H */
