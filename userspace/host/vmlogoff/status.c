// SPDX-License-Identifier: GPL-2.0-or-later
#include "status.h"

#include <stdlib.h>

#include "userspace/shared/util.h"

int status_of(HRESULT hr)
{
	static const struct {
		HRESULT hr;
		int status;
	} statuses[] = {
		{S_OK, EXIT_SUCCESS},
		{DISP_E_EXCEPTION, 2},
		{HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION), 3},
		{VM_E_TIMED_OUT, 4},
		{HRESULT_FROM_WIN32(ERROR_CANCELLED), 5},
		{HRESULT_FROM_WIN32(ERROR_BUSY), 6},
		{VM_E_VM_UNKNOWN, 7},
		{VM_E_VM_NOT_RUNNING, 8},
		{VM_E_ADDITIONS_FEATURE_NOT_AVAIL, 9},
		{E_ACCESSDENIED, 10},
		{E_INVALIDARG, 11},
		{E_FAIL, 12},
		{E_OUTOFMEMORY, 13},
		{HRESULT_FROM_WIN32(ERROR_TIMEOUT), 14},
		{HRESULT_FROM_WIN32(ERROR_TIME_SKEW), 15},
		{HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH), 16},
		{HRESULT_FROM_WIN32(ERROR_ALREADY_EXISTS), 17},
		{HRESULT_FROM_WIN32(ERROR_NOT_FOUND), 18},
	};

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		if (statuses[i].hr == hr)
			return statuses[i].status;
	}
	return EXIT_FAILURE;
}

bool status_is_nothing(HRESULT hr)
{
	return hr == HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION) ||
	       hr == HRESULT_FROM_WIN32(ERROR_NOT_FOUND);
}

int status_of_all(const struct machines *machines)
{
	int failure = EXIT_SUCCESS, nothing = EXIT_SUCCESS;
	bool done = false;

	for (size_t i = 0; i < machines->count; i++) {
		HRESULT hr = machines->list[i].result;

		if (hr == S_OK)
			done = true;
		else if (status_is_nothing(hr))
			nothing = status_of(hr);
		else if (failure == EXIT_SUCCESS || failure == status_of(hr))
			failure = status_of(hr);
		else
			failure = EXIT_FAILURE;
	}
	if (failure != EXIT_SUCCESS)
		return failure;
	return done ? EXIT_SUCCESS : nothing;
}
