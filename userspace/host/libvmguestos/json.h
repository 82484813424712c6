/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of the JSON objects that a host sends, with defaults for those missing or invalid. */
#ifndef VMG_JSON_H
#define VMG_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "vmguestos.h"

/* Default: "". */
const char *vmg_json_text(const json_t *object, const char *name);
/* Default: 0. A number that does not fit is also returned as 0. */
uint32_t vmg_json_count(const json_t *object, const char *name);
/* A string that is a hexadecimal number. Default: 0. */
uint64_t vmg_json_id(const json_t *object, const char *name);

/* The outcome in the event of a session, valid as long as that. False if the event is invalid. */
bool vmg_json_session(VMSessionResult *outcome, const json_t *event);

#endif /* VMG_JSON_H */
