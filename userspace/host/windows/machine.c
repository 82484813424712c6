// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machines of Hyper-V. Each call has a connection of its own to the host, and finds the machine by
 * its GUID, which does not change when it is renamed.
 */
#include "machine.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "userspace/host/libvmguestos/error.h"
#include "userspace/host/libvmguestos/transport/vsock.h"
#include "userspace/shared/util.h"
#include "userspace/shared/vsock.h"

#define TEXT_SIZE       512
/* For the node of a cluster, in addition to the time for the error itself. */
#define CLUSTER_WAIT_MS 5000

struct machine {
	volatile LONG refs;
	char *host, *user, *password; /* of VMHost; may be NULL */
	char *name;
	char guid[37]; /* in lower case */
};

struct machine *machine_ref(struct machine *machine)
{
	InterlockedIncrement(&machine->refs);
	return machine;
}

void vmg_machine_free(struct machine *machine)
{
	if (InterlockedDecrement(&machine->refs) > 0)
		return;
	if (machine->password)
		SecureZeroMemory(machine->password, strlen(machine->password));
	free(machine->host);
	free(machine->user);
	free(machine->password);
	free(machine->name);
	free(machine);
}

const char *vmg_machine_name(const struct machine *machine)
{
	return machine->name;
}

const char *vmg_machine_guid(const struct machine *machine)
{
	return machine->guid;
}

const char *machine_host(const struct machine *machine)
{
	return machine->host;
}

const char *machine_user(const struct machine *machine)
{
	return machine->user;
}

static bool copy_text(char **copy, const char *text)
{
	*copy = text ? strdup(text) : NULL;
	return *copy || !text;
}

static struct machine *machine_new(const VMHost *host)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return NULL;
	machine->refs = 1;
	if (copy_text(&machine->host, host->name) && copy_text(&machine->user, host->user) &&
	    copy_text(&machine->password, host->password))
		return machine;
	vmg_machine_free(machine);
	return NULL;
}

void machine_wait_init(struct wmi_wait *wait, HANDLE cancel)
{
	*wait = (struct wmi_wait){
		.ms = MACHINE_WAIT_MS, .cancel = cancel, .end = GetTickCount64() + MACHINE_WAIT_MS};
}

static HRESULT explain(enum remedy_step step, HRESULT hr, const char *host, const char *name,
		       char *text, size_t size)
{
	if (hr == WMI_E_TIMEOUT)
		hr = VM_E_TIMED_OUT;
	if (FAILED(hr))
		remedy_text(text, size, step, hr, host, name);
	return hr;
}

static HRESULT connect_to(const VMHost *host, const char *space, struct wmi **wmi,
			  const struct wmi_wait *wait)
{
	const struct wmi_target target = {
		.host = host->name,
		.space = space,
		.user = host->user,
		.password = host->password,
	};

	return wmi_connect(wmi, &target, wait);
}

/*
 * Replaces the sentence for a machine that is not on its host by one that names the node of its
 * cluster. The host may have no cluster, or not permit this account to read it.
 */
static void explain_unknown(const VMHost *host, const char *name, HANDLE cancel, char *text,
			    size_t size)
{
	const struct wmi_wait wait = {
		.ms = CLUSTER_WAIT_MS, .cancel = cancel, .end = GetTickCount64() + CLUSTER_WAIT_MS};
	_cleanup_free_ char *node = NULL;
	struct wmi *wmi;

	if (SUCCEEDED(connect_to(host, HYPERV_CLUSTER_NAMESPACE, &wmi, &wait)) &&
	    SUCCEEDED(hyperv_find_node(wmi, name, &wait, &node)))
		remedy_node_text(text, size, node, host->name, name);
	wmi_free(wmi);
}

static VMHost host_of(const struct machine *machine)
{
	return (VMHost){
		.name = machine->host, .user = machine->user, .password = machine->password};
}

HRESULT machine_error(const struct machine *machine, HRESULT hr, HANDLE cancel, char *text,
		      size_t size)
{
	const VMHost host = host_of(machine);

	hr = explain(REMEDY_ITEMS, hr, machine->host, machine->name, text, size);
	if (hr == VM_E_VM_UNKNOWN)
		explain_unknown(&host, machine->name, cancel, text, size);
	return hr;
}

/* Connects and finds a machine by its name or GUID. */
static HRESULT open_named(const VMHost *host, const char *name, struct machine_link *link,
			  const struct wmi_wait *wait, char *text, size_t size)
{
	HRESULT hr = connect_to(host, HYPERV_NAMESPACE, &link->wmi, wait);

	link->found = (struct hyperv_machine){};
	if (FAILED(hr))
		return explain(REMEDY_CONNECT, hr, host->name, name, text, size);
	hr = hyperv_find(link->wmi, name, wmi_is_this_computer(host->name), wait, &link->found);
	if (FAILED(hr))
		machine_close(link);
	hr = explain(REMEDY_FIND, hr, host->name, name, text, size);
	if (hr == VM_E_VM_UNKNOWN)
		explain_unknown(host, name, wait->cancel, text, size);
	return hr;
}

HRESULT machine_open(const struct machine *machine, struct machine_link *link,
		     const struct wmi_wait *wait, char *text, size_t size)
{
	const VMHost host = host_of(machine);
	HRESULT hr = open_named(&host, machine->guid, link, wait, text, size);

	/* It was found before. */
	if (hr == VM_E_VM_UNKNOWN)
		machine_error(machine, hr, wait->cancel, text, size);
	return hr;
}

void machine_close(struct machine_link *link)
{
	wmi_free(link->wmi);
	link->wmi = NULL;
	hyperv_machine_clear(&link->found);
}

static const char *item_value(const struct kvp_guest_items *iface, const char *name)
{
	const struct machine_items *items = (const struct machine_items *)iface;
	const char *data = hyperv_item_data(&items->items, name);

	return data ? data : "";
}

HRESULT machine_read(struct machine_link *link, const struct wmi_wait *wait,
		     struct machine_items *items)
{
	items->iface.value = item_value;
	return hyperv_items(link->wmi, &link->found, HYPERV_GUEST, wait, &items->items);
}

bool machine_explain(const struct machine *machine, struct machine_link *link,
		     const struct wmi_wait *wait, char *text, size_t size)
{
	uint32_t status;

	return SUCCEEDED(hyperv_status(link->wmi, &link->found, HYPERV_EXCHANGE, wait, &status)) &&
	       remedy_status_text(text, size, status, machine->name);
}

static void lower(char guid[37], const char *text)
{
	for (size_t index = 0; index < 36; index++)
		guid[index] = (char)tolower((unsigned char)text[index]);
}

/* Gives a machine its name and GUID. */
static void identify(struct machine *machine, struct hyperv_machine *found)
{
	machine->name = found->name;
	found->name = NULL;
	lower(machine->guid, found->id);
}

HRESULT vmg_machine_find(const VMHost *host, const char *name, struct machine **out)
{
	struct machine *machine = machine_new(host);
	struct machine_link link;
	char text[TEXT_SIZE] = "";
	struct wmi_wait wait;
	HRESULT hr;

	if (!machine)
		return E_OUTOFMEMORY;
	machine_wait_init(&wait, NULL);
	hr = open_named(host, name, &link, &wait, text, sizeof(text));
	vmg_last_error(text);
	if (FAILED(hr)) {
		vmg_machine_free(machine);
		return hr;
	}
	identify(machine, &link.found);
	machine_close(&link);
	*out = machine;
	return S_OK;
}

static int compare(const void *left, const void *right)
{
	const struct hyperv_machine *one = left, *other = right;

	return strcmp(one->name, other->name);
}

/* Allocates one block with the pointers, followed by the names. */
static char **join(const struct hyperv_machines *machines)
{
	size_t size = (machines->count + 1) * sizeof(char *);
	char **names, *next;

	for (size_t index = 0; index < machines->count; index++)
		size += strlen(machines->list[index].name) + 1;
	names = malloc(size);
	if (!names)
		return NULL;
	next = (char *)(names + machines->count + 1);
	for (size_t index = 0; index < machines->count; index++) {
		size = strlen(machines->list[index].name) + 1;
		names[index] = memcpy(next, machines->list[index].name, size);
		next += size;
	}
	names[machines->count] = NULL;
	return names;
}

/* Sorted by name. */
static HRESULT list_machines(const VMHost *host, struct hyperv_machines *machines)
{
	char text[TEXT_SIZE] = "";
	struct wmi_wait wait;
	struct wmi *wmi;
	HRESULT hr;

	machine_wait_init(&wait, NULL);
	hr = connect_to(host, HYPERV_NAMESPACE, &wmi, &wait);
	if (SUCCEEDED(hr))
		hr = hyperv_list(wmi, &wait, machines);
	hr = explain(wmi ? REMEDY_FIND : REMEDY_CONNECT, hr, host->name, NULL, text, sizeof(text));
	vmg_last_error(text);
	wmi_free(wmi);
	if (SUCCEEDED(hr))
		qsort(machines->list, machines->count, sizeof(*machines->list), compare);
	return hr;
}

HRESULT vmg_machine_names(const VMHost *host, char ***out)
{
	struct hyperv_machines machines = {};
	HRESULT hr = list_machines(host, &machines);

	if (SUCCEEDED(hr)) {
		*out = join(&machines);
		hr = *out ? S_OK : E_OUTOFMEMORY;
	}
	hyperv_machines_clear(&machines);
	return hr;
}

HRESULT machine_list(const VMHost *host, struct machine ***out, size_t *count)
{
	struct hyperv_machines machines = {};
	HRESULT hr = list_machines(host, &machines);

	*count = 0;
	*out = SUCCEEDED(hr) ? calloc(machines.count + 1, sizeof(struct machine *)) : NULL;
	while (*out && *count < machines.count) {
		struct machine *machine = machine_new(host);

		if (!machine)
			break;
		identify(machine, &machines.list[*count]);
		(*out)[(*count)++] = machine;
	}
	if (SUCCEEDED(hr) && (!*out || *count < machines.count))
		hr = E_OUTOFMEMORY;
	hyperv_machines_clear(&machines);
	return hr;
}

/* A connection for one call, and the sentence for its error. */
struct visit {
	struct machine_link link;
	struct wmi_wait wait;
	char text[TEXT_SIZE];
};

static HRESULT visit_begin(struct visit *visit, const struct machine *machine, HANDLE cancel)
{
	*visit = (struct visit){};
	machine_wait_init(&visit->wait, cancel);
	return machine_open(machine, &visit->link, &visit->wait, visit->text, sizeof(visit->text));
}

static HRESULT visit_end(struct visit *visit, HRESULT hr)
{
	machine_close(&visit->link);
	vmg_last_error(visit->text);
	return hr;
}

/* Of a component that is not Data Exchange. */
static HRESULT explain_component(struct visit *visit, const struct machine *machine, HRESULT hr)
{
	if (hr == VM_E_ADDITIONS_FEATURE_NOT_AVAIL)
		remedy_component_text(visit->text, sizeof(visit->text), machine->name);
	else
		hr = machine_error(machine, hr, visit->wait.cancel, visit->text,
				   sizeof(visit->text));
	return hr;
}

HRESULT machine_state(const struct machine *machine, HANDLE cancel, uint32_t *state)
{
	struct visit visit;
	HRESULT hr = visit_begin(&visit, machine, cancel);

	if (SUCCEEDED(hr))
		*state = visit.link.found.state;
	return visit_end(&visit, hr);
}

HRESULT machine_component_status(const struct machine *machine, const char *component,
				 uint32_t *status)
{
	struct visit visit;
	HRESULT hr = visit_begin(&visit, machine, NULL);

	if (SUCCEEDED(hr))
		hr = explain_component(&visit, machine,
				       hyperv_status(visit.link.wmi, &visit.link.found, component,
						     &visit.wait, status));
	return visit_end(&visit, hr);
}

static HRESULT find_intrinsic(const struct machine *machine, struct visit *visit, const char *name,
			      char **value)
{
	struct hyperv_items items;
	const char *data;
	HRESULT hr = hyperv_items(visit->link.wmi, &visit->link.found, HYPERV_INTRINSIC,
				  &visit->wait, &items);

	if (FAILED(hr))
		return machine_error(machine, hr, NULL, visit->text, sizeof(visit->text));
	data = hyperv_item_data(&items, name);
	*value = data ? strdup(data) : NULL;
	hyperv_items_clear(&items);
	if (*value)
		return S_OK;
	if (data)
		return E_OUTOFMEMORY;
	if (!machine_explain(machine, &visit->link, &visit->wait, visit->text, sizeof(visit->text)))
		remedy_no_item_text(visit->text, sizeof(visit->text), machine->name, name);
	return VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
}

HRESULT machine_intrinsic(const struct machine *machine, const char *name, char **value)
{
	struct visit visit;
	HRESULT hr = visit_begin(&visit, machine, NULL);

	*value = NULL;
	if (SUCCEEDED(hr))
		hr = find_intrinsic(machine, &visit, name, value);
	return visit_end(&visit, hr);
}

HRESULT machine_shut_down(const struct machine *machine, bool restart, bool force)
{
	struct visit visit;
	HRESULT hr = visit_begin(&visit, machine, NULL);
	uint32_t error;

	if (SUCCEEDED(hr))
		hr = explain_component(&visit, machine,
				       hyperv_shut_down(visit.link.wmi, &visit.link.found, restart,
							force, &visit.wait, &error));
	return visit_end(&visit, hr);
}

static HRESULT check_answer(const struct machine *machine, struct machine_link *link,
			    const struct wmi_wait *wait, char *text, size_t size)
{
	struct machine_items items;
	HRESULT hr = machine_read(link, wait, &items);

	if (FAILED(hr))
		return machine_error(machine, hr, wait->cancel, text, size);
	if (!kvp_machine_is_available(&items.iface)) {
		hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;
		if (!machine_explain(machine, link, wait, text, size))
			remedy_no_answer_text(text, size, machine->name);
	}
	hyperv_items_clear(&items.items);
	return hr;
}

HRESULT vmg_machine_can_logoff(struct machine *machine)
{
	char text[TEXT_SIZE] = "";
	struct machine_link link;
	struct wmi_wait wait;
	HRESULT hr;

	machine_wait_init(&wait, NULL);
	hr = machine_open(machine, &link, &wait, text, sizeof(text));
	if (SUCCEEDED(hr)) {
		hr = check_answer(machine, &link, &wait, text, sizeof(text));
		machine_close(&link);
	}
	vmg_last_error(text);
	return hr;
}

/* AF_HYPERV does not reach other computers. */
static bool has_sockets(const struct machine *machine)
{
	return wmi_is_this_computer(machine->host);
}

static struct vsock_address address_of(const struct machine *machine, uint32_t port)
{
	return (struct vsock_address){.guid = machine->guid, .port = port};
}

/* Key-value pairs say whether the guest's daemon listens: VM_E_ADDITIONS_FEATURE_NOT_AVAIL. */
static HRESULT find_port(const struct machine *machine, uint32_t *port)
{
	struct machine_items items = {};
	struct visit visit;
	HRESULT hr = visit_begin(&visit, machine, NULL);

	*port = 0;
	if (SUCCEEDED(hr))
		hr = machine_read(&visit.link, &visit.wait, &items);
	if (SUCCEEDED(hr))
		*port = kvp_machine_vsock_port(&items.iface);
	hyperv_items_clear(&items.items);
	machine_close(&visit.link);
	return SUCCEEDED(hr) && !*port ? VM_E_ADDITIONS_FEATURE_NOT_AVAIL : hr;
}

static HRESULT refuse_remote(const struct machine *machine)
{
	if (has_sockets(machine))
		return S_OK;
	vmg_last_error("Hyper-V sockets work only on the host of the machine; run this there, or "
		       "use key-value pairs (kvp).");
	return E_NOTIMPL;
}

static HRESULT start_vsock(struct task *task, const struct machine *machine,
			   const VMLogoffOptions *options)
{
	struct vsock_address address = address_of(machine, HVL_VSOCK_PORT);
	HRESULT hr = S_OK;

	/* Whoever asks for this transport may know of a guest without key-value pairs. */
	if (!(options->flags & VM_LOGOFF_VIA_VSOCK))
		hr = find_port(machine, &address.port);
	return SUCCEEDED(hr) ? machine_vsock_start(task, machine, &address, options) : hr;
}

static const struct transport vsock = {
	.action = VMG_TASK_LOGOFF,
	.via = VM_LOGOFF_VIA_VSOCK,
	.start = start_vsock,
	.process = vmg_vsock_process,
	.wait = vmg_vsock_wait,
	.cancel = vmg_vsock_cancel_task,
	.complete = vmg_vsock_complete,
	.release = vmg_vsock_release,
};

/* The guest's socket, or key-value pairs, with one id: the guest never carries it out twice. */
HRESULT vmg_machine_logoff(struct machine *machine, const VMLogoffOptions *options, IVMTask **out)
{
	uint32_t only = options->flags & VM_LOGOFF_VIA_ANY;
	uint64_t id = vmg_task_new_id();
	HRESULT hr = VM_E_ADDITIONS_FEATURE_NOT_AVAIL;

	if (only == VM_LOGOFF_VIA_VMBUS) {
		vmg_last_error("Hyper-V does not offer the logoff component; requests to its "
			       "machines go through Hyper-V sockets (vsock) or key-value pairs "
			       "(kvp).");
		return E_NOTIMPL;
	}
	if (only == VM_LOGOFF_VIA_VSOCK) {
		hr = refuse_remote(machine);
		return SUCCEEDED(hr) ? vmg_task_start(&vsock, machine, options, id, out) : hr;
	}
	if (!only && has_sockets(machine))
		hr = vmg_task_start(&vsock, machine, options, id, out);
	if (SUCCEEDED(hr))
		return hr;
	vmg_last_error(NULL);
	return vmg_task_start(&machine_kvp, machine, options, id, out);
}

static HRESULT try_cancel(struct machine *machine, uint64_t id)
{
	struct vsock_address address;
	char text[TEXT_SIZE];
	HRESULT hr = machine_kvp_cancel(machine, id, text, sizeof(text)), by_vsock;

	vmg_last_error(text);
	if ((hr != VM_E_ADDITIONS_FEATURE_NOT_AVAIL && hr != HRESULT_FROM_WIN32(ERROR_NOT_FOUND)) ||
	    !has_sockets(machine))
		return hr;
	address = address_of(machine, HVL_VSOCK_PORT);
	by_vsock = vmg_vsock_cancel(&address, id);
	return by_vsock == VM_E_ADDITIONS_FEATURE_NOT_AVAIL ? hr : by_vsock;
}

HRESULT vmg_machine_cancel(struct machine *machine, uint64_t id)
{
	struct audit audit;
	HRESULT hr;

	audit_init(&audit, machine, id);
	hr = try_cancel(machine, id);
	audit_cancelled(&audit, hr);
	audit_clear(&audit);
	return hr;
}

HRESULT vmg_machine_events(struct machine *machine, struct events_source **out)
{
	struct vsock_address address = address_of(machine, HVL_VSOCK_PORT);

	if (has_sockets(machine))
		return vmg_vsock_events(&address, out);
	vmg_last_error("Events need Hyper-V sockets, which work only on the host of the machine; "
		       "run this there.");
	return E_NOTIMPL;
}
