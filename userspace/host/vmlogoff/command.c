// SPDX-License-Identifier: GPL-2.0-or-later
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "system.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define TRANSPORTS (VM_LOGOFF_VIA_VMBUS | VM_LOGOFF_VIA_VSOCK | VM_LOGOFF_VIA_KVP)

/* An option of this command, in a message to its user. */
#define NAME(option) OPTION_NAME(command, option)

void command_init(struct command *command)
{
	*command = (struct command){
		.wait = true,
		.parallel = PARALLEL_DEFAULT,
		.host = {.size = sizeof(command->host)},
		.options = {.size = sizeof(command->options), .timeout = VM_LOGOFF_TIMEOUT_DEFAULT},
	};
}

void command_done(struct command *command)
{
	json_decref(command->request);
	free(command->machines);
	free(command->refusal);
}

const char *command_name(const struct command *command, const char *option,
			 char buffer[OPTION_NAME_SIZE])
{
	snprintf(buffer, OPTION_NAME_SIZE, command->by_request ? "\"%s\"" : "--%s", option);
	for (char *at = buffer; command->by_request && *at; at++) {
		if (*at == '-')
			*at = '_';
	}
	return buffer;
}

bool command_refuse(struct command *command, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	free(command->refusal);
	command->refusal = text_format_line(format, arguments);
	va_end(arguments);
	return false;
}

static bool set_number(struct command *command, const char *option, const char *text,
		       const char *what, uint32_t least, uint32_t most, uint32_t *number)
{
	return text_to_number(number, text, least, most) ||
	       command_refuse(command, "%s must be a number%s from %u to %u, not \"%s\"",
			      NAME(option), what, least, most, text);
}

static bool set_seconds(struct command *command, const char *option, const char *text,
			uint32_t least, uint32_t *seconds)
{
	return set_number(command, option, text, " of seconds", least, VM_LOGOFF_TIMEOUT_MAX,
			  seconds);
}

/* An empty name, such as an unset variable of a script, must not select all users. */
static bool set_name(struct command *command, const char *option, const char *text,
		     const char **name)
{
	*name = text;
	return *text ||
	       command_refuse(command, "%s is empty; omit it to log off all users", NAME(option));
}

/* An empty name must not select this computer, or the caller's own account. */
static bool set_host_text(struct command *command, const char *option, const char *text,
			  size_t most, const char **out)
{
	*out = text;
	if (!*text)
		return command_refuse(command, "%s is empty", NAME(option));
	return strlen(text) <= most ||
	       command_refuse(command, "%s is longer than %zu bytes", NAME(option), most);
}

static bool set_transport(struct command *command, const char *text)
{
	uint32_t transport = 0;

	if (strcmp(text, "vmbus") == 0)
		transport = VM_LOGOFF_VIA_VMBUS;
	else if (strcmp(text, "vsock") == 0)
		transport = VM_LOGOFF_VIA_VSOCK;
	else if (strcmp(text, "kvp") == 0)
		transport = VM_LOGOFF_VIA_KVP;
	command->options.flags = (command->options.flags & ~TRANSPORTS) | transport;
	return transport || command_refuse(command, "%s must be vmbus, vsock or kvp, not \"%s\"",
					   NAME("via"), text);
}

static bool set_id(struct command *command, const char *text)
{
	size_t prefix = strncmp(text, "0x", 2) == 0 ? 2 : 0;
	size_t digits = strspn(text + prefix, "0123456789abcdefABCDEF");

	if (digits >= 1 && digits <= 16 && !text[prefix + digits])
		command->id = strtoull(text, NULL, 16);
	return command->id ||
	       command_refuse(command,
			      "%s must be the id of a request, such as 0x899020634f0bee82, not "
			      "\"%s\"",
			      NAME("cancel"), text);
}

static bool set_action(struct command *command, enum action action)
{
	command->has_several_actions =
		command->has_several_actions || (command->action && command->action != action);
	command->action = action;
	return true;
}

static bool set_flag(struct command *command, uint32_t flag)
{
	command->options.flags |= flag;
	return true;
}

static bool set(bool *flag, bool value)
{
	*flag = value;
	return true;
}

bool command_set(struct command *command, int letter, const char *text)
{
	VMLogoffOptions *options = &command->options;

	command->has_logoff_options = command->has_logoff_options || strchr("tgmfusdiNvn", letter);
	command->has_many_options = command->has_many_options || strchr("ayp", letter);
	switch (letter) {
	case 't':
		return set_seconds(command, "timeout", text, 1, &options->timeout);
	case 'g':
		return set_seconds(command, "grace", text, 0, &options->grace);
	case 'm':
		options->message = text;
		return true;
	case 'f':
		return set_flag(command, VM_LOGOFF_FORCE);
	case 'u':
		return set_name(command, "user", text, &options->user);
	case 's':
		return set_name(command, "session", text, &options->session);
	case 'd':
		return set_flag(command, VM_LOGOFF_DRY_RUN);
	case 'i':
		return set_flag(command, VM_LOGOFF_INCLUDE_LINGERING);
	case 'N':
		return set_flag(command, VM_LOGOFF_NO_LOGINS);
	case 'v':
		return set_transport(command, text);
	case 'n':
		return set(&command->wait, false);
	case 'a':
		return set(&command->all, true);
	case 'y':
		return set(&command->yes, true);
	case 'p':
		return set_number(command, "parallel", text, "", 1, PARALLEL_MAX,
				  &command->parallel);
	case 'c':
		set_action(command, ACTION_CANCEL);
		return !text || set_id(command, text);
	case 'w':
		return set_action(command, ACTION_WATCH);
	case 'l':
		return set_action(command, ACTION_LIST);
	case 'R':
		return set_action(command, ACTION_REGISTER);
	case 'X':
		return set_action(command, ACTION_UNREGISTER);
	case 'e':
		return set(&command->cancel_at_end, true);
	case 'H':
		return set_host_text(command, "host", text, VM_HOST_NAME_MAX, &command->host.name);
	case 'U':
		return set_host_text(command, "user-name", text, VM_HOST_USER_MAX,
				     &command->host.user);
	case 'P': /* of a request only: other users can read a command line */
		return set_host_text(command, "password", text, VM_HOST_USER_MAX,
				     &command->host.password);
	default:
		return false;
	}
}

static bool check_machines(struct command *command)
{
	size_t count = command->machine_count;

	if (command->action == ACTION_LIST && count)
		return command_refuse(command, "%s does not take a machine", NAME("list"));
	if (command->action == ACTION_WATCH && count != 1)
		return command_refuse(command, "%s requires exactly one machine", NAME("watch"));
	if (command->action == ACTION_LIST || command->action == ACTION_WATCH)
		return true;
	if (command->all && count)
		return command_refuse(command, "%s cannot be combined with names of machines",
				      NAME("all"));
	if (!command->all && !count)
		return command_refuse(command, "a machine is required: its name, its GUID or a "
					       "pattern");
	return true;
}

static bool check_action(struct command *command)
{
	bool shows = command->action == ACTION_LIST || command->action == ACTION_WATCH;

	if (command->has_several_actions)
		return command_refuse(command, "%s, %s and %s cannot be combined", NAME("cancel"),
				      NAME("list"), NAME("watch"));
	if (shows && (command->has_logoff_options || command->has_many_options))
		return command_refuse(command, "%s and %s cannot be combined with other options",
				      NAME("list"), NAME("watch"));
	if (command->action == ACTION_CANCEL && command->has_logoff_options)
		return command_refuse(command, "%s cannot be combined with options of a logoff",
				      NAME("cancel"));
	return true;
}

static bool check_host(struct command *command)
{
	const VMHost *host = &command->host;

	if (!host->name && !host->user && !host->password)
		return true;
	if (!system_reaches_hosts())
		return command_refuse(command,
				      "%s and %s need vmlogoff for Windows: this one reaches only "
				      "the machines of this computer",
				      NAME("host"), NAME("user-name"));
	if (host->password && !host->user)
		return command_refuse(command, "%s requires %s", NAME("password"),
				      NAME("user-name"));
	if (host->user && system_is_this_computer(host->name))
		return command_refuse(command,
				      "%s cannot be used for this computer; start vmlogoff as that "
				      "user, or name another computer with %s",
				      NAME("user-name"), NAME("host"));
	return true;
}

bool command_complete_account(struct command *command)
{
	VMHost *host = &command->host;

	if (!host->name || host->password || system_is_this_computer(host->name) ||
	    system_find_account(host))
		return true;
	return command_refuse(command,
			      "the password of %s is not known: %s, or store it as the generic "
			      "credential vmlogoff:%s",
			      host->user,
			      command->by_request ? "set \"password\""
						  : "run vmlogoff in a console, which asks for it",
			      host->name);
}

/* The library checks these too, but does not name them. */
static bool check_lengths(struct command *command)
{
	const struct {
		const char *name, *text;
		size_t most;
	} texts[] = {
		{"message", command->options.message, VM_LOGOFF_MESSAGE_MAX},
		{"user", command->options.user, VM_LOGOFF_USER_MAX},
		{"session", command->options.session, VM_LOGOFF_SESSION_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (texts[i].text && strlen(texts[i].text) > texts[i].most)
			return command_refuse(command, "%s is longer than %zu bytes",
					      NAME(texts[i].name), texts[i].most);
	}
	return true;
}

/* Of the sockets' service on this host. */
static bool check_registration(struct command *command)
{
	if (!system_has_registration())
		return command_refuse(command, "%s and %s need vmlogoff for Windows",
				      NAME("register"), NAME("unregister"));
	if (command->has_several_actions || command->has_logoff_options ||
	    command->has_many_options || command->machine_count || command->host.name)
		return command_refuse(command, "%s and %s cannot be combined with anything else",
				      NAME("register"), NAME("unregister"));
	return true;
}

bool command_check(struct command *command)
{
	if (command->action == ACTION_REGISTER || command->action == ACTION_UNREGISTER)
		return check_registration(command);
	if (!check_action(command) || !check_machines(command) || !check_host(command))
		return false;
	if (command->by_request && !check_lengths(command))
		return false;
	if (command->options.grace >= command->options.timeout)
		return command_refuse(command, "%s must be less than %s", NAME("grace"),
				      NAME("timeout"));
	if (command->options.flags & VM_LOGOFF_DRY_RUN && !command->wait)
		return command_refuse(command, "%s cannot be combined with %s", NAME("dry-run"),
				      NAME("no-wait"));
	return true;
}
