// SPDX-License-Identifier: GPL-2.0-or-later
/* The running system for the doctor, and what it prints. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "commands.h"
#include "userspace/shared/util.h"

#define PID1_NAME "org.freedesktop.systemd1"
#define PID1_PATH "/org/freedesktop/systemd1"

#define CALL_TIMEOUT (10 * USEC_PER_SEC)

static const char *const state_labels[] = {
	[FINDING_OK] = "ok",
	[FINDING_NOTE] = "note",
	[FINDING_PROBLEM] = "problem",
};

/* The signature of the hypervisor, which other architectures do not have. */
static void find_hypervisor(char signature[HYPERVISOR_SIZE])
{
#if defined(__x86_64__) || defined(__i386__)
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & (1U << 31)))
		return;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(signature, &ebx, sizeof(ebx));
	memcpy(signature + 4, &ecx, sizeof(ecx));
	memcpy(signature + 8, &edx, sizeof(edx));
	signature[HYPERVISOR_SIZE - 1] = '\0';
#else
	(void)signature;
#endif
}

static int get_string(sd_bus *bus, const char *path, const char *property, char *value, size_t size)
{
	_cleanup_free_ char *text = NULL;
	int r = sd_bus_get_property_string(bus, PID1_NAME, path, PID1_NAME ".Unit", property, NULL,
					   &text);

	if (r >= 0)
		snprintf(value, size, "%s", text);
	return r;
}

/* PID 1 loads the unit for this, so that one that was never started has a state, too. */
static int get_unit(void *userdata, const char *name, struct unit_state *state)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	sd_bus *bus = userdata;
	const char *path;
	int r = bus ? sd_bus_call_method(bus, PID1_NAME, PID1_PATH, PID1_NAME ".Manager",
					 "LoadUnit", NULL, &reply, "s", name)
		    : -ENOTCONN;

	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0)
		r = get_string(bus, path, "LoadState", state->load, sizeof(state->load));
	if (r >= 0)
		r = get_string(bus, path, "ActiveState", state->active, sizeof(state->active));
	if (r >= 0)
		sd_bus_get_property_trivial(bus, PID1_NAME, path, PID1_NAME ".Service",
					    "ExecMainStatus", NULL, 'i', &state->status);
	return r < 0 ? r : 0;
}

static int get_transport(void *userdata, const char *name, char state[TRANSPORT_STATE_SIZE])
{
	json_auto_t *status = get_status(true);
	const json_t *transport;
	const char *value;
	size_t i;

	(void)userdata;
	json_array_foreach(json_object_get(status, "Transports"), i, transport) {
		value = json_string_value(json_object_get(transport, "name"));
		if (!value || strcmp(value, name) != 0)
			continue;
		value = json_string_value(json_object_get(transport, "state"));
		snprintf(state, TRANSPORT_STATE_SIZE, "%s", value ? value : "");
	}
	return status ? 0 : -EHOSTDOWN;
}

/* The last way is preceded by "and". */
static void print_conclusion(const struct doctor *doctor, FILE *stream)
{
	const char *ways[3];
	size_t count = 0;

	if (!doctor->works) {
		fputs("A logoff does not work.\n", stream);
		return;
	}
	if (doctor->component_works)
		ways[count++] = "by the logoff component";
	if (doctor->kvp_works)
		ways[count++] = "by KVP";
	if (doctor->vsock_works)
		ways[count++] = "by sockets";
	fputs("A logoff works, ", stream);
	for (size_t i = 0; i < count; i++)
		fprintf(stream, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", ways[i]);
	fputs(".\n", stream);
}

static void print_text(const struct doctor *doctor, FILE *stream)
{
	for (size_t i = 0; i < doctor->count; i++) {
		const struct finding *finding = &doctor->findings[i];

		fprintf(stream, "%-7s  %s: %s%s%s\n", state_labels[finding->state],
			finding->subject, finding->text, finding->remedy[0] ? " " : "",
			finding->remedy);
	}
	print_conclusion(doctor, stream);
}

static void print_json(const struct doctor *doctor, FILE *stream)
{
	json_t *findings = json_array();
	json_t *result;

	for (size_t i = 0; i < doctor->count; i++) {
		const struct finding *finding = &doctor->findings[i];

		json_array_append_new(findings,
				      json_pack("{ssssssss}", "subject", finding->subject, "state",
						state_labels[finding->state], "text", finding->text,
						"remedy", finding->remedy));
	}
	result = json_pack("{sbsbsbsbso}", "works", doctor->works, "component",
			   doctor->component_works, "kvp", doctor->kvp_works, "vsock",
			   doctor->vsock_works, "findings", findings);
	json_dumpf(result, stream, JSON_COMPACT);
	fputc('\n', stream);
	json_decref(result);
}

void doctor_print(const struct doctor *doctor, bool json, FILE *stream)
{
	if (json)
		print_json(doctor, stream);
	else
		print_text(doctor, stream);
}

int command_doctor(bool json)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
	struct doctor doctor = {.root = "", .unit = get_unit, .transport = get_transport};
	struct utsname system;

	if (geteuid() != 0) {
		fputs("hv-logoffctl: Run \"hv-logoffctl doctor\" as root.\n", stderr);
		return EXIT_FAILURE;
	}
	uname(&system);
	doctor.release = system.release;
	find_hypervisor(doctor.hypervisor);
	if (sd_bus_open_system(&bus) >= 0)
		sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT);
	doctor.userdata = bus;
	doctor_run(&doctor);
	doctor_print(&doctor, json, stdout);
	return doctor.works ? EXIT_SUCCESS : EXIT_FAILURE;
}
