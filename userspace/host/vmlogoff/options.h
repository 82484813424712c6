/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of vmlogoff. */
#ifndef VMG_OPTIONS_H
#define VMG_OPTIONS_H

#include "command.h"

/*
 * Prints the help and exits after --help. Returns false if the command line is invalid; then
 * @refusal says why, or getopt_long() has. A command whose @by_request is set is still to be read
 * from standard input.
 */
bool options_parse(struct command *command, int argc, char **argv);

#endif /* VMG_OPTIONS_H */
