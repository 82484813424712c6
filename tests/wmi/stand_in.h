/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stand-in for Hyper-V's provider, in the process of the test: see provider/host.h. */
#ifndef STAND_IN_H
#define STAND_IN_H

#include <stdbool.h>
#include <wchar.h>
#include <windows.h>

#include "userspace/shared/util.h"

struct stand_in {
	HMODULE library;
	void(WINAPI *reset)(const WCHAR *behavior);
	void(WINAPI *guest_item)(const WCHAR *name, const WCHAR *data);
	unsigned int(WINAPI *fail_queries)(HRESULT hr, unsigned int count);
};

static inline HRESULT stand_in_call(const struct stand_in *stand_in, const char *name)
{
	HRESULT(WINAPI * function)(void) = (void *)GetProcAddress(stand_in->library, name);

	return function ? function() : E_FAIL;
}

/* Loads the DLL that is next to this program, and registers it in place of Wine's WMI. */
static inline bool stand_in_load(struct stand_in *stand_in)
{
	WCHAR path[MAX_PATH];
	DWORD length = GetModuleFileNameW(NULL, path, ARRAY_SIZE(path));
	WCHAR *end = length < ARRAY_SIZE(path) ? wcsrchr(path, L'\\') : NULL;

	if (!end || end + ARRAY_SIZE(L"\\hvwmi.dll") > path + ARRAY_SIZE(path))
		return false;
	wcscpy(end, L"\\hvwmi.dll");
	stand_in->library = LoadLibraryW(path);
	if (!stand_in->library || FAILED(stand_in_call(stand_in, "DllRegisterServer")))
		return false;
	stand_in->reset = (void *)GetProcAddress(stand_in->library, "HvWmiReset");
	stand_in->guest_item = (void *)GetProcAddress(stand_in->library, "HvWmiGuestItem");
	stand_in->fail_queries = (void *)GetProcAddress(stand_in->library, "HvWmiFailQueries");
	return stand_in->reset && stand_in->guest_item && stand_in->fail_queries;
}

static inline void stand_in_unload(const struct stand_in *stand_in)
{
	stand_in_call(stand_in, "DllUnregisterServer");
}

#endif /* STAND_IN_H */
