/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times in UTC as text, such as "2026-11-22T16:00:00Z". */
#ifndef HVL_UTC_H
#define HVL_UTC_H

#include <stdbool.h>
#include <stdint.h>

#define UTC_SIZE 24 /* with the NUL */

/* @time is in seconds since 1970. An empty string for a time that has no such form. */
void utc_format(char text[UTC_SIZE], int64_t time);
/* Accepts exactly what utc_format() returns. */
bool utc_parse(int64_t *time, const char *text);

#endif /* HVL_UTC_H */
