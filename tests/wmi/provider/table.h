/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all COM objects of the stand-in have in common. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <windows.h>

#include <wbemcli.h>

#include "userspace/host/windows/com.h"

/* The objects that are in use: the DLL cannot be unloaded while there are any. */
extern volatile LONG live_objects;

/* Sets the functions of a table that are NULL to one that returns E_NOTIMPL. */
void complete_table(void *table, size_t size);

/* QueryInterface() of an object that has IUnknown and @own only. */
HRESULT query_interface(void *object, REFIID own, REFIID iid, void **result);

/* AddRef() and Release() of an object without a state, which is never freed. */
ULONG WINAPI static_add_ref(void *iface);
ULONG WINAPI static_release(void *iface);

#endif /* TABLE_H */
