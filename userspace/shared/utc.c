// SPDX-License-Identifier: GPL-2.0-or-later
#include "utc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void utc_format(char text[UTC_SIZE], int64_t time)
{
	time_t seconds = time;
	struct tm parts;

	text[0] = '\0';
	if (gmtime_r(&seconds, &parts))
		strftime(text, UTC_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

bool utc_parse(int64_t *time, const char *text)
{
	char canonical[UTC_SIZE];
	struct tm parts = {0};

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
		   &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
		return false;
	parts.tm_year -= 1900;
	parts.tm_mon--;
	*time = timegm(&parts);
	/* timegm() normalizes dates that do not exist, such as February 31. */
	utc_format(canonical, *time);
	return !strcmp(canonical, text);
}
