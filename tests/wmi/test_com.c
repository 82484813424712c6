// SPDX-License-Identifier: GPL-2.0-or-later
/* vmguestos.dll, with the stand-in for Hyper-V's provider in the same process. */
#include "tests/wmi/stand_in.h"
#include "tests/wmi/windows_unit.h"

#include <stdlib.h>
#include <string.h>

#include "hvlogoff.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/host/windows/com.h"

/* The time limit for an event that must occur, in milliseconds. */
#define LIMIT_MS 60000

static struct stand_in stand_in;
static HMODULE library;

static void *function(const char *name)
{
	void *address = (void *)GetProcAddress(library, name);

	if (!address)
		fail_msg("vmguestos.dll does not export %s", name);
	return address;
}

static HRESULT can_unload(void)
{
	HRESULT(WINAPI * call)(void) = function("DllCanUnloadNow");

	return call();
}

static IClassFactory *get_factory(void)
{
	HRESULT(WINAPI * get)(REFCLSID, REFIID, void **) = function("DllGetClassObject");
	IClassFactory *factory;

	assert_hresult(get(&CLSID_Application, &IID_IClassFactory, (void **)&factory), S_OK);
	return factory;
}

static IHvHost2 *create(const WCHAR *behavior)
{
	IClassFactory *factory = get_factory();
	IHvHost2 *host;

	stand_in.reset(behavior);
	assert_hresult(IClassFactory_CreateInstance(factory, NULL, &IID_IHvHost2, (void **)&host),
		       S_OK);
	IClassFactory_Release(factory);
	return host;
}

static IHvMachine *find(const WCHAR *behavior, const WCHAR *name)
{
	_cleanup_release_ IHvHost2 *host = create(behavior);
	_cleanup_bstr_ BSTR text = SysAllocString(name);
	IHvMachine *machine;

	assert_hresult(IHvHost2_FindVirtualMachine(host, text, &machine), S_OK);
	return machine;
}

static IHvGuestOS2 *guest_of_web1(const WCHAR *behavior)
{
	_cleanup_release_ IHvMachine *machine = find(behavior, L"web1");
	IHvGuestOS2 *guest;

	assert_hresult(IHvMachine_get_GuestOS(machine, &guest), S_OK);
	return guest;
}

static IHvTask2 *logoff(const WCHAR *behavior)
{
	_cleanup_release_ IHvGuestOS2 *guest = guest_of_web1(behavior);
	IHvTask2 *task;

	assert_hresult(IHvGuestOS2_Logoff(guest, &task), S_OK);
	return task;
}

static void assert_ends(IHvTask2 *task, HRESULT error)
{
	VARIANT_BOOL complete;
	long found;

	assert_hresult(IHvTask2_WaitForCompletion(task, LIMIT_MS), S_OK);
	assert_hresult(IHvTask2_get_IsComplete(task, &complete), S_OK);
	assert_int_equal(complete, VARIANT_TRUE);
	assert_hresult(IHvTask2_get_Error(task, &found), S_OK);
	assert_hresult(found, error);
}

/* Whether the text of the thread's error object, which is removed, contains @part. */
static void assert_error_text(const WCHAR *part)
{
	_cleanup_release_ IErrorInfo *error = NULL;
	_cleanup_bstr_ BSTR text = NULL, source = NULL;

	assert_hresult(GetErrorInfo(0, &error), S_OK);
	IErrorInfo_GetDescription(error, &text);
	IErrorInfo_GetSource(error, &source);
	assert_true(text && wcsstr(text, part));
	assert_true(source && wcscmp(source, L"HvLogoff.Application") == 0);
}

static void factory_and_locks(void **state)
{
	HRESULT(WINAPI * get)(REFCLSID, REFIID, void **) = function("DllGetClassObject");
	IClassFactory *factory;
	IUnknown *object = NULL;

	assert_hresult(can_unload(), S_OK);
	assert_hresult(get(&IID_IUnknown, &IID_IClassFactory, (void **)&factory),
		       CLASS_E_CLASSNOTAVAILABLE);
	factory = get_factory();
	assert_hresult(IClassFactory_CreateInstance(factory, (IUnknown *)factory, &IID_IUnknown,
						    (void **)&object),
		       CLASS_E_NOAGGREGATION);
	assert_null(object);
	assert_hresult(IClassFactory_CreateInstance(factory, NULL, &IID_IPersist, (void **)&object),
		       E_NOINTERFACE);
	assert_null(object);
	assert_hresult(IClassFactory_LockServer(factory, TRUE), S_OK);
	IClassFactory_Release(factory);
	assert_hresult(can_unload(), S_FALSE);
	assert_hresult(IClassFactory_LockServer(factory, FALSE), S_OK);
	assert_hresult(can_unload(), S_OK);
}

static void references(void **state)
{
	IHvHost2 *host = create(L"");
	IUnknown *first, *second;
	ISupportErrorInfo *support;
	IDispatch *dispatch;

	assert_hresult(can_unload(), S_FALSE);
	assert_int_equal(IHvHost2_AddRef(host), 2);
	assert_int_equal(IHvHost2_Release(host), 1);
	assert_hresult(IHvHost2_QueryInterface(host, &IID_IUnknown, (void **)&first), S_OK);
	assert_hresult(IHvHost2_QueryInterface(host, &IID_ISupportErrorInfo, (void **)&support),
		       S_OK);
	assert_hresult(
		ISupportErrorInfo_QueryInterface(support, &IID_IDispatch, (void **)&dispatch),
		S_OK);
	assert_hresult(IDispatch_QueryInterface(dispatch, &IID_IUnknown, (void **)&second), S_OK);
	assert_ptr_equal(first, second);
	assert_hresult(ISupportErrorInfo_InterfaceSupportsErrorInfo(support, &IID_IHvHost), S_OK);
	assert_hresult(ISupportErrorInfo_InterfaceSupportsErrorInfo(support, &IID_IHvTask),
		       S_FALSE);
	assert_int_equal(IUnknown_Release(second), 4);
	IUnknown_Release(first);
	IDispatch_Release(dispatch);
	assert_int_equal(ISupportErrorInfo_Release(support), 1);
	assert_int_equal(IHvHost2_Release(host), 0);
	assert_hresult(can_unload(), S_OK);
}

/* IDispatch works; each of the members that Virtual PC documents is E_NOTIMPL. */
static void assert_virtual_pc(void *object, const WCHAR *iid_text, size_t members,
			      const WCHAR *member)
{
	_cleanup_release_ IUnknown *own = NULL, *other = NULL;
	_cleanup_release_ IDispatch *dispatch = NULL;
	LPOLESTR name = (WCHAR *)member;
	DISPID id;
	IID iid;

	assert_hresult(IIDFromString(iid_text, &iid), S_OK);
	assert_hresult(IUnknown_QueryInterface((IUnknown *)object, &iid, (void **)&dispatch), S_OK);
	assert_ptr_not_equal(dispatch, object);
	assert_hresult(IDispatch_QueryInterface(dispatch, &IID_IUnknown, (void **)&own), S_OK);
	assert_hresult(IUnknown_QueryInterface((IUnknown *)object, &IID_IUnknown, (void **)&other),
		       S_OK);
	assert_ptr_equal(own, other);
	assert_hresult(IDispatch_GetIDsOfNames(dispatch, &IID_NULL, &name, 1, 0, &id), S_OK);
	for (size_t index = 0; index < members; index++) {
		HRESULT(WINAPI *const *slots)
		(void *, void *, void *) = (void *)(dispatch->lpVtbl + 1);
		void *out = NULL;

		assert_hresult(slots[index](dispatch, &out, &out), E_NOTIMPL);
		assert_null(out);
	}
}

static void iids_of_virtual_pc(void **state)
{
	_cleanup_release_ IHvHost2 *host = create(L"guest=logoff");
	_cleanup_release_ IHvMachine *machine = find(L"guest=logoff", L"web1");
	_cleanup_release_ IHvGuestOS2 *guest = guest_of_web1(L"guest=logoff");
	_cleanup_release_ IHvTask2 *task = logoff(L"guest=logoff");
	_cleanup_release_ IHvCollection *machines = NULL, *sessions = NULL;
	IUnknown *other;
	IID iid;

	assert_virtual_pc(host, L"{236BA0D9-A24A-4292-A132-27C1421DFD01}", 40,
			  L"FindVirtualMachine");
	assert_virtual_pc(machine, L"{F7092AA1-33ED-4F78-A59F-C00ADFC2EDD7}", 69, L"GuestOS");
	assert_virtual_pc(guest, L"{99FEA0DB-4880-499A-B6D8-73DFF9BC91BE}", 30, L"Logoff");
	assert_virtual_pc(task, L"{AB72B222-6E9C-48AE-AA54-85E3E635767C}", 10,
			  L"WaitForCompletion");
	assert_hresult(IHvHost2_get_VirtualMachines(host, &machines), S_OK);
	assert_virtual_pc(machines, L"{59F31786-2A3D-4FBF-9896-D85338CA0DA1}", 3, L"Count");
	assert_hresult(IHvTask2_get_Sessions(task, &sessions), S_OK);
	assert_hresult(IIDFromString(L"{59F31786-2A3D-4FBF-9896-D85338CA0DA1}", &iid), S_OK);
	assert_hresult(IHvCollection_QueryInterface(sessions, &iid, (void **)&other),
		       E_NOINTERFACE);
	assert_hresult(IHvTask2_QueryInterface(task, &IID_IVMGuestOS, (void **)&other),
		       E_NOINTERFACE);
}

/* As scripts get it. */
static HRESULT invoke(void *object, const WCHAR *member, EXCEPINFO *exception)
{
	DISPPARAMS none = {};
	_cleanup_variant_ VARIANT result = {};
	LPOLESTR name = (WCHAR *)member;
	IDispatch *dispatch = object;
	DISPID id;

	assert_hresult(IDispatch_GetIDsOfNames(dispatch, &IID_NULL, &name, 1, 0, &id), S_OK);
	return IDispatch_Invoke(dispatch, id, &IID_NULL, 0, DISPATCH_METHOD | DISPATCH_PROPERTYGET,
				&none, &result, exception, NULL);
}

static void errors_have_a_text(void **state)
{
	_cleanup_release_ IHvHost2 *host = create(L"machines=none");
	_cleanup_bstr_ BSTR name = SysAllocString(L"web1");
	IHvMachine *machine = (IHvMachine *)host;
	IHvCollection *machines = (IHvCollection *)host;
	EXCEPINFO exception = {};

	assert_hresult(IHvHost2_FindVirtualMachine(host, name, &machine),
		       HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED));
	assert_null(machine);
	assert_error_text(L"elevated administrator");
	assert_hresult(IHvHost2_get_VirtualMachines(host, &machines),
		       HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED));
	assert_null(machines);
	assert_error_text(L"elevated administrator");
	assert_hresult(invoke(host, L"VirtualMachines", &exception), DISP_E_EXCEPTION);
	assert_hresult(exception.scode, HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED));
	assert_true(wcsstr(exception.bstrDescription, L"elevated administrator"));
	SysFreeString(exception.bstrSource);
	SysFreeString(exception.bstrDescription);
	SysFreeString(exception.bstrHelpFile);
	assert_hresult(IHvHost2_FindVirtualMachine(host, name, NULL), E_POINTER);
	stand_in.reset(L"");
	SysFreeString(name);
	name = SysAllocString(L"none");
	assert_hresult(IHvHost2_FindVirtualMachine(host, name, &machine), S_FALSE);
	assert_null(machine);
}

static void other_hosts(void **state)
{
	static const WCHAR label[] =
		L"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid";
	_cleanup_release_ IHvHost2 *host = create(L"");
	_cleanup_bstr_ BSTR name = SysAllocString(label), empty = SysAllocString(L""), found = NULL;
	VARIANT missing = {.vt = VT_ERROR, .scode = DISP_E_PARAMNOTFOUND};
	VARIANT nothing = {.vt = VT_EMPTY};
	VARIANT user = {.vt = VT_BSTR, .bstrVal = name};
	IHvCollection *machines;

	assert_hresult(IHvHost2_UseHost(host, name, nothing, missing), E_INVALIDARG);
	assert_hresult(IHvHost2_UseHost(host, name, missing, user), E_INVALIDARG);
	assert_hresult(IHvHost2_UseHost(host, name, user, user), S_OK);
	assert_hresult(IHvHost2_get_HostName(host, &found), S_OK);
	assert_int_equal(wcscmp(found, label), 0);
	assert_true(FAILED(IHvHost2_get_VirtualMachines(host, &machines)));
	assert_error_text(L"is not known");
	assert_hresult(IHvHost2_UseHost(host, empty, missing, missing), S_OK);
	assert_hresult(IHvHost2_get_VirtualMachines(host, &machines), S_OK);
	IHvCollection_Release(machines);
}

/* A sink, or a callback. */
struct sink {
	IDispatch iface;
	volatile LONG refs;
	DWORD thread;
	int progress, complete, default_calls;
};

static HRESULT WINAPI sink_query(IDispatch *This, REFIID iid, void **out)
{
	*out = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IDispatch) ? This : NULL;
	if (*out)
		IDispatch_AddRef(This);
	return *out ? S_OK : E_NOINTERFACE;
}

static ULONG WINAPI sink_add_ref(IDispatch *This)
{
	return InterlockedIncrement(&((struct sink *)This)->refs);
}

static ULONG WINAPI sink_release(IDispatch *This)
{
	return InterlockedDecrement(&((struct sink *)This)->refs);
}

static HRESULT WINAPI sink_invoke(IDispatch *This, DISPID id, REFIID iid, LCID locale, WORD flags,
				  DISPPARAMS *parameters, VARIANT *result, EXCEPINFO *exception,
				  UINT *argument)
{
	struct sink *sink = (struct sink *)This;
	IHvTask2 *task;

	assert_int_equal(GetCurrentThreadId(), sink->thread);
	assert_int_equal(parameters->cArgs, 1);
	assert_int_equal(V_VT(&parameters->rgvarg[0]), VT_DISPATCH);
	assert_hresult(IDispatch_QueryInterface(V_DISPATCH(&parameters->rgvarg[0]), &IID_IHvTask2,
						(void **)&task),
		       S_OK);
	IHvTask2_Release(task);
	sink->progress += id == 1;
	sink->complete += id == 2;
	sink->default_calls += id == DISPID_VALUE;
	return S_OK;
}

static IDispatchVtbl sink_table = {
	.QueryInterface = sink_query,
	.AddRef = sink_add_ref,
	.Release = sink_release,
	.Invoke = sink_invoke,
};

static struct sink new_sink(void)
{
	return (struct sink){
		.iface.lpVtbl = &sink_table, .refs = 1, .thread = GetCurrentThreadId()};
}

static IConnectionPoint *point_of(IHvTask2 *task)
{
	_cleanup_release_ IConnectionPointContainer *container = NULL;
	IConnectionPoint *point;

	assert_hresult(
		IHvTask2_QueryInterface(task, &IID_IConnectionPointContainer, (void **)&container),
		S_OK);
	assert_hresult(IConnectionPointContainer_FindConnectionPoint(
			       container, &DIID_IVMVirtualMachineEvents, &point),
		       CONNECT_E_NOCONNECTION);
	assert_hresult(IConnectionPointContainer_FindConnectionPoint(container, &DIID_DHvTaskEvents,
								     &point),
		       S_OK);
	return point;
}

/* The type library's description of the task, which names DHvTaskEvents. */
static void events_are_described(void **state)
{
	_cleanup_release_ IHvTask2 *task = logoff(L"guest=logoff");
	_cleanup_release_ IProvideClassInfo *info = NULL;
	_cleanup_release_ ITypeInfo *type = NULL;
	TYPEATTR *attributes;
	int flags;

	assert_hresult(IHvTask2_QueryInterface(task, &IID_IProvideClassInfo, (void **)&info), S_OK);
	assert_hresult(IProvideClassInfo_GetClassInfo(info, &type), S_OK);
	assert_hresult(ITypeInfo_GetTypeAttr(type, &attributes), S_OK);
	assert_true(IsEqualGUID(&attributes->guid, &CLSID_LogoffTask));
	assert_hresult(ITypeInfo_GetImplTypeFlags(type, attributes->cImplTypes - 1u, &flags), S_OK);
	assert_true(flags & IMPLTYPEFLAG_FSOURCE);
	ITypeInfo_ReleaseTypeAttr(type, attributes);
}

static void connection_points(void **state)
{
	struct sink sink = new_sink(), gone = new_sink();
	_cleanup_release_ IHvTask2 *task = logoff(L"guest=logoff");
	IConnectionPoint *point = point_of(task);
	DWORD cookie, gone_cookie;

	assert_hresult(IConnectionPoint_Advise(point, (IUnknown *)&sink, &cookie), S_OK);
	assert_hresult(IConnectionPoint_Advise(point, (IUnknown *)&gone, &gone_cookie), S_OK);
	assert_int_not_equal(cookie, gone_cookie);
	assert_hresult(IConnectionPoint_Unadvise(point, gone_cookie), S_OK);
	assert_hresult(IConnectionPoint_Unadvise(point, gone_cookie), CONNECT_E_NOCONNECTION);
	assert_hresult(IConnectionPoint_Unadvise(point, 0), CONNECT_E_NOCONNECTION);
	assert_ends(task, S_OK);
	assert_true(sink.progress > 0);
	assert_int_equal(sink.complete, 1);
	assert_int_equal(sink.default_calls, 0);
	assert_int_equal(gone.progress + gone.complete, 0);
	assert_int_equal(gone.refs, 1);
	assert_hresult(IConnectionPoint_Unadvise(point, cookie), S_OK);
	assert_int_equal(sink.refs, 1);
	IConnectionPoint_Release(point);
}

/* The enumeration has one point. It keeps the task, as the point does. */
static void connection_points_are_enumerated(void **state)
{
	IHvTask2 *task = logoff(L"guest=logoff");
	IConnectionPoint *point = point_of(task), *found[2];
	IConnectionPointContainer *container;
	IEnumConnectionPoints *points, *clone;
	ULONG fetched;

	assert_hresult(
		IHvTask2_QueryInterface(task, &IID_IConnectionPointContainer, (void **)&container),
		S_OK);
	assert_hresult(IConnectionPointContainer_EnumConnectionPoints(container, NULL), E_POINTER);
	assert_hresult(IConnectionPointContainer_EnumConnectionPoints(container, &points), S_OK);
	IConnectionPointContainer_Release(container);
	assert_hresult(IEnumConnectionPoints_Next(points, 2, found, NULL), E_POINTER);
	assert_hresult(IEnumConnectionPoints_Next(points, 2, found, &fetched), S_FALSE);
	assert_int_equal(fetched, 1);
	assert_ptr_equal(found[0], point);
	IConnectionPoint_Release(found[0]);
	assert_hresult(IEnumConnectionPoints_Next(points, 1, found, &fetched), S_FALSE);
	assert_int_equal(fetched, 0);
	assert_hresult(IEnumConnectionPoints_Clone(points, &clone), S_OK);
	assert_hresult(IEnumConnectionPoints_Skip(clone, 1), S_FALSE);
	assert_hresult(IEnumConnectionPoints_Reset(clone), S_OK);
	assert_hresult(IEnumConnectionPoints_Skip(clone, 1), S_OK);
	assert_int_equal(IEnumConnectionPoints_Release(clone), 0);
	assert_hresult(IEnumConnectionPoints_Reset(points), S_OK);
	IConnectionPoint_Release(point);
	IHvTask2_Release(task);
	assert_hresult(can_unload(), S_FALSE);
	assert_hresult(IEnumConnectionPoints_Next(points, 1, found, NULL), S_OK);
	assert_int_equal(IEnumConnectionPoints_Release(points), 0);
	assert_int_equal(IConnectionPoint_Release(found[0]), 0);
	assert_hresult(can_unload(), S_OK);
}

static void callbacks(void **state)
{
	struct sink progress = new_sink(), complete = new_sink(), replaced = new_sink();
	IHvTask2 *task = logoff(L"guest=logoff");
	IDispatch *found;
	MSG message;

	assert_hresult(IHvTask2_putref_OnProgress(task, &replaced.iface), S_OK);
	assert_hresult(IHvTask2_putref_OnProgress(task, &progress.iface), S_OK);
	assert_int_equal(replaced.refs, 1);
	assert_hresult(IHvTask2_put_OnComplete(task, &complete.iface), S_OK);
	assert_hresult(IHvTask2_get_OnComplete(task, &found), S_OK);
	assert_ptr_equal(found, &complete.iface);
	IDispatch_Release(found);
	/* By the program's own loop of messages. */
	while (!complete.default_calls && GetMessageW(&message, NULL, 0, 0) > 0)
		DispatchMessageW(&message);
	assert_true(progress.default_calls > 0);
	assert_ends(task, S_OK);
	assert_int_equal(complete.default_calls, 1);
	assert_int_equal(IHvTask2_Release(task), 0);
	assert_int_equal(progress.refs, 1);
	assert_int_equal(complete.refs, 1);
}

static IHvTask2 *to_cancel;

static void CALLBACK cancel_on_timer(HWND window, UINT message, UINT_PTR id, DWORD time)
{
	VARIANT_BOOL cancelable;

	IHvTask2_get_IsCancelable(to_cancel, &cancelable);
	if (cancelable && SUCCEEDED(IHvTask2_Cancel(to_cancel)))
		KillTimer(NULL, id);
}

/* Messages are handled while it waits: one of them cancels the task. */
static void waiting_handles_messages(void **state)
{
	IHvTask2 *task = logoff(L"guest=stays");
	HvTaskResult result;

	to_cancel = task;
	assert_true(SetTimer(NULL, 0, 50, cancel_on_timer));
	assert_ends(task, HRESULT_FROM_WIN32(ERROR_CANCELLED));
	assert_hresult(IHvTask2_get_Result(task, &result), S_OK);
	assert_int_equal(result, hvTaskResult_Cancelled);
	assert_int_equal(IHvTask2_Release(task), 0);
}

static void waiting_has_bounds(void **state)
{
	IHvTask2 *task = logoff(L"guest=stays");
	VARIANT_BOOL complete;

	assert_hresult(IHvTask2_WaitForCompletion(task, -2), E_INVALIDARG);
	assert_error_text(L"4000000");
	assert_hresult(IHvTask2_WaitForCompletion(task, 4000001), E_INVALIDARG);
	assert_hresult(IHvTask2_WaitForCompletion(task, 0), S_OK);
	assert_hresult(IHvTask2_WaitForCompletion(task, 20), S_OK);
	assert_hresult(IHvTask2_get_IsComplete(task, &complete), S_OK);
	assert_int_equal(complete, VARIANT_FALSE);
	assert_hresult(IHvTask2_get_IsComplete(task, NULL), E_POINTER);
	assert_hresult(IHvTask2_get_Description(task, NULL), E_POINTER);
	assert_hresult(can_unload(), S_FALSE);
	assert_int_equal(IHvTask2_Release(task), 0);
	assert_hresult(can_unload(), S_OK);
}

static void users_are_counted_by_a_dry_run(void **state)
{
	IHvGuestOS2 *guest = guest_of_web1(L"guest=logoff");
	VARIANT_BOOL logged_on;

	assert_hresult(IHvGuestOS2_IsUserLoggedOn(guest, 1, &logged_on), S_OK);
	assert_int_equal(logged_on, VARIANT_TRUE);
	stand_in.reset(L"guest=busy");
	assert_hresult(IHvGuestOS2_IsUserLoggedOn(guest, 1, &logged_on),
		       HRESULT_FROM_WIN32(ERROR_BUSY));
	assert_error_text(L"another request");
	stand_in.reset(L"guest=nobody");
	assert_hresult(IHvGuestOS2_IsUserLoggedOn(guest, 0, &logged_on), S_OK);
	assert_int_equal(logged_on, VARIANT_FALSE);
	assert_int_equal(IHvGuestOS2_Release(guest), 0);
}

static void assert_text(BSTR text, const WCHAR *expected)
{
	assert_int_equal(wcscmp(text, expected), 0);
	SysFreeString(text);
}

static void what_guests_report(void **state)
{
	_cleanup_release_ IHvGuestOS2 *guest = guest_of_web1(L"");
	VARIANT_BOOL flag;
	BSTR text;
	long number;

	assert_hresult(IHvGuestOS2_get_ComputerName(guest, &text), S_OK);
	assert_text(text, L"web1");
	assert_hresult(IHvGuestOS2_get_OSName(guest, &text), S_OK);
	assert_text(text, L"Debian GNU/Linux");
	assert_hresult(IHvGuestOS2_get_OSBuildNumber(guest, &text), S_OK);
	assert_text(text, L"6.1.0-40-cloud-amd64");
	assert_hresult(IHvGuestOS2_get_IntegrationComponentsVersion(guest, &text), S_OK);
	assert_text(text, L"3.1");
	assert_hresult(IHvGuestOS2_get_OSVersion(guest, &text), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_error_text(L"web1 does not report OSVersion");
	assert_hresult(IHvGuestOS2_get_IsHeartbeating(guest, &flag), S_OK);
	assert_int_equal(flag, VARIANT_TRUE);
	stand_in.reset(L"status=12");
	assert_hresult(IHvGuestOS2_get_IsHeartbeating(guest, &flag), S_OK);
	assert_int_equal(flag, VARIANT_FALSE);
	assert_hresult(IHvGuestOS2_get_OSVersion(guest, &text), VM_E_ADDITIONS_FEATURE_NOT_AVAIL);
	assert_error_text(L"no contact");
	assert_hresult(IHvGuestOS2_get_HeartbeatPercentage(guest, &number), E_NOTIMPL);
	assert_error_text(L"does not report");
}

static void shutdown_and_restart(void **state)
{
	_cleanup_release_ IHvMachine *machine = find(L"shutdown=32781", L"web1");
	_cleanup_release_ IHvGuestOS2 *guest = NULL;
	HvMachineState machine_state;
	VARIANT_BOOL flag;
	IHvTask2 *task;
	BSTR text;

	assert_hresult(IHvMachine_get_GuestOS(machine, &guest), S_OK);
	assert_hresult(IHvGuestOS2_get_CanShutdown(guest, &flag), S_OK);
	assert_int_equal(flag, VARIANT_TRUE);
	assert_hresult(IHvGuestOS2_Restart(guest, VARIANT_FALSE, &task),
		       HRESULT_FROM_WIN32(ERROR_MACHINE_LOCKED));
	assert_null(task);
	assert_error_text(L"only if it is forced");
	assert_hresult(IHvGuestOS2_Restart(guest, VARIANT_TRUE, &task), S_OK);
	assert_hresult(IHvTask2_get_Description(task, &text), S_OK);
	assert_text(text, L"Restarting web1");
	assert_ends(task, S_OK);
	assert_int_equal(IHvTask2_Release(task), 0);
	assert_hresult(IHvGuestOS2_Shutdown(guest, VARIANT_TRUE, &task), S_OK);
	assert_hresult(IHvTask2_Cancel(task), E_FAIL);
	assert_ends(task, S_OK);
	assert_int_equal(IHvTask2_Release(task), 0);
	assert_hresult(IHvMachine_get_State(machine, &machine_state), S_OK);
	assert_int_equal(machine_state, hvMachineState_TurnedOff);
	assert_hresult(IHvGuestOS2_get_CanShutdown(guest, &flag), S_OK);
	assert_int_equal(flag, VARIANT_FALSE);
	assert_hresult(IHvGuestOS2_Shutdown(guest, VARIANT_TRUE, &task), VM_E_VM_NOT_RUNNING);
	stand_in.reset(L"generation=2012r2");
	assert_hresult(IHvGuestOS2_Restart(guest, VARIANT_FALSE, &task), E_NOTIMPL);
	assert_error_text(L"Windows Server 2016");
}

static DWORD WINAPI use_from_mta(void *result)
{
	_cleanup_bstr_ BSTR name = SysAllocString(L"web1");
	IHvMachine *machine = NULL;
	IHvHost2 *host = NULL;
	VARIANT_BOOL flag = VARIANT_FALSE;
	IHvGuestOS2 *guest = NULL;
	HRESULT hr = CoInitializeEx(NULL, COINIT_MULTITHREADED);

	if (SUCCEEDED(hr))
		hr = CoCreateInstance(&CLSID_Application, NULL, CLSCTX_INPROC_SERVER, &IID_IHvHost2,
				      (void **)&host);
	if (SUCCEEDED(hr))
		hr = IHvHost2_FindVirtualMachine(host, name, &machine);
	if (SUCCEEDED(hr))
		hr = IHvMachine_get_GuestOS(machine, &guest);
	if (SUCCEEDED(hr))
		hr = IHvGuestOS2_IsUserLoggedOn(guest, 1, &flag);
	*(HRESULT *)result = hr == S_OK && flag != VARIANT_TRUE ? E_UNEXPECTED : hr;
	releasep(&guest);
	releasep(&machine);
	releasep(&host);
	CoUninitialize();
	return 0;
}

/* COM gives the objects an apartment of their own, and calls them there through the type library.
 */
static void multithreaded_apartment(void **state)
{
	HRESULT(WINAPI * add)(void) = function("DllRegisterServer");
	HRESULT(WINAPI * remove)(void) = function("DllUnregisterServer");
	IClassFactory *factory;
	HRESULT hr = E_FAIL;
	HANDLE thread;

	assert_hresult(add(), S_OK);
	stand_in.reset(L"guest=logoff");
	thread = CreateThread(NULL, 0, use_from_mta, &hr, 0, NULL);
	assert_int_equal(WaitForSingleObject(thread, LIMIT_MS), WAIT_OBJECT_0);
	CloseHandle(thread);
	assert_hresult(hr, S_OK);
	/* No object is left. Wine does not release the class factory that it has marshaled. */
	factory = get_factory();
	assert_true(IClassFactory_Release(factory) <= 1);
	assert_hresult(remove(), S_OK);
	assert_hresult(remove(), S_OK);
}

static void functions_of_the_library(void **state)
{
	HRESULT (*names)(char ***) = function("VMGuestOS_Names");
	HRESULT (*find_guest)(const char *, IVMGuestOS **) = function("VMGuestOS_Find");
	const char *(*last_error)(void) = function("VMGuestOS_LastErrorText");
	const char *(*error_name)(HRESULT) = function("VMGuestOS_ErrorName");
	void (*release)(void *) = function("VMGuestOS_Free");
	const IID *iid = function("IID_IVMGuestOS2");
	IVMGuestOS2 *extended;
	IVMGuestOS *guest;
	char **list, *name;

	stand_in.reset(L"");
	assert_hresult(names(&list), S_OK);
	assert_string_equal(list[0], "db1");
	release(list);
	assert_hresult(find_guest("none", &guest), VM_E_VM_UNKNOWN);
	assert_non_null(strstr(last_error(), "no virtual machine none"));
	assert_string_equal(error_name(VM_E_VM_UNKNOWN), "VM_E_VM_UNKNOWN");
	assert_hresult(find_guest("web1", &guest), S_OK);
	assert_hresult(IVMGuestOS_QueryInterface(guest, iid, (void **)&extended), S_OK);
	assert_hresult(IVMGuestOS2_get_Name(extended, &name), S_OK);
	assert_string_equal(name, "web1");
	release(name);
	IVMGuestOS2_Release(extended);
	assert_int_equal(IVMGuestOS_Release(guest), 0);
}

/* Nothing of the DLL runs after its last object: it can be loaded again. */
static void unloading(void **state)
{
	_cleanup_release_ IHvTask2 *task = logoff(L"guest=stays");

	assert_hresult(can_unload(), S_FALSE);
	releasep(&task);
	task = NULL;
	assert_hresult(can_unload(), S_OK);
	assert_true(FreeLibrary(library));
	library = LoadLibraryW(L"vmguestos.dll");
	assert_non_null(library);
	task = logoff(L"guest=logoff");
	assert_ends(task, S_OK);
}

/* A thread in a call that does not end keeps the DLL, until the call ends. */
static void unloading_with_a_lost_call(void **state)
{
	IHvTask2 *task = logoff(L"guest=stays");
	ULONGLONG end = GetTickCount64() + LIMIT_MS;

	stand_in.reset(L"query=hang");
	/* For more than one poll of the task. */
	assert_hresult(IHvTask2_WaitForCompletion(task, 1500), S_OK);
	assert_int_equal(IHvTask2_Release(task), 0);
	assert_hresult(can_unload(), S_OK);
	assert_true(FreeLibrary(library));
	assert_non_null(GetModuleHandleW(L"vmguestos.dll"));
	stand_in.reset(L"");
	while (GetModuleHandleW(L"vmguestos.dll") && GetTickCount64() < end)
		Sleep(10);
	assert_null(GetModuleHandleW(L"vmguestos.dll"));
	library = LoadLibraryW(L"vmguestos.dll");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(factory_and_locks),
		cmocka_unit_test(references),
		cmocka_unit_test(iids_of_virtual_pc),
		cmocka_unit_test(errors_have_a_text),
		cmocka_unit_test(other_hosts),
		cmocka_unit_test(events_are_described),
		cmocka_unit_test(connection_points),
		cmocka_unit_test(connection_points_are_enumerated),
		cmocka_unit_test(callbacks),
		cmocka_unit_test(waiting_handles_messages),
		cmocka_unit_test(waiting_has_bounds),
		cmocka_unit_test(users_are_counted_by_a_dry_run),
		cmocka_unit_test(what_guests_report),
		cmocka_unit_test(shutdown_and_restart),
		cmocka_unit_test(functions_of_the_library),
		cmocka_unit_test(unloading),
		cmocka_unit_test(unloading_with_a_lost_call),
		cmocka_unit_test(multithreaded_apartment), /* COM loads the DLL, too */
	};
	int failed;

	if (FAILED(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED)) || !stand_in_load(&stand_in))
		return 1;
	library = LoadLibraryW(L"vmguestos.dll");
	failed = library ? cmocka_run_group_tests_name("com", tests, NULL, NULL) : 1;
	stand_in_unload(&stand_in);
	CoUninitialize();
	return failed;
}
