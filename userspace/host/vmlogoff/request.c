// SPDX-License-Identifier: GPL-2.0-or-later
#include "request.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define READ_BYTES 4096

/* What was read of standard input and is not used yet. A line is overwritten once it was used. */
static struct input {
	char bytes[REQUEST_SIZE_MAX + READ_BYTES];
	size_t length;
	bool ended;
} input;

enum kind { FLAG, NUMBER, TEXT, FLAG_OR_TEXT };

static const struct key {
	const char *name;
	enum kind kind;
	int letter; /* of command_set() */
} keys[] = {
	{"timeout", NUMBER, 't'},
	{"grace", NUMBER, 'g'},
	{"message", TEXT, 'm'},
	{"force", FLAG, 'f'},
	{"user", TEXT, 'u'},
	{"session", TEXT, 's'},
	{"dry_run", FLAG, 'd'},
	{"include_lingering", FLAG, 'i'},
	{"no_logins", FLAG, 'N'},
	{"via", TEXT, 'v'},
	{"no_wait", FLAG, 'n'},
	{"all", FLAG, 'a'},
	{"yes", FLAG, 'y'},
	{"parallel", NUMBER, 'p'},
	{"cancel", FLAG_OR_TEXT, 'c'},
	{"watch", FLAG, 'w'},
	{"list", FLAG, 'l'},
	{"cancel_at_end", FLAG, 'e'},
	{"host", TEXT, 'H'},
	{"user_name", TEXT, 'U'},
	{"password", TEXT, 'P'},
};

static bool refuse_type(struct command *command, const struct key *key)
{
	static const char *const types[] = {
		[FLAG] = "true or false",
		[NUMBER] = "a number without fraction",
		[TEXT] = "a string",
		[FLAG_OR_TEXT] = "true, false or a string",
	};

	return command_refuse(command, "\"%s\" must be %s", key->name, types[key->kind]);
}

static bool set_number(struct command *command, const struct key *key, const json_t *value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
	return command_set(command, key->letter, text);
}

static bool set_key(struct command *command, const struct key *key, const json_t *value)
{
	bool takes_flag = key->kind == FLAG || key->kind == FLAG_OR_TEXT;
	bool takes_text = key->kind == TEXT || key->kind == FLAG_OR_TEXT;

	if (takes_flag && json_is_false(value))
		return true;
	if (takes_flag && json_is_true(value))
		return command_set(command, key->letter, NULL);
	if (takes_text && json_is_string(value))
		return command_set(command, key->letter, json_string_value(value));
	if (key->kind == NUMBER && json_is_integer(value))
		return set_number(command, key, value);
	return refuse_type(command, key);
}

static bool set_machines(struct command *command, const json_t *array)
{
	size_t count = json_array_size(array);

	if (!json_is_array(array) || !count)
		return command_refuse(command, "\"machines\" must be an array of names");
	command->machines = calloc(count + 1, sizeof(char *));
	if (!command->machines)
		return command_refuse(command, "there is not enough memory");
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_array_get(array, i));

		if (!name || !*name)
			return command_refuse(command, "\"machines\" must contain only strings "
						       "that are not empty");
		command->machines[command->machine_count++] = name;
	}
	return true;
}

static bool set_member(struct command *command, const char *name, const json_t *value)
{
	if (strcmp(name, "machines") == 0)
		return set_machines(command, value);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(name, keys[i].name) == 0)
			return set_key(command, &keys[i], value);
	}
	return command_refuse(command, "\"%.64s\" is not a key of a request", name);
}

bool request_parse(struct command *command, const char *line, size_t length)
{
	json_error_t error;
	const char *name;
	json_t *value;

	command->by_request = true;
	command->request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
	if (!command->request)
		return command_refuse(command, "the request is not valid JSON: %s, at byte %d",
				      error.text, error.position);
	if (!json_is_object(command->request))
		return command_refuse(command, "the request must be a JSON object");
	json_object_foreach(command->request, name, value) {
		if (!set_member(command, name, value))
			return false;
	}
	return command_check(command);
}

bool request_is_cancel(const char *line, size_t length)
{
	json_auto_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);

	return json_object_size(object) == 1 && json_is_true(json_object_get(object, "cancel"));
}

/* Returns false at the end of the input, after an error, or if there would be too much. */
static bool read_more(void)
{
	long got;

	if (input.length > REQUEST_SIZE_MAX)
		return false;
	got = system_read(input.bytes + input.length, READ_BYTES);
	input.ended = got <= 0;
	input.length += got > 0 ? (size_t)got : 0;
	return got > 0;
}

/*
 * Waits for a line, whose length is returned without the newline. After the last line, which may
 * have no newline, the length is 0 and the input has ended. A line that is too long is cut.
 */
static size_t read_line(void)
{
	char *end = NULL;
	size_t searched = 0;

	for (;;) {
		if (input.length > searched)
			end = memchr(input.bytes + searched, '\n', input.length - searched);
		if (end)
			return (size_t)(end - input.bytes);
		searched = input.length;
		if (!read_more())
			return input.length;
	}
}

static void drop_line(size_t length)
{
	size_t used = length < input.length ? length + 1 : length;

	input.length -= used;
	memmove(input.bytes, input.bytes + used, input.length);
	system_wipe(input.bytes + input.length, used);
}

bool request_read(struct command *command)
{
	size_t length = read_line();
	bool good;

	/* A request may contain a password. */
	json_set_alloc_funcs(malloc, system_wipe_and_free);
	if (length > REQUEST_SIZE_MAX)
		return command_refuse(command, "the request is longer than %d bytes",
				      REQUEST_SIZE_MAX);
	if (!length)
		return command_refuse(command, "there is no request on the first line of standard "
					       "input");
	good = request_parse(command, input.bytes, length);
	drop_line(length);
	return good;
}

static bool is_blank(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	}
	return true;
}

struct watcher {
	waitable cancel;
	bool cancel_at_end;
};

static void *watch_input(void *argument)
{
	struct watcher watcher = *(struct watcher *)argument;
	bool cancelled = false;

	free(argument);
	while (!cancelled && !(input.ended && !input.length)) {
		size_t length = read_line();

		if (!is_blank(input.bytes, length)) {
			cancelled = true;
			if (!request_is_cancel(input.bytes, length))
				fputs("vmlogoff: cancelling: a line after the request is not "
				      "{\"cancel\": true}.\n",
				      stderr);
		}
		drop_line(length);
	}
	if (cancelled || watcher.cancel_at_end)
		system_set(watcher.cancel);
	return NULL;
}

bool request_watch(const struct command *command, waitable cancel)
{
	struct watcher *watcher = malloc(sizeof(*watcher));
	pthread_t thread;

	if (!watcher)
		return false;
	*watcher = (struct watcher){cancel, command->cancel_at_end};
	if (pthread_create(&thread, NULL, watch_input, watcher) != 0) {
		free(watcher);
		return false;
	}
	pthread_detach(thread);
	return true;
}
