/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps HRESULTs to exit statuses of vmlogoff, which docs/vmlogoff.1 lists. */
#ifndef VMG_STATUS_H
#define VMG_STATUS_H

#include "machines.h"

#define STATUS_USAGE 64

int status_of(HRESULT hr);
/* Whether there was nothing to do: nobody was logged on, or no logoff was in progress. */
bool status_is_nothing(HRESULT hr);
/* The status of a command for several machines with these results. */
int status_of_all(const struct machines *machines);

#endif /* VMG_STATUS_H */
