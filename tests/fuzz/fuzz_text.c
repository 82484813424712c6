// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's message, on its way to a terminal. The C library says what UTF-8 is. */
#include <locale.h>
#include <wchar.h>
#include <wctype.h>

#include "fuzz.h"
#include "userspace/shared/text.h"

static void must_be_fit_to_show(wchar_t character)
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
		must_be_fit_to_show(character);
	}
}

/* The first two bytes of an input are the room for the copy. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *locale;
	char *source, *clean, *again;
	size_t room;

	if (!locale)
		locale = setlocale(LC_CTYPE, "C.UTF-8");
	must(locale);
	if (size < 2)
		return 0;
	room = 1 + (data[0] | data[1] << 8) % 2048;
	source = exact_copy(data + 2, size - 2);
	clean = malloc(room);
	again = malloc(room);
	must(clean && again);

	text_clean(clean, room, source, size - 2);
	must_be_clean(clean, room);
	text_clean(again, room, clean, room);
	must(!memcmp(clean, again, room));
	free(source);
	free(clean);
	free(again);
	return 0;
}
