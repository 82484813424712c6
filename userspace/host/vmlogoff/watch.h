/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VMG_WATCH_H
#define VMG_WATCH_H

#include "command.h"
#include "show.h"

/*
 * Prints the sessions that end in the guest of @machine until SIGINT or SIGTERM arrives or a
 * request is cancelled on standard input (S_OK), or the library reports the end of the events.
 */
HRESULT watch(const struct command *command, struct show *show, const struct machine *machine);

#endif /* VMG_WATCH_H */
