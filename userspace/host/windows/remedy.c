// SPDX-License-Identifier: GPL-2.0-or-later
#include <winsock2.h>

#include "remedy.h"

#include <stdio.h>
#include <string.h>

#include "userspace/host/windows/hyperv.h"
#include "userspace/host/windows/probe.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define THIS_COMPUTER "this computer"

/* "{host}" and "{machine}" stand for the names. The first row that matches is used. */
static const struct {
	HRESULT hr;
	int step; /* enum remedy_step, or ANY */
	const char *text;
} remedies[] = {
#define ANY -1
	{PROBE_E_NAME, ANY,
	 "The name {host} is not known; check its spelling, and the DNS servers of this computer."},
	{PROBE_E_NO_ANSWER, ANY,
	 "{host} does not answer on TCP port 135; check that it is on and can be reached, and that "
	 "its firewall permits \"Windows Management Instrumentation (WMI)\"."},
	{PROBE_E_REFUSED, ANY,
	 "{host} refuses connections to TCP port 135; check that it is a Windows host."},
	{HRESULT_FROM_WIN32(RPC_S_SERVER_UNAVAILABLE), ANY,
	 "WMI on {host} cannot be reached; check that it is on, and that its firewall permits "
	 "\"Windows Management Instrumentation (WMI)\"."},
	{E_ACCESSDENIED, REMEDY_CONNECT,
	 "DCOM on {host} refuses this account; check the user and the password, or add the account "
	 "to \"Distributed COM Users\" there."},
	{WBEM_E_ACCESS_DENIED, ANY,
	 "WMI on {host} refuses this account access to root\\virtualization\\v2; add it to "
	 "\"Hyper-V Administrators\" there, and from another computer, grant it \"Remote Enable\" "
	 "on this namespace."},
	{WBEM_E_INVALID_NAMESPACE, ANY,
	 "There is no Hyper-V on {host}; name a computer that has the role Hyper-V."},
	{HRESULT_FROM_WIN32(ERROR_SERVICE_DISABLED), ANY,
	 "The service \"Windows Management Instrumentation\" (winmgmt) is disabled on {host}; "
	 "enable and start it."},
	{HRESULT_FROM_WIN32(ERROR_SERVICE_NOT_ACTIVE), ANY,
	 "The service \"Hyper-V Virtual Machine Management\" (vmms) is not running on {host}; "
	 "start it."},
	{WBEM_E_PROVIDER_LOAD_FAILURE, ANY,
	 "Hyper-V's WMI provider does not start on {host}; restart the service \"Hyper-V Virtual "
	 "Machine Management\" (vmms)."},
	{WBEM_E_LOCAL_CREDENTIALS, ANY,
	 "A user cannot be given for this computer; omit it, or name another host."},
	{HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED), ANY,
	 "Hyper-V on {host} shows this account no virtual machines; run this as an elevated "
	 "administrator, or add the account to \"Hyper-V Administrators\" and log on again."},
	{TYPE_E_AMBIGUOUSNAME, ANY,
	 "Several virtual machines on {host} are named {machine}; use the GUID, which Get-VM shows "
	 "as Id."},
	{VM_E_VM_UNKNOWN, REMEDY_ITEMS,
	 "The virtual machine {machine} is no longer on {host}: it was removed, or moved to "
	 "another host; if it was moved, name that host."},
	{VM_E_VM_UNKNOWN, ANY, "There is no virtual machine {machine} on {host}."},
	{VM_E_VM_NOT_RUNNING, ANY, "The virtual machine {machine} is not running; start it first."},
	{VM_E_ADDITIONS_FEATURE_NOT_AVAIL, ANY,
	 "Data Exchange is not enabled for {machine}; enable \"Key-Value Pair Exchange\" in its "
	 "integration services."},
	{E_ACCESSDENIED, REMEDY_ITEMS,
	 "Hyper-V on {host} does not permit this account to change {machine}; add the account to "
	 "\"Hyper-V Administrators\" there."},
	{E_NOTIMPL, REMEDY_ITEMS,
	 "Hyper-V on {host} cannot restart a guest; this needs Windows Server 2016 or later."},
	{HRESULT_FROM_WIN32(ERROR_NOT_READY), REMEDY_ITEMS,
	 "The guest in {machine} is not ready to shut down; check that it has booted, and that its "
	 "kernel has the module hv_utils."},
	{HRESULT_FROM_WIN32(ERROR_MACHINE_LOCKED), REMEDY_ITEMS,
	 "The guest in {machine} is locked, and shuts down only if it is forced."},
	{HRESULT_FROM_WIN32(ERROR_SHUTDOWN_IN_PROGRESS), REMEDY_ITEMS,
	 "{machine} is being shut down already."},
	{HRESULT_FROM_WIN32(ERROR_BUSY), REMEDY_ITEMS,
	 "Hyper-V on {host} is changing {machine}; try again."},
	{VM_E_TIMED_OUT, ANY,
	 "WMI on {host} did not answer in time; try again, and check the load of this host."},
	{RPC_E_DISCONNECTED, ANY, "The connection to {host} was lost; try again."},
};

/* Appends as much as fits. */
static void append(char *text, size_t size, const char *part, size_t length)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%.*s", (int)length, part);
}

static void substitute(char *text, size_t size, const char *form, const char *host,
		       const char *machine)
{
	char whole[1024] = "";

	while (*form) {
		size_t plain = strcspn(form, "{");
		const char *end = strchr(form + plain, '}');

		append(whole, sizeof(whole), form, plain);
		form += plain;
		if (end) {
			const char *name = strncmp(form, "{host}", 6) == 0 ? host : machine;

			append(whole, sizeof(whole), name, strlen(name));
			form = end + 1;
		}
	}
	text_clean_line(text, size, whole);
}

void remedy_text(char *text, size_t size, enum remedy_step step, HRESULT hr, const char *host,
		 const char *machine)
{
	char unknown[96];
	const char *form = unknown;

	snprintf(unknown, sizeof(unknown),
		 "WMI on {host} failed with 0x%08lx; see the event log of this host.",
		 (unsigned long)(uint32_t)hr);
	for (size_t index = 0; index < ARRAY_SIZE(remedies); index++) {
		if (remedies[index].hr == hr &&
		    (remedies[index].step == ANY || remedies[index].step == (int)step)) {
			form = remedies[index].text;
			break;
		}
	}
	substitute(text, size, form, host ? host : THIS_COMPUTER, machine ? machine : "");
}

void remedy_node_text(char *text, size_t size, const char *node, const char *host,
		      const char *machine)
{
	char form[512];

	/* A node's name has no braces. */
	snprintf(form, sizeof(form),
		 "The virtual machine {machine} is on %s, another node of the cluster of {host}; "
		 "name that host.",
		 node);
	substitute(text, size, form, host ? host : THIS_COMPUTER, machine);
}

bool remedy_status_text(char *text, size_t size, uint32_t status, const char *machine)
{
	const char *form;

	switch (status) {
	case HYPERV_STATUS_PROTOCOL:
		form = "Data Exchange in {machine} has no protocol version in common with its "
		       "host; update the guest's kernel.";
		break;
	case HYPERV_STATUS_NO_CONTACT:
		form = "Hyper-V has no contact with Data Exchange in {machine}; check that "
		       "hv_kvp_daemon is running in it (Debian: the package hyperv-daemons).";
		break;
	case HYPERV_STATUS_LOST:
		form = "Hyper-V has lost contact with Data Exchange in {machine}; check that it is "
		       "running, and restart hv_kvp_daemon in it.";
		break;
	default:
		return false;
	}
	substitute(text, size, form, "", machine);
	return true;
}

void remedy_no_answer_text(char *text, size_t size, const char *machine)
{
	substitute(text, size,
		   "There is no answer of hv-logoffd in {machine}; check that hv_kvp_daemon and "
		   "hv-logoffd are running in it.",
		   "", machine);
}

void remedy_no_item_text(char *text, size_t size, const char *machine, const char *item)
{
	char form[256];

	snprintf(form, sizeof(form),
		 "{machine} does not report %s; check that hv_kvp_daemon is running in it.", item);
	substitute(text, size, form, "", machine);
}

void remedy_component_text(char *text, size_t size, const char *machine)
{
	substitute(text, size,
		   "\"Operating system shutdown\" or \"Heartbeat\" is not enabled for {machine}; "
		   "enable it in its integration services.",
		   "", machine);
}
