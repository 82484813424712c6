/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleanup of COM's objects, strings and variants at the end of a scope. */
#ifndef HVL_COM_H
#define HVL_COM_H

#include <windows.h>

#include <oleauto.h>

#include "userspace/shared/util.h"

#define _cleanup_release_ _cleanup_(releasep)
#define _cleanup_bstr_    _cleanup_(bstrp)
#define _cleanup_variant_ _cleanup_(variantp)
#define _cleanup_handle_  _cleanup_(handlep)

static inline void releasep(void *pointer)
{
	IUnknown *object = *(IUnknown **)pointer;

	if (object)
		IUnknown_Release(object);
}

static inline void bstrp(BSTR *text)
{
	SysFreeString(*text);
}

static inline void variantp(VARIANT *variant)
{
	VariantClear(variant);
}

static inline void handlep(HANDLE *handle)
{
	if (*handle)
		CloseHandle(*handle);
}

#endif /* HVL_COM_H */
