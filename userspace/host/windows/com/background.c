// SPDX-License-Identifier: GPL-2.0-or-later
#include "background.h"

#include <stdio.h>

#include "userspace/host/windows/com.h"

static DWORD WINAPI run(void *parameter)
{
	struct background *work = parameter;

	work->hr = work->run(work);
	if (!*work->text)
		snprintf(work->text, sizeof(work->text), "%s", VMGuestOS_LastErrorText());
	return 0;
}

HRESULT background_run(struct background *work)
{
	_cleanup_handle_ HANDLE thread = CreateThread(NULL, 0, run, work, 0, NULL);
	DWORD index;

	work->text[0] = '\0';
	if (!thread)
		return E_OUTOFMEMORY;
	/* COM cannot wait in a thread that has not initialized it. */
	if (FAILED(CoWaitForMultipleHandles(0, INFINITE, 1, &thread, &index)))
		WaitForSingleObject(thread, INFINITE);
	return work->hr;
}
