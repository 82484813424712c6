// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stand-in for WMI's client library: regsvr32 registers it as WbemLocator in a prefix of Wine,
 * so that unmodified programs find root\virtualization\v2. All other namespaces are Wine's own.
 */
#include "table.h"

#include <wchar.h>

#include "host.h"
#include "services.h"
#include "text.h"

#define CLASSES     L"Software\\Classes\\CLSID\\"
#define SERVER      L"\\InprocServer32"
#define LOCATOR_KEY CLASSES L"{4590f811-1d3a-11d0-891f-00aa004b2e24}" /* CLSID_WbemLocator */
#define TEXT_KEY    CLASSES L"{8d1c559d-84f0-4bb3-a7d5-56a7435a9ba6}" /* CLSID_WbemObjectTextSrc */

#define WINE_LIBRARY L"wbemprox.dll" /* Wine's locator */

#define HYPERV  L"root\\virtualization\\v2"
#define CLUSTER L"root\\MSCluster"

volatile LONG live_objects;

static HMODULE module;

static HRESULT WINAPI not_implemented(void)
{
	return E_NOTIMPL;
}

void complete_table(void *table, size_t size)
{
	void **slots = table;

	for (size_t index = 0; index < size / sizeof(*slots); index++) {
		if (!slots[index])
			slots[index] = (void *)not_implemented;
	}
}

HRESULT query_interface(void *object, REFIID own, REFIID iid, void **result)
{
	bool known = IsEqualIID(iid, own) || IsEqualIID(iid, &IID_IUnknown);

	*result = known ? object : NULL;
	if (known)
		IUnknown_AddRef((IUnknown *)object);
	return known ? S_OK : E_NOINTERFACE;
}

static HRESULT wine_locator(IWbemLocator **locator)
{
	HMODULE library = LoadLibraryW(WINE_LIBRARY);
	HRESULT(WINAPI * get)
	(REFCLSID, REFIID, void **) =
		library ? (void *)GetProcAddress(library, "DllGetClassObject") : NULL;
	_cleanup_release_ IClassFactory *factory = NULL;

	if (!get || FAILED(get(&CLSID_WbemLocator, &IID_IClassFactory, (void **)&factory)) ||
	    !factory)
		return CLASS_E_CLASSNOTAVAILABLE;
	return IClassFactory_CreateInstance(factory, NULL, &IID_IWbemLocator, (void **)locator);
}

static const WCHAR *namespace_in(const WCHAR *resource)
{
	const WCHAR *after =
		wcsncmp(resource, L"\\\\", 2) == 0 ? wcschr(resource + 2, L'\\') : NULL;

	return after ? after + 1 : resource;
}

static HRESULT WINAPI locator_query(IWbemLocator *iface, REFIID iid, void **object)
{
	return query_interface(iface, &IID_IWbemLocator, iid, object);
}

ULONG WINAPI static_add_ref(void *iface)
{
	(void)iface;
	return InterlockedIncrement(&live_objects);
}

ULONG WINAPI static_release(void *iface)
{
	(void)iface;
	return InterlockedDecrement(&live_objects);
}

static HRESULT WINAPI locator_connect(IWbemLocator *iface, const BSTR resource, const BSTR user,
				      const BSTR password, const BSTR locale, long flags,
				      const BSTR authority, IWbemContext *context,
				      IWbemServices **services)
{
	_cleanup_release_ IWbemLocator *wine = NULL;
	bool hang;
	HRESULT hr;

	(void)iface;
	if (_wcsicmp(namespace_in(resource), HYPERV) == 0) {
		hr = host_connect_result(&hang);
		if (hang)
			host_hang();
		*services = SUCCEEDED(hr) ? services_new() : NULL;
		return hr;
	}
	hr = host_cluster_result();
	if (_wcsicmp(namespace_in(resource), CLUSTER) == 0 && hr != S_FALSE) {
		*services = SUCCEEDED(hr) ? services_new() : NULL;
		return hr;
	}
	hr = wine_locator(&wine);
	return SUCCEEDED(hr) ? IWbemLocator_ConnectServer(wine, resource, user, password, locale,
							  flags, authority, context, services)
			     : hr;
}

static IWbemLocatorVtbl locator_table = {
	.QueryInterface = locator_query,
	.AddRef = (void *)static_add_ref,
	.Release = (void *)static_release,
	.ConnectServer = locator_connect,
};

static IWbemLocator locator = {.lpVtbl = &locator_table};

/* Of a class that has one object. */
struct factory {
	IClassFactory iface;
	void *object;
};

static HRESULT WINAPI factory_query(IClassFactory *iface, REFIID iid, void **object)
{
	return query_interface(iface, &IID_IClassFactory, iid, object);
}

static HRESULT WINAPI factory_create(IClassFactory *iface, IUnknown *outer, REFIID iid,
				     void **object)
{
	IUnknown *only = CONTAINING_RECORD(iface, struct factory, iface)->object;

	return outer ? CLASS_E_NOAGGREGATION : IUnknown_QueryInterface(only, iid, object);
}

static HRESULT WINAPI factory_lock(IClassFactory *iface, BOOL locked)
{
	(void)(locked ? static_add_ref(iface) : static_release(iface));
	return S_OK;
}

static IClassFactoryVtbl factory_table = {
	.QueryInterface = factory_query,
	.AddRef = (void *)static_add_ref,
	.Release = (void *)static_release,
	.CreateInstance = factory_create,
	.LockServer = factory_lock,
};

HRESULT WINAPI DllGetClassObject(REFCLSID clsid, REFIID iid, void **object)
{
	static struct factory locators = {{&factory_table}, &locator};
	static struct factory text_sources = {{&factory_table}, &text_source};

	*object = NULL;
	if (IsEqualCLSID(clsid, &CLSID_WbemLocator))
		return IClassFactory_QueryInterface(&locators.iface, iid, object);
	if (IsEqualCLSID(clsid, &CLSID_WbemObjectTextSrc))
		return IClassFactory_QueryInterface(&text_sources.iface, iid, object);
	return CLASS_E_CLASSNOTAVAILABLE;
}

HRESULT WINAPI DllCanUnloadNow(void)
{
	return S_FALSE;
}

static HRESULT set_value(const WCHAR *key, const WCHAR *name, const WCHAR *value)
{
	LSTATUS error = RegSetKeyValueW(HKEY_LOCAL_MACHINE, key, name, REG_SZ, value,
					(DWORD)((wcslen(value) + 1) * sizeof(*value)));

	return HRESULT_FROM_WIN32(error);
}

HRESULT WINAPI DllRegisterServer(void)
{
	WCHAR path[MAX_PATH];
	HRESULT hr;

	GetModuleFileNameW(module, path, ARRAY_SIZE(path));
	hr = set_value(LOCATOR_KEY SERVER, NULL, path);
	if (SUCCEEDED(hr))
		hr = set_value(TEXT_KEY SERVER, NULL, path);
	return SUCCEEDED(hr) ? set_value(TEXT_KEY SERVER, L"ThreadingModel", L"Both") : hr;
}

HRESULT WINAPI DllUnregisterServer(void)
{
	RegDeleteTreeW(HKEY_LOCAL_MACHINE, TEXT_KEY);
	return set_value(LOCATOR_KEY SERVER, NULL, WINE_LIBRARY);
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
	(void)reserved;
	if (reason == DLL_PROCESS_ATTACH) {
		module = instance;
		host_init();
	}
	return TRUE;
}
