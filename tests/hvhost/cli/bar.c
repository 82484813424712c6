// SPDX-License-Identifier: GPL-2.0-or-later
#include "bar.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define WIDTH 30

static bool drawn;

void bar_show(const json_t *progress)
{
	static const char full[] = "##############################";
	int percent = (int)number_of(progress, "percent");

	if (strcmp(text_of(progress, "event"), "progress") != 0)
		return;
	drawn = isatty(STDOUT_FILENO);
	if (drawn)
		printf("\r\033[K[%-*.*s] ", WIDTH, percent * WIDTH / 100, full);
	printf("%3d%% %s, %d of %d ended", percent, text_of(progress, "state"),
	       (int)number_of(progress, "ended"), (int)number_of(progress, "found"));
	if (number_of(progress, "failed"))
		printf(", %d given up", (int)number_of(progress, "failed"));
	if (*text_of(progress, "text"))
		printf(": %s", text_of(progress, "text"));
	if (!drawn)
		putchar('\n');
	fflush(stdout);
}

void bar_end(void)
{
	if (drawn)
		putchar('\n');
	drawn = false;
}
