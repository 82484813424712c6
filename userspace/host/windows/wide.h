/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8, which the program uses, and UTF-16, which Windows uses. */
#ifndef HVL_WIDE_H
#define HVL_WIDE_H

#include <windows.h>

#include <oleauto.h>

/* A string for SysFreeString(). NULL if memory is short, or @text is NULL or not UTF-8. */
BSTR wide_from_utf8(const char *text);

/* A string for free(). An unpaired surrogate becomes U+FFFD. NULL if memory is short. */
char *wide_to_utf8(const WCHAR *text);

#endif /* HVL_WIDE_H */
