// SPDX-License-Identifier: GPL-2.0-or-later
#include "hyperv.h"

#include <stdlib.h>
#include <string.h>

#include "userspace/host/windows/com.h"
#include "userspace/host/windows/kvp_xml.h"
#include "userspace/host/windows/wide.h"

#define MANAGEMENT "Msvm_VirtualSystemManagementService"

/* MSCluster_ResourceGroup.GroupType */
#define CLUSTER_VIRTUAL_MACHINE 111

/* Of methods and jobs. Hyper-V before 2016 returns the first one for an item that is missing. */
#define INVALID_PARAMETER 32773
#define NOT_FOUND         32779
#define JOB_STARTED       4096

void hyperv_machine_clear(struct hyperv_machine *machine)
{
	free(machine->id);
	free(machine->name);
	free(machine->path);
	*machine = (struct hyperv_machine){};
}

static HRESULT read_machine(IWbemClassObject *object, struct hyperv_machine *machine)
{
	HRESULT hr = wmi_get_string(object, L"Name", &machine->id);

	if (SUCCEEDED(hr))
		hr = wmi_get_string(object, L"ElementName", &machine->name);
	if (SUCCEEDED(hr))
		hr = wmi_get_string(object, L"__PATH", &machine->path);
	if (SUCCEEDED(hr))
		hr = wmi_get_number(object, L"EnabledState", &machine->state);
	return hr;
}

/* The instance of the host itself has its name in place of a GUID. */
static bool is_guid(const char *text)
{
	for (unsigned int index = 0; index < 36; index++) {
		bool dash = index == 8 || index == 13 || index == 18 || index == 23;

		if (dash ? text[index] != '-'
			 : !text[index] || !strchr("0123456789abcdefABCDEF", text[index]))
			return false;
	}
	return !text[36];
}

/* A GUID without its braces, or another text as it is. A string for free(). */
static char *without_braces(const char *name)
{
	size_t length = strlen(name);
	bool braces = length == 38 && name[0] == '{' && name[37] == '}';
	char *plain = strdup(name + braces);

	if (plain && braces)
		plain[36] = '\0';
	return plain;
}

static bool equal_names(const char *left, const char *right)
{
	_cleanup_bstr_ BSTR wide_left = wide_from_utf8(left), wide_right = wide_from_utf8(right);

	return wide_left && wide_right &&
	       CompareStringOrdinal(wide_left, -1, wide_right, -1, TRUE) == CSTR_EQUAL;
}

static bool is_named(const struct hyperv_machine *machine, const char *name)
{
	if (!is_guid(machine->id))
		return false;
	return _stricmp(machine->id, name) == 0 || equal_names(machine->name, name);
}

HRESULT hyperv_find_result(size_t visible, size_t found, bool token)
{
	if (found == 1)
		return S_OK;
	if (found > 1)
		return TYPE_E_AMBIGUOUSNAME;
	return visible == 0 || !token ? HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED)
				      : VM_E_VM_UNKNOWN;
}

static bool is_member(HANDLE token, DWORD group)
{
	SID_IDENTIFIER_AUTHORITY authority = {SECURITY_NT_AUTHORITY};
	BOOL member = FALSE;
	PSID sid;

	if (!AllocateAndInitializeSid(&authority, 2, SECURITY_BUILTIN_DOMAIN_RID, group, 0, 0, 0, 0,
				      0, 0, &sid))
		return false;
	if (!CheckTokenMembership(token, sid, &member))
		member = FALSE;
	FreeSid(sid);
	return member;
}

/* A group that UAC has disabled is in the token for denials only, and does not count. */
bool hyperv_token_has_rights(HANDLE token)
{
	return is_member(token, DOMAIN_ALIAS_RID_ADMINS) || is_member(token, 578);
}

/* Takes the one machine among @objects that has the name. */
static HRESULT choose(const struct wmi_objects *objects, const char *name, bool token,
		      struct hyperv_machine *machine)
{
	size_t found = 0;

	for (size_t index = 0; index < objects->count; index++) {
		struct hyperv_machine candidate = {};
		HRESULT hr = read_machine(objects->items[index], &candidate);

		if (SUCCEEDED(hr) && is_named(&candidate, name) && found++ == 0) {
			*machine = candidate;
			continue;
		}
		hyperv_machine_clear(&candidate);
		if (FAILED(hr))
			return hr;
	}
	return hyperv_find_result(objects->count, found, token);
}

HRESULT hyperv_find(struct wmi *wmi, const char *name, bool local, const struct wmi_wait *wait,
		    struct hyperv_machine *machine)
{
	_cleanup_free_ char *plain = without_braces(name);
	_cleanup_objects_ struct wmi_objects objects = {};
	HRESULT hr = plain ? wmi_query(wmi, "SELECT * FROM Msvm_ComputerSystem", wait, &objects)
			   : E_OUTOFMEMORY;

	*machine = (struct hyperv_machine){};
	if (SUCCEEDED(hr))
		hr = choose(&objects, plain, !local || hyperv_token_has_rights(NULL), machine);
	if (FAILED(hr))
		hyperv_machine_clear(machine);
	return hr;
}

void hyperv_machines_clear(struct hyperv_machines *machines)
{
	for (size_t index = 0; index < machines->count; index++)
		hyperv_machine_clear(&machines->list[index]);
	free(machines->list);
	*machines = (struct hyperv_machines){};
}

static HRESULT add_machines(const struct wmi_objects *objects, struct hyperv_machines *machines)
{
	HRESULT hr = S_OK;

	machines->list = calloc(objects->count + 1, sizeof(*machines->list));
	if (!machines->list)
		return E_OUTOFMEMORY;
	for (size_t index = 0; index < objects->count && SUCCEEDED(hr); index++) {
		struct hyperv_machine *machine = &machines->list[machines->count];

		hr = read_machine(objects->items[index], machine);
		if (SUCCEEDED(hr) && is_guid(machine->id))
			machines->count++;
		else
			hyperv_machine_clear(machine);
	}
	return hr;
}

HRESULT hyperv_list(struct wmi *wmi, const struct wmi_wait *wait, struct hyperv_machines *machines)
{
	_cleanup_objects_ struct wmi_objects objects = {};
	HRESULT hr = wmi_query(wmi, "SELECT * FROM Msvm_ComputerSystem", wait, &objects);

	*machines = (struct hyperv_machines){};
	/* The host itself is an instance, too. */
	if (SUCCEEDED(hr) && objects.count == 0)
		hr = HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED);
	if (SUCCEEDED(hr))
		hr = add_machines(&objects, machines);
	if (FAILED(hr))
		hyperv_machines_clear(machines);
	return hr;
}

/* The role of a machine has the machine's name, unless it was renamed. */
static bool is_role_of(IWbemClassObject *group, const char *name)
{
	_cleanup_free_ char *role = NULL;
	uint32_t type = 0;

	return SUCCEEDED(wmi_get_number(group, L"GroupType", &type)) &&
	       type == CLUSTER_VIRTUAL_MACHINE &&
	       SUCCEEDED(wmi_get_string(group, L"Name", &role)) && equal_names(role, name);
}

HRESULT hyperv_find_node(struct wmi *wmi, const char *name, const struct wmi_wait *wait,
			 char **node)
{
	_cleanup_objects_ struct wmi_objects groups = {};
	HRESULT hr = wmi_query(wmi, "SELECT * FROM MSCluster_ResourceGroup", wait, &groups);

	*node = NULL;
	for (size_t index = 0; SUCCEEDED(hr) && index < groups.count; index++) {
		if (is_role_of(groups.items[index], name))
			return wmi_get_string(groups.items[index], L"OwnerNode", node);
	}
	return SUCCEEDED(hr) ? (HRESULT)WBEM_E_NOT_FOUND : hr;
}

void hyperv_items_clear(struct hyperv_items *items)
{
	for (size_t index = 0; index < items->count; index++) {
		free(items->list[index].name);
		free(items->list[index].data);
	}
	free(items->list);
	*items = (struct hyperv_items){};
}

const char *hyperv_item_data(const struct hyperv_items *items, const char *name)
{
	for (size_t index = 0; index < items->count; index++) {
		if (equal_names(items->list[index].name, name))
			return items->list[index].data;
	}
	return NULL;
}

static HRESULT parse_items(char *const *texts, size_t count, struct hyperv_items *items)
{
	items->list = calloc(count, sizeof(*items->list));
	if (count > 0 && !items->list)
		return E_OUTOFMEMORY;
	for (size_t index = 0; index < count; index++) {
		struct hyperv_item *item = &items->list[items->count];

		if (kvp_xml_parse(texts[index], &item->name, &item->data) == 0)
			items->count++;
	}
	return S_OK;
}

/* The one associated object of a class. WBEM_E_NOT_FOUND if there is none. */
static HRESULT associated(struct wmi *wmi, const char *path, const char *class,
			  const struct wmi_wait *wait, IWbemClassObject **object)
{
	_cleanup_objects_ struct wmi_objects objects = {};
	HRESULT hr = wmi_associators(wmi, path, class, wait, &objects);

	*object = NULL;
	if (FAILED(hr))
		return hr;
	if (objects.count == 0)
		return WBEM_E_NOT_FOUND;
	*object = objects.items[0];
	IWbemClassObject_AddRef(*object);
	return S_OK;
}

/* The machine may have been stopped, removed or moved to another host since it was found. */
static HRESULT find_component(struct wmi *wmi, const struct hyperv_machine *machine,
			      const char *class, const struct wmi_wait *wait,
			      IWbemClassObject **component)
{
	HRESULT hr = associated(wmi, machine->path, class, wait, component);
	_cleanup_release_ IWbemClassObject *now = NULL;
	uint32_t state = 0;

	if (hr != (HRESULT)WBEM_E_NOT_FOUND)
		return hr;
	hr = wmi_get(wmi, machine->path, wait, &now);
	if (SUCCEEDED(hr))
		hr = wmi_get_number(now, L"EnabledState", &state);
	if (FAILED(hr))
		return hr == (HRESULT)WBEM_E_NOT_FOUND ? VM_E_VM_UNKNOWN : hr;
	return state == HYPERV_RUNNING ? VM_E_ADDITIONS_FEATURE_NOT_AVAIL : VM_E_VM_NOT_RUNNING;
}

/* The object that has the items of @source. */
static HRESULT find_owner(struct wmi *wmi, const struct hyperv_machine *machine,
			  enum hyperv_source source, const struct wmi_wait *wait,
			  IWbemClassObject **owner)
{
	_cleanup_release_ IWbemClassObject *component = NULL;
	_cleanup_free_ char *path = NULL;
	HRESULT hr = find_component(wmi, machine, HYPERV_EXCHANGE, wait, &component);

	*owner = NULL;
	if (SUCCEEDED(hr) && source != HYPERV_HOST) {
		*owner = component;
		component = NULL;
		return hr;
	}
	if (SUCCEEDED(hr))
		hr = wmi_get_string(component, L"__PATH", &path);
	return SUCCEEDED(hr)
		       ? associated(wmi, path, "Msvm_KvpExchangeComponentSettingData", wait, owner)
		       : hr;
}

HRESULT hyperv_items(struct wmi *wmi, const struct hyperv_machine *machine,
		     enum hyperv_source source, const struct wmi_wait *wait,
		     struct hyperv_items *items)
{
	static const WCHAR *const properties[] = {
		[HYPERV_GUEST] = L"GuestExchangeItems",
		[HYPERV_INTRINSIC] = L"GuestIntrinsicExchangeItems",
		[HYPERV_HOST] = L"HostExchangeItems",
	};
	_cleanup_release_ IWbemClassObject *owner = NULL;
	char **texts = NULL;
	size_t count = 0;
	HRESULT hr = find_owner(wmi, machine, source, wait, &owner);

	*items = (struct hyperv_items){};
	if (SUCCEEDED(hr))
		hr = wmi_get_strings(owner, properties[source], &texts, &count);
	if (SUCCEEDED(hr))
		hr = parse_items(texts, count, items);
	wmi_strings_free(texts, count);
	return hr;
}

HRESULT hyperv_status(struct wmi *wmi, const struct hyperv_machine *machine, const char *component,
		      const struct wmi_wait *wait, uint32_t *status)
{
	_cleanup_release_ IWbemClassObject *object = NULL;
	HRESULT hr = find_component(wmi, machine, component, wait, &object);

	return SUCCEEDED(hr) ? wmi_get_first_number(object, L"OperationalStatus", status) : hr;
}

/* What the documentation of the methods calls the error. */
static HRESULT result_of(uint32_t error)
{
	switch (error) {
	case 0:
		return S_OK;
	case 32769: /* access denied */
		return E_ACCESSDENIED;
	case 32770: /* not supported */
		return HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED);
	case 32772: /* timeout */
		return WMI_E_TIMEOUT;
	case INVALID_PARAMETER:
	case 32776: /* incorrect data type */
		return E_INVALIDARG;
	case 32774: /* in use */
		return HRESULT_FROM_WIN32(ERROR_BUSY);
	case 32775: /* invalid state */
	case 32777: /* system is not available */
		return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
	case 32778: /* out of memory */
		return E_OUTOFMEMORY;
	case NOT_FOUND:
		return HRESULT_FROM_WIN32(ERROR_NOT_FOUND);
	case 32780: /* the system is not ready */
		return HRESULT_FROM_WIN32(ERROR_NOT_READY);
	case 32781: /* locked, needs force */
		return HRESULT_FROM_WIN32(ERROR_MACHINE_LOCKED);
	case 32782: /* a shutdown is in progress */
		return HRESULT_FROM_WIN32(ERROR_SHUTDOWN_IN_PROGRESS);
	default: /* 32768: failed, 32771: status is unknown */
		return E_FAIL;
	}
}

/* The error of a method that has returned @out, after its job. */
static HRESULT method_error(struct wmi *wmi, IWbemClassObject *out, const struct wmi_wait *wait,
			    uint32_t *error)
{
	_cleanup_free_ char *path = NULL;
	struct wmi_job job = {};
	HRESULT hr = wmi_get_number(out, L"ReturnValue", error);

	if (FAILED(hr) || *error != JOB_STARTED)
		return hr;
	*error = 0;
	hr = wmi_get_string(out, L"Job", &path);
	if (SUCCEEDED(hr))
		hr = wmi_wait_for_job(wmi, path, wait, &job);
	if (SUCCEEDED(hr) && !wmi_job_succeeded(&job))
		*error = job.error ? job.error : 32768;
	free(job.text);
	return hr;
}

/* The path of the management service. Without it, the service "vmms" is not running. */
static HRESULT find_management(struct wmi *wmi, const struct wmi_wait *wait, char **path)
{
	_cleanup_objects_ struct wmi_objects objects = {};
	HRESULT hr = wmi_query(wmi, "SELECT * FROM " MANAGEMENT, wait, &objects);

	*path = NULL;
	if (SUCCEEDED(hr) && objects.count == 0)
		hr = HRESULT_FROM_WIN32(ERROR_SERVICE_NOT_ACTIVE);
	return SUCCEEDED(hr) ? wmi_get_string(objects.items[0], L"__PATH", path) : hr;
}

static HRESULT call_kvp_method(struct wmi *wmi, const char *method, const char *machine,
			       const char *item, const struct wmi_wait *wait, uint32_t *error)
{
	_cleanup_release_ IWbemClassObject *in = NULL, *out = NULL;
	_cleanup_free_ char *management = NULL;
	HRESULT hr = find_management(wmi, wait, &management);

	*error = 0;
	if (SUCCEEDED(hr))
		hr = wmi_method(wmi, MANAGEMENT, method, wait, &in);
	if (SUCCEEDED(hr))
		hr = in ? wmi_put_string(in, L"TargetSystem", machine)
			: (HRESULT)WBEM_E_INVALID_METHOD;
	if (SUCCEEDED(hr))
		hr = wmi_put_strings(in, L"DataItems", &item, 1);
	if (SUCCEEDED(hr))
		hr = wmi_exec(wmi, management, method, in, wait, &out);
	if (SUCCEEDED(hr))
		hr = method_error(wmi, out, wait, error);
	return SUCCEEDED(hr) ? result_of(*error) : hr;
}

static bool may_be_missing(uint32_t error)
{
	return error == INVALID_PARAMETER || error == NOT_FOUND;
}

static bool is_too_long(const char *data)
{
	_cleanup_bstr_ BSTR wide = wide_from_utf8(data);

	return !wide || SysStringLen(wide) > KVP_XML_DATA_MAX;
}

HRESULT hyperv_put_item(struct wmi *wmi, const struct hyperv_machine *machine, const char *name,
			const char *data, const struct wmi_wait *wait, uint32_t *error)
{
	_cleanup_free_ char *item = is_too_long(data) ? NULL : kvp_xml_format(name, data);
	HRESULT hr;

	*error = 0;
	if (!item)
		return E_INVALIDARG;
	hr = call_kvp_method(wmi, "ModifyKvpItems", machine->path, item, wait, error);
	if (may_be_missing(*error))
		hr = call_kvp_method(wmi, "AddKvpItems", machine->path, item, wait, error);
	return hr;
}

HRESULT hyperv_remove_item(struct wmi *wmi, const struct hyperv_machine *machine, const char *name,
			   const struct wmi_wait *wait, uint32_t *error)
{
	_cleanup_free_ char *item = kvp_xml_format(name, "");
	HRESULT hr;

	*error = 0;
	if (!item)
		return E_INVALIDARG;
	hr = call_kvp_method(wmi, "RemoveKvpItems", machine->path, item, wait, error);
	if (!may_be_missing(*error))
		return hr;
	*error = 0;
	return S_OK;
}

/* The in-parameters of a method of Msvm_ShutdownComponent. */
static HRESULT shutdown_parameters(struct wmi *wmi, const char *method, bool force,
				   const struct wmi_wait *wait, IWbemClassObject **in)
{
	HRESULT hr = wmi_method(wmi, HYPERV_SHUTDOWN, method, wait, in);

	if (hr == (HRESULT)WBEM_E_NOT_FOUND || hr == (HRESULT)WBEM_E_INVALID_METHOD)
		return E_NOTIMPL;
	if (SUCCEEDED(hr) && !*in)
		return E_NOTIMPL;
	if (SUCCEEDED(hr))
		hr = wmi_put_flag(*in, L"Force", force);
	return SUCCEEDED(hr) ? wmi_put_string(*in, L"Reason", "hv-logoff") : hr;
}

/*
 * InitiateReboot: "Minimum supported client: Windows 10, server: Windows Server 2016"
 * (learn.microsoft.com/windows/win32/hyperv_v2/msvm-shutdowncomponent-initiatereboot).
 */
HRESULT hyperv_shut_down(struct wmi *wmi, const struct hyperv_machine *machine, bool restart,
			 bool force, const struct wmi_wait *wait, uint32_t *error)
{
	const char *method = restart ? "InitiateReboot" : "InitiateShutdown";
	_cleanup_release_ IWbemClassObject *component = NULL, *in = NULL, *out = NULL;
	_cleanup_free_ char *path = NULL;
	HRESULT hr = find_component(wmi, machine, HYPERV_SHUTDOWN, wait, &component);

	*error = 0;
	if (SUCCEEDED(hr))
		hr = wmi_get_string(component, L"__PATH", &path);
	if (SUCCEEDED(hr))
		hr = shutdown_parameters(wmi, method, force, wait, &in);
	if (SUCCEEDED(hr))
		hr = wmi_exec(wmi, path, method, in, wait, &out);
	if (SUCCEEDED(hr))
		hr = method_error(wmi, out, wait, error);
	return SUCCEEDED(hr) ? result_of(*error) : hr;
}
