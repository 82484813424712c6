/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Key-value pairs as text, read by MSXML, which also finds what our own parser may overlook. */
#ifndef ITEM_H
#define ITEM_H

#include <stdbool.h>
#include <windows.h>

#include <oleauto.h>

struct item {
	BSTR name, data;
};

/* Parses an item of the host. False, with *@item to be cleared, if the text is not one. */
bool item_parse(struct item *item, const WCHAR *text);

/* An item as Hyper-V writes it, with all properties of its class, for SysFreeString(). */
BSTR item_format(const struct item *item, unsigned int source);

void item_clear(struct item *item);

#endif /* ITEM_H */
