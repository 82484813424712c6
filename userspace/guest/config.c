// SPDX-License-Identifier: GPL-2.0-or-later
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define LOGOFF       "Logoff"
#define KVP          "Kvp"
#define VSOCK        "Vsock"
#define FILE_MAX     16384
#define ESCALATE_MIN 1
#define ESCALATE_MAX 3600

#define SEPARATORS " \t,"
#define BLANKS     " \t\r"

struct parser {
	struct config *config;
	const char *name;
	unsigned int line;
	FILE *errors;
	const char *section; /* NULL if it is unknown */
	unsigned int seen;   /* bit n: settings[n] was set */
	bool failed;
};

static const struct known_class {
	const char *name;
	const char *warning; /* what to consider before a logoff ends them, or NULL */
} known_classes[] = {
	{"user", NULL},
	{"user-early", NULL},
	{"user-light", NULL},
	{"user-early-light", NULL},
	{"user-incomplete", NULL},
	{"background", NULL},
	{"background-light", NULL},
	{"none", NULL},
	{"greeter", "sessions of class greeter are login screens; a logoff ends them, and only the "
		    "display manager can start them again."},
	{"lock-screen",
	 "sessions of class lock-screen are lock screens; a logoff that ends one may "
	 "leave a user's session unlocked."},
};

static void report(const struct parser *parser, const char *kind, const char *format,
		   va_list arguments)
{
	_cleanup_free_ char *line = text_format_line(format, arguments);

	fprintf(parser->errors, "%s:%u: %s%s\n", parser->name, parser->line, kind,
		line ? line : "Out of memory.");
}

__attribute__((format(printf, 2, 3))) static void report_error(struct parser *parser,
							       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report(parser, "", format, arguments);
	va_end(arguments);
	parser->failed = true;
}

__attribute__((format(printf, 2, 3))) static void report_warning(const struct parser *parser,
								 const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report(parser, "Warning: ", format, arguments);
	va_end(arguments);
}

bool strv_contains(char *const *strv, const char *string)
{
	for (; strv && *strv; strv++)
		if (!strcmp(*strv, string))
			return true;
	return false;
}

static void strv_free(char **strv)
{
	for (char **string = strv; string && *string; string++)
		free(*string);
	free(strv);
}

static char **strv_split(const char *value)
{
	/* A string and its separator are at least one byte each; one more element is the NULL. */
	char **strv = calloc(strlen(value) / 2 + 2, sizeof(*strv));
	size_t count = 0;

	if (!strv)
		return NULL;
	for (value += strspn(value, SEPARATORS); *value; value += strspn(value, SEPARATORS)) {
		size_t length = strcspn(value, SEPARATORS);

		strv[count] = strndup(value, length);
		if (!strv[count++]) {
			strv_free(strv);
			return NULL;
		}
		value += length;
	}
	return strv;
}

static int set_strv(char ***target, const char *value)
{
	char **strv = strv_split(value);

	if (!strv)
		return -ENOMEM;
	strv_free(*target);
	*target = strv;
	return 0;
}

static const struct known_class *find_class(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_classes); i++)
		if (!strcmp(name, known_classes[i].name))
			return &known_classes[i];
	return NULL;
}

/* Only warns about unknown classes: a later systemd-logind may have more. */
static void check_class(struct parser *parser, const char *name)
{
	const struct known_class *class = find_class(name);

	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		report_error(parser,
			     "\"%s\" is not the name of a session class; use lowercase letters, "
			     "for example Classes=user.",
			     name);
	else if (!strncmp(name, "manager", strlen("manager")))
		report_error(parser,
			     "\"%s\" is the class of the user managers (user@.service), which end "
			     "with the last session of their user; remove it.",
			     name);
	else if (!class)
		report_warning(parser,
			       "\"%s\" is not a session class that hv-logoffd knows; check its "
			       "spelling.",
			       name);
	else if (class->warning)
		report_warning(parser, "%s", class->warning);
}

static int set_classes(struct parser *parser, const char *value)
{
	int r = set_strv(&parser->config->classes, value);

	if (r < 0)
		return r;
	if (!parser->config->classes[0])
		report_error(parser,
			     "Classes= is empty, so no session would ever be ended; list at "
			     "least one class, for example Classes=user.");
	for (char **name = parser->config->classes; *name; name++)
		check_class(parser, *name);
	return 0;
}

static void exempt_users_free(struct exempt_user *users)
{
	for (struct exempt_user *user = users; user && user->name; user++)
		free(user->name);
	free(users);
}

/* Allocates space for all users in @value and for the end of the array. */
static struct exempt_user *exempt_users_new(const char *value)
{
	return calloc(strlen(value) / 2 + 2, sizeof(struct exempt_user));
}

/*
 * Gets the next name in *@value, which may be quoted. Within quotes, blanks and commas are part of
 * the name; a backslash always is. Returns false if the closing quote is missing.
 */
static bool next_name(const char **value, const char **name, size_t *length)
{
	const char *start = *value;

	if (*start == '"' || *start == '\'') {
		const char *end = strchr(start + 1, *start);

		if (!end || !strchr(SEPARATORS, end[1]))
			return false;
		*name = start + 1;
		*length = end - *name;
		*value = end + 1;
		return true;
	}
	*name = start;
	*length = strcspn(start, SEPARATORS);
	*value = start + *length;
	return true;
}

static int set_exempt_users(struct parser *parser, const char *value)
{
	struct exempt_user *users = exempt_users_new(value);
	struct exempt_user *next = users;
	const char *name;
	size_t length;

	if (!users)
		return -ENOMEM;
	exempt_users_free(parser->config->exempt_users);
	parser->config->exempt_users = users;
	for (value += strspn(value, SEPARATORS); *value; value += strspn(value, SEPARATORS)) {
		if (!next_name(&value, &name, &length)) {
			report_error(
				parser,
				"The closing quote is missing in %s; write ExemptUsers=\"A B\" "
				"for a name with a space.",
				value);
			return 0;
		}
		next->name = strndup(name, length);
		if (!next->name)
			return -ENOMEM;
		if (!text_is_name(next->name) || strpbrk(next->name, ";\"'"))
			report_error(parser,
				     "\"%s\" is not a valid user; list user names or UIDs, "
				     "separated by spaces, for example ExemptUsers=root 1000.",
				     next->name);
		next++;
	}
	return 0;
}

bool config_exempts(const struct config *config, uid_t uid, const char *name)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", (unsigned int)uid);
	for (const struct exempt_user *user = config->exempt_users; user->name; user++)
		if (!strcmp(user->name, name) ||
		    (user->has_uid ? user->uid == uid : !strcmp(user->name, number)))
			return true;
	return false;
}

static int set_escalate(struct parser *parser, const char *value)
{
	uint32_t seconds;

	if (!text_to_number(&seconds, value, ESCALATE_MIN, ESCALATE_MAX)) {
		report_error(parser,
			     "\"%s\" is not a valid time for EscalateSec=; use an integer from "
			     "%d to %d, for example EscalateSec=10.",
			     value, ESCALATE_MIN, ESCALATE_MAX);
		return 0;
	}
	parser->config->escalate = seconds;
	return 0;
}

static int set_include_lingering(struct parser *parser, const char *value)
{
	parser->config->include_lingering = !strcmp(value, "yes");
	if (!parser->config->include_lingering && strcmp(value, "no") != 0)
		report_error(parser,
			     "\"%s\" is neither yes nor no; use IncludeLingering=yes to end the "
			     "programs of lingering users, IncludeLingering=no otherwise.",
			     value);
	return 0;
}

static int set_notice(struct parser *parser, const char *value)
{
	parser->config->notice = !strcmp(value, "yes");
	if (!parser->config->notice && strcmp(value, "no") != 0)
		report_error(parser,
			     "\"%s\" is neither yes nor no; use Notice=yes to notify users on "
			     "their terminals, Notice=no otherwise.",
			     value);
	return 0;
}

static int set_enabled(struct parser *parser, const char *value, bool *enabled, const char *what)
{
	*enabled = !strcmp(value, "yes");
	if (!*enabled && strcmp(value, "no") != 0)
		report_error(parser,
			     "\"%s\" is neither yes nor no; use Enabled=yes to accept requests "
			     "by %s, Enabled=no otherwise.",
			     value, what);
	return 0;
}

static int set_kvp(struct parser *parser, const char *value)
{
	return set_enabled(parser, value, &parser->config->kvp, "KVP");
}

static int set_vsock(struct parser *parser, const char *value)
{
	return set_enabled(parser, value, &parser->config->vsock, "sockets");
}

static int set_message(struct parser *parser, const char *value)
{
	char *message = strdup(value);

	if (!message)
		return -ENOMEM;
	free(parser->config->message);
	parser->config->message = message;
	return 0;
}

static const struct setting {
	const char *section;
	const char *key;
	int (*set)(struct parser *parser, const char *value);
} settings[] = {
	{LOGOFF, "Classes", set_classes},
	{LOGOFF, "ExemptUsers", set_exempt_users},
	{LOGOFF, "EscalateSec", set_escalate},
	{LOGOFF, "IncludeLingering", set_include_lingering},
	{LOGOFF, "Notice", set_notice},
	{LOGOFF, "Message", set_message},
	{KVP, "Enabled", set_kvp},
	{VSOCK, "Enabled", set_vsock},
};

/* Cuts trailing blanks off @text and returns its first character that is not blank. */
static char *strip(char *text)
{
	size_t length;

	text += strspn(text, BLANKS);
	length = strlen(text);
	while (length > 0 && strchr(BLANKS, text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* Returns its index, or the number of settings. With @section NULL, the first of that name. */
static size_t find_setting(const char *section, const char *key)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(settings) && (strcmp(key, settings[i].key) != 0 ||
					    (section && strcmp(section, settings[i].section) != 0)))
		i++;
	return i;
}

static void explain_setting(struct parser *parser, const char *key)
{
	size_t i = find_setting(NULL, key);

	if (i < ARRAY_SIZE(settings))
		report_error(parser, "%s= belongs to another section; move it below [%s]%s.", key,
			     settings[i].section,
			     !strcmp(settings[i].section, KVP) ? " or [" VSOCK "]" : "");
	else
		report_error(parser,
			     "Unknown setting \"%s\"; [" LOGOFF "] has the settings Classes=, "
			     "ExemptUsers=, EscalateSec=, IncludeLingering=, Notice= and Message=, "
			     "[" KVP "] and [" VSOCK "] have Enabled=.",
			     key);
}

static int parse_setting(struct parser *parser, const char *key, const char *value)
{
	size_t i = parser->section ? find_setting(parser->section, key) : ARRAY_SIZE(settings);

	if (i == ARRAY_SIZE(settings)) {
		explain_setting(parser, key);
		return 0;
	}
	if (parser->seen & 1U << i)
		report_error(parser, "%s= is already set above; remove one of the two lines.", key);
	parser->seen |= 1U << i;
	return settings[i].set(parser, value);
}

static void parse_section(struct parser *parser, const char *line)
{
	parser->section = NULL;
	if (!strcmp(line, "[" LOGOFF "]"))
		parser->section = LOGOFF;
	else if (!strcmp(line, "[" KVP "]"))
		parser->section = KVP;
	else if (!strcmp(line, "[" VSOCK "]"))
		parser->section = VSOCK;
	else
		report_error(parser,
			     "Unknown section %s; use [" LOGOFF "], [" KVP "] or [" VSOCK "].",
			     line);
}

static int parse_line(struct parser *parser, char *line)
{
	char *equals;

	line = strip(line);
	if (!*line || *line == '#' || *line == ';')
		return 0;
	if (*line == '[') {
		parse_section(parser, line);
		return 0;
	}
	equals = strchr(line, '=');
	if (!equals) {
		report_error(parser,
			     "\"%s\" is not a setting; use Key=value, or start the line with # "
			     "for a comment.",
			     line);
		return 0;
	}
	*equals = '\0';
	return parse_setting(parser, strip(line), strip(equals + 1));
}

static int set_defaults(struct config *config)
{
	*config = (struct config){.escalate = 10, .notice = true, .kvp = true, .vsock = true};
	config->classes = strv_split("user user-early user-light user-early-light");
	config->exempt_users = exempt_users_new("");
	config->message =
		strdup("The administrator of this machine's host is logging off all users.");
	return config->classes && config->exempt_users && config->message ? 0 : -ENOMEM;
}

/* @text has @length bytes followed by a NUL, and is modified. */
static int parse_lines(struct parser *parser, char *text, size_t length)
{
	int r = 0;

	for (char *end = text + length; text < end && r >= 0; parser->line++) {
		char *newline = memchr(text, '\n', end - text);
		char *line = text;

		text = newline ? newline + 1 : end;
		if (newline)
			*newline = '\0';
		if (line + strlen(line) < (newline ? newline : end))
			report_error(parser,
				     "This line contains a NUL byte; save the file as plain text.");
		else
			r = parse_line(parser, line);
	}
	return r;
}

int config_parse(struct config *config, const char *name, const char *text, size_t length,
		 FILE *errors)
{
	struct parser parser = {
		.config = config,
		.name = name,
		.line = 1,
		.errors = errors,
	};
	char copy[FILE_MAX + 1] = "";
	int r = set_defaults(config);

	if (r >= 0 && length > FILE_MAX) {
		r = -EFBIG;
		fprintf(errors, "%s: The file is longer than %d bytes; shorten it.\n", name,
			FILE_MAX);
	}
	if (r >= 0) {
		memcpy(copy, text, length);
		r = parse_lines(&parser, copy, length);
	}
	if (r >= 0 && parser.failed)
		r = -EINVAL;
	if (r < 0)
		config_done(config);
	return r;
}

int config_read(struct config *config, const char *file, FILE *errors)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char text[FILE_MAX + 1];
	ssize_t size = 0;

	if (fd >= 0)
		size = read(fd, text, sizeof(text));
	if ((fd < 0 && errno != ENOENT) || size < 0) {
		int r = -errno;

		fprintf(errors, "%s: Cannot read the file: %s.\n", file, strerror(-r));
		return r;
	}
	return config_parse(config, file, text, size, errors);
}

void config_done(struct config *config)
{
	strv_free(config->classes);
	exempt_users_free(config->exempt_users);
	free(config->message);
	*config = (struct config){0};
}
