/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_SUGGEST_H
#define VMG_SUGGEST_H

#include <stdbool.h>

/* Whether @typed may be a misspelling or an abbreviation of @name. */
bool suggest_is_similar(const char *typed, const char *name);

#endif /* VMG_SUGGEST_H */
