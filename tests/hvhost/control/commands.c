// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of control commands. Commands of a single device are in the device's file. */
#include <string.h>

#include "tests/hvhost/storm/inject.h"
#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/host/libvmguestos/hresult.h"
#include "userspace/host/libvmguestos/vmguestos.h"

static void status_command(struct vm *vm, uint64_t client, const json_t *request)
{
	static const char *const permissions[] = {
		[PERMISSION_NONE] = "none",
		[PERMISSION_EXECUTE] = "execute",
		[PERMISSION_OWNER] = "owner",
	};
	json_t *components = json_object(), *status;
	uint64_t exits = 0;

	(void)request;
	for (size_t i = 0; i < IC_COUNT; i++)
		json_object_set_new(components, vm->ics[i]->channel.name, ic_status(vm->ics[i]));
	for (unsigned int i = 0; i < vm->config->cpus; i++)
		exits += stats_exits(&vm->vcpus[i]);
	console_flush(&vm->control.console);
	status = json_pack("{s:b, s:s, s:n, s:i, s:o, s:I, s:I, s:i}", "ok", 1, "state", "running",
			   "vmbus", "cpus", (int)vm->config->cpus, "components", components,
			   "console_bytes", (json_int_t)vm->control.console.bytes, "exits",
			   (json_int_t)exits, "sockets", (int)vm->vsock.count);
	json_object_set_new(status, "guid", json_string(vm->config->guid));
	json_object_set_new(status, "permission",
			    json_string(permissions[control_permission(&vm->control, client)]));
	if (vm->bus.version)
		json_object_set_new(
			status, "vmbus",
			json_sprintf("%u.%u", vm->bus.version >> 16, vm->bus.version & 0xffff));
	control_reply(&vm->control, client, status);
}

static void stop_command(struct vm *vm, uint64_t client, const json_t *request)
{
	(void)request;
	control_ok(&vm->control, client);
	vm_end(vm, "stop command");
}

static void reset_command(struct vm *vm, uint64_t client, const json_t *request)
{
	(void)request;
	control_ok(&vm->control, client);
	vm_reset(vm, "reset command");
}

/* The component that the request names. If there is none, replies with an error. */
static struct ic *component_of(struct vm *vm, uint64_t client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "component"));
	struct ic *ic = name ? ic_by_name(vm, name) : NULL;

	if (!ic)
		control_fail(&vm->control, client, HV_LOGOFF_E_INVALIDARG,
			     "\"component\" must be shutdown, heartbeat, timesync, kvp or logoff.");
	return ic;
}

static void channel_command(struct vm *vm, uint64_t client, const json_t *request,
			    void (*action)(struct channel *channel))
{
	struct ic *ic = component_of(vm, client, request);

	if (!ic)
		return;
	action(&ic->channel);
	control_ok(&vm->control, client);
}

static void rescind_command(struct vm *vm, uint64_t client, const json_t *request)
{
	channel_command(vm, client, request, channel_rescind);
}

static void offer_command(struct vm *vm, uint64_t client, const json_t *request)
{
	channel_command(vm, client, request, channel_offer);
}

static void negotiate_command(struct vm *vm, uint64_t client, const json_t *request)
{
	struct ic *ic = component_of(vm, client, request);

	if (!ic)
		return;
	if (ic_negotiate(ic) < 0)
		control_fail(&vm->control, client, HV_LOGOFF_E_NOT_AVAIL,
			     "The guest has not opened that component's channel.");
	else
		control_ok(&vm->control, client);
}

static void stall_command(struct vm *vm, uint64_t client, const json_t *request)
{
	channel_command(vm, client, request, channel_stall);
}

static void resume_command(struct vm *vm, uint64_t client, const json_t *request)
{
	channel_command(vm, client, request, channel_resume);
}

static void refuse_command(struct vm *vm, uint64_t client, const json_t *request)
{
	channel_command(vm, client, request, channel_refuse);
}

static void accept_command(struct vm *vm, uint64_t client, const json_t *request)
{
	channel_command(vm, client, request, channel_accept);
}

static const struct command {
	const char *name;
	enum permission needs;
	void (*run)(struct vm *vm, uint64_t client, const json_t *request);
} commands[] = {
	{"status", PERMISSION_NONE, status_command},
	{"watch", PERMISSION_EXECUTE, watch_command},
	{"wait", PERMISSION_EXECUTE, wait_command},
	{"logoff", PERMISSION_EXECUTE, ic_logoff_command},
	{"cancel", PERMISSION_EXECUTE, ic_logoff_cancel_command},
	{"query", PERMISSION_EXECUTE, ic_logoff_query_command},
	{"complete_count", PERMISSION_EXECUTE, ic_logoff_count_command},
	{"shutdown", PERMISSION_EXECUTE, ic_shutdown_command},
	{"heartbeat", PERMISSION_EXECUTE, ic_heartbeat_command},
	{"timesync", PERMISSION_EXECUTE, ic_timesync_command},
	{"kvp_add", PERMISSION_EXECUTE, ic_kvp_add_command},
	{"kvp_modify", PERMISSION_EXECUTE, ic_kvp_modify_command},
	{"kvp_remove", PERMISSION_EXECUTE, ic_kvp_remove_command},
	{"kvp_host_items", PERMISSION_EXECUTE, ic_kvp_host_items_command},
	{"kvp_guest_items", PERMISSION_EXECUTE, ic_kvp_guest_items_command},
	{"kvp_intrinsic_items", PERMISSION_EXECUTE, ic_kvp_intrinsic_items_command},
	{"kvp_get", PERMISSION_EXECUTE, ic_kvp_get_command},
	{"kvp_pool", PERMISSION_EXECUTE, ic_kvp_pool_command},
	{"console", PERMISSION_OWNER, console_command},
	{"input", PERMISSION_OWNER, console_input_command},
	{"exec", PERMISSION_OWNER, exec_run_command},
	{"rescind", PERMISSION_OWNER, rescind_command},
	{"offer", PERMISSION_OWNER, offer_command},
	{"negotiate", PERMISSION_OWNER, negotiate_command},
	{"stall", PERMISSION_OWNER, stall_command},
	{"resume", PERMISSION_OWNER, resume_command},
	{"refuse", PERMISSION_OWNER, refuse_command},
	{"accept", PERMISSION_OWNER, accept_command},
	{"storm", PERMISSION_OWNER, storm_command},
	{"inject", PERMISSION_OWNER, inject_command},
	{"reset", PERMISSION_OWNER, reset_command},
	{"stop", PERMISSION_OWNER, stop_command},
};

static void deny(struct vm *vm, uint64_t client, const struct command *command)
{
	control_fail(&vm->control, client, (uint32_t)E_ACCESSDENIED,
		     command->needs == PERMISSION_OWNER
			     ? "Only root and the user who started the machine may do that."
			     : "Only root, the user who started the machine, and the users and "
			       "groups that \"hvhost start\" allowed (--allow-user, --allow-group) "
			       "may do that.");
}

void command_run(struct vm *vm, uint64_t client, const struct peer *peer, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	for (size_t i = 0; name && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (peer_is_allowed(peer, commands[i].needs, name))
			commands[i].run(vm, client, request);
		else
			deny(vm, client, &commands[i]);
		return;
	}
	control_fail(&vm->control, client, HV_LOGOFF_E_INVALIDARG,
		     "Unknown command: see docs/hvhost.md.");
}
