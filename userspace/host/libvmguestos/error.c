// SPDX-License-Identifier: GPL-2.0-or-later
#include "error.h"

#include <stdio.h>

#include "hresult.h"
#include "vmguestos.h"

static _Thread_local char last_error[512];

void vmg_last_error(const char *text)
{
	snprintf(last_error, sizeof(last_error), "%s", text ? text : "");
}

const char *VMGuestOS_LastErrorText(void)
{
	return last_error;
}

const char *VMGuestOS_ErrorName(HRESULT hr)
{
	return hresult_name((uint32_t)hr);
}

const char *VMGuestOS_ErrorText(HRESULT hr)
{
	return hresult_text((uint32_t)hr);
}
