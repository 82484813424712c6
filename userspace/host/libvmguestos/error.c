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

void vmg_too_old_text(char *text, size_t size, uint32_t flags)
{
	const char *option = "names with blanks by KVP";

	if (flags & VM_LOGOFF_INCLUDE_LINGERING)
		option = "ending the programs of lingering users";
	else if (flags & VM_LOGOFF_NO_LOGINS)
		option = "preventing logins";
	snprintf(text, size,
		 "hv-logoff in the guest is older than 1.2 and does not support %s; update it, or "
		 "omit this option.",
		 option);
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
