/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vmlogoff is to do, as its options or a request on standard input say. */
#ifndef VMG_COMMAND_H
#define VMG_COMMAND_H

#include <jansson.h>
#include <stddef.h>

#include "show.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/shared/util.h"

#define PARALLEL_DEFAULT 32
#define PARALLEL_MAX     256

enum action {
	ACTION_LOGOFF,
	ACTION_CANCEL,
	ACTION_WATCH,
	ACTION_LIST,
	ACTION_REGISTER,
	ACTION_UNREGISTER
};

struct command {
	enum action action;
	enum show_format format;
	bool all;           /* all machines whose users can be logged off */
	bool yes;           /* without asking */
	bool wait;          /* for the results */
	bool by_request;    /* from standard input, not from the command line */
	bool cancel_at_end; /* the end of standard input cancels */
	/* The kinds of options that were set, for command_check(). */
	bool has_logoff_options, has_many_options, has_several_actions;
	unsigned int parallel; /* machines at a time */
	uint64_t id;           /* of the logoff to cancel; 0: the one in progress */
	VMHost host;           /* whose machines these are */
	const char **machines; /* names, GUIDs and patterns */
	size_t machine_count;
	VMLogoffOptions options;
	json_t *request; /* owns the texts, if by_request */
	char *refusal;   /* a sentence without a full stop; why it is invalid */
};

void command_init(struct command *command);
void command_done(struct command *command);

/* Sets @refusal. Returns false. */
bool command_refuse(struct command *command, const char *format, ...) _printf_(2, 3);

/*
 * Sets the option with that letter, see options.c. @text is its argument, or NULL, and must remain
 * valid. Returns false after a refusal.
 */
bool command_set(struct command *command, int letter, const char *text);
/* Whether the options that were set can be combined. Returns false after a refusal. */
bool command_check(struct command *command);
/* Completes the account for another host. Returns false after a refusal. */
bool command_complete_account(struct command *command);

/* The name of an option as its user knows it: --dry-run, or "dry_run" in a request. */
#define OPTION_NAME_SIZE           32
#define OPTION_NAME(command, name) command_name(command, name, (char[OPTION_NAME_SIZE]){0})
const char *command_name(const struct command *command, const char *option,
			 char buffer[OPTION_NAME_SIZE]);

#endif /* VMG_COMMAND_H */
