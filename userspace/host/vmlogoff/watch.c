// SPDX-License-Identifier: GPL-2.0-or-later
/* vmlogoff --watch. The library's thread prints the events. */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "userspace/shared/util.h"

struct watcher {
	IVMVirtualMachineEvents2 iface;
	const struct show *show;
	int ended; /* eventfd: OnEnd() was called */
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
	show_event(watcher_of(This)->show, event);
	return S_OK;
}

static HRESULT on_reporting(IVMVirtualMachineEvents2 *This, bool reports)
{
	show_reporting(watcher_of(This)->show, reports);
	return S_OK;
}

static HRESULT on_end(IVMVirtualMachineEvents2 *This, HRESULT reason)
{
	struct watcher *watcher = watcher_of(This);

	watcher->reason = reason;
	return eventfd_write(watcher->ended, 1) < 0 ? E_FAIL : S_OK;
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

HRESULT watch(const struct show *show, IVMGuestOS2 *guest, int signals)
{
	struct watcher watcher = {.iface = {&vtbl}, .show = show, .ended = eventfd(0, EFD_CLOEXEC)};
	struct pollfd ready[] = {{.fd = watcher.ended, .events = POLLIN},
				 {.fd = signals, .events = POLLIN}};
	uint32_t cookie;
	HRESULT hr = DISP_E_EXCEPTION;

	if (watcher.ended < 0)
		return hr;
	hr = IVMGuestOS2_Advise(guest, (IVMVirtualMachineEvents *)&watcher.iface, &cookie);
	if (SUCCEEDED(hr)) {
		while (poll(ready, ARRAY_SIZE(ready), -1) < 0 && errno == EINTR)
			;
		IVMGuestOS2_Unadvise(guest, cookie);
		hr = watcher.reason;
	}
	close(watcher.ended);
	return hr;
}
