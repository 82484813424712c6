// SPDX-License-Identifier: GPL-2.0-or-later
#include "utf16.h"

#include <stdbool.h>

#define REPLACEMENT     0xfffd
#define SUPPLEMENTARY   0x10000 /* the first character that is a surrogate pair */
#define HIGH_SURROGATES 0xd800
#define LOW_SURROGATES  0xdc00
#define SURROGATES_MASK 0xfc00

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Returns the character at *@text, and advances *@text past it. */
static uint32_t read_utf8(const char **text)
{
	unsigned char lead = (unsigned char)*(*text)++;
	uint32_t character = lead;

	if (lead >= 0xf0)
		character = lead & 0x07;
	else if (lead >= 0xe0)
		character = lead & 0x0f;
	else if (lead >= 0xc0)
		character = lead & 0x1f;
	while (is_continuation(**text))
		character = character << 6 | ((unsigned char)*(*text)++ & 0x3f);
	return character;
}

size_t utf16_from_utf8(const char *text, uint16_t *units, size_t size)
{
	size_t length = 0, written = 0;

	while (*text) {
		uint32_t character = read_utf8(&text);
		size_t needed = character < SUPPLEMENTARY ? 1 : 2;

		length += needed;
		if (length + 1 > size)
			continue;
		if (needed == 2) {
			character -= SUPPLEMENTARY;
			units[written++] = (uint16_t)(HIGH_SURROGATES | character >> 10);
			character = LOW_SURROGATES | (character & 0x3ff);
		}
		units[written++] = (uint16_t)character;
	}
	if (size)
		units[written] = 0;
	return length;
}

static char *write_utf8(char *text, uint32_t character)
{
	if (character < 0x80) {
		*text++ = (char)character;
		return text;
	}
	if (character < 0x800) {
		*text++ = (char)(0xc0 | character >> 6);
	} else {
		if (character < SUPPLEMENTARY) {
			*text++ = (char)(0xe0 | character >> 12);
		} else {
			*text++ = (char)(0xf0 | character >> 18);
			*text++ = (char)(0x80 | (character >> 12 & 0x3f));
		}
		*text++ = (char)(0x80 | (character >> 6 & 0x3f));
	}
	*text++ = (char)(0x80 | (character & 0x3f));
	return text;
}

void utf8_from_utf16(const uint16_t *units, size_t count, char *text)
{
	for (size_t at = 0; at < count && units[at]; at++) {
		uint32_t character = units[at];

		if ((character & SURROGATES_MASK) == HIGH_SURROGATES && at + 1 < count &&
		    (units[at + 1] & SURROGATES_MASK) == LOW_SURROGATES)
			character =
				SUPPLEMENTARY + ((character & 0x3ff) << 10) + (units[++at] & 0x3ff);
		else if ((character & (SURROGATES_MASK & ~0x400U)) == HIGH_SURROGATES)
			character = REPLACEMENT;
		text = write_utf8(text, character);
	}
	*text = 0;
}
