// SPDX-License-Identifier: GPL-2.0-or-later
#include <initguid.h>

#include "item.h"

#include <stdio.h>
#include <wchar.h>

#include <msxml2.h>

#include "class.h"
#include "text.h"

DEFINE_GUID(CLSID_Document, 0xf6d90f11, 0x9c73, 0x11d3, 0xb3, 0x2e, 0x00, 0xc0, 0x4f, 0x99, 0x0b,
	    0xb4); /* DOMDocument */
DEFINE_GUID(IID_Document, 0x2933bf81, 0x7b36, 0x11d2, 0xb2, 0x0e, 0x00, 0xc0, 0x4f, 0x98, 0x3e,
	    0x60); /* IXMLDOMDocument */

static IXMLDOMDocument *load(const WCHAR *text)
{
	_cleanup_bstr_ BSTR xml = SysAllocString(text);
	IXMLDOMDocument *document = NULL;
	VARIANT_BOOL loaded = VARIANT_FALSE;

	if (FAILED(CoCreateInstance(&CLSID_Document, NULL, CLSCTX_INPROC_SERVER, &IID_Document,
				    (void **)&document)))
		return NULL;
	IXMLDOMDocument_put_preserveWhiteSpace(document, VARIANT_TRUE);
	if (IXMLDOMDocument_loadXML(document, xml, &loaded) == S_OK && loaded)
		return document;
	IXMLDOMDocument_Release(document);
	return NULL;
}

/* The value of a property, or NULL. */
static BSTR value_of(IXMLDOMDocument *document, const WCHAR *name, const WCHAR *type)
{
	_cleanup_release_ IXMLDOMNode *node = NULL;
	_cleanup_bstr_ BSTR query = NULL;
	WCHAR text[160];
	BSTR value = NULL;

	_snwprintf(text, ARRAY_SIZE(text),
		   L"/INSTANCE[@CLASSNAME='Msvm_KvpExchangeDataItem']"
		   L"/PROPERTY[@NAME='%ls' and @TYPE='%ls']/VALUE",
		   name, type);
	query = SysAllocString(text);
	if (IXMLDOMDocument_selectSingleNode(document, query, &node) == S_OK)
		IXMLDOMNode_get_text(node, &value);
	return value;
}

bool item_parse(struct item *item, const WCHAR *text)
{
	_cleanup_release_ IXMLDOMDocument *document = load(text);
	_cleanup_bstr_ BSTR source = NULL;

	if (!document)
		return false;
	item->name = value_of(document, L"Name", L"string");
	item->data = value_of(document, L"Data", L"string");
	source = value_of(document, L"Source", L"uint16");
	return item->name && *item->name && item->data && source && wcscmp(source, L"0") == 0;
}

BSTR item_format(const struct item *item, unsigned int source)
{
	_cleanup_release_ IWbemClassObject *instance = class_new(DATA_ITEM, true);

	object_set_string(instance, L"Name", item->name);
	object_set_string(instance, L"Data", item->data);
	object_set_number(instance, L"Source", (LONG)source, CIM_UINT16);
	return instance_text(instance);
}

void item_clear(struct item *item)
{
	SysFreeString(item->name);
	SysFreeString(item->data);
	item->name = item->data = NULL;
}
