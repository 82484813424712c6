// SPDX-License-Identifier: GPL-2.0-or-later
#include "argument.h"

#include "userspace/host/windows/com.h"
#include "userspace/host/windows/wide.h"

HRESULT argument_text(VARIANT *argument, char **out)
{
	_cleanup_variant_ VARIANT value = {};
	HRESULT hr = VariantCopyInd(&value, argument);

	*out = NULL;
	if (FAILED(hr))
		return hr;
	if (V_VT(&value) == VT_NULL ||
	    (V_VT(&value) == VT_ERROR && V_ERROR(&value) == DISP_E_PARAMNOTFOUND))
		return S_OK;
	hr = VariantChangeType(&value, &value, 0, VT_BSTR);
	if (FAILED(hr))
		return hr;
	*out = wide_to_utf8(V_BSTR(&value) ? V_BSTR(&value) : L"");
	return *out ? S_OK : E_OUTOFMEMORY;
}
