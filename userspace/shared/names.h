/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that JSON objects and KVP values use for the enums of linux/hv_logoff.h. */
#ifndef HVL_NAMES_H
#define HVL_NAMES_H

#include <linux/hv_logoff.h>
#include <stdbool.h>
#include <stddef.h>

#include "util.h"

/* Indexed by enum hv_logoff_state, _outcome and _kind. outcome_names[0] is NULL. */
extern const char *const state_names[HV_LOGOFF_DONE + 1];
extern const char *const outcome_names[HV_LOGOFF_UNTOLD + 1];
extern const char *const kind_names[HV_LOGOFF_EXTERNAL + 1];

/* Finds @name in @names, an array whose elements may be NULL. */
bool name_find(const char *const *names, size_t count, const char *name, size_t *index);
#define NAME_FIND(names, name, index) name_find(names, ARRAY_SIZE(names), name, index)

#endif /* HVL_NAMES_H */
