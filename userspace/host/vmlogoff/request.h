/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmlogoff --request: a whole command as a JSON object, on the first line of standard input. The
 * keys are the long options, with _ for -, and "machines" and "cancel_at_end"; see vmlogoff(1).
 */
#ifndef VMG_REQUEST_H
#define VMG_REQUEST_H

#include "command.h"
#include "system.h"

#define REQUEST_SIZE_MAX (1 << 20) /* bytes */

/* Sets @command as @line says. Returns false after a refusal. */
bool request_parse(struct command *command, const char *line, size_t length);
/* Whether a later @line is {"cancel": true}. */
bool request_is_cancel(const char *line, size_t length);

/* Reads the first line of standard input and parses it. Returns false after a refusal. */
bool request_read(struct command *command);
/*
 * Reads the rest of standard input in a thread, which sets @cancel after a line {"cancel": true}
 * and, with @cancel_at_end, at the end. Any other line that is not blank is an error, and cancels,
 * too. @cancel must remain open until the process ends. Returns false if there is no memory.
 */
bool request_watch(const struct command *command, waitable cancel);

#endif /* VMG_REQUEST_H */
