/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_WATCH_H
#define VMG_WATCH_H

#include "show.h"

/*
 * Shows who is logged off in @guest until @signals can be read (S_OK), or there is no more to
 * hear.
 */
HRESULT watch(const struct show *show, IVMGuestOS2 *guest, int signals);

#endif /* VMG_WATCH_H */
