/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_SUGGEST_H
#define VMG_SUGGEST_H

#include <stdbool.h>

#include "show.h"

/* Whether @typed may be a misspelling or an abbreviation of @name. */
bool suggest_is_similar(const char *typed, const char *name);
/* Prints the machines with names that are similar to @typed, or all machines if there are none. */
void suggest(struct show *show, const char *typed);

#endif /* VMG_SUGGEST_H */
