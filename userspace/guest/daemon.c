// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon.h"

#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <systemd/sd-daemon.h>

#include "audit.h"
#include "log.h"
#include "userspace/guest/system/boot_id.h"
#include "userspace/guest/system/nologin.h"
#include "userspace/guest/system/scope.h"
#include "userspace/guest/system/terminal.h"
#include "userspace/guest/system/vmbus.h"
#include "userspace/shared/util.h"
#include "userspace/shared/vsock.h"

/* Delay after logind failed to answer. */
#define LIST_RETRY (5 * USEC_PER_SEC)

/* The operations of the engine and the session watch. */

static uint64_t op_now(void *userdata)
{
	(void)userdata;
	return monotonic_usec();
}

static void op_wake(void *userdata, uint64_t time)
{
	struct daemon *daemon = userdata;

	if (time != USEC_NEVER)
		sd_event_source_set_time(daemon->timer, time);
	sd_event_source_set_enabled(daemon->timer,
				    time == USEC_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int op_resolve(void *userdata, const char *user)
{
	struct daemon *daemon = userdata;

	return resolver_start(&daemon->resolver, user);
}

static int op_list_users(void *userdata)
{
	struct daemon *daemon = userdata;

	return logind_list_users(&daemon->logind);
}

static int op_list(void *userdata)
{
	struct daemon *daemon = userdata;

	watch_list_requested(&daemon->watch);
	return logind_list(&daemon->logind);
}

static bool op_is_opening(void *userdata, const struct session *session)
{
	struct daemon *daemon = userdata;

	return opening_check(&daemon->opening, session->id);
}

/* The id is 0 if the request came by KVP. */
static void op_begin(void *userdata, const struct session *session)
{
	struct daemon *daemon = userdata;
	uint64_t request = device_requests_current(&daemon->device);

	if (!request)
		request = vsock_requests_current(&daemon->vsock.requests);
	watch_claim(&daemon->watch, session->id, request);
}

static int op_signal(void *userdata, const struct session *session)
{
	(void)userdata;
	return scope_signal(SCOPE_ROOT, session);
}

static int op_kill(void *userdata, const struct session *session)
{
	(void)userdata;
	return scope_kill(SCOPE_ROOT, session);
}

static int op_kill_session(void *userdata, const struct session *session, int number)
{
	struct daemon *daemon = userdata;

	return logind_kill(&daemon->logind, session->id, number);
}

static void op_stop_scope(void *userdata, const struct session *session)
{
	struct daemon *daemon = userdata;
	int r = logind_stop_scope(&daemon->logind, session->id);

	if (r < 0)
		log_message(LOG_WARNING, "Cannot stop the scope of session %s: %s.", session->id,
			    strerror(-r));
}

static int op_user_runs(void *userdata, uid_t uid)
{
	(void)userdata;
	return scope_user_runs(SCOPE_ROOT, uid);
}

static int op_look_up_manager(void *userdata, uid_t uid)
{
	struct daemon *daemon = userdata;

	return logind_look_up_manager(&daemon->logind, uid);
}

static int op_stop_manager(void *userdata, uid_t uid)
{
	struct daemon *daemon = userdata;

	/* The user has no session left, so the slice has only what is to be stopped. */
	scope_user_thaw(SCOPE_ROOT, uid);
	return logind_terminate_user(&daemon->logind, uid);
}

static void op_kill_user(void *userdata, uid_t uid)
{
	struct daemon *daemon = userdata;
	int r = scope_user_kill(SCOPE_ROOT, uid);

	if (r < 0)
		r = logind_kill_user(&daemon->logind, uid, SIGKILL);
	if (r < 0)
		log_message(LOG_WARNING, "Cannot kill the processes of UID %u: %s.",
			    (unsigned int)uid, strerror(-r));
}

static void op_reset_manager(void *userdata, uid_t uid)
{
	struct daemon *daemon = userdata;

	logind_reset_manager(&daemon->logind, uid);
}

/* Another file disables logons as well. */
static int op_begin_no_logins(void *userdata, const char *text)
{
	int r = nologin_begin(NOLOGIN_ROOT, text);

	(void)userdata;
	if (r != -EEXIST)
		return r;
	log_message(LOG_NOTICE, NOLOGIN_ROOT "/nologin exists, and is not changed.");
	return 0;
}

static void op_end_no_logins(void *userdata)
{
	(void)userdata;
	daemon_clean_up();
}

static int op_find_outside(void *userdata)
{
	struct daemon *daemon = userdata;

	return outside_find(&daemon->outside);
}

static void op_changed(void *userdata)
{
	struct daemon *daemon = userdata;

	bus_update(&daemon->bus);
}

static void op_begin_notices(void *userdata)
{
	struct daemon *daemon = userdata;

	terminals_done(&daemon->told);
}

/* On terminals; subscribers on the bus learn of the request's changes by themselves. */
static bool op_notify(void *userdata, const struct session *session, const char *text)
{
	struct daemon *daemon = userdata;
	int r = terminal_write_session(&daemon->told, SCOPE_ROOT, session, text);

	if (r < 0 && r != -ENXIO)
		log_message(LOG_INFO, "Cannot notify user %s in session %s: %s.", session->user,
			    session->id, strerror(-r));
	return r > 0 || bus_reaches(&daemon->bus, session->uid);
}

static bool op_manager_has_terminal(void *userdata, uid_t uid)
{
	(void)userdata;
	return terminal_of_manager(SCOPE_ROOT, uid);
}

static bool op_notify_manager(void *userdata, uid_t uid, const char *text)
{
	struct daemon *daemon = userdata;
	int r = terminal_write_manager(&daemon->told, SCOPE_ROOT, uid, text);

	if (r < 0 && r != -ENXIO)
		log_message(LOG_INFO, "Cannot notify UID %u on a terminal of the user manager: %s.",
			    (unsigned int)uid, strerror(-r));
	return r > 0;
}

static void op_audit(void *userdata, const char *id, const struct session *session,
		     const char *outcome, const char *detail)
{
	(void)userdata;
	audit_entry(id, session, outcome, detail);
}

static void op_audit_user(void *userdata, const char *id, const struct outcome *outcome)
{
	(void)userdata;
	audit_user(id, outcome);
}

static const struct engine_ops engine_ops = {
	.now = op_now,
	.wake = op_wake,
	.resolve = op_resolve,
	.list_users = op_list_users,
	.list = op_list,
	.is_opening = op_is_opening,
	.begin = op_begin,
	.signal = op_signal,
	.kill = op_kill,
	.kill_session = op_kill_session,
	.stop_scope = op_stop_scope,
	.user_runs = op_user_runs,
	.look_up_manager = op_look_up_manager,
	.stop_manager = op_stop_manager,
	.kill_user = op_kill_user,
	.reset_manager = op_reset_manager,
	.begin_no_logins = op_begin_no_logins,
	.end_no_logins = op_end_no_logins,
	.find_outside = op_find_outside,
	.changed = op_changed,
	.begin_notices = op_begin_notices,
	.notify = op_notify,
	.manager_has_terminal = op_manager_has_terminal,
	.notify_manager = op_notify_manager,
	.audit = op_audit,
	.audit_user = op_audit_user,
};

static void op_list_later(void *userdata)
{
	struct daemon *daemon = userdata;

	sd_event_source_set_time_relative(daemon->list_timer, LIST_RETRY);
	sd_event_source_set_enabled(daemon->list_timer, SD_EVENT_ONESHOT);
}

static void op_ended(void *userdata, const struct session *session, enum hv_logoff_kind kind,
		     uint64_t request)
{
	struct daemon *daemon = userdata;

	device_requests_session_ended(&daemon->device, request, session, kind);
	vsock_requests_session_ended(&daemon->vsock.requests, request, session, kind);
}

static const struct watch_ops watch_ops = {
	.list = op_list,
	.list_later = op_list_later,
	.ended = op_ended,
};

static const char *device_state(const struct daemon *daemon)
{
	if (daemon->device.device.fd < 0)
		return vmbus_offers("", VMBUS_LOGOFF) ? "no-driver" : "not-offered";
	return daemon->device.device.version ? "ready" : "starting";
}

static const char *kvp_state(const struct daemon *daemon)
{
	if (!daemon->bus.config->kvp)
		return "disabled";
	if (!daemon->kvp_started)
		return "failed";
	return kvp_transport_available() ? "ready" : "not-available";
}

static bool accepts_vsock(const struct daemon *daemon)
{
	return daemon->vsock.fd >= 0 && daemon->vsock.enabled;
}

static const char *vsock_state(const struct daemon *daemon)
{
	if (!daemon->bus.config->vsock)
		return "disabled";
	return accepts_vsock(daemon) ? "ready" : "not-available";
}

static int op_append_transports(void *userdata, sd_bus_message *reply)
{
	const struct daemon *daemon = userdata;
	uint32_t driver = daemon->device.device.version;
	char version[24] = "", vsock_version[24], kvp_version[12];

	if (driver)
		snprintf(version, sizeof(version), "%u.%u", driver >> 16, driver & 0xffff);
	snprintf(vsock_version, sizeof(vsock_version), "%u.%u", hvl_message_versions[0].major,
		 hvl_message_versions[0].minor);
	snprintf(kvp_version, sizeof(kvp_version), "%d", KVP_VERSION_MAX);
	return sd_bus_message_append(reply, "a(sss)", 3, "component", device_state(daemon), version,
				     "kvp", kvp_state(daemon), kvp_version, "vsock",
				     vsock_state(daemon), vsock_version);
}

static const struct bus_ops bus_ops = {
	.list = op_list,
	.append_transports = op_append_transports,
};

static bool accepts_kvp(const struct daemon *daemon)
{
	return daemon->kvp_started && kvp_transport_available();
}

/*
 * If requests can arrive otherwise, the daemon waits for the device to reappear. Else it exits.
 * STOPPING=1 is sent first, so that PID 1 starts the daemon again if the device reappears while it
 * exits.
 */
static void on_gone(void *userdata, int error)
{
	struct daemon *daemon = userdata;
	bool stay = error == -ENODEV && (accepts_kvp(daemon) || daemon->vsock.fd >= 0);

	if (stay) {
		device_requests_done(&daemon->device);
		error = daemon_await_device(daemon, daemon->device_file);
	} else {
		sd_notify(0, "STOPPING=1\nSTATUS=The device has disappeared.");
	}
	if (!stay || error < 0) {
		daemon->error = error;
		sd_event_exit(daemon->event, 0);
	}
}

/* Events from logind. The watch is first: the end of a session precedes the request's result. */

static void on_connected(void *userdata, sd_bus *connection)
{
	struct daemon *daemon = userdata;

	bus_connected(&daemon->bus, connection);
}

static void on_disconnected(void *userdata)
{
	struct daemon *daemon = userdata;

	bus_disconnected(&daemon->bus);
}

static bool has_ended(void *userdata, const char *id, uid_t uid)
{
	struct daemon *daemon = userdata;

	if (daemon->hierarchy < 0)
		daemon->hierarchy = scope_open(SCOPE_ROOT);
	return scope_has_ended(daemon->hierarchy, id, uid);
}

static bool knows_session(void *userdata)
{
	const struct daemon *daemon = userdata;

	return daemon->watch.count > 0;
}

static void on_users_listed(void *userdata, const struct listed_user *users, size_t count,
			    int error)
{
	struct daemon *daemon = userdata;

	engine_users_listed(&daemon->engine, users, count, error);
}

static void on_listed(void *userdata, struct session_list *list, int error)
{
	struct daemon *daemon = userdata;

	closep(&daemon->hierarchy);
	watch_listed(&daemon->watch, list, error);
	bus_listed(&daemon->bus, list, error);
	engine_listed(&daemon->engine, list, error);
}

static void on_states_changed(void *userdata)
{
	struct daemon *daemon = userdata;

	engine_states_changed(&daemon->engine);
}

static void on_opened(void *userdata)
{
	struct daemon *daemon = userdata;

	engine_opened(&daemon->engine);
}

static void on_found(void *userdata, const struct session *session)
{
	struct daemon *daemon = userdata;

	if (!session) {
		op_list_later(daemon);
		return;
	}
	watch_found(&daemon->watch, session);
	engine_found(&daemon->engine, session);
}

static void on_stopping(void *userdata, const char *id)
{
	struct daemon *daemon = userdata;

	watch_stopping(&daemon->watch, id);
}

static void on_removed(void *userdata, const char *id)
{
	struct daemon *daemon = userdata;

	watch_removed(&daemon->watch, id);
	engine_removed(&daemon->engine, id);
}

/* Do not call a logind that has exited: this would activate it. A signal reports its restart. */
static void on_restarted(void *userdata, bool running)
{
	struct daemon *daemon = userdata;

	if (running)
		watch_list(&daemon->watch);
	else if (!daemon->logind.bus)
		op_list_later(daemon);
	engine_resync(&daemon->engine);
}

static void on_kill_failed(void *userdata, const char *id, int error)
{
	struct daemon *daemon = userdata;

	if (error == -ENOENT)
		watch_ended(&daemon->watch, id);
	engine_call_failed(&daemon->engine, id, error);
}

static void on_manager_found(void *userdata, uid_t uid, int state)
{
	struct daemon *daemon = userdata;

	engine_manager_found(&daemon->engine, uid, state);
}

static void on_service_found(void *userdata, const char *unit, const struct service *service)
{
	struct daemon *daemon = userdata;

	outside_service_found(&daemon->outside, unit, service);
}

static void on_outside_found(void *userdata, const struct outside_user *users, size_t count)
{
	struct daemon *daemon = userdata;

	engine_outside_found(&daemon->engine, users, count);
}

static int op_look_up_service(void *userdata, const char *unit, bool terminal)
{
	struct daemon *daemon = userdata;

	return logind_look_up_service(&daemon->logind, unit, terminal);
}

static const struct outside_ops outside_ops = {
	.look_up_service = op_look_up_service,
	.found = on_outside_found,
};

static const struct logind_handler logind_handler = {
	.connected = on_connected,
	.disconnected = on_disconnected,
	.has_ended = has_ended,
	.knows_session = knows_session,
	.users_listed = on_users_listed,
	.listed = on_listed,
	.opened = on_opened,
	.found = on_found,
	.stopping = on_stopping,
	.removed = on_removed,
	.restarted = on_restarted,
	.kill_failed = on_kill_failed,
	.manager_found = on_manager_found,
	.service_found = on_service_found,
};

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
	struct daemon *daemon = userdata;

	(void)source;
	(void)time;
	engine_tick(&daemon->engine);
	return 0;
}

static int on_list_time(sd_event_source *source, uint64_t time, void *userdata)
{
	struct daemon *daemon = userdata;

	(void)source;
	(void)time;
	watch_list(&daemon->watch);
	return 0;
}

static int add_timer(struct daemon *daemon, sd_event_source **timer, uint64_t accuracy,
		     sd_event_time_handler_t handler)
{
	int r = sd_event_add_time(daemon->event, timer, CLOCK_MONOTONIC, USEC_NEVER, accuracy,
				  handler, daemon);

	return r < 0 ? r : sd_event_source_set_enabled(*timer, SD_EVENT_OFF);
}

int daemon_start(struct daemon *daemon, sd_event *event, struct config *config)
{
	char boot[BOOT_ID_SIZE] = "";
	int r = boot_id_read(boot);

	*daemon = (struct daemon){.event = sd_event_ref(event), .hierarchy = -1};
	engine_init(&daemon->engine, &engine_ops, daemon, config);
	known_requests_init(&daemon->known, KNOWN_REQUESTS_DIRECTORY, boot);
	device_requests_init(&daemon->device, &daemon->engine, &daemon->known, on_gone, daemon);
	vsock_listener_init(&daemon->vsock, &daemon->engine, &daemon->known);
	outside_init(&daemon->outside, event, &outside_ops, daemon);
	resolver_init(&daemon->resolver, event, config, &daemon->engine);
	watch_init(&daemon->watch, &watch_ops, daemon, config);
	bus_init(&daemon->bus, &bus_ops, daemon, &daemon->engine, config);
	logind_init(&daemon->logind, event, &logind_handler, daemon);
	opening_init(&daemon->opening, event, on_states_changed, daemon);
	/* Coarse enough for the kernel to coalesce wakeups of an idle machine. */
	if (r >= 0)
		r = add_timer(daemon, &daemon->timer, 10 * USEC_PER_MSEC, on_time);
	if (r >= 0)
		r = add_timer(daemon, &daemon->list_timer, LIST_RETRY, on_list_time);
	return r;
}

int daemon_start_vsock(struct daemon *daemon, int fd)
{
	return vsock_listener_start(&daemon->vsock, fd, daemon->event, daemon->bus.config->vsock);
}

int daemon_start_kvp(struct daemon *daemon)
{
	uint32_t port = accepts_vsock(daemon) ? HVL_VSOCK_PORT : 0;
	int r = kvp_transport_start(&daemon->kvp, daemon->event, &daemon->engine, port);

	daemon->kvp_started = r >= 0;
	return r;
}

int daemon_start_device(struct daemon *daemon, const char *file, int fd)
{
	int r;

	daemon->device_file = file;
	r = device_requests_start(&daemon->device, fd, daemon->event);
	/* This also connects to the bus before the first request. If it fails, it is retried. */
	if (r >= 0)
		watch_list(&daemon->watch);
	return r;
}

/* The device may have disappeared again, or another process may have it: wait for a change. */
static void try_device(struct daemon *daemon)
{
	int fd = device_open(daemon->device_file);
	int r;

	if (fd < 0)
		return;
	r = daemon_start_device(daemon, daemon->device_file, fd);
	if (r >= 0)
		directory_watch_done(&daemon->device_watch);
	else if (r != -ENODEV)
		log_message(LOG_ERR, "%s appeared, but is not usable: %s.", daemon->device_file,
			    strerror(-r));
}

static void on_device_directory(void *userdata, const char *name)
{
	struct daemon *daemon = userdata;
	const char *slash = strrchr(daemon->device_file, '/');

	if (!name || !strcmp(name, slash ? slash + 1 : daemon->device_file))
		try_device(daemon);
}

/* How requests can arrive without the device. */
static const char *ways(const struct daemon *daemon)
{
	if (accepts_kvp(daemon))
		return accepts_vsock(daemon) ? "by KVP and sockets" : "by KVP";
	if (accepts_vsock(daemon))
		return "by sockets";
	return daemon->kvp_started ? "by KVP" : NULL;
}

static void explain_readiness(const struct daemon *daemon)
{
	const char *how = ways(daemon);

	if (!how) {
		sd_notify(0, "READY=1\nSTATUS=Requests by sockets are disabled.");
		log_message(LOG_INFO, "Requests can only arrive by sockets, which is disabled "
				      "(Enabled=no in section [Vsock] of hv-logoffd.conf).");
		return;
	}
	sd_notifyf(0, "READY=1\nSTATUS=Ready for the host's requests %s.", how);
	log_message(LOG_INFO, "Ready for the host's requests %s%s", how,
		    vmbus_offers("", VMBUS_LOGOFF)
			    ? ". The host also offers the logoff component; its driver is not "
			      "loaded yet. If it is not loaded soon, run \"hv-logoffctl doctor\" "
			      "to see why."
			    : " only.");
}

int daemon_await_device(struct daemon *daemon, const char *file)
{
	_cleanup_free_ char *directory = strdup(file);
	int r;

	if (!directory)
		return -ENOMEM;
	daemon->device_file = file;
	r = directory_watch_start(&daemon->device_watch, daemon->event, dirname(directory),
				  IN_CREATE | IN_MOVED_TO, on_device_directory, daemon);
	if (r < 0)
		return r;
	explain_readiness(daemon);
	watch_list(&daemon->watch);
	/* It may have appeared before the directory was watched. */
	try_device(daemon);
	return 0;
}

void daemon_done(struct daemon *daemon)
{
	if (daemon->kvp_started)
		kvp_transport_done(&daemon->kvp);
	engine_drop(&daemon->engine);
	terminals_done(&daemon->told);
	resolver_done(&daemon->resolver);
	outside_done(&daemon->outside);
	watch_done(&daemon->watch);
	device_requests_done(&daemon->device);
	vsock_listener_done(&daemon->vsock);
	known_requests_done(&daemon->known);
	directory_watch_done(&daemon->device_watch);
	logind_done(&daemon->logind);
	opening_done(&daemon->opening);
	closep(&daemon->hierarchy);
	sd_event_source_disable_unref(daemon->timer);
	sd_event_source_disable_unref(daemon->list_timer);
	sd_event_unref(daemon->event);
}

int daemon_clean_up(void)
{
	int r = nologin_end(NOLOGIN_ROOT);

	if (r < 0)
		log_message(LOG_ERR, "Cannot remove " NOLOGIN_ROOT "/nologin: %s.", strerror(-r));
	return r < 0 ? r : 0;
}
