// SPDX-License-Identifier: GPL-2.0-or-later
#include "query.h"

#include <wchar.h>

#define BLANKS L" \t\r\n"

/* Each condition has a property, =, a text, and AND if there is another. */
#define CONDITION_TOKENS 4

/* Copies what is before the closing quote or brace. Returns the place after it; NULL if it is
 * missing. A backslash escapes, except in a path.
 */
static const WCHAR *copy_enclosed(WCHAR *token, const WCHAR *from, WCHAR end)
{
	size_t used = 1;

	*token = end == L'}' ? L'{' : L'\'';
	for (; *from && *from != end && used + 1 < TOKEN_SIZE; from++) {
		if (*from == L'\\' && end != L'}' && from[1])
			from++;
		token[used++] = *from;
	}
	token[used] = 0;
	return *from == end ? from + 1 : NULL;
}

static const WCHAR *copy_word(WCHAR *token, const WCHAR *from)
{
	size_t length = *from == L'=' ? 1 : wcscspn(from, BLANKS L"={'\"");

	if (length == 0 || length >= TOKEN_SIZE)
		return NULL;
	wmemcpy(token, from, length);
	token[length] = 0;
	return from + length;
}

static bool split(struct query *query, const WCHAR *text)
{
	query->count = 0;
	for (text += wcsspn(text, BLANKS); *text; text += wcsspn(text, BLANKS)) {
		WCHAR *token = query->tokens[query->count];

		if (query->count++ == MAX_TOKENS)
			return false;
		if (*text == L'{')
			text = copy_enclosed(token, text + 1, L'}');
		else if (*text == L'\'' || *text == L'"')
			text = copy_enclosed(token, text + 1, *text);
		else
			text = copy_word(token, text);
		if (!text)
			return false;
	}
	return true;
}

/* Whether the tokens from @first on are @words, in which ? stands for any. */
static bool has_words(const struct query *query, size_t first, const WCHAR *const *words,
		      size_t count)
{
	if (query->count < first + count)
		return false;
	for (size_t index = 0; index < count; index++) {
		if (wcscmp(words[index], L"?") != 0 &&
		    _wcsicmp(words[index], query->tokens[first + index]) != 0)
			return false;
	}
	return true;
}

static bool has_conditions(const struct query *query, size_t first)
{
	static const WCHAR *const form[] = {L"?", L"=", L"?", L"AND"};

	for (; first < query->count; first += CONDITION_TOKENS) {
		bool last = query->count - first < CONDITION_TOKENS;

		if (!has_words(query, first, form, ARRAY_SIZE(form) - last) ||
		    query->tokens[first + 2][0] != L'\'')
			return false;
		if (last)
			return query->count - first == CONDITION_TOKENS - 1;
	}
	return false;
}

bool query_parse(struct query *query, const WCHAR *text)
{
	static const WCHAR *const select[] = {L"SELECT", L"*", L"FROM", L"?"};
	static const WCHAR *const where[] = {L"WHERE"};
	static const WCHAR *const associators[] = {L"ASSOCIATORS", L"OF", L"?", L"WHERE",
						   L"ResultClass", L"=",  L"?"};

	*query = (struct query){};
	if (!split(query, text))
		return false;
	if (has_words(query, 0, associators, ARRAY_SIZE(associators))) {
		query->path = query->tokens[2] + 1;
		query->class = query->tokens[6];
		query->conditions = query->count;
		return query->tokens[2][0] == L'{' && query->count == ARRAY_SIZE(associators);
	}
	query->class = query->tokens[3];
	query->conditions = ARRAY_SIZE(select) + 1;
	if (!has_words(query, 0, select, ARRAY_SIZE(select)))
		return false;
	return query->count == ARRAY_SIZE(select) ||
	       (has_words(query, ARRAY_SIZE(select), where, ARRAY_SIZE(where)) &&
		has_conditions(query, query->conditions));
}

HRESULT query_match(const struct query *query, IWbemClassObject *object)
{
	for (size_t index = query->conditions; index < query->count; index += CONDITION_TOKENS) {
		_cleanup_variant_ VARIANT value = {};

		if (FAILED(IWbemClassObject_Get(object, query->tokens[index], 0, &value, NULL,
						NULL)))
			return WBEM_E_INVALID_QUERY;
		if (V_VT(&value) != VT_BSTR ||
		    _wcsicmp(V_BSTR(&value), query->tokens[index + 2] + 1) != 0)
			return S_FALSE;
	}
	return S_OK;
}
