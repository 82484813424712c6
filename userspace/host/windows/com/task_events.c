// SPDX-License-Identifier: GPL-2.0-or-later
#include "task_events.h"

#include <string.h>

#include "enum_points.h"
#include "register.h"
#include "task.h"

/* DISPIDs of DHvTaskEvents. */
#define ON_PROGRESS 1
#define ON_COMPLETE 2

static struct task_object *task_of(struct task_events *events)
{
	return CONTAINING_RECORD(events, struct task_object, events);
}

static void call(IDispatch *callback, DISPID id, struct task_object *task)
{
	VARIANT argument = {.vt = VT_DISPATCH, .pdispVal = &task->object.dual};
	DISPPARAMS parameters = {.rgvarg = &argument, .cArgs = 1};
	_cleanup_variant_ VARIANT result = {};

	IDispatch_Invoke(callback, id, &IID_NULL, LOCALE_USER_DEFAULT, DISPATCH_METHOD, &parameters,
			 &result, NULL, NULL);
}

/* What is called may connect or disconnect sinks, and replace the callback. */
static void call_all(struct task_events *events, IDispatch *callback, DISPID id)
{
	IDispatch *listeners[TASK_EVENTS_SINKS + 1];
	size_t count = 0;

	if (callback)
		listeners[count++] = callback;
	for (size_t index = 0; index < TASK_EVENTS_SINKS; index++) {
		if (events->sinks[index].cookie)
			listeners[count++] = events->sinks[index].sink;
	}
	for (size_t index = 0; index < count; index++)
		IDispatch_AddRef(listeners[index]);
	for (size_t index = 0; index < count; index++) {
		bool is_callback = callback && index == 0;

		call(listeners[index], is_callback ? DISPID_VALUE : id, task_of(events));
		IDispatch_Release(listeners[index]);
	}
}

static bool has_listener(const struct task_events *events)
{
	bool found = events->on_progress || events->on_complete;

	for (size_t index = 0; index < TASK_EVENTS_SINKS; index++)
		found = found || events->sinks[index].cookie;
	return found;
}

static bool read_progress(IVMTask2 *task, struct task_progress *progress)
{
	uint32_t found = 0, ended = 0, failed = 0;
	VMLogoffState state = vmLogoffState_Pending;
	int32_t percent = 0;
	bool complete = false;

	IVMTask2_get_IsComplete(task, &complete);
	IVMTask2_get_State(task, &state);
	IVMTask2_get_PercentCompleted(task, &percent);
	IVMTask2_get_Sessions(task, &found, &ended, &failed);
	*progress = (struct task_progress){.state = state,
					   .percent = percent,
					   .found = (long)found,
					   .ended = (long)ended,
					   .failed = (long)failed};
	return complete;
}

static void stop_timer(struct task_events *events)
{
	if (events->window)
		DestroyWindow(events->window);
	events->window = NULL;
}

void task_events_check(struct task_events *events)
{
	struct task_progress progress;
	bool complete, changed;

	if (events->complete || !has_listener(events))
		return;
	complete = read_progress(task_of(events)->task, &progress);
	changed = memcmp(&progress, &events->reported, sizeof(progress)) != 0;
	/* Before the calls: what is called may wait, and so get here again. */
	events->reported = progress;
	events->complete = complete;
	if (changed)
		call_all(events, events->on_progress, ON_PROGRESS);
	if (complete) {
		stop_timer(events);
		call_all(events, events->on_complete, ON_COMPLETE);
	}
}

static void CALLBACK on_timer(HWND window, UINT message, UINT_PTR id, DWORD time)
{
	struct task_events *events = (struct task_events *)id;
	struct task_object *task = task_of(events);

	(void)window;
	(void)message;
	(void)time;
	object_add_ref(task);
	task_events_check(events);
	object_release(task);
}

static HRESULT start_timer(struct task_events *events)
{
	if (events->window || events->complete)
		return S_OK;
	events->window =
		CreateWindowExW(0, L"STATIC", NULL, 0, 0, 0, 0, 0, HWND_MESSAGE, NULL, NULL, NULL);
	if (events->window &&
	    SetTimer(events->window, (UINT_PTR)events, TASK_EVENTS_POLL_MS, on_timer))
		return S_OK;
	stop_timer(events);
	return E_OUTOFMEMORY;
}

HRESULT task_events_set(struct task_events *events, IDispatch **callback, IDispatch *value)
{
	HRESULT hr = value ? start_timer(events) : S_OK;

	if (FAILED(hr))
		return hr;
	if (value)
		IDispatch_AddRef(value);
	releasep(callback);
	*callback = value;
	return S_OK;
}

static struct task_events *of_container(IConnectionPointContainer *This)
{
	return CONTAINING_RECORD(This, struct task_events, container);
}

static struct task_events *of_point(IConnectionPoint *This)
{
	return CONTAINING_RECORD(This, struct task_events, point);
}

static HRESULT WINAPI container_query(IConnectionPointContainer *This, REFIID iid, void **out)
{
	return object_query(task_of(of_container(This)), iid, out);
}

static ULONG WINAPI container_add_ref(IConnectionPointContainer *This)
{
	return object_add_ref(task_of(of_container(This)));
}

static ULONG WINAPI container_release(IConnectionPointContainer *This)
{
	return object_release(task_of(of_container(This)));
}

static HRESULT WINAPI enum_points(IConnectionPointContainer *This, IEnumConnectionPoints **out)
{
	if (!out)
		return E_POINTER;
	*out = enum_points_new(&of_container(This)->point, false);
	return *out ? S_OK : E_OUTOFMEMORY;
}

static HRESULT WINAPI find_point(IConnectionPointContainer *This, REFIID iid,
				 IConnectionPoint **out)
{
	struct task_events *events = of_container(This);

	if (!out)
		return E_POINTER;
	*out = NULL;
	if (!IsEqualIID(iid, &DIID_DHvTaskEvents))
		return CONNECT_E_NOCONNECTION;
	*out = &events->point;
	object_add_ref(task_of(events));
	return S_OK;
}

static const IConnectionPointContainerVtbl container_table = {
	.QueryInterface = container_query,
	.AddRef = container_add_ref,
	.Release = container_release,
	.EnumConnectionPoints = enum_points,
	.FindConnectionPoint = find_point,
};

/* A connection point is another object than its container, with the same life. */
static HRESULT WINAPI point_query(IConnectionPoint *This, REFIID iid, void **out)
{
	bool known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IConnectionPoint);

	if (!out)
		return E_POINTER;
	*out = known ? This : NULL;
	if (known)
		IConnectionPoint_AddRef(This);
	return known ? S_OK : E_NOINTERFACE;
}

static ULONG WINAPI point_add_ref(IConnectionPoint *This)
{
	return object_add_ref(task_of(of_point(This)));
}

static ULONG WINAPI point_release(IConnectionPoint *This)
{
	return object_release(task_of(of_point(This)));
}

static HRESULT WINAPI point_iid(IConnectionPoint *This, IID *iid)
{
	(void)This;
	if (!iid)
		return E_POINTER;
	*iid = DIID_DHvTaskEvents;
	return S_OK;
}

static HRESULT WINAPI point_container(IConnectionPoint *This, IConnectionPointContainer **out)
{
	struct task_events *events = of_point(This);

	if (!out)
		return E_POINTER;
	*out = &events->container;
	object_add_ref(task_of(events));
	return S_OK;
}

static struct task_sink *find_sink(struct task_events *events, DWORD cookie)
{
	for (size_t index = 0; index < TASK_EVENTS_SINKS; index++) {
		if (events->sinks[index].cookie == cookie)
			return &events->sinks[index];
	}
	return NULL;
}

static HRESULT WINAPI point_advise(IConnectionPoint *This, IUnknown *unknown, DWORD *cookie)
{
	struct task_events *events = of_point(This);
	struct task_sink *free_sink = find_sink(events, 0);
	IDispatch *sink;
	HRESULT hr;

	if (!unknown || !cookie)
		return E_POINTER;
	*cookie = 0;
	if (!free_sink)
		return CONNECT_E_ADVISELIMIT;
	if (FAILED(IUnknown_QueryInterface(unknown, &DIID_DHvTaskEvents, (void **)&sink)) &&
	    FAILED(IUnknown_QueryInterface(unknown, &IID_IDispatch, (void **)&sink)))
		return CONNECT_E_CANNOTCONNECT;
	hr = start_timer(events);
	if (FAILED(hr)) {
		IDispatch_Release(sink);
		return hr;
	}
	*free_sink = (struct task_sink){.cookie = ++events->last_cookie, .sink = sink};
	*cookie = free_sink->cookie;
	return S_OK;
}

static HRESULT WINAPI point_unadvise(IConnectionPoint *This, DWORD cookie)
{
	struct task_sink *sink = cookie ? find_sink(of_point(This), cookie) : NULL;
	IDispatch *object;

	if (!sink)
		return CONNECT_E_NOCONNECTION;
	object = sink->sink;
	*sink = (struct task_sink){};
	IDispatch_Release(object);
	return S_OK;
}

static HRESULT WINAPI enum_connections(IConnectionPoint *This, IEnumConnections **out)
{
	(void)This;
	if (!out)
		return E_POINTER;
	*out = NULL;
	return E_NOTIMPL;
}

static const IConnectionPointVtbl point_table = {
	.QueryInterface = point_query,
	.AddRef = point_add_ref,
	.Release = point_release,
	.GetConnectionInterface = point_iid,
	.GetConnectionPointContainer = point_container,
	.Advise = point_advise,
	.Unadvise = point_unadvise,
	.EnumConnections = enum_connections,
};

static struct task_events *of_class_info(IProvideClassInfo *This)
{
	return CONTAINING_RECORD(This, struct task_events, class_info);
}

static HRESULT WINAPI info_query(IProvideClassInfo *This, REFIID iid, void **out)
{
	return object_query(task_of(of_class_info(This)), iid, out);
}

static ULONG WINAPI info_add_ref(IProvideClassInfo *This)
{
	return object_add_ref(task_of(of_class_info(This)));
}

static ULONG WINAPI info_release(IProvideClassInfo *This)
{
	return object_release(task_of(of_class_info(This)));
}

static HRESULT WINAPI info_class(IProvideClassInfo *This, ITypeInfo **out)
{
	_cleanup_release_ ITypeLib *types = NULL;
	HRESULT hr;

	(void)This;
	if (!out)
		return E_POINTER;
	*out = NULL;
	hr = server_load_types(REGKIND_NONE, &types);
	return SUCCEEDED(hr) ? ITypeLib_GetTypeInfoOfGuid(types, &CLSID_LogoffTask, out) : hr;
}

static const IProvideClassInfoVtbl class_info_table = {
	.QueryInterface = info_query,
	.AddRef = info_add_ref,
	.Release = info_release,
	.GetClassInfo = info_class,
};

void task_events_init(struct task_events *events)
{
	events->container.lpVtbl = (void *)&container_table;
	events->point.lpVtbl = (void *)&point_table;
	events->class_info.lpVtbl = (void *)&class_info_table;
	events->reported.state = -1;
}

void task_events_clear(struct task_events *events)
{
	stop_timer(events);
	releasep(&events->on_progress);
	releasep(&events->on_complete);
	for (size_t index = 0; index < TASK_EVENTS_SINKS; index++)
		releasep(&events->sinks[index].sink);
}

HRESULT task_events_query(struct task_events *events, REFIID iid, void **out)
{
	if (IsEqualIID(iid, &IID_IConnectionPointContainer))
		*out = &events->container;
	else if (IsEqualIID(iid, &IID_IProvideClassInfo))
		*out = &events->class_info;
	else
		return E_NOINTERFACE;
	object_add_ref(task_of(events));
	return S_OK;
}
