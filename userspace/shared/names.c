// SPDX-License-Identifier: GPL-2.0-or-later
#include "names.h"

#include <string.h>

const char *const state_names[] = {
	[HV_LOGOFF_PENDING] = "pending", [HV_LOGOFF_DELIVERED] = "delivered",
	[HV_LOGOFF_GRACE] = "grace",     [HV_LOGOFF_ENDING] = "ending",
	[HV_LOGOFF_DONE] = "done",
};

const char *const outcome_names[] = {
	[HV_LOGOFF_ENDED] = "ended",
	[HV_LOGOFF_FAILED] = "failed",
	[HV_LOGOFF_SELECTED] = "selected",
	[HV_LOGOFF_MANAGER_ENDED] = "manager-ended",
	[HV_LOGOFF_MANAGER_FAILED] = "manager-failed",
	[HV_LOGOFF_MANAGER_SELECTED] = "manager-selected",
	[HV_LOGOFF_RETURNED] = "returned",
	[HV_LOGOFF_LINGERING] = "lingering",
	[HV_LOGOFF_OUTSIDE] = "outside",
	[HV_LOGOFF_UNTOLD] = "untold",
};

const char *const kind_names[] = {
	[HV_LOGOFF_NORMAL] = "normal",
	[HV_LOGOFF_FORCED] = "forced",
	[HV_LOGOFF_EXTERNAL] = "external",
};

bool name_find(const char *const *names, size_t count, const char *name, size_t *index)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i] && !strcmp(names[i], name)) {
			*index = i;
			return true;
		}
	}
	return false;
}
