// SPDX-License-Identifier: GPL-2.0-or-later
#include "register.h"

#include <wchar.h>

#include "object.h"

#define CLASSES L"Software\\Classes\\"

/* A value of a key below CLASSES; a name of NULL is the default value. */
struct entry {
	const WCHAR *key, *name, *value;
};

HRESULT server_load_types(REGKIND kind, ITypeLib **out)
{
	WCHAR path[MAX_PATH];
	DWORD length = GetModuleFileNameW(server_module, path, ARRAY_SIZE(path));

	*out = NULL;
	if (length == 0 || length == ARRAY_SIZE(path))
		return TYPE_E_CANTLOADLIBRARY;
	return LoadTypeLibEx(path, kind, out);
}

static HRESULT set_entry(const struct entry *entry)
{
	WCHAR key[256];

	_snwprintf(key, ARRAY_SIZE(key), CLASSES L"%ls", entry->key);
	return HRESULT_FROM_WIN32(
		RegSetKeyValueW(HKEY_LOCAL_MACHINE, key, entry->name, REG_SZ, entry->value,
				(DWORD)((wcslen(entry->value) + 1) * sizeof(WCHAR))));
}

static HRESULT delete_key(const WCHAR *key)
{
	WCHAR path[256];
	LSTATUS error;

	_snwprintf(path, ARRAY_SIZE(path), CLASSES L"%ls", key);
	error = RegDeleteTreeW(HKEY_LOCAL_MACHINE, path);
	return error == ERROR_FILE_NOT_FOUND ? S_OK : HRESULT_FROM_WIN32(error);
}

#define GUID_SIZE 39 /* with braces and the NUL */

static void class_key(WCHAR key[64])
{
	WCHAR class[GUID_SIZE];

	StringFromGUID2(&CLSID_Application, class, ARRAY_SIZE(class));
	_snwprintf(key, 64, L"CLSID\\%ls", class);
}

static HRESULT set_entries(const WCHAR *path)
{
	WCHAR class[GUID_SIZE], library[GUID_SIZE], key[64], server[96], progid[96], version[96],
		types[96];
	const struct entry entries[] = {
		{key, NULL, L"hv-logoff: logs off the users of virtual machines"},
		{server, NULL, path},
		{server, L"ThreadingModel", L"Apartment"},
		{progid, NULL, SERVER_PROGID_1},
		{version, NULL, SERVER_PROGID},
		{types, NULL, library},
		{SERVER_PROGID, NULL, L"hv-logoff"},
		{SERVER_PROGID L"\\CLSID", NULL, class},
		{SERVER_PROGID L"\\CurVer", NULL, SERVER_PROGID_1},
		{SERVER_PROGID_1, NULL, L"hv-logoff"},
		{SERVER_PROGID_1 L"\\CLSID", NULL, class},
	};
	HRESULT hr = S_OK;

	class_key(key);
	_snwprintf(server, ARRAY_SIZE(server), L"%ls\\InprocServer32", key);
	_snwprintf(progid, ARRAY_SIZE(progid), L"%ls\\ProgID", key);
	_snwprintf(version, ARRAY_SIZE(version), L"%ls\\VersionIndependentProgID", key);
	_snwprintf(types, ARRAY_SIZE(types), L"%ls\\TypeLib", key);
	StringFromGUID2(&CLSID_Application, class, ARRAY_SIZE(class));
	StringFromGUID2(&LIBID_HvLogoff, library, ARRAY_SIZE(library));
	for (size_t index = 0; index < ARRAY_SIZE(entries) && SUCCEEDED(hr); index++)
		hr = set_entry(&entries[index]);
	return hr;
}

HRESULT server_register(void)
{
	_cleanup_release_ ITypeLib *library = NULL;
	WCHAR path[MAX_PATH];
	DWORD length = GetModuleFileNameW(server_module, path, ARRAY_SIZE(path));
	HRESULT hr = length > 0 && length < ARRAY_SIZE(path) ? set_entries(path) : E_UNEXPECTED;

	if (SUCCEEDED(hr))
		hr = server_load_types(REGKIND_REGISTER, &library);
	if (FAILED(hr))
		server_unregister();
	return hr;
}

/* UnRegisterTypeLib() fails for a library that is not registered. */
static HRESULT unregister_types(void)
{
	_cleanup_bstr_ BSTR path = NULL;

	if (FAILED(QueryPathOfRegTypeLib(&LIBID_HvLogoff, 1, 0, LOCALE_NEUTRAL, &path)))
		return S_OK;
	return UnRegisterTypeLib(&LIBID_HvLogoff, 1, 0, LOCALE_NEUTRAL, SYS_WIN64);
}

HRESULT server_unregister(void)
{
	HRESULT hr = unregister_types();
	const WCHAR *keys[] = {NULL, SERVER_PROGID, SERVER_PROGID_1};
	WCHAR key[64];

	class_key(key);
	keys[0] = key;
	for (size_t index = 0; index < ARRAY_SIZE(keys); index++) {
		HRESULT deleted = delete_key(keys[index]);

		if (SUCCEEDED(hr))
			hr = deleted;
	}
	return hr;
}
