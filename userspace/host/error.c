// SPDX-License-Identifier: GPL-2.0-or-later
#include "error.h"

#include <stdio.h>

#include "vmguestos.h"

static _Thread_local char last[512];

void vmg_last_error(const char *text)
{
	snprintf(last, sizeof(last), "%s", text ? text : "");
}

const char *VMGuestOS_LastErrorText(void)
{
	return last;
}
