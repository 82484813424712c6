// SPDX-License-Identifier: GPL-2.0-or-later
#include "hresult.h"

#include <stddef.h>

#include "driver/wire.h"
#include "util.h"

static const struct {
	uint32_t hresult;
	const char *name;
} names[] = {
	{HV_LOGOFF_S_OK, "S_OK"},
	{HV_LOGOFF_E_FAIL, "E_FAIL"},
	{HV_LOGOFF_E_EXCEPTION, "DISP_E_EXCEPTION"},
	{HV_LOGOFF_E_INVALIDARG, "E_INVALIDARG"},
	{HV_LOGOFF_E_BUSY, "ERROR_BUSY"},
	{HV_LOGOFF_E_NOT_FOUND, "ERROR_NOT_FOUND"},
	{HV_LOGOFF_E_CANCELLED, "ERROR_CANCELLED"},
	{HV_LOGOFF_E_NO_SESSION, "ERROR_NO_SUCH_LOGON_SESSION"},
	{HV_LOGOFF_E_TIMED_OUT, "VM_E_TIMED_OUT"},
	{HV_LOGOFF_E_NOT_AVAIL, "VM_E_ADDITIONS_FEATURE_NOT_AVAIL"},
	{(uint32_t)E_ACCESSDENIED, "E_ACCESSDENIED"},
	{(uint32_t)VM_E_VM_NOT_RUNNING, "VM_E_VM_NOT_RUNNING"},
};

const char *hresult_name(uint32_t hresult)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].hresult == hresult)
			return names[i].name;
	}
	return "unknown";
}
