/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queries in WQL, of these forms:
 *
 *	SELECT * FROM class [WHERE property = 'text' [AND property = 'text']…]
 *	ASSOCIATORS OF {path} WHERE ResultClass = class
 */
#ifndef QUERY_H
#define QUERY_H

#include "table.h"

#define MAX_TOKENS 24
#define TOKEN_SIZE 400

struct query {
	/* Words and signs; a text in quotes after a ', and a path after a {. */
	WCHAR tokens[MAX_TOKENS][TOKEN_SIZE];
	size_t count;
	const WCHAR *class;
	const WCHAR *path; /* NULL for SELECT */
	size_t conditions; /* the token of the first one */
};

/* False for a query of another form: a condition must not be ignored. */
bool query_parse(struct query *query, const WCHAR *text);

/* S_OK if the object meets the conditions, S_FALSE if not, or an error. */
HRESULT query_match(const struct query *query, IWbemClassObject *object);

#endif /* QUERY_H */
