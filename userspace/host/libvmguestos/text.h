/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a host's objects say. */
#ifndef VMG_TEXT_H
#define VMG_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "" if there is none. */
const char *vmg_text_in(const json_t *object, const char *name);
/* 0 if there is none, or none that fits. */
uint32_t vmg_count_in(const json_t *object, const char *name);
/* A number in hexadecimal, in a string; 0 if there is none. */
uint64_t vmg_id_in(const json_t *object, const char *name);
/* Which of these it is; some may be NULL. */
bool vmg_text_find(const char *const *names, size_t count, const char *name, size_t *index);
/* A copy. The words are a guest's, and may end on a terminal: no control characters. */
char *vmg_text_clean(const char *text);

#endif /* VMG_TEXT_H */
