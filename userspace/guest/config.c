// SPDX-License-Identifier: GPL-2.0-or-later
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "userspace/shared/util.h"

#define LOGOFF       "Logoff"
#define KVP          "Kvp"
#define FILE_MAX     16384
#define ESCALATE_MIN 1
#define ESCALATE_MAX 3600

#define SEPARATORS " \t,"
#define BLANKS     " \t\r"

struct parser {
	struct config *config;
	const char *name;
	unsigned int line;
	FILE *complaints;
	const char *section; /* NULL: none that there is */
	unsigned int seen;   /* bit n: the key settings[n] was set */
	bool failed;
};

static const char *const allowed_classes[] = {"user", "user-early", "user-light",
					      "user-early-light"};

__attribute__((format(printf, 2, 3))) static void complain(struct parser *parser,
							   const char *format, ...)
{
	va_list arguments;

	fprintf(parser->complaints, "%s:%u: ", parser->name, parser->line);
	va_start(arguments, format);
	vfprintf(parser->complaints, format, arguments);
	va_end(arguments);
	fputc('\n', parser->complaints);
	parser->failed = true;
}

bool words_contain(char *const *words, const char *word)
{
	for (; words && *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

static void words_free(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}

static char **words_split(const char *value)
{
	/* No word is shorter than one byte, nor its separator; and there is the NULL. */
	char **words = calloc(strlen(value) / 2 + 2, sizeof(*words));
	size_t count = 0;

	if (!words)
		return NULL;
	for (value += strspn(value, SEPARATORS); *value; value += strspn(value, SEPARATORS)) {
		size_t length = strcspn(value, SEPARATORS);

		words[count] = strndup(value, length);
		if (!words[count++]) {
			words_free(words);
			return NULL;
		}
		value += length;
	}
	return words;
}

static int set_words(char ***target, const char *value)
{
	char **words = words_split(value);

	if (!words)
		return -ENOMEM;
	words_free(*target);
	*target = words;
	return 0;
}

static bool class_allowed(const char *class)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed_classes); i++)
		if (!strcmp(class, allowed_classes[i]))
			return true;
	return false;
}

static int set_classes(struct parser *parser, const char *value)
{
	int r = set_words(&parser->config->classes, value);

	if (r < 0)
		return r;
	if (!parser->config->classes[0])
		complain(parser, "Classes= is empty, so that nobody would ever be logged off; "
				 "name at least one class, such as Classes=user.");
	for (char **name = parser->config->classes; *name; name++)
		if (!class_allowed(*name))
			complain(parser,
				 "\"%s\" is not a class of sessions that can be logged "
				 "off; write some of user, user-early, user-light and "
				 "user-early-light.",
				 *name);
	return 0;
}

static int set_exempt_users(struct parser *parser, const char *value)
{
	int r = set_words(&parser->config->exempt_users, value);

	if (r < 0)
		return r;
	for (char **user = parser->config->exempt_users; *user; user++)
		if (strpbrk(*user, ":/;\"'"))
			complain(parser,
				 "\"%s\" cannot be a user; write names or numbers of users "
				 "with spaces between them, such as ExemptUsers=root 1000.",
				 *user);
	return 0;
}

static int set_escalate(struct parser *parser, const char *value)
{
	unsigned long seconds;
	char *end;

	errno = 0;
	seconds = strtoul(value, &end, 10);
	if (errno || end == value || *end || !strchr("0123456789", value[0]) ||
	    seconds < ESCALATE_MIN || seconds > ESCALATE_MAX) {
		complain(parser,
			 "\"%s\" is not a time that EscalateSec= can have; write whole "
			 "seconds from %d to %d, such as EscalateSec=10.",
			 value, ESCALATE_MIN, ESCALATE_MAX);
		return 0;
	}
	parser->config->escalate = seconds;
	return 0;
}

static int set_notice(struct parser *parser, const char *value)
{
	parser->config->notice = !strcmp(value, "yes");
	if (!parser->config->notice && strcmp(value, "no") != 0)
		complain(parser,
			 "\"%s\" is neither yes nor no; write Notice=yes to tell users on "
			 "their terminals, Notice=no not to.",
			 value);
	return 0;
}

static int set_kvp(struct parser *parser, const char *value)
{
	parser->config->kvp = !strcmp(value, "yes");
	if (!parser->config->kvp && strcmp(value, "no") != 0)
		complain(parser,
			 "\"%s\" is neither yes nor no; write Enabled=yes to take requests "
			 "by KVP, Enabled=no not to.",
			 value);
	return 0;
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
	{LOGOFF, "Classes", set_classes},      {LOGOFF, "ExemptUsers", set_exempt_users},
	{LOGOFF, "EscalateSec", set_escalate}, {LOGOFF, "Notice", set_notice},
	{LOGOFF, "Message", set_message},      {KVP, "Enabled", set_kvp},
};

/* Cuts @text short after its last character that is not blank; gives its first one. */
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

static int parse_setting(struct parser *parser, const char *key, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(key, settings[i].key) != 0)
			continue;
		if (!parser->section || strcmp(parser->section, settings[i].section) != 0) {
			complain(parser,
				 "%s= is a setting of another section; write [%s] above "
				 "it.",
				 key, settings[i].section);
			return 0;
		}
		if (parser->seen & 1U << i)
			complain(parser, "%s= was set further up already; keep one of the two.",
				 key);
		parser->seen |= 1U << i;
		return settings[i].set(parser, value);
	}
	complain(parser,
		 "There is no setting \"%s\"; the settings of [" LOGOFF "] are "
		 "Classes=, ExemptUsers=, EscalateSec=, Notice= and Message=, that of "
		 "[" KVP "] is Enabled=.",
		 key);
	return 0;
}

static void parse_section(struct parser *parser, const char *line)
{
	parser->section = NULL;
	if (!strcmp(line, "[" LOGOFF "]"))
		parser->section = LOGOFF;
	else if (!strcmp(line, "[" KVP "]"))
		parser->section = KVP;
	else
		complain(parser, "There is no section %s; write [" LOGOFF "] or [" KVP "].", line);
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
		complain(parser,
			 "\"%s\" is not a setting; write Key=value, or start the line "
			 "with # to make it a comment.",
			 line);
		return 0;
	}
	*equals = '\0';
	return parse_setting(parser, strip(line), strip(equals + 1));
}

static int set_defaults(struct config *config)
{
	*config = (struct config){.escalate = 10, .notice = true, .kvp = true};
	config->classes = words_split("user user-early user-light user-early-light");
	config->exempt_users = words_split("");
	config->message = strdup("The administrator of this machine's host logs everyone off.");
	return config->classes && config->exempt_users && config->message ? 0 : -ENOMEM;
}

/* @text has @length bytes and a NUL after them; is cut up. */
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
			complain(parser, "There is a NUL byte in this line; save the file as plain "
					 "text.");
		else
			r = parse_line(parser, line);
	}
	return r;
}

int config_parse(struct config *config, const char *name, const char *text, size_t length,
		 FILE *complaints)
{
	struct parser parser = {
		.config = config,
		.name = name,
		.line = 1,
		.complaints = complaints,
	};
	char copy[FILE_MAX + 1] = "";
	int r = set_defaults(config);

	if (r >= 0 && length > FILE_MAX) {
		r = -EFBIG;
		fprintf(complaints, "%s: Longer than %d bytes; remove what is not needed.\n", name,
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

int config_read(struct config *config, const char *file, FILE *complaints)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char text[FILE_MAX + 1];
	ssize_t size = 0;

	if (fd >= 0)
		size = read(fd, text, sizeof(text));
	if ((fd < 0 && errno != ENOENT) || size < 0) {
		int r = -errno;

		fprintf(complaints, "%s: Cannot be read: %s.\n", file, strerror(-r));
		return r;
	}
	return config_parse(config, file, text, size, complaints);
}

void config_done(struct config *config)
{
	words_free(config->classes);
	words_free(config->exempt_users);
	free(config->message);
	*config = (struct config){0};
}
