/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hyper-V by WMI: virtual machines and their key-value pairs. The connection is one to
 * HYPERV_NAMESPACE. Strings are UTF-8.
 */
#ifndef HVL_HYPERV_H
#define HVL_HYPERV_H

#include "userspace/host/libvmguestos/vmguestos.h"
#include "wmi.h"

#define HYPERV_NAMESPACE         "root\\virtualization\\v2"
#define HYPERV_CLUSTER_NAMESPACE "root\\MSCluster"

/*
 * Errors of these functions, in addition to those of wmi.h: VM_E_VM_UNKNOWN, also for a machine
 * that was found and is no longer on the host, HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED) if no
 * machine at all is visible: the caller's token lacks the rights, as UAC leaves it,
 * TYPE_E_AMBIGUOUSNAME, VM_E_VM_NOT_RUNNING, and VM_E_ADDITIONS_FEATURE_NOT_AVAIL if Data Exchange
 * is disabled for the machine.
 */

/* Msvm_ComputerSystem.EnabledState */
#define HYPERV_RUNNING 2

struct hyperv_machine {
	char *id;   /* GUID */
	char *name; /* as displayed */
	char *path; /* __PATH, for WMI */
	uint32_t state;
};

void hyperv_machine_clear(struct hyperv_machine *machine);

/*
 * Finds a machine by its name, in any case, or by its GUID, with or without braces. @local:
 * the connection is one to this computer.
 */
HRESULT hyperv_find(struct wmi *wmi, const char *name, bool local, const struct wmi_wait *wait,
		    struct hyperv_machine *machine);

struct hyperv_machines {
	struct hyperv_machine *list;
	size_t count;
};

void hyperv_machines_clear(struct hyperv_machines *machines);

/* All machines of the host, in no order. An error if none is visible to this account. */
HRESULT hyperv_list(struct wmi *wmi, const struct wmi_wait *wait, struct hyperv_machines *machines);

/*
 * What it means that @name was found @found times, among @visible instances: the host itself is
 * always one. @token: whether the caller's token has the rights; true for another computer, where
 * it cannot be known.
 */
HRESULT hyperv_find_result(size_t visible, size_t found, bool token);

/* Whether a token (NULL: the caller's) is elevated, or in Hyper-V Administrators. */
bool hyperv_token_has_rights(HANDLE token);

/*
 * Finds the node of a failover cluster that has the machine of that name. The connection is one to
 * HYPERV_CLUSTER_NAMESPACE. WBEM_E_NOT_FOUND if the cluster has no role of that name.
 */
HRESULT hyperv_find_node(struct wmi *wmi, const char *name, const struct wmi_wait *wait,
			 char **node);

struct hyperv_item {
	char *name, *data;
};

struct hyperv_items {
	struct hyperv_item *list;
	size_t count;
};

void hyperv_items_clear(struct hyperv_items *items);

/* Components of a machine. */
#define HYPERV_EXCHANGE  "Msvm_KvpExchangeComponent"
#define HYPERV_HEARTBEAT "Msvm_HeartbeatComponent"
#define HYPERV_SHUTDOWN  "Msvm_ShutdownComponent"

/* OperationalStatus[0] of a component: 3 is usual for guests with Linux. */
#define HYPERV_STATUS_OK         2
#define HYPERV_STATUS_DEGRADED   3
#define HYPERV_STATUS_PROTOCOL   7
#define HYPERV_STATUS_NO_CONTACT 12
#define HYPERV_STATUS_LOST       13

HRESULT hyperv_status(struct wmi *wmi, const struct hyperv_machine *machine, const char *component,
		      const struct wmi_wait *wait, uint32_t *status);

/*
 * Requests the guest to shut down, or to restart, which is E_NOTIMPL on a host before Windows
 * Server 2016. S_OK once that has begun. *@error as for hyperv_put_item().
 */
HRESULT hyperv_shut_down(struct wmi *wmi, const struct hyperv_machine *machine, bool restart,
			 bool force, const struct wmi_wait *wait, uint32_t *error);

/* NULL if there is no such item. Names are compared as Hyper-V does: in any case. */
const char *hyperv_item_data(const struct hyperv_items *items, const char *name);

/* The properties of Msvm_KvpExchangeComponent and of its settings that have items. */
enum hyperv_source { HYPERV_GUEST, HYPERV_INTRINSIC, HYPERV_HOST };

/* Reads the items of a running machine. An item that is not well-formed is left out. */
HRESULT hyperv_items(struct wmi *wmi, const struct hyperv_machine *machine,
		     enum hyperv_source source, const struct wmi_wait *wait,
		     struct hyperv_items *items);

/*
 * Sets an item of the host for a machine, which need not run. S_OK after the job has completed, and
 * E_INVALIDARG without a call for text that WMI cannot transport. Otherwise *@error has the error
 * of the method or its job (32768 and above), if there was one, and the result is that for it.
 */
HRESULT hyperv_put_item(struct wmi *wmi, const struct hyperv_machine *machine, const char *name,
			const char *data, const struct wmi_wait *wait, uint32_t *error);

/* Removes an item of the host. S_OK too if there is none. */
HRESULT hyperv_remove_item(struct wmi *wmi, const struct hyperv_machine *machine, const char *name,
			   const struct wmi_wait *wait, uint32_t *error);

#endif /* HVL_HYPERV_H */
