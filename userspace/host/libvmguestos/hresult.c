// SPDX-License-Identifier: GPL-2.0-or-later
#include "hresult.h"

#include <stddef.h>

#include "userspace/shared/util.h"
#include "vmguestos.h"

static const struct {
	HRESULT code;
	const char *name;
	const char *text;
} codes[] = {
	{S_OK, "S_OK", "The operation succeeded."},
	{E_NOTIMPL, "E_NOTIMPL", "This host cannot do this."},
	{E_NOINTERFACE, "E_NOINTERFACE", "The object has no such interface."},
	{E_POINTER, "E_POINTER", "A required parameter is NULL."},
	{E_FAIL, "E_FAIL", "The operation is no longer possible, or the guest refused it."},
	{CONNECT_E_NOCONNECTION, "CONNECT_E_NOCONNECTION",
	 "No event sink is registered with this cookie."},
	{CONNECT_E_CANNOTCONNECT, "CONNECT_E_CANNOTCONNECT",
	 "The object does not implement IVMVirtualMachineEvents."},
	{DISP_E_EXCEPTION, "DISP_E_EXCEPTION",
	 "An unexpected error ended the operation; see the guest's journal."},
	{E_ACCESSDENIED, "ERROR_ACCESS_DENIED",
	 "The caller has no Execute access to this virtual machine."},
	{E_OUTOFMEMORY, "E_OUTOFMEMORY", "There is not enough memory."},
	{E_INVALIDARG, "E_INVALIDARG", "A parameter is out of range."},
	{TYPE_E_AMBIGUOUSNAME, "TYPE_E_AMBIGUOUSNAME",
	 "Several virtual machines have this name; use the GUID."},
	{HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED), "ERROR_ELEVATION_REQUIRED",
	 "The host shows this account no virtual machines; run this as an elevated administrator."},
	{HRESULT_FROM_WIN32(ERROR_BUSY), "ERROR_BUSY",
	 "Another logoff is in progress in this virtual machine; try again when it is complete."},
	{HRESULT_FROM_WIN32(ERROR_NOT_FOUND), "ERROR_NOT_FOUND",
	 "The guest has no such logoff request."},
	{HRESULT_FROM_WIN32(ERROR_CANCELLED), "ERROR_CANCELLED",
	 "The logoff was cancelled; nobody was logged off."},
	{HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION), "ERROR_NO_SUCH_LOGON_SESSION",
	 "Nobody is logged on in the guest."},
	{HRESULT_FROM_WIN32(ERROR_ALREADY_EXISTS), "ERROR_ALREADY_EXISTS",
	 "The guest has already received a request with this id; try again."},
	{HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH), "ERROR_REVISION_MISMATCH",
	 "The guest's hv-logoffd supports another version of KVP requests; update the older side."},
	{HRESULT_FROM_WIN32(ERROR_TIME_SKEW), "ERROR_TIME_SKEW",
	 "The guest's clock is too far behind; correct it."},
	{HRESULT_FROM_WIN32(ERROR_TIMEOUT), "ERROR_TIMEOUT",
	 "The guest received the request too late, or its clock is ahead; try again, or correct "
	 "the clock."},
	/* Of Windows hosts. */
	{(HRESULT)0x80010108, "RPC_E_DISCONNECTED", "The connection to the host was lost."},
	{(HRESULT)0x80041003, "WBEM_E_ACCESS_DENIED",
	 "WMI on the host refuses this account access to Hyper-V."},
	{(HRESULT)0x8004100e, "WBEM_E_INVALID_NAMESPACE", "There is no Hyper-V on the host."},
	{(HRESULT)0x80041013, "WBEM_E_PROVIDER_LOAD_FAILURE",
	 "Hyper-V's WMI provider does not start on the host."},
	{(HRESULT)0x80041064, "WBEM_E_LOCAL_CREDENTIALS",
	 "A user cannot be given for this computer."},
	{(HRESULT)0x80070422, "ERROR_SERVICE_DISABLED", "WMI is disabled on the host."},
	{(HRESULT)0x80070426, "ERROR_SERVICE_NOT_ACTIVE",
	 "The service of Hyper-V (vmms) is not running on the host."},
	{(HRESULT)0x800706ba, "RPC_S_SERVER_UNAVAILABLE", "WMI on the host cannot be reached."},
	{(HRESULT)0x8007274c, "WSAETIMEDOUT", "The host does not answer on TCP port 135."},
	{(HRESULT)0x8007274d, "WSAECONNREFUSED", "The host refuses connections to TCP port 135."},
	{(HRESULT)0x80072af9, "WSAHOST_NOT_FOUND", "The name of the host is not known."},
	{VM_E_TIMED_OUT, "VM_E_TIMED_OUT", "The operation did not complete in time."},
	{VM_E_VM_NOT_RUNNING, "VM_E_VM_NOT_RUNNING",
	 "The virtual machine is not running; start it first."},
	{VM_E_VM_UNKNOWN, "VM_E_VM_UNKNOWN", "There is no virtual machine of that name."},
	{VM_E_ADDITIONS_FEATURE_NOT_AVAIL, "VM_E_ADDITIONS_FEATURE_NOT_AVAIL",
	 "The guest does not support logoff; check that hv-logoffd is installed and running."},
};

const char *hresult_name(uint32_t hresult)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if ((uint32_t)codes[i].code == hresult)
			return codes[i].name;
	}
	return "unknown";
}

const char *hresult_text(uint32_t hresult)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if ((uint32_t)codes[i].code == hresult)
			return codes[i].text;
	}
	return "libvmguestos does not define this code.";
}
