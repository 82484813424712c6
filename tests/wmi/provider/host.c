// SPDX-License-Identifier: GPL-2.0-or-later
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "class.h"
#include "guest.h"
#include "source.h"

#define INVALID_PARAMETER 32773
#define NOT_FOUND         32779
#define FAILED_JOB        32768
#define JOB_STARTED       4096

#define SYSTEM_SETTING L"Msvm_VirtualSystemSettingData"

#define MAX_JOBS     256
#define MAX_DATA     1023
#define SLOW_JOB_MS  1000
#define STATUS_USUAL 3 /* for a guest with Linux */

struct job {
	ULONGLONG end;
	LONG error;
};

enum job_behavior { JOB_NORMAL, JOB_DIRECT, JOB_SLOW, JOB_FAILED, JOB_STUCK, JOB_GONE };

static CRITICAL_SECTION lock; /* of everything below */
static HANDLE reset_event;

static struct machine played[] = {
	{.name = L"web1", .id = L"5F0C6A52-8D6E-4F6B-9A55-6A1E4F9D2C11"},
	{.name = L"db1", .id = L"0D3A2B91-15A7-49C2-8B8C-1B7C2A8D0E21"},
	{.name = L"twin", .id = L"A1A1A1A1-0000-4000-8000-000000000001"},
	{.name = L"twin", .id = L"A1A1A1A1-0000-4000-8000-000000000002"},
	{.name = L"old1", .id = L"7E57ED00-0000-4000-8000-000000000003"},
};

static struct {
	HRESULT connect, query;
	unsigned int failing; /* queries that fail with @query; UINT_MAX for all */
	bool connect_hangs, query_hangs;
	bool machines_hidden, vmms_missing;
	bool clustered;
	HRESULT cluster;
	LONG status;  /* OperationalStatus */
	LONG locked;  /* the error of a shutdown that is not forced */
	LONG missing; /* the error for an item that is missing */
	DWORD delay;
	enum job_behavior job;
	struct job jobs[MAX_JOBS];
	size_t job_count;
	const struct source *source; /* NULL: the machines are those that are played */
	struct machine *machines;
	size_t machine_count;
} host;

static struct item *find_item(struct items *items, const WCHAR *name)
{
	for (size_t index = 0; index < items->count; index++) {
		if (_wcsicmp(items->list[index].name, name) == 0)
			return &items->list[index];
	}
	return NULL;
}

void items_set(struct items *items, const WCHAR *name, const WCHAR *data)
{
	struct item *item = find_item(items, name);

	if (!item && items->count < MAX_ITEMS) {
		item = &items->list[items->count++];
		item->name = SysAllocString(name);
		item->data = NULL;
	}
	if (!item)
		return;
	SysFreeString(item->data);
	item->data = SysAllocString(data);
}

static void remove_item(struct items *items, struct item *item)
{
	item_clear(item);
	*item = items->list[--items->count];
}

void items_clear(struct items *items)
{
	while (items->count > 0)
		item_clear(&items->list[--items->count]);
}

static void reset_machines(void)
{
	for (size_t index = 0; index < ARRAY_SIZE(played); index++) {
		struct machine *machine = &played[index];

		items_clear(&machine->host);
		items_clear(&machine->guest);
		items_clear(&machine->intrinsic);
		machine->exchange = wcscmp(machine->name, L"old1") != 0;
		machine->state = wcscmp(machine->name, L"db1") != 0 ? STATE_RUNNING : STATE_OFF;
		items_set(&machine->guest, L"HostName", L"HV01 <\"&'>");
		items_set(&machine->intrinsic, L"FullyQualifiedDomainName", machine->name);
		items_set(&machine->intrinsic, L"OSName", L"Debian GNU/Linux");
		items_set(&machine->intrinsic, L"OSBuildNumber", L"6.1.0-40-cloud-amd64");
		items_set(&machine->intrinsic, L"IntegrationServicesVersion", L"3.1");
	}
}

static const struct {
	const WCHAR *text;
	HRESULT *hr;
	HRESULT value;
} results[] = {
	{L"connect=dcom-denied", &host.connect, E_ACCESSDENIED},
	{L"connect=namespace-denied", &host.connect, WBEM_E_ACCESS_DENIED},
	{L"connect=no-role", &host.connect, WBEM_E_INVALID_NAMESPACE},
	{L"connect=service-stopped", &host.connect, HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED)},
	{L"connect=unavailable", &host.connect, HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE)},
	{L"cluster=denied", &host.cluster, WBEM_E_ACCESS_DENIED},
	{L"query=denied", &host.query, WBEM_E_ACCESS_DENIED},
	{L"query=provider", &host.query, WBEM_E_PROVIDER_LOAD_FAILURE},
};

static const struct {
	const WCHAR *text;
	bool *flag;
} flags[] = {
	{L"connect=hang", &host.connect_hangs},    {L"query=hang", &host.query_hangs},
	{L"machines=none", &host.machines_hidden}, {L"vmms=none", &host.vmms_missing},
	{L"cluster=yes", &host.clustered},
};

static const WCHAR *const job_names[] = {
	[JOB_DIRECT] = L"job=direct", [JOB_SLOW] = L"job=slow", [JOB_FAILED] = L"job=failed",
	[JOB_STUCK] = L"job=stuck",   [JOB_GONE] = L"job=gone",
};

/* A word that is not known ends the process: a test with it would test something else. */
static void apply_word(const WCHAR *word)
{
	bool known = swscanf(word, L"delay=%lu", &host.delay) == 1 ||
		     swscanf(word, L"status=%ld", &host.status) == 1 ||
		     swscanf(word, L"shutdown=%ld", &host.locked) == 1 || guest_apply_word(word);
	unsigned short port;

	if (swscanf(word, L"hvhost=%hu", &port) == 1) {
		host.source = hvhost_source(port);
		known = true;
	}
	for (size_t index = 0; index < ARRAY_SIZE(results); index++) {
		if (wcscmp(word, results[index].text) == 0) {
			*results[index].hr = results[index].value;
			known = true;
		}
	}
	for (size_t index = 0; index < ARRAY_SIZE(flags); index++) {
		if (wcscmp(word, flags[index].text) == 0)
			*flags[index].flag = known = true;
	}
	for (size_t index = 1; index < ARRAY_SIZE(job_names); index++) {
		if (wcscmp(word, job_names[index]) == 0) {
			host.job = (enum job_behavior)index;
			known = true;
		}
	}
	if (wcscmp(word, L"generation=2012r2") == 0) {
		host.missing = INVALID_PARAMETER;
		known = true;
	}
	if (!known && wcscmp(word, L"generation=2016") != 0 &&
	    wcscmp(word, L"generation=2025") != 0)
		abort();
}

void WINAPI HvWmiReset(const WCHAR *behavior)
{
	WCHAR words[512] = L"";

	EnterCriticalSection(&lock);
	memset(&host, 0, sizeof(host));
	host.missing = NOT_FOUND;
	host.machines = played;
	host.machine_count = ARRAY_SIZE(played);
	host.status = STATUS_USUAL;
	host.failing = UINT_MAX;
	guest_reset();
	reset_machines();
	_snwprintf(words, ARRAY_SIZE(words) - 1, L"%ls", behavior);
	for (WCHAR *word = wcstok(words, L" "); word; word = wcstok(NULL, L" "))
		apply_word(word);
	LeaveCriticalSection(&lock);
	PulseEvent(reset_event);
}

unsigned int WINAPI HvWmiFailQueries(HRESULT hr, unsigned int count)
{
	unsigned int before;

	EnterCriticalSection(&lock);
	before = host.failing;
	host.query = hr;
	host.failing = count;
	LeaveCriticalSection(&lock);
	return before;
}

void WINAPI HvWmiGuestItem(const WCHAR *name, const WCHAR *data)
{
	EnterCriticalSection(&lock);
	items_set(&played[0].guest, name, data);
	LeaveCriticalSection(&lock);
}

void host_init(void)
{
	WCHAR behavior[512] = L"";

	InitializeCriticalSection(&lock);
	reset_event = CreateEventW(NULL, TRUE, FALSE, NULL);
	GetEnvironmentVariableW(L"HVWMI", behavior, ARRAY_SIZE(behavior));
	HvWmiReset(behavior);
}

void host_hang(void)
{
	WaitForSingleObject(reset_event, INFINITE);
}

HRESULT host_connect_result(bool *hang)
{
	*hang = host.connect_hangs;
	return host.connect;
}

HRESULT host_query_result(bool *hang)
{
	HRESULT hr = S_OK;

	EnterCriticalSection(&lock);
	*hang = host.query_hangs;
	if (host.failing > 0) {
		hr = host.query;
		host.failing -= host.failing != UINT_MAX;
	}
	LeaveCriticalSection(&lock);
	return hr;
}

HRESULT host_cluster_result(void)
{
	return FAILED(host.cluster) ? host.cluster : host.clustered ? S_OK : S_FALSE;
}

DWORD host_delay(void)
{
	return host.delay;
}

static void find_machines(void)
{
	if (host.source)
		host.machine_count = host.source->list(&host.machines);
}

/* The machine whose GUID is in a path, or NULL. */
static struct machine *machine_in(const WCHAR *path)
{
	find_machines();
	for (size_t index = guest_has_moved(); index < host.machine_count; index++) {
		if (wcsstr(path, host.machines[index].id))
			return &host.machines[index];
	}
	return NULL;
}

static bool has_reboot(void)
{
	return host.missing == NOT_FOUND; /* from generation=2016 on */
}

/* An instance, before its properties are set, or the class. */
static IWbemClassObject *host_class(const WCHAR *name)
{
	return class_new(name, has_reboot());
}

static IWbemClassObject *computer_object(const WCHAR *id, const WCHAR *name, LONG state)
{
	IWbemClassObject *object = host_class(L"Msvm_ComputerSystem");

	object_set_path(object, L"Name", id);
	object_set_string(object, L"ElementName", name);
	object_set_number(object, L"EnabledState", state, CIM_UINT16);
	return object;
}

static bool is_web1(const struct machine *machine)
{
	return machine == &played[0];
}

static LONG state_of(const struct machine *machine)
{
	return is_web1(machine) && guest_has_stopped() ? STATE_OFF : machine->state;
}

static IWbemClassObject *machine_object(const struct machine *machine)
{
	return computer_object(machine->id, machine->name, state_of(machine));
}

static SAFEARRAY *item_array(const struct items *items, unsigned int source)
{
	SAFEARRAY *array = SafeArrayCreateVector(VT_BSTR, 0, (ULONG)items->count);

	for (LONG index = 0; index < (LONG)items->count; index++) {
		_cleanup_bstr_ BSTR text = item_format(&items->list[index], source);

		SafeArrayPutElement(array, &index, text);
	}
	return array;
}

static void set_machine_path(IWbemClassObject *object, const WCHAR *key,
			     const struct machine *machine)
{
	WCHAR value[64];

	_snwprintf(value, ARRAY_SIZE(value), L"Microsoft:%ls", machine->id);
	object_set_path(object, key, value);
}

static IWbemClassObject *component_object(struct machine *machine)
{
	IWbemClassObject *object = host_class(L"Msvm_KvpExchangeComponent");
	_cleanup_bstr_ BSTR answer = is_web1(machine) ? guest_answer() : NULL;
	_cleanup_bstr_ BSTR sessions = answer ? guest_sessions() : NULL;

	if (answer)
		items_set(&machine->guest, L"HvLogoffAnswer", answer);
	if (sessions)
		items_set(&machine->guest, L"HvLogoffSessions1", sessions);
	object_set_number_array(object, L"OperationalStatus", host.status);
	set_machine_path(object, L"DeviceID", machine);
	object_set_number(object, L"EnabledState", 2, CIM_UINT16);
	object_set_strings(object, L"GuestExchangeItems", item_array(&machine->guest, 1));
	object_set_strings(object, L"GuestIntrinsicExchangeItems",
			   item_array(&machine->intrinsic, 2));
	return object;
}

static IWbemClassObject *setting_object(const struct machine *machine)
{
	IWbemClassObject *object = host_class(L"Msvm_KvpExchangeComponentSettingData");

	set_machine_path(object, L"InstanceID", machine);
	object_set_strings(object, L"HostExchangeItems", item_array(&machine->host, 0));
	return object;
}

/* The current settings of a machine, which are no checkpoint. */
static IWbemClassObject *system_setting_object(const struct machine *machine)
{
	IWbemClassObject *object = host_class(SYSTEM_SETTING);

	set_machine_path(object, L"InstanceID", machine);
	object_set_string(object, L"ElementName", machine->name);
	object_set_string(object, L"VirtualSystemIdentifier", machine->id);
	object_set_string(object, L"VirtualSystemType", L"Microsoft:Hyper-V:System:Realized");
	return object;
}

static bool is_plain_component(const WCHAR *class)
{
	return _wcsicmp(class, L"Msvm_ShutdownComponent") == 0 ||
	       _wcsicmp(class, L"Msvm_HeartbeatComponent") == 0;
}

static IWbemClassObject *plain_component(const WCHAR *class, const struct machine *machine)
{
	IWbemClassObject *object = host_class(class);

	set_machine_path(object, L"DeviceID", machine);
	object_set_number_array(object, L"OperationalStatus", host.status);
	return object;
}

static IWbemClassObject *vmms_object(void)
{
	IWbemClassObject *object = host_class(L"Msvm_VirtualSystemManagementService");

	object_set_path(object, L"Name", L"vmms");
	return object;
}

static size_t computers(IWbemClassObject *instances[MAX_RESULTS])
{
	size_t count = 0;

	if (host.machines_hidden)
		return 0;
	instances[count++] = computer_object(L"HV01", L"HV01", STATE_RUNNING);
	find_machines();
	for (size_t index = guest_has_moved(); index < host.machine_count; index++)
		instances[count++] = machine_object(&host.machines[index]);
	return count;
}

static size_t system_settings(IWbemClassObject *instances[MAX_RESULTS])
{
	size_t count = 0;

	if (host.machines_hidden)
		return 0;
	find_machines();
	for (size_t index = guest_has_moved(); index < host.machine_count; index++)
		instances[count++] = system_setting_object(&host.machines[index]);
	return count;
}

static size_t roles(IWbemClassObject *instances[MAX_RESULTS])
{
	static const struct {
		const WCHAR *name, *node;
		LONG type; /* 111: a virtual machine */
	} list[] = {{L"Cluster Group", L"HV01", 1},
		    {L"none", L"HV01", 106},
		    {L"web1", L"HV02", 111},
		    {L"web9", L"HV03", 111}};

	for (size_t index = 0; index < ARRAY_SIZE(list); index++) {
		instances[index] = host_class(L"MSCluster_ResourceGroup");
		object_set_path(instances[index], L"Name", list[index].name);
		object_set_string(instances[index], L"OwnerNode", list[index].node);
		object_set_number(instances[index], L"GroupType", list[index].type, CIM_UINT32);
	}
	return ARRAY_SIZE(list);
}

size_t host_instances(const WCHAR *class, IWbemClassObject *instances[MAX_RESULTS])
{
	size_t count = 0;

	EnterCriticalSection(&lock);
	if (_wcsicmp(class, L"Msvm_ComputerSystem") == 0) {
		count = computers(instances);
	} else if (_wcsicmp(class, SYSTEM_SETTING) == 0) {
		count = system_settings(instances);
	} else if (_wcsicmp(class, L"MSCluster_ResourceGroup") == 0) {
		count = roles(instances);
	} else if (_wcsicmp(class, L"Msvm_VirtualSystemManagementService") == 0 &&
		   !host.vmms_missing) {
		instances[count++] = vmms_object();
	}
	LeaveCriticalSection(&lock);
	return count;
}

/* The component exists while the machine runs, its settings always. */
size_t host_associated(const WCHAR *path, const WCHAR *class,
		       IWbemClassObject *instances[MAX_RESULTS])
{
	struct machine *machine;
	size_t count = 0;

	EnterCriticalSection(&lock);
	machine = machine_in(path);
	if (machine && host.source)
		host.source->read(machine);
	if (machine && wcsstr(path, L"Msvm_ComputerSystem.") &&
	    _wcsicmp(class, L"Msvm_KvpExchangeComponent") == 0 &&
	    state_of(machine) == STATE_RUNNING && machine->exchange)
		instances[count++] = component_object(machine);
	if (machine && wcsstr(path, L"Msvm_ComputerSystem.") && is_plain_component(class) &&
	    state_of(machine) == STATE_RUNNING && machine->exchange)
		instances[count++] = plain_component(class, machine);
	if (machine && wcsstr(path, L"Msvm_KvpExchangeComponent.") &&
	    _wcsicmp(class, L"Msvm_KvpExchangeComponentSettingData") == 0)
		instances[count++] = setting_object(machine);
	if (machine && wcsstr(path, SYSTEM_SETTING L".") &&
	    _wcsicmp(class, L"Msvm_ComputerSystem") == 0)
		instances[count++] = machine_object(machine);
	LeaveCriticalSection(&lock);
	return count;
}

static IWbemClassObject *job_object(unsigned long number)
{
	IWbemClassObject *object;
	bool ended;
	LONG error;
	WCHAR id[16];

	if (number >= host.job_count || host.job == JOB_GONE)
		return NULL;
	ended = host.job != JOB_STUCK && GetTickCount64() >= host.jobs[number].end;
	error = ended ? host.jobs[number].error : 0;
	object = host_class(L"Msvm_ConcreteJob");
	_snwprintf(id, ARRAY_SIZE(id), L"%lu", number);
	object_set_path(object, L"InstanceID", id);
	object_set_number(object, L"JobState", !ended ? 4 : error ? 10 : 7, CIM_UINT16);
	object_set_number(object, L"ErrorCode", error, CIM_UINT16);
	object_set_string(object, L"ErrorDescription", error ? L"The stand-in fails." : L"");
	return object;
}

static IWbemClassObject *find_object(const WCHAR *path)
{
	const struct machine *machine = machine_in(path);
	unsigned long number;

	if (!*path)
		return object_new(NULL, NULL);
	if (!wcschr(path, L'='))
		return host_class(path);
	if (wcsncmp(path, L"Msvm_VirtualSystemManagementService.", 36) == 0 && !host.vmms_missing)
		return vmms_object();
	if (swscanf(path, L"Msvm_ConcreteJob.InstanceID=\"%lu\"", &number) == 1)
		return job_object(number);
	if (machine && wcsncmp(path, L"Msvm_ComputerSystem.", 20) == 0 && !host.machines_hidden)
		return machine_object(machine);
	return NULL;
}

static const WCHAR *relative(const WCHAR *path)
{
	const WCHAR *colon = wcsncmp(path, L"\\\\", 2) == 0 ? wcschr(path, L':') : NULL;

	return colon ? colon + 1 : path;
}

IWbemClassObject *host_object(const WCHAR *path)
{
	IWbemClassObject *object;

	EnterCriticalSection(&lock);
	object = find_object(relative(path));
	LeaveCriticalSection(&lock);
	return object;
}

/* Whether a method can do what it is asked to with an item: 0 or an error. */
static LONG check_item(struct machine *machine, enum kvp_method method, const struct item *item)
{
	struct item *present = find_item(&machine->host, item->name);

	if (SysStringLen(item->data) > MAX_DATA)
		return INVALID_PARAMETER;
	if (method == KVP_ADD)
		return present || machine->host.count == MAX_ITEMS ? INVALID_PARAMETER : 0;
	return method == KVP_MODIFY && !present ? host.missing : 0;
}

static LONG apply_item(struct machine *machine, enum kvp_method method, const struct item *item)
{
	struct item *present = find_item(&machine->host, item->name);

	if (method == KVP_REMOVE && !present)
		return 0;
	if (host.source)
		return host.source->apply(machine, method, item);
	if (method != KVP_REMOVE)
		items_set(&machine->host, item->name, item->data);
	if (method != KVP_REMOVE && is_web1(machine) && wcscmp(item->name, L"HvLogoffRequest") == 0)
		guest_receive(item->data);
	if (method == KVP_REMOVE)
		remove_item(&machine->host, present);
	return 0;
}

/* The last item is refused before anything is changed. */
static LONG apply_items(struct machine *machine, enum kvp_method method, SAFEARRAY *array)
{
	LONG high = -1, error = 0;

	SafeArrayGetUBound(array, 1, &high);
	if (high < 0 || high >= MAX_ITEMS)
		return INVALID_PARAMETER;
	for (int pass = 0; pass < 2; pass++) {
		for (LONG index = 0; index <= high && error == 0; index++) {
			_cleanup_bstr_ BSTR text = NULL;
			struct item item = {};

			if (FAILED(SafeArrayGetElement(array, &index, &text)) ||
			    !item_parse(&item, text))
				error = INVALID_PARAMETER;
			else if (pass == 0)
				error = check_item(machine, method, &item);
			else
				error = apply_item(machine, method, &item);
			item_clear(&item);
		}
	}
	return error;
}

static LONG kvp_call(enum kvp_method method, IWbemClassObject *in)
{
	_cleanup_variant_ VARIANT target = {}, items = {};
	struct machine *machine;

	if (!in || FAILED(IWbemClassObject_Get(in, L"TargetSystem", 0, &target, NULL, NULL)) ||
	    FAILED(IWbemClassObject_Get(in, L"DataItems", 0, &items, NULL, NULL)) ||
	    V_VT(&target) != VT_BSTR || V_VT(&items) != (VT_ARRAY | VT_BSTR))
		return INVALID_PARAMETER;
	machine = machine_in(V_BSTR(&target));
	if (!machine)
		return INVALID_PARAMETER;
	if (host.source)
		host.source->read(machine);
	return host.job == JOB_FAILED ? FAILED_JOB : apply_items(machine, method, V_ARRAY(&items));
}

/* What a method returns: @job is the path of a job, or NULL. */
static IWbemClassObject *method_result(LONG value, const WCHAR *job)
{
	IWbemClassObject *out = object_new(L"__PARAMETERS", NULL);

	object_set_reference(out, L"Job", job);
	object_set_number(out, L"ReturnValue", value, CIM_UINT32);
	return out;
}

static IWbemClassObject *start_job(LONG error)
{
	WCHAR path[128];

	if (host.job_count == MAX_JOBS)
		abort();
	_snwprintf(path, ARRAY_SIZE(path),
		   L"\\\\HV01\\root\\virtualization\\v2:Msvm_ConcreteJob.InstanceID=\"%u\"",
		   (unsigned int)host.job_count);
	host.jobs[host.job_count++] = (struct job){
		.end = GetTickCount64() + (host.job == JOB_SLOW ? SLOW_JOB_MS : 0), .error = error};
	return method_result(JOB_STARTED, path);
}

/* InitiateShutdown stops the machine at once. Neither method has a job. */
static LONG shutdown_call(struct machine *machine, const WCHAR *method, IWbemClassObject *in)
{
	_cleanup_variant_ VARIANT force = {}, reason = {};

	if (!machine || state_of(machine) != STATE_RUNNING)
		return 32775;
	if (!in || FAILED(IWbemClassObject_Get(in, L"Force", 0, &force, NULL, NULL)) ||
	    FAILED(IWbemClassObject_Get(in, L"Reason", 0, &reason, NULL, NULL)) ||
	    V_VT(&force) != VT_BOOL || V_VT(&reason) != VT_BSTR)
		return INVALID_PARAMETER;
	if (host.locked && !V_BOOL(&force))
		return host.locked;
	if (_wcsicmp(method, L"InitiateShutdown") == 0)
		machine->state = STATE_OFF;
	return 0;
}

static HRESULT call_shutdown(const WCHAR *path, const WCHAR *method, IWbemClassObject *in,
			     IWbemClassObject **out)
{
	LONG error;

	if (_wcsicmp(method, L"InitiateShutdown") != 0 &&
	    (_wcsicmp(method, L"InitiateReboot") != 0 || !has_reboot()))
		return WBEM_E_INVALID_METHOD;
	EnterCriticalSection(&lock);
	error = shutdown_call(machine_in(path), method, in);
	LeaveCriticalSection(&lock);
	*out = object_new(L"__PARAMETERS", NULL);
	object_set_number(*out, L"ReturnValue", error, CIM_UINT32);
	return S_OK;
}

static enum kvp_method method_of(const WCHAR *name)
{
	static const WCHAR *const names[] = {L"AddKvpItems", L"ModifyKvpItems", L"RemoveKvpItems"};

	for (size_t index = 0; index < ARRAY_SIZE(names); index++) {
		if (_wcsicmp(name, names[index]) == 0)
			return (enum kvp_method)index;
	}
	return KVP_NONE;
}

HRESULT host_call(const WCHAR *path, const WCHAR *method, IWbemClassObject *in,
		  IWbemClassObject **out)
{
	enum kvp_method kvp = method_of(method);
	LONG error;

	if (wcsncmp(relative(path), L"Msvm_ShutdownComponent.", 23) == 0)
		return call_shutdown(path, method, in, out);
	if (host.vmms_missing ||
	    wcsncmp(relative(path), L"Msvm_VirtualSystemManagementService.", 36) != 0)
		return WBEM_E_NOT_FOUND;
	if (kvp == KVP_NONE)
		return WBEM_E_INVALID_METHOD;
	EnterCriticalSection(&lock);
	error = kvp_call(kvp, in);
	*out = host.job == JOB_DIRECT ? method_result(error, NULL) : start_job(error);
	LeaveCriticalSection(&lock);
	return S_OK;
}
