// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands for a machine that is running. */
#include "cli.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "bar.h"
#include "client.h"
#include "diagnosis.h"
#include "tests/hvhost/util.h"
#include "userspace/host/libvmguestos/registry.h"
#include "userspace/host/libvmguestos/vmguestos.h"

#define EXEC_FAILED 125 /* the command was not run, or its status is unknown */

static bool is_ok(const json_t *reply)
{
	return json_is_true(json_object_get(reply, "ok"));
}

static void report_failure(const char *name, const json_t *reply)
{
	if (reply)
		fprintf(stderr, "hvhost: %s\n", text_of(reply, "error"));
	if (!reply || number_of(reply, "hresult") == (uint32_t)VM_E_VM_NOT_RUNNING)
		print_diagnosis(name, SYMPTOM_ENDED);
	else if (number_of(reply, "hresult") == (uint32_t)VM_E_TIMED_OUT)
		print_diagnosis(name, SYMPTOM_TIMEOUT);
	else if (number_of(reply, "hresult") == (uint32_t)E_FAIL)
		print_diagnosis(name, SYMPTOM_RESET);
}

/* Like client_call(), but also reports a failure. */
static json_t *call(const char *name, json_t *request, void (*event)(const json_t *event))
{
	json_t *reply = client_call(name, request, event);

	if (!is_ok(reply))
		report_failure(name, reply);
	return reply;
}

static json_t *request_of(const char *command)
{
	return json_pack("{s:s}", "command", command);
}

static int print_hresult(const json_t *reply)
{
	uint32_t hresult = (uint32_t)number_of(reply, "hresult");

	printf("HRESULT 0x%08x %s\n", hresult, text_of(reply, "name"));
	return hresult ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void print_component(const char *name, const json_t *component)
{
	printf("%-10s ", name);
	if (json_is_true(json_object_get(component, "negotiated")))
		printf("version %s, framework %s\n", text_of(component, "version"),
		       text_of(component, "framework"));
	else if (json_is_true(json_object_get(component, "open")))
		printf("open, not negotiated\n");
	else if (json_is_true(json_object_get(component, "offered")))
		printf("offered, not open\n");
	else
		printf("not offered\n");
}

int cli_status(int argc, char **argv)
{
	json_auto_t *reply = NULL;
	json_t *components;

	if (argc != 2)
		return cli_usage(argv[0]);
	reply = call(argv[1], request_of("status"), NULL);
	if (!is_ok(reply))
		return EXIT_FAILURE;
	printf("state      %s\n", text_of(reply, "state"));
	printf("guid       %s\n", text_of(reply, "guid"));
	printf("vmbus      %s\n", json_is_null(json_object_get(reply, "vmbus"))
					  ? "not connected"
					  : text_of(reply, "vmbus"));
	printf("cpus       %" JSON_INTEGER_FORMAT "\n", number_of(reply, "cpus"));
	printf("exits      %" JSON_INTEGER_FORMAT "\n", number_of(reply, "exits"));
	components = json_object_get(reply, "components");
	for (void *at = json_object_iter(components); at;
	     at = json_object_iter_next(components, at))
		print_component(json_object_iter_key(at), json_object_iter_value(at));
	return EXIT_SUCCESS;
}

int cli_list(int argc, char **argv)
{
	_cleanup_free_ char **names = NULL;
	int ret;

	(void)argv;
	if (argc != 1)
		return cli_usage(argv[0]);
	ret = vmg_registry_names(&names);
	if (ret < 0) {
		fprintf(stderr, "hvhost: cannot read the directory of the machines: %s.\n",
			strerror(-ret));
		return EXIT_FAILURE;
	}
	for (char **name = names; *name; name++) {
		struct connection *connection = client_connect(*name, true);

		printf("%-20s %s\n", *name, connection ? "running" : "ended");
		client_close(&connection);
	}
	return EXIT_SUCCESS;
}

static void print_console(const json_t *event)
{
	const json_t *data = json_object_get(event, "data");

	if (data)
		fwrite(json_string_value(data), 1, json_string_length(data), stdout);
	fflush(stdout);
}

/* Sends input over separate connections: the caller's connection waits for the console's reply. */
static void *forward_input(void *name)
{
	char typed[256];
	ssize_t got;

	while ((got = read(STDIN_FILENO, typed, sizeof(typed))) > 0) {
		json_auto_t *reply = NULL;
		json_t *request = request_of("input");

		json_object_set_new(request, "data", json_stringn(typed, (size_t)got));
		reply = call(name, request, NULL);
		if (!is_ok(reply))
			break;
	}
	return NULL;
}

int cli_console(int argc, char **argv)
{
	static const struct option options[] = {{"follow", no_argument, NULL, 'f'}, {0}};
	json_auto_t *reply = NULL;
	json_t *request;
	bool follow = false;
	pthread_t input;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) == 'f')
		follow = true;
	if (option != -1 || optind != argc - 1)
		return cli_usage(argv[0]);
	request = request_of("console");
	json_object_set_new(request, "follow", json_boolean(follow));
	if (follow && pthread_create(&input, NULL, forward_input, argv[optind]) == 0)
		pthread_detach(input);
	reply = call(argv[optind], request, print_console);
	return is_ok(reply) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The arguments joined by blanks, for the guest's shell. The caller frees the result. */
static char *join(char **words)
{
	char *line = NULL;
	size_t size;
	FILE *stream = open_memstream(&line, &size);

	if (!stream)
		return NULL;
	for (char **word = words; *word; word++)
		fprintf(stream, "%s%s", word == words ? "" : " ", *word);
	fclose(stream);
	return line;
}

/* Sets a number as the member @name; false if @text is not a number. */
static bool set_number(json_t *request, const char *name, const char *text)
{
	char *end;
	long long value = strtoll(text, &end, 10);

	if (end != text && !*end)
		return json_object_set_new(request, name, json_integer(value)) == 0;
	fprintf(stderr, "hvhost: --%s requires a number, not \"%s\".\n", name, text);
	return false;
}

enum argument_kind { FLAG, NUMBER, TEXT };

/* The option's name, with "_" for each "-". The caller frees it. */
static char *member_of(const struct option *option)
{
	char *name = strdup(option->name);

	for (char *at = name; at && *at; at++) {
		if (*at == '-')
			*at = '_';
	}
	return name;
}

/* Sets the options as members of the request; getopt_long() returns the kind of argument. */
static bool parse_options(int argc, char **argv, const struct option *options, json_t *request)
{
	int index, kind;

	while ((kind = getopt_long(argc, argv, "", options, &index)) != -1) {
		_cleanup_free_ char *name = member_of(&options[index]);

		if (!name)
			return false;
		if (kind == FLAG)
			json_object_set_new(request, name, json_true());
		else if (kind == TEXT)
			json_object_set_new(request, name, json_string(optarg));
		else if (kind != NUMBER || !set_number(request, name, optarg))
			return false;
	}
	return true;
}

int cli_exec(int argc, char **argv)
{
	static const struct option options[] = {{"timeout", required_argument, NULL, NUMBER}, {0}};
	json_auto_t *request = request_of("exec"), *reply = NULL;
	_cleanup_free_ char *script = NULL;
	const json_t *output;

	if (!parse_options(argc, argv, options, request) || optind >= argc - 1) {
		cli_usage(argv[0]);
		return EXEC_FAILED;
	}
	script = join(argv + optind + 1);
	json_object_set_new(request, "script", json_string(script));
	reply = call(argv[optind], json_incref(request), NULL);
	if (!is_ok(reply))
		return EXEC_FAILED;
	output = json_object_get(reply, "output");
	fwrite(json_string_value(output), 1, json_string_length(output), stdout);
	return (int)number_of(reply, "status");
}

static void print_session(const json_t *session)
{
	const char *kind = text_of(session, "kind"), *id = text_of(session, "id");

	bar_end();
	if (*text_of(session, "session"))
		printf("session %s of ", text_of(session, "session"));
	else
		printf("user ");
	printf("%s: %s", text_of(session, "user"), text_of(session, "outcome"));
	if (*kind)
		printf(", %s", kind);
	if (strcmp(id, "0x0") != 0)
		printf(", request %s", id);
	if (number_of(session, "lost"))
		printf(" (%" JSON_INTEGER_FORMAT " earlier ones were not reported)",
		       number_of(session, "lost"));
	printf("\n");
}

static void show_logoff(const json_t *event)
{
	if (strcmp(text_of(event, "event"), "session") == 0)
		print_session(event);
	else
		bar_show(event);
}

static void show_watched(const json_t *event)
{
	if (strcmp(text_of(event, "event"), "session") == 0)
		print_session(event);
	else if (strcmp(text_of(event, "event"), "component") == 0)
		print_component("logoff", event);
	fflush(stdout);
}

/* Prints events until the machine ends. */
int cli_watch(int argc, char **argv)
{
	json_auto_t *reply = NULL;

	if (argc != 2)
		return cli_usage(argv[0]);
	reply = call(argv[1], request_of("watch"), show_watched);
	return is_ok(reply) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cli_logoff(int argc, char **argv)
{
	static const struct option options[] = {
		{"timeout", required_argument, NULL, NUMBER},
		{"grace", required_argument, NULL, NUMBER},
		{"message", required_argument, NULL, TEXT},
		{"id", required_argument, NULL, TEXT},
		{"user", required_argument, NULL, TEXT},
		{"session", required_argument, NULL, TEXT},
		{"force", no_argument, NULL, FLAG},
		{"dry-run", no_argument, NULL, FLAG},
		{"include-lingering", no_argument, NULL, FLAG},
		{"no-logins", no_argument, NULL, FLAG},
		{"no-wait", no_argument, NULL, FLAG},
		{0},
	};
	json_auto_t *request = request_of("logoff"), *reply = NULL;

	if (!parse_options(argc, argv, options, request) || optind != argc - 1)
		return cli_usage(argv[0]);
	reply = call(argv[optind], json_incref(request), show_logoff);
	bar_end();
	if (!is_ok(reply)) {
		if (reply)
			print_hresult(reply);
		return EXIT_FAILURE;
	}
	if (!json_object_get(reply, "hresult")) {
		printf("id %s\n", text_of(reply, "id"));
		return EXIT_SUCCESS;
	}
	if (json_object_get(reply, "found"))
		printf("%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " sessions ended: %s\n",
		       number_of(reply, "ended"), number_of(reply, "found"),
		       text_of(reply, "text"));
	return print_hresult(reply);
}

static int run_op(const char *command, const char *name, const char *id)
{
	json_auto_t *request = request_of(command), *reply = NULL;

	if (id)
		json_object_set_new(request, "id", json_string(id));
	reply = call(name, json_incref(request), NULL);
	if (!is_ok(reply))
		return EXIT_FAILURE;
	if (json_object_get(reply, "state"))
		printf("%s: %s, %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " ended\n",
		       text_of(reply, "id"), text_of(reply, "state"), number_of(reply, "ended"),
		       number_of(reply, "found"));
	return print_hresult(reply);
}

int cli_cancel(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		return cli_usage(argv[0]);
	return run_op("cancel", argv[1], argv[2]);
}

int cli_query(int argc, char **argv)
{
	if (argc != 3)
		return cli_usage(argv[0]);
	return run_op("query", argv[1], argv[2]);
}

int cli_shutdown(int argc, char **argv)
{
	static const struct option options[] = {{"reboot", no_argument, NULL, FLAG}, {0}};
	json_auto_t *request = request_of("shutdown"), *reply = NULL;

	if (!parse_options(argc, argv, options, request) || optind != argc - 1)
		return cli_usage(argv[0]);
	reply = call(argv[optind], json_incref(request), NULL);
	return is_ok(reply) ? print_hresult(reply) : EXIT_FAILURE;
}

int cli_heartbeat(int argc, char **argv)
{
	json_auto_t *reply = NULL;
	bool beating;

	if (argc != 2)
		return cli_usage(argv[0]);
	reply = call(argv[1], request_of("heartbeat"), NULL);
	if (!is_ok(reply))
		return EXIT_FAILURE;
	beating = json_is_true(json_object_get(reply, "beating"));
	printf("%s: %" JSON_INTEGER_FORMAT " sent, %" JSON_INTEGER_FORMAT
	       " answered, the last one in %" JSON_INTEGER_FORMAT " us\n",
	       beating ? "beating" : "not beating", number_of(reply, "sent"),
	       number_of(reply, "answered"), number_of(reply, "round_trip_us"));
	return beating ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cli_timesync(int argc, char **argv)
{
	static const struct option options[] = {{"offset", required_argument, NULL, NUMBER}, {0}};
	json_auto_t *request = request_of("timesync"), *reply = NULL;

	if (!parse_options(argc, argv, options, request) || optind != argc - 1)
		return cli_usage(argv[0]);
	reply = call(argv[optind], json_incref(request), NULL);
	return is_ok(reply) ? print_hresult(reply) : EXIT_FAILURE;
}

int cli_component(int argc, char **argv)
{
	json_auto_t *reply = NULL;

	if (argc != 3)
		return cli_usage(argv[0]);
	reply = call(argv[1], json_pack("{s:s, s:s}", "command", argv[0], "component", argv[2]),
		     NULL);
	return is_ok(reply) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const struct {
	const char *verb;
	const char *command;
	int arguments; /* after the verb */
} kvp_verbs[] = {
	{"add", "kvp_add", 2},
	{"modify", "kvp_modify", 2},
	{"remove", "kvp_remove", 1},
	{"host-items", "kvp_host_items", 0},
	{"guest-items", "kvp_guest_items", 0},
	{"intrinsic-items", "kvp_intrinsic_items", 0},
};

static json_t *kvp_request(int count, char **words)
{
	for (size_t i = 0; i < ARRAY_SIZE(kvp_verbs); i++) {
		if (strcmp(words[0], kvp_verbs[i].verb) == 0 && count == kvp_verbs[i].arguments + 1)
			return json_pack("{s:s, s:s*, s:s*}", "command", kvp_verbs[i].command,
					 "name", count > 1 ? words[1] : NULL, "data",
					 count > 2 ? words[2] : NULL);
	}
	return NULL;
}

int cli_kvp(int argc, char **argv)
{
	json_auto_t *reply = NULL;
	json_t *request = argc < 3 ? NULL : kvp_request(argc - 2, argv + 2), *items;

	if (!request)
		return cli_usage(argv[0]);
	reply = call(argv[1], request, NULL);
	if (!is_ok(reply))
		return EXIT_FAILURE;
	items = json_object_get(reply, "items");
	for (void *at = json_object_iter(items); at; at = json_object_iter_next(items, at))
		printf("%s=%s\n", json_object_iter_key(at),
		       json_string_value(json_object_iter_value(at)));
	return EXIT_SUCCESS;
}

static void print_storm(const json_t *storm)
{
	printf("seed %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT
	       " packets sent, %" JSON_INTEGER_FORMAT " answers, %" JSON_INTEGER_FORMAT
	       " resets, %" JSON_INTEGER_FORMAT " rescinds\n",
	       number_of(storm, "seed"), number_of(storm, "sent"), number_of(storm, "answers"),
	       number_of(storm, "resets"), number_of(storm, "rescinds"));
	fflush(stdout);
}

int cli_storm(int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, NUMBER},
		{"packets", required_argument, NULL, NUMBER},
		{0},
	};
	json_auto_t *request = request_of("storm"), *reply = NULL;

	if (!parse_options(argc, argv, options, request) || optind != argc - 1)
		return cli_usage(argv[0]);
	reply = call(argv[optind], json_incref(request), print_storm);
	if (!is_ok(reply))
		return EXIT_FAILURE;
	print_storm(reply);
	return EXIT_SUCCESS;
}

int cli_inject(int argc, char **argv)
{
	static const struct option options[] = {
		{"length", required_argument, NULL, NUMBER},
		{"size", required_argument, NULL, NUMBER},
		{0},
	};
	json_auto_t *request = request_of("inject"), *reply = NULL;

	if (!parse_options(argc, argv, options, request) || argc - optind < 2 || argc - optind > 3)
		return cli_usage(argv[0]);
	json_object_set_new(request, "component", json_string(argv[optind + 1]));
	if (argv[optind + 2])
		json_object_set_new(request, "data", json_string(argv[optind + 2]));
	reply = call(argv[optind], json_incref(request), NULL);
	return is_ok(reply) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cli_reset(int argc, char **argv)
{
	json_auto_t *reply = NULL;

	if (argc != 2)
		return cli_usage(argv[0]);
	reply = call(argv[1], request_of("reset"), NULL);
	return is_ok(reply) ? EXIT_SUCCESS : EXIT_FAILURE;
}
