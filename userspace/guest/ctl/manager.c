// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-bus.h>

#include "commands.h"
#include "userspace/guest/bus.h"
#include "userspace/shared/release.h"
#include "userspace/shared/text.h"
#include "userspace/shared/utc.h"
#include "userspace/shared/util.h"

/* Polkit may ask for a password. */
#define CALL_TIMEOUT (150 * USEC_PER_SEC)

static void explain(const sd_bus *bus, const sd_bus_error *error, int r)
{
	if (!bus)
		fprintf(stderr, "hv-logoffctl: Cannot connect to the system bus: %s.\n",
			strerror(-r));
	else if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
		 sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		fprintf(stderr, "hv-logoffctl: hv-logoffd is not running, or has no access to the "
				"bus; run \"hv-logoffctl doctor\".\n");
	else
		fprintf(stderr, "hv-logoffctl: %s\n",
			error->message ? error->message : strerror(-r));
}

/* Returns 0, or -errno after printing the reason unless @quiet. @reply may be NULL. */
static int call(const char *member, uint64_t id, bool quiet, sd_bus_message **reply)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	int r = sd_bus_open_system(&bus);

	if (r >= 0)
		r = sd_bus_message_new_method_call(bus, &message, BUS_NAME, BUS_PATH, BUS_INTERFACE,
						   member);
	if (r >= 0)
		r = sd_bus_message_set_allow_interactive_authorization(message, true);
	if (r >= 0)
		r = sd_bus_message_set_auto_start(message, false);
	if (r >= 0 && id)
		r = sd_bus_message_append(message, "t", id);
	if (r >= 0)
		r = sd_bus_call(bus, message, CALL_TIMEOUT, &error, reply);
	if (r < 0 && !quiet)
		explain(bus, &error, r);
	return r;
}

/* Reads one of the types that the status has. */
static json_t *read_value(sd_bus_message *reply, const char *type)
{
	json_t *transports;
	const char *name, *state, *version;
	uint64_t wide;
	uint32_t number;
	int flag;

	switch (type[0]) {
	case 's':
		return sd_bus_message_read(reply, "s", &name) > 0 ? json_string(name) : NULL;
	case 't':
		return sd_bus_message_read(reply, "t", &wide) > 0 ? json_integer((json_int_t)wide)
								  : NULL;
	case 'u':
		return sd_bus_message_read(reply, "u", &number) > 0 ? json_integer(number) : NULL;
	case 'b':
		return sd_bus_message_read(reply, "b", &flag) > 0 ? json_boolean(flag) : NULL;
	default:
		break;
	}
	if (strcmp(type, "a(sss)") != 0) {
		sd_bus_message_skip(reply, type);
		return NULL;
	}
	transports = json_array();
	sd_bus_message_enter_container(reply, 'a', "(sss)");
	while (sd_bus_message_read(reply, "(sss)", &name, &state, &version) > 0)
		json_array_append_new(transports, json_pack("{ssssss}", "name", name, "state",
							    state, "version", version));
	sd_bus_message_exit_container(reply);
	return transports;
}

/* Members are named as in the reply. Returns NULL if it is not valid. */
static json_t *read_status(sd_bus_message *reply)
{
	json_t *status = json_object();
	const char *key, *type;

	if (sd_bus_message_enter_container(reply, 'a', "{sv}") < 0) {
		json_decref(status);
		return NULL;
	}
	while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
		if (sd_bus_message_read(reply, "s", &key) < 0 ||
		    sd_bus_message_peek_type(reply, NULL, &type) < 0 ||
		    sd_bus_message_enter_container(reply, 'v', type) < 0)
			break;
		json_object_set_new(status, key, read_value(reply, type));
		sd_bus_message_exit_container(reply);
		sd_bus_message_exit_container(reply);
	}
	return status;
}

static const char *string_of(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static int64_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_request(const json_t *status)
{
	char grace_end[UTC_SIZE], deadline[UTC_SIZE];

	if (!json_object_get(status, "Id")) {
		puts("request: none");
		return;
	}
	utc_format(grace_end, number_of(status, "GraceEnd") / (int64_t)USEC_PER_SEC);
	utc_format(deadline, number_of(status, "Deadline") / (int64_t)USEC_PER_SEC);
	printf("request: %" PRId64 " (%s by %s)%s\n", number_of(status, "Id"),
	       string_of(status, "HostId"), string_of(status, "Transport"),
	       json_is_true(json_object_get(status, "DryRun")) ? ", dry run" : "");
	printf("state: %s, %" PRId64 " of %" PRId64 " sessions have ended\n",
	       string_of(status, "State"), number_of(status, "Ended"), number_of(status, "Found"));
	printf("grace period: until %s\ntimeout: %s\n", grace_end, deadline);
}

static void print_status(const json_t *status)
{
	const json_t *transport;
	size_t i;

	printf("hv-logoffd: %s\n", string_of(status, "Version"));
	if (strcmp(string_of(status, "Version"), RELEASE) != 0)
		puts("hv-logoffctl: " RELEASE);
	json_array_foreach(json_object_get(status, "Transports"), i, transport) {
		const char *version = string_of(transport, "version");

		printf("%s: %s%s%s\n", string_of(transport, "name"), string_of(transport, "state"),
		       version[0] ? ", version " : "", version);
	}
	print_request(status);
}

json_t *get_status(bool quiet)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

	return call("GetStatus", 0, quiet, &reply) < 0 ? NULL : read_status(reply);
}

static void print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
}

int command_status(bool json)
{
	json_auto_t *status = get_status(false);

	if (!status)
		return EXIT_FAILURE;
	if (json)
		print_json(status);
	else
		print_status(status);
	return EXIT_SUCCESS;
}

/* What the daemon's reason means, which is empty for a session that would be ended. */
static const char *describe(const char *reason)
{
	if (!reason[0])
		return "would be logged off";
	if (!strcmp(reason, "user"))
		return "stays: the user is exempt (ExemptUsers=)";
	if (!strcmp(reason, "class"))
		return "stays: the class is not in Classes=";
	return "stays";
}

int command_list(bool json)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	json_auto_t *list = json_array();
	const char *id, *user, *class, *tty, *reason;
	uint32_t uid;
	char name[64];

	if (call("ListTargets", 0, false, &reply) < 0)
		return EXIT_FAILURE;
	sd_bus_message_enter_container(reply, 'a', "(sussss)");
	if (!json)
		printf("%-8s %-16s %6s %-16s %-8s %s\n", "SESSION", "USER", "UID", "CLASS", "TTY",
		       "LOGOFF");
	while (sd_bus_message_read(reply, "(sussss)", &id, &uid, &user, &class, &tty, &reason) >
	       0) {
		text_clean_line(name, sizeof(name), user);
		if (json)
			json_array_append_new(
				list, json_pack("{sssisssssssbss}", "session", id, "uid", (int)uid,
						"user", user, "class", class, "tty", tty,
						"selected", !reason[0], "reason", reason));
		else
			printf("%-8s %-16s %6" PRIu32 " %-16s %-8s %s\n", id, name, uid, class, tty,
			       describe(reason));
	}
	if (json)
		print_json(list);
	return EXIT_SUCCESS;
}

/* Only root and administrators may ask which request is in progress. */
static uint64_t find_request(void)
{
	json_auto_t *status = get_status(false);
	uint64_t id = number_of(status, "Id");

	if (status && !id)
		fprintf(stderr, "hv-logoffctl: No request is in progress.\n");
	return id;
}

int command_cancel(uint64_t id)
{
	if (!id)
		id = find_request();
	if (!id || call("Cancel", id, false, NULL) < 0)
		return EXIT_FAILURE;
	printf("Request %" PRIu64 " was cancelled; nobody was logged off.\n", id);
	return EXIT_SUCCESS;
}
