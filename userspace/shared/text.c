// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns the size of the UTF-8 character at @bytes, 0 if it is invalid. */
static size_t decode(const unsigned char *bytes, size_t length, uint32_t *character)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size;

	if (bytes[0] < 0x80) {
		*character = bytes[0];
		return 1;
	}
	if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf)
		size = 2;
	else if ((bytes[0] & 0xf0) == 0xe0)
		size = 3;
	else if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4)
		size = 4;
	else
		return 0;
	if (size > length)
		return 0;
	*character = bytes[0] & (0xff >> (size + 1));
	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (bytes[i] & 0x3f);
	}
	if (*character < smallest[size] || *character > 0x10ffff ||
	    (*character >= 0xd800 && *character <= 0xdfff))
		return 0;
	return size;
}

bool text_is_utf8(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length = strlen(text), step;
	uint32_t character;

	for (; length > 0; length -= step, bytes += step) {
		step = decode(bytes, length, &character);
		if (!step)
			return false;
	}
	return true;
}

static bool is_displayable(uint32_t character)
{
	if (character < 0x20)
		return character == '\n' || character == '\t';
	if (character >= 0x7f && character <= 0x9f)
		return false;
	/* Line and paragraph separators; bidirectional embeddings, overrides and isolates. */
	return !(character >= 0x2028 && character <= 0x202e) &&
	       !(character >= 0x2066 && character <= 0x2069);
}

bool text_is_name(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length = strlen(text), step;
	uint32_t character;

	if (!length)
		return false;
	for (; length > 0; length -= step, bytes += step) {
		step = decode(bytes, length, &character);
		if (!step || !is_displayable(character) || (step == 1 && strchr("\n\t:/", *bytes)))
			return false;
	}
	return true;
}

bool text_is_session(const char *text)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789";

	return text[0] && !text[strspn(text, characters)];
}

bool text_to_number(uint32_t *number, const char *text, uint32_t min, uint32_t max)
{
	unsigned long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return false;
	*number = value;
	return true;
}

void text_clean(char *target, size_t size, const char *source, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)source;
	uint32_t character;
	size_t used = 0;

	length = strnlen(source, length);
	while (length > 0) {
		size_t step = decode(bytes, length, &character);
		bool good = step > 0 && is_displayable(character);
		size_t space = good ? step : 1;

		if (used + space >= size)
			break;
		if (good)
			memcpy(target + used, bytes, step);
		else
			target[used] = '?';
		used += space;
		bytes += step ? step : 1;
		length -= step ? step : 1;
	}
	memset(target + used, 0, size - used);
}

void text_clean_line(char *target, size_t size, const char *source)
{
	text_clean(target, size, source, strlen(source));
	for (char *next = target; *next; next++) {
		if (*next == '\n' || *next == '\t')
			*next = ' ';
	}
}

void text_make_ascii(char *text)
{
	char *target = text;

	for (; *text; text++) {
		unsigned char byte = *text;

		if (byte < 0x80)
			*target++ = *text;
		else if (byte >= 0xc0)
			*target++ = '?';
	}
	*target = '\0';
}

char *text_clean_line_dup(const char *source)
{
	/* Cleaning never makes a string longer. */
	size_t size = strlen(source) + 1;
	char *copy = malloc(size);

	if (copy)
		text_clean_line(copy, size, source);
	return copy;
}

char *text_format_line(const char *format, va_list arguments)
{
	char *text, *line;

	if (vasprintf(&text, format, arguments) < 0)
		return NULL;
	line = text_clean_line_dup(text);
	free(text);
	return line;
}
