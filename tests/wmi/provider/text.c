// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"

#include <stdlib.h>
#include <wchar.h>

struct buffer {
	WCHAR *text;
	size_t used;
};

static void append(struct buffer *buffer, const WCHAR *text)
{
	size_t length = wcslen(text);

	buffer->text = realloc(buffer->text, (buffer->used + length + 1) * sizeof(*buffer->text));
	if (!buffer->text)
		abort();
	wcscpy(buffer->text + buffer->used, text);
	buffer->used += length;
}

static void append_escaped(struct buffer *buffer, const WCHAR *text)
{
	for (; *text; text++) {
		const WCHAR sign[] = {*text, 0};

		append(buffer, *text == L'&'   ? L"&amp;"
			       : *text == L'<' ? L"&lt;"
			       : *text == L'>' ? L"&gt;"
			       : *text == L'"' ? L"&quot;"
					       : sign);
	}
}

/* A property without a value is one that the instance has inherited. */
static void append_property(struct buffer *buffer, const WCHAR *name, VARIANT *value, CIMTYPE type)
{
	append(buffer, L"<PROPERTY NAME=\"");
	append(buffer, name);
	append(buffer, V_VT(value) == VT_NULL ? L"\" PROPAGATED=\"true\"" : L"\"");
	append(buffer, type == CIM_UINT16 ? L" TYPE=\"uint16\">" : L" TYPE=\"string\">");
	if (V_VT(value) == VT_BSTR || SUCCEEDED(VariantChangeType(value, value, 0, VT_BSTR))) {
		append(buffer, L"<VALUE>");
		append_escaped(buffer, V_BSTR(value) ? V_BSTR(value) : L"");
		append(buffer, L"</VALUE>");
	}
	append(buffer, L"</PROPERTY>");
}

static void append_instance(struct buffer *buffer, IWbemClassObject *instance, const WCHAR *class)
{
	append(buffer, L"<INSTANCE CLASSNAME=\"");
	append(buffer, class);
	append(buffer, L"\">");
	IWbemClassObject_BeginEnumeration(instance, WBEM_FLAG_NONSYSTEM_ONLY);
	for (;;) {
		_cleanup_bstr_ BSTR name = NULL;
		_cleanup_variant_ VARIANT value = {};
		CIMTYPE type;

		if (IWbemClassObject_Next(instance, 0, &name, &value, &type, NULL) != S_OK)
			break;
		append_property(buffer, name, &value, type);
	}
	IWbemClassObject_EndEnumeration(instance);
	append(buffer, L"</INSTANCE>");
}

BSTR instance_text(IWbemClassObject *instance)
{
	_cleanup_variant_ VARIANT class = {};
	struct buffer buffer = {};
	BSTR text;

	if (FAILED(IWbemClassObject_Get(instance, L"__CLASS", 0, &class, NULL, NULL)))
		return NULL;
	append_instance(&buffer, instance, V_BSTR(&class));
	text = SysAllocString(buffer.text);
	free(buffer.text);
	return text;
}

static HRESULT WINAPI source_query(IWbemObjectTextSrc *iface, REFIID iid, void **object)
{
	return query_interface(iface, &IID_IWbemObjectTextSrc, iid, object);
}

/* @iface is not used: libhvee 0.10 passes its locator. */
static HRESULT WINAPI source_get_text(IWbemObjectTextSrc *iface, LONG flags,
				      IWbemClassObject *object, ULONG format, IWbemContext *context,
				      BSTR *text)
{
	(void)iface;
	(void)flags;
	(void)context;
	if (format != WMI_OBJ_TEXT_CIM_DTD_2_0)
		return WBEM_E_INVALID_PARAMETER;
	*text = instance_text(object);
	return *text ? S_OK : WBEM_E_INVALID_OBJECT;
}

static HRESULT WINAPI source_create(IWbemObjectTextSrc *iface, LONG flags, BSTR text, ULONG format,
				    IWbemContext *context, IWbemClassObject **object)
{
	(void)iface;
	(void)flags;
	(void)text;
	(void)format;
	(void)context;
	(void)object;
	return E_NOTIMPL;
}

static IWbemObjectTextSrcVtbl source_table = {
	.QueryInterface = source_query,
	.AddRef = (void *)static_add_ref,
	.Release = (void *)static_release,
	.GetText = source_get_text,
	.CreateFromText = source_create,
};

IWbemObjectTextSrc text_source = {.lpVtbl = &source_table};
