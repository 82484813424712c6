/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out a command on the selected machines, several at a time. */
#ifndef VMG_RUN_H
#define VMG_RUN_H

#include "command.h"
#include "show.h"

/* Sets the result of each machine that was found to that of CanLogoff(). */
bool run_checks(const struct command *command, struct machines *machines);
/*
 * Logs off, or cancels, and shows it. Sets the result of each machine. The first signal cancels all
 * logoffs, and so does standard input if the command came from there; the second signal ends the
 * process. Both functions return false if there are no resources for a single thread.
 */
bool run_all(const struct command *command, struct machines *machines, struct show *show);

#endif /* VMG_RUN_H */
