/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the fuzzers have in common. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's, for each input; always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has to hold for every input. */
#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Not a byte more: ASan sees whoever looks past the end. To be freed. */
static inline void *exact_copy(const void *data, size_t size)
{
	void *copy = malloc(size);

	must(copy || !size);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

#endif /* FUZZ_H */
