// SPDX-License-Identifier: GPL-2.0-or-later
/* The in-process server: its class factory and the functions that COM and regsvr32 call. */
#include "host.h"
#include "register.h"

HMODULE server_module;

static HRESULT WINAPI factory_query(IClassFactory *This, REFIID iid, void **out)
{
	bool known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IClassFactory);

	if (!out)
		return E_POINTER;
	*out = known ? This : NULL;
	if (known)
		IClassFactory_AddRef(This);
	return known ? S_OK : E_NOINTERFACE;
}

/* The factory is static. Its references count as uses of the DLL. */
static ULONG WINAPI factory_add_ref(IClassFactory *This)
{
	(void)This;
	return InterlockedIncrement(&server_uses);
}

static ULONG WINAPI factory_release(IClassFactory *This)
{
	(void)This;
	return InterlockedDecrement(&server_uses);
}

static HRESULT WINAPI factory_create(IClassFactory *This, IUnknown *outer, REFIID iid, void **out)
{
	_cleanup_release_ IUnknown *host = NULL;

	(void)This;
	if (!out)
		return E_POINTER;
	*out = NULL;
	if (outer)
		return CLASS_E_NOAGGREGATION;
	host = host_new();
	return host ? IUnknown_QueryInterface(host, iid, out) : E_OUTOFMEMORY;
}

static HRESULT WINAPI factory_lock(IClassFactory *This, BOOL locked)
{
	(void)(locked ? factory_add_ref(This) : factory_release(This));
	return S_OK;
}

static IClassFactoryVtbl factory_table = {
	.QueryInterface = factory_query,
	.AddRef = factory_add_ref,
	.Release = factory_release,
	.CreateInstance = factory_create,
	.LockServer = factory_lock,
};

HRESULT WINAPI DllGetClassObject(REFCLSID class, REFIID iid, void **out)
{
	static IClassFactory factory = {.lpVtbl = &factory_table};

	if (!out)
		return E_POINTER;
	*out = NULL;
	return IsEqualCLSID(class, &CLSID_Application) ? factory_query(&factory, iid, out)
						       : CLASS_E_CLASSNOTAVAILABLE;
}

HRESULT WINAPI DllCanUnloadNow(void)
{
	return server_uses == 0 ? S_OK : S_FALSE;
}

HRESULT WINAPI DllRegisterServer(void)
{
	return server_register();
}

HRESULT WINAPI DllUnregisterServer(void)
{
	return server_unregister();
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, void *reserved)
{
	(void)reserved;
	if (reason == DLL_PROCESS_ATTACH)
		server_module = instance;
	return TRUE;
}
