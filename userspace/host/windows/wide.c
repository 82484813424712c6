// SPDX-License-Identifier: GPL-2.0-or-later
#include "wide.h"

#include <stdlib.h>

BSTR wide_from_utf8(const char *text)
{
	int length =
		text ? MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0) : 0;
	BSTR wide = length > 0 ? SysAllocStringLen(NULL, length - 1) : NULL;

	if (wide)
		MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, length);
	return wide;
}

char *wide_to_utf8(const WCHAR *text)
{
	int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
	char *utf8 = length > 0 ? malloc(length) : NULL;

	if (utf8)
		WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, length, NULL, NULL);
	return utf8;
}
