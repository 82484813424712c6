/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ownership that ends with the scope. */
#ifndef VMG_UTIL_H
#define VMG_UTIL_H

#include <jansson.h>
#include <stdlib.h>

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(vmg_freep)
#define _cleanup_json_ _cleanup_(vmg_json_donep)

static inline void vmg_freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void vmg_json_donep(json_t **json)
{
	json_decref(*json);
}

#endif /* VMG_UTIL_H */
