// SPDX-License-Identifier: GPL-2.0-or-later
/* The transport through a Hyper-V socket: that of libvmguestos, and the audit. */
#include "userspace/host/libvmguestos/transport/vsock.h"

#include <stdlib.h>

#include "audit.h"
#include "machine.h"

struct observed {
	struct machine *machine;
	struct audit audit;
};

static void cancelled(void *userdata, HRESULT hr)
{
	audit_cancelled(&((struct observed *)userdata)->audit, hr);
}

static void ended(void *userdata, HRESULT hr, const char *text)
{
	audit_ended(&((struct observed *)userdata)->audit, hr, text);
}

static void observed_free(void *userdata)
{
	struct observed *observed = userdata;

	audit_clear(&observed->audit);
	vmg_machine_free(observed->machine);
	free(observed);
}

static const struct vsock_observer observer = {cancelled, ended, observed_free};

HRESULT machine_vsock_start(struct task *task, const struct machine *machine,
			    const struct vsock_address *address, const VMLogoffOptions *options)
{
	struct observed *observed = calloc(1, sizeof(*observed));

	if (!observed)
		return E_OUTOFMEMORY;
	observed->machine = machine_ref((struct machine *)machine);
	audit_init(&observed->audit, machine, task->id);
	audit_requested(&observed->audit, options);
	return vmg_vsock_start(task, address, options, &observer, observed);
}
