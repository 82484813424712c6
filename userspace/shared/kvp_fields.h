/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fields of a value: name=value, separated by blanks. The format is in docs/kvp.md. */
#ifndef HVL_KVP_FIELDS_H
#define HVL_KVP_FIELDS_H

#include <stdbool.h>

#define KVP_BLANKS " \t\r\n"

/* The longest value that KVP transports: HV_KVP_EXCHANGE_MAX_VALUE_SIZE. */
#define KVP_FIELDS_MAX 2048

/* Reads a copy of the value, which it changes. */
struct kvp_fields {
	char copy[KVP_FIELDS_MAX + 1];
	char *next;
	const char *last; /* the field, with its "=", whose value extends to the end; or NULL */
	bool quotes;      /* values may be in quotes */
	bool malformed;   /* the last field's value starts with a quote, and is invalid */
};

void kvp_fields_init(struct kvp_fields *fields, const char *text, const char *last, bool quotes);
/*
 * Returns the next field, "name=value", without quotes and escapes; or NULL at the end. A field may
 * lack the "=". Valid as long as @fields.
 */
char *kvp_fields_next(struct kvp_fields *fields);

bool kvp_has_blank(const char *value);
/*
 * Returns @value in quotes if it requires them, otherwise @value. @target has twice its size and
 * three more bytes.
 */
const char *kvp_quote(char *target, const char *value);

#endif /* HVL_KVP_FIELDS_H */
