// SPDX-License-Identifier: GPL-2.0-or-later
/* vmlogoff --watch. The library's thread prints the events. */
#include "watch.h"

#include <string.h>

#include "request.h"
#include "system.h"
#include "userspace/shared/util.h"

struct watcher {
	IVMVirtualMachineEvents2 iface;
	struct show *show;
	const struct machine *machine;
	waitable ended; /* an event: OnEnd() was called */
	HRESULT reason;
};

static struct watcher *watcher_of(IVMVirtualMachineEvents2 *This)
{
	return (struct watcher *)This;
}

static HRESULT query_interface(IVMVirtualMachineEvents2 *This, const IID *iid, void **out)
{
	bool known = memcmp(iid, &IID_IUnknown, sizeof(*iid)) == 0 ||
		     memcmp(iid, &DIID_IVMVirtualMachineEvents, sizeof(*iid)) == 0 ||
		     memcmp(iid, &IID_IVMVirtualMachineEvents2, sizeof(*iid)) == 0;

	*out = known ? This : NULL;
	return known ? S_OK : E_NOINTERFACE;
}

/* The watcher outlives all references, which Unadvise() releases. */
static uint32_t count_reference(IVMVirtualMachineEvents2 *This)
{
	(void)This;
	return 1;
}

static HRESULT on_guest_logoff(IVMVirtualMachineEvents2 *This, VMLogoffType type)
{
	(void)This;
	(void)type;
	return S_OK;
}

static HRESULT on_session_ended(IVMVirtualMachineEvents2 *This, const VMLogoffEvent *event)
{
	struct watcher *watcher = watcher_of(This);

	show_event(watcher->show, watcher->machine, event);
	return S_OK;
}

static HRESULT on_reporting(IVMVirtualMachineEvents2 *This, bool reports)
{
	struct watcher *watcher = watcher_of(This);

	show_reporting(watcher->show, watcher->machine, reports);
	return S_OK;
}

static HRESULT on_end(IVMVirtualMachineEvents2 *This, HRESULT reason)
{
	struct watcher *watcher = watcher_of(This);

	watcher->reason = reason;
	system_set(watcher->ended);
	return S_OK;
}

static const IVMVirtualMachineEvents2Vtbl vtbl = {
	.QueryInterface = query_interface,
	.AddRef = count_reference,
	.Release = count_reference,
	.OnGuestLogoff = on_guest_logoff,
	.OnSessionEnded = on_session_ended,
	.OnReporting = on_reporting,
	.OnEnd = on_end,
};

/* A cancellation of a request ends it as a signal does. */
HRESULT watch(const struct command *command, struct show *show, const struct machine *machine)
{
	waitable signals = system_catch_signals(), cancel = system_event();
	struct watcher watcher = {
		.iface = {&vtbl}, .show = show, .machine = machine, .ended = system_event()};
	waitable any[] = {watcher.ended, signals, cancel};
	bool good = watcher.ended >= 0 && signals >= 0 && cancel >= 0;
	uint32_t cookie;
	HRESULT hr = DISP_E_EXCEPTION;

	if (good && command->by_request)
		good = request_watch(command, cancel);
	if (good)
		hr = IVMGuestOS2_Advise(machine->guest, (IVMVirtualMachineEvents *)&watcher.iface,
					&cookie);
	if (SUCCEEDED(hr)) {
		system_wait(any, ARRAY_SIZE(any));
		IVMGuestOS2_Unadvise(machine->guest, cookie);
		hr = watcher.reason;
	}
	system_close(&watcher.ended);
	system_close(&signals);
	return hr;
}
