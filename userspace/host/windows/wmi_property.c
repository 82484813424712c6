// SPDX-License-Identifier: GPL-2.0-or-later
#include "wmi.h"

#include <stdlib.h>

#include "userspace/host/windows/com.h"
#include "userspace/host/windows/wide.h"

static HRESULT get(IWbemClassObject *object, const WCHAR *name, VARIANT *value)
{
	HRESULT hr = IWbemClassObject_Get(object, name, 0, value, NULL, NULL);

	if (SUCCEEDED(hr) && (V_VT(value) == VT_NULL || V_VT(value) == VT_EMPTY))
		return WBEM_E_NOT_FOUND;
	return hr;
}

static HRESULT utf8_of(const WCHAR *wide, char **text)
{
	*text = wide_to_utf8(wide ? wide : L"");
	return *text ? S_OK : E_OUTOFMEMORY;
}

HRESULT wmi_get_string(IWbemClassObject *object, const WCHAR *name, char **text)
{
	_cleanup_variant_ VARIANT value = {};
	HRESULT hr = get(object, name, &value);

	*text = NULL;
	if (FAILED(hr))
		return hr;
	return V_VT(&value) == VT_BSTR ? utf8_of(V_BSTR(&value), text)
				       : (HRESULT)WBEM_E_TYPE_MISMATCH;
}

/* WMI returns 16 and 32 bits, signed or not, as VT_I4, 8 bits as VT_UI1, and 64 bits as text. */
HRESULT wmi_get_number(IWbemClassObject *object, const WCHAR *name, uint32_t *number)
{
	_cleanup_variant_ VARIANT value = {};
	HRESULT hr = get(object, name, &value);

	if (FAILED(hr))
		return hr;
	switch (V_VT(&value)) {
	case VT_I4:
		*number = (uint32_t)V_I4(&value);
		return S_OK;
	case VT_I2:
		*number = (uint16_t)V_I2(&value);
		return S_OK;
	case VT_UI1:
		*number = V_UI1(&value);
		return S_OK;
	case VT_BOOL:
		*number = V_BOOL(&value) != VARIANT_FALSE;
		return S_OK;
	default:
		return WBEM_E_TYPE_MISMATCH;
	}
}

HRESULT wmi_get_first_number(IWbemClassObject *object, const WCHAR *name, uint32_t *number)
{
	_cleanup_variant_ VARIANT value = {};
	LONG low = 0, element = 0;
	HRESULT hr = get(object, name, &value);

	if (FAILED(hr))
		return hr;
	/* Arrays of 16 bits are of 32 bits, too. */
	if (V_VT(&value) != (VT_ARRAY | VT_I4))
		return WBEM_E_TYPE_MISMATCH;
	hr = SafeArrayGetLBound(V_ARRAY(&value), 1, &low);
	if (SUCCEEDED(hr))
		hr = SafeArrayGetElement(V_ARRAY(&value), &low, &element);
	*number = (uint32_t)element;
	return hr;
}

static HRESULT get_element(SAFEARRAY *array, LONG index, char **text)
{
	_cleanup_bstr_ BSTR wide = NULL;
	HRESULT hr = SafeArrayGetElement(array, &index, &wide);

	return SUCCEEDED(hr) ? utf8_of(wide, text) : hr;
}

static HRESULT array_to_strings(SAFEARRAY *array, char ***texts, size_t *count)
{
	LONG low = 0, high = -1;
	HRESULT hr = SafeArrayGetLBound(array, 1, &low);

	if (SUCCEEDED(hr))
		hr = SafeArrayGetUBound(array, 1, &high);
	if (FAILED(hr) || high < low)
		return hr;
	*texts = calloc((size_t)high - low + 1, sizeof(**texts));
	if (!*texts)
		return E_OUTOFMEMORY;
	for (LONG index = low; index <= high && SUCCEEDED(hr); index++) {
		hr = get_element(array, index, &(*texts)[*count]);
		if (SUCCEEDED(hr))
			(*count)++;
	}
	return hr;
}

HRESULT wmi_get_strings(IWbemClassObject *object, const WCHAR *name, char ***texts, size_t *count)
{
	_cleanup_variant_ VARIANT value = {};
	HRESULT hr = get(object, name, &value);

	*texts = NULL;
	*count = 0;
	if (hr == (HRESULT)WBEM_E_NOT_FOUND && V_VT(&value) == VT_NULL)
		return S_OK;
	if (FAILED(hr))
		return hr;
	if (V_VT(&value) != (VT_ARRAY | VT_BSTR))
		return WBEM_E_TYPE_MISMATCH;
	hr = array_to_strings(V_ARRAY(&value), texts, count);
	if (FAILED(hr)) {
		wmi_strings_free(*texts, *count);
		*texts = NULL;
		*count = 0;
	}
	return hr;
}

void wmi_strings_free(char **texts, size_t count)
{
	for (size_t index = 0; index < count; index++)
		free(texts[index]);
	free(texts);
}

HRESULT wmi_put_string(IWbemClassObject *object, const WCHAR *name, const char *text)
{
	_cleanup_variant_ VARIANT value = {.vt = VT_BSTR, .bstrVal = wide_from_utf8(text)};

	return V_BSTR(&value) ? IWbemClassObject_Put(object, name, 0, &value, 0) : E_OUTOFMEMORY;
}

HRESULT wmi_put_number(IWbemClassObject *object, const WCHAR *name, uint32_t number)
{
	VARIANT value = {.vt = VT_I4, .lVal = (LONG)number};

	return IWbemClassObject_Put(object, name, 0, &value, 0);
}

HRESULT wmi_put_flag(IWbemClassObject *object, const WCHAR *name, bool flag)
{
	VARIANT value = {.vt = VT_BOOL, .boolVal = flag ? VARIANT_TRUE : VARIANT_FALSE};

	return IWbemClassObject_Put(object, name, 0, &value, 0);
}

HRESULT wmi_put_strings(IWbemClassObject *object, const WCHAR *name, const char *const *texts,
			size_t count)
{
	_cleanup_variant_ VARIANT value = {.vt = VT_ARRAY | VT_BSTR};
	HRESULT hr = S_OK;

	V_ARRAY(&value) = SafeArrayCreateVector(VT_BSTR, 0, (ULONG)count);
	if (!V_ARRAY(&value))
		return E_OUTOFMEMORY;
	for (LONG index = 0; index < (LONG)count && SUCCEEDED(hr); index++) {
		_cleanup_bstr_ BSTR text = wide_from_utf8(texts[index]);

		hr = text ? SafeArrayPutElement(V_ARRAY(&value), &index, text) : E_OUTOFMEMORY;
	}
	return SUCCEEDED(hr) ? IWbemClassObject_Put(object, name, 0, &value, 0) : hr;
}
