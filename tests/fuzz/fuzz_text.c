// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's message, cleaned for a terminal. The C library is the reference for UTF-8. */
#include <locale.h>
#include <wchar.h>
#include <wctype.h>

#include "fuzz.h"
#include "userspace/shared/text.h"

static void must_be_printable(wchar_t character)
{
	must(character == L'\n' || character == L'\t' || !iswcntrl(character));
	/* Line and paragraph separators, embeddings, overrides, isolates. */
	must(!(character >= 0x2028 && character <= 0x202e));
	must(!(character >= 0x2066 && character <= 0x2069));
}

static void must_be_clean(const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	mbstate_t state = {0};
	wchar_t character;

	must(length < size);
	for (size_t i = length; i < size; i++)
		must(!text[i]);
	for (size_t i = 0, step; i < length; i += step) {
		step = mbrtowc(&character, text + i, length - i, &state);
		must(step > 0 && step <= length - i);
		must_be_printable(character);
	}
}

/* A name that is accepted is clean, and a part of a line. */
static void must_be_name(const char *name, char *copy, size_t size)
{
	if (!text_is_name(name) || strlen(name) >= size)
		return;
	text_clean_line(copy, size, name);
	must(name[0] && !strcmp(copy, name) && !strpbrk(name, "\n\t:/"));
}

static void must_be_ascii(char *clean)
{
	size_t length = strlen(clean);

	text_make_ascii(clean);
	must(strlen(clean) <= length);
	for (const char *next = clean; *next; next++)
		must((unsigned char)*next < 0x80);
}

/* The first two bytes of an input are the size of the copy. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *locale;
	char *source, *name, *clean, *again;
	size_t copy_size;

	if (!locale)
		locale = setlocale(LC_CTYPE, "C.UTF-8");
	must(locale);
	if (size < 2)
		return 0;
	copy_size = 1 + (data[0] | data[1] << 8) % 2048;
	source = exact_copy(data + 2, size - 2);
	name = strndup(source, size - 2);
	clean = malloc(copy_size);
	again = malloc(copy_size);
	must(name && clean && again);

	text_clean(clean, copy_size, source, size - 2);
	must_be_clean(clean, copy_size);
	text_clean(again, copy_size, clean, copy_size);
	must(!memcmp(clean, again, copy_size));
	text_clean_line(again, copy_size, clean);
	must_be_clean(again, copy_size);
	must(!strpbrk(again, "\n\t"));
	must_be_name(clean, again, copy_size);
	must_be_name(name, again, copy_size);
	must_be_ascii(clean);
	free(source);
	free(name);
	free(clean);
	free(again);
	return 0;
}
