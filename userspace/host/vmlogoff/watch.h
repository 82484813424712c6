/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_WATCH_H
#define VMG_WATCH_H

#include "show.h"

/*
 * Prints the sessions that end in @guest until @signals is readable (S_OK) or the library reports
 * the end of the events.
 */
HRESULT watch(const struct show *show, IVMGuestOS2 *guest, int signals);

#endif /* VMG_WATCH_H */
