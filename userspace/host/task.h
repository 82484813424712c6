/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_TASK_H
#define VMG_TASK_H

#include "vmguestos.h"

/*
 * Asks the host of the machine @name, whose folder is @folder, for a logoff. The task is there
 * once the host has passed the request on to the guest; until then it is this call that fails.
 */
HRESULT vmg_task_start(const char *name, const char *folder, const VMLogoffOptions *options,
		       IVMTask **out);

#endif /* VMG_TASK_H */
