/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of the library wait for WMI. An apartment with one thread must go on receiving calls
 * meanwhile: so the library is called from another thread.
 */
#ifndef HVL_BACKGROUND_H
#define HVL_BACKGROUND_H

#include "userspace/host/libvmguestos/vmguestos.h"

struct background {
	HRESULT (*run)(struct background *work);
	HRESULT hr;
	/* The sentence for an error. The default is VMGuestOS_LastErrorText() of the thread. */
	char text[512];
};

/*
 * Runs @work->run() on another thread, and returns its result. While it waits, calls by COM can
 * come in: the caller must own a reference to what it uses.
 */
HRESULT background_run(struct background *work);

#endif /* HVL_BACKGROUND_H */
