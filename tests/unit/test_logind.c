// SPDX-License-Identifier: GPL-2.0-or-later
/* The calls to logind, over a private bus (dbus-daemon) with a fake logind and PID 1 on it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "private_bus.h"
#include "unit.h"
#include "userspace/guest/system/logind.h"
#include "userspace/shared/util.h"

#define NAME         "org.freedesktop.login1"
#define PATH         "/org/freedesktop/login1"
#define MANAGER      "org.freedesktop.login1.Manager"
#define PID1_MANAGER "org.freedesktop.systemd1.Manager"

static struct fixture {
	struct private_bus system_bus;
	sd_event *event;
	sd_bus *service;
	struct logind logind;

	/* How the fake logind behaves, and the calls that it received. */
	bool with_list_ex;
	bool knows_session;
	unsigned int sessions;
	unsigned int ended; /* of them, the first ones have ended */
	unsigned int property_calls;
	const char *removed_while_listed;
	unsigned int vanished; /* the first ones are listed, but no longer have properties */
	const char *lookup_error;
	const char *kill_error;
	int kill_user_processes;
	const char *manager_state; /* NULL: there is no such unit */
	int lingers;               /* negative: logind does not know the user */
	const char *user_error;
	uint32_t service_uid;
	const char *standard_input; /* of the service */
	const char *service_error;  /* the property that PID 1 does not return, or "" */
	unsigned int service_gets;
	unsigned int users;      /* that logind lists; every third one lingers */
	unsigned int users_gone; /* the first ones are dropped after that */
	const char *linger_error;
	unsigned int linger_calls;
	unsigned int list_calls, list_ex_calls, kills, stops, subscriptions, gets, terminations,
		resets;
	char killed[64];
	char unit[32];
	char files[32]; /* logind's directory, of tests that need one */

	/* What the handler received. */
	unsigned int lists, opened, found, lookup_failures, stopping, removed, stops_seen,
		starts_seen, kill_failures, managers;
	unsigned int services, service_failures;
	struct service found_service;
	int list_error, kill_failure, manager;
	unsigned int user_lists;
	int user_list_error;
	size_t listed_users;
	struct session_list list;
	struct session found_session;
	char stopping_id[16], removed_id[16];
} fixture;

static bool has_ended(void *userdata, const char *id, uid_t uid)
{
	assert_int_equal(uid, 1000 + strtoul(id + 1, NULL, 10));
	return uid < 1000 + fixture.ended;
}

static bool knows_session(void *userdata)
{
	return fixture.knows_session;
}

static void on_listed(void *userdata, struct session_list *list, int error)
{
	session_list_done(&fixture.list);
	fixture.list = *list;
	*list = (struct session_list){0};
	fixture.list_error = error;
	fixture.lists++;
}

static void on_users_listed(void *userdata, const struct listed_user *users, size_t count,
			    int error)
{
	fixture.user_lists++;
	fixture.user_list_error = error;
	fixture.listed_users = count;
	for (size_t i = 0; i < count && error == 0; i++) {
		assert_int_equal(users[i].uid, 1000 + i);
		assert_string_equal(users[i].name, "alice");
		assert_int_equal(users[i].lingers, i % 3 == 0 && i >= fixture.users_gone);
	}
}

static void on_opened(void *userdata)
{
	fixture.opened++;
}

static void on_found(void *userdata, const struct session *session)
{
	if (!session) {
		fixture.lookup_failures++;
		return;
	}
	session_done(&fixture.found_session);
	assert_int_equal(session_init(&fixture.found_session, session->id, session->uid,
				      session->user, session->class, session->seat, session->tty,
				      session->leader),
			 0);
	fixture.found++;
}

static void on_stopping(void *userdata, const char *id)
{
	fixture.stopping++;
	snprintf(fixture.stopping_id, sizeof(fixture.stopping_id), "%s", id);
}

static void on_removed(void *userdata, const char *id)
{
	fixture.removed++;
	snprintf(fixture.removed_id, sizeof(fixture.removed_id), "%s", id);
}

static void on_restarted(void *userdata, bool running)
{
	fixture.stops_seen += !running;
	fixture.starts_seen += running;
}

static void on_kill_failed(void *userdata, const char *id, int error)
{
	assert_string_equal(id, "c1");
	fixture.kill_failures++;
	fixture.kill_failure = error;
}

static void on_manager_found(void *userdata, uid_t uid, int state)
{
	assert_int_equal(uid, 1007);
	fixture.managers++;
	fixture.manager = state;
}

static void on_service_found(void *userdata, const char *unit, const struct service *service)
{
	assert_string_equal(unit, "getty@tty1.service");
	fixture.services++;
	if (service)
		fixture.found_service = *service;
	else
		fixture.service_failures++;
}

static const struct logind_handler handler = {
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

/* Runs the event loop until *@counter is @value; fails on a timeout. */
static void run_until(const unsigned int *counter, unsigned int value)
{
	for (int i = 0; *counter < value; i++) {
		assert_true(i < 10000);
		assert_true(sd_event_run(fixture.event, 30 * USEC_PER_SEC) > 0);
	}
	assert_int_equal(*counter, value);
}

static int reply_list(sd_bus_message *call, unsigned int count, const char *type,
		      void (*append)(sd_bus_message *reply, const char *id, unsigned int uid))
{
	sd_bus_message *reply;
	char id[16];

	assert_true(sd_bus_message_new_method_return(call, &reply) >= 0);
	sd_bus_message_open_container(reply, 'a', type);
	for (unsigned int i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "c%u", i);
		append(reply, id, 1000 + i);
	}
	sd_bus_message_close_container(reply);
	sd_bus_send(fixture.service, reply, NULL);
	sd_bus_message_unref(reply);
	return 1;
}

static void append_session(sd_bus_message *reply, const char *id, unsigned int uid)
{
	char path[64];

	snprintf(path, sizeof(path), PATH "/session/%s", id);
	sd_bus_message_append(reply, "(susso)", id, uid, "alice", "", path);
}

static void append_session_ex(sd_bus_message *reply, const char *id, unsigned int uid)
{
	sd_bus_message_append(reply, "(sussussbto)", id, uid, "alice", "seat0", 42, "user", "tty1",
			      false, UINT64_C(0), PATH "/session/x");
}

static void emit(const char *member, const char *id);

static int reply_properties(sd_bus_message *call)
{
	const char *id = sd_bus_message_get_path(call) + strlen(PATH "/session/");
	unsigned int index = strtoul(id + 1, NULL, 10);

	fixture.property_calls++;
	/* Its properties are the last that the first batch of calls requests. */
	if (fixture.removed_while_listed && index == 63)
		emit("SessionRemoved", fixture.removed_while_listed);
	if (fixture.lookup_error)
		return sd_bus_reply_method_errorf(call, fixture.lookup_error, "no");
	if (index < fixture.vanished)
		return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_OBJECT, "gone");
	return sd_bus_reply_method_return(call, "a{sv}", 8, "Id", "s", id, "User", "(uo)",
					  1000 + index, PATH "/user/x", "Name", "s", "alice",
					  "Class", "s", index % 2 ? "greeter" : "user", "IdleHint",
					  "b", 0, "Seat", "(so)", "seat1", PATH "/seat/seat1",
					  "TTY", "s", "pts/7", "Leader", "u", 1000 + index);
}

static int reply_linger(sd_bus_message *call)
{
	unsigned int index =
		strtoul(sd_bus_message_get_path(call) + strlen(PATH "/user/_"), NULL, 10) - 1000;

	fixture.linger_calls++;
	if (fixture.linger_error)
		return sd_bus_reply_method_errorf(call, fixture.linger_error, "no");
	if (index < fixture.users_gone)
		return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_OBJECT, "no");
	return sd_bus_reply_method_return(call, "v", "b", index % 3 == 0);
}

static void append_user(sd_bus_message *reply, const char *id, unsigned int uid)
{
	char path[64];

	snprintf(path, sizeof(path), PATH "/user/_%u", uid);
	sd_bus_message_append(reply, "(uso)", uid, "alice", path);
}

static int reply_service(sd_bus_message *call, const char *property)
{
	assert_string_equal(sd_bus_message_get_path(call),
			    "/org/freedesktop/systemd1/unit/getty_40tty1_2eservice");
	fixture.service_gets++;
	if (!strcmp(property, fixture.service_error))
		return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_INTERFACE, "no");
	if (!strcmp(property, "UID"))
		return sd_bus_reply_method_return(call, "v", "u", fixture.service_uid);
	assert_string_equal(property, "StandardInput");
	return sd_bus_reply_method_return(call, "v", "s", fixture.standard_input);
}

static int reply_property(sd_bus_message *call)
{
	const char *interface, *property;

	assert_true(sd_bus_message_read(call, "ss", &interface, &property) > 0);
	if (!strcmp(property, "ActiveState")) {
		assert_string_equal(interface, "org.freedesktop.systemd1.Unit");
		assert_string_equal(sd_bus_message_get_path(call),
				    "/org/freedesktop/systemd1/unit/user_401007_2eservice");
		if (!fixture.manager_state)
			return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_OBJECT, "no");
		return sd_bus_reply_method_return(call, "v", "s", fixture.manager_state);
	}
	if (!strcmp(property, "Linger")) {
		assert_string_equal(interface, "org.freedesktop.login1.User");
		if (fixture.users > 0)
			return reply_linger(call);
		assert_string_equal(sd_bus_message_get_path(call), PATH "/user/_1007");
		if (fixture.lingers < 0)
			return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_OBJECT, "no");
		return sd_bus_reply_method_return(call, "v", "b", fixture.lingers);
	}
	if (!strcmp(interface, "org.freedesktop.systemd1.Service"))
		return reply_service(call, property);
	assert_string_equal(interface, MANAGER);
	assert_string_equal(property, "KillUserProcesses");
	fixture.gets++;
	return sd_bus_reply_method_return(call, "v", "b", fixture.kill_user_processes);
}

static int reply_kill(sd_bus_message *call)
{
	const char *id, *whom;
	int number;

	assert_true(sd_bus_message_read(call, "ssi", &id, &whom, &number) > 0);
	snprintf(fixture.killed, sizeof(fixture.killed), "%s %s %d", id, whom, number);
	fixture.kills++;
	if (fixture.kill_error)
		return sd_bus_reply_method_errorf(call, fixture.kill_error, "no");
	return sd_bus_reply_method_return(call, "");
}

static int reply_user_call(sd_bus_message *call)
{
	bool terminate = sd_bus_message_is_method_call(call, NULL, "TerminateUser");
	int number = 0;
	uint32_t uid;

	assert_true(sd_bus_message_read(call, "u", &uid) > 0);
	if (!terminate)
		assert_true(sd_bus_message_read(call, "i", &number) > 0);
	snprintf(fixture.killed, sizeof(fixture.killed), "%u %d", uid, number);
	fixture.terminations++;
	if (fixture.user_error)
		return sd_bus_reply_method_errorf(call, fixture.user_error, "no");
	return sd_bus_reply_method_return(call, "");
}

static void read_unit(sd_bus_message *call, unsigned int *calls)
{
	const char *unit;

	assert_true(sd_bus_message_read(call, "s", &unit) > 0);
	snprintf(fixture.unit, sizeof(fixture.unit), "%s", unit);
	(*calls)++;
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	if (sd_bus_message_is_method_call(call, MANAGER, "ListSessions")) {
		fixture.list_calls++;
		return reply_list(call, fixture.sessions, "(susso)", append_session);
	}
	if (sd_bus_message_is_method_call(call, MANAGER, "ListUsers"))
		return reply_list(call, fixture.users, "(uso)", append_user);
	if (fixture.with_list_ex &&
	    sd_bus_message_is_method_call(call, MANAGER, "ListSessionsEx")) {
		fixture.list_ex_calls++;
		return reply_list(call, fixture.sessions, "(sussussbto)", append_session_ex);
	}
	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "GetAll"))
		return reply_properties(call);
	if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "Get"))
		return reply_property(call);
	if (sd_bus_message_is_method_call(call, MANAGER, "KillSession"))
		return reply_kill(call);
	if (sd_bus_message_is_method_call(call, MANAGER, "TerminateUser") ||
	    sd_bus_message_is_method_call(call, MANAGER, "KillUser"))
		return reply_user_call(call);
	if (sd_bus_message_is_method_call(call, PID1_MANAGER, "StopUnit"))
		read_unit(call, &fixture.stops);
	if (sd_bus_message_is_method_call(call, PID1_MANAGER, "ResetFailedUnit"))
		read_unit(call, &fixture.resets);
	if (sd_bus_message_is_method_call(call, PID1_MANAGER, "Subscribe"))
		fixture.subscriptions++;
	if (sd_bus_message_is_method_call(call, NULL, NULL))
		return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_UNKNOWN_METHOD, "unknown");
	return 0;
}

static void stop_service(void)
{
	fixture.service = sd_bus_flush_close_unref(fixture.service);
}

static void start_service(void)
{
	assert_true(sd_bus_open_system(&fixture.service) >= 0);
	assert_true(sd_bus_request_name(fixture.service, NAME, 0) >= 0);
	assert_true(sd_bus_request_name(fixture.service, "org.freedesktop.systemd1", 0) >= 0);
	assert_true(sd_bus_add_filter(fixture.service, NULL, on_call, NULL) >= 0);
	assert_true(sd_bus_attach_event(fixture.service, fixture.event, 0) >= 0);
}

static void emit(const char *member, const char *id)
{
	char path[64];

	snprintf(path, sizeof(path), PATH "/session/%s", id);
	assert_true(sd_bus_emit_signal(fixture.service, PATH, MANAGER, member, "so", id, path) >=
		    0);
}

static void emit_job(const char *unit)
{
	assert_true(sd_bus_emit_signal(fixture.service, "/org/freedesktop/systemd1", PID1_MANAGER,
				       "JobNew", "uos", 7, "/org/freedesktop/systemd1/job/7",
				       unit) >= 0);
}

static int setup_without_bus(void **state)
{
	fixture = (struct fixture){0};
	if (private_bus_init(&fixture.system_bus, PRIVATE_SYSTEM_BUS) < 0 ||
	    sd_event_new(&fixture.event) < 0)
		return -1;
	logind_init(&fixture.logind, fixture.event, &handler, NULL);
	/* Whoever is logged on to this machine, logind is asked. */
	fixture.logind.session_files = "/nonexistent";
	return 0;
}

static int teardown(void **state)
{
	logind_done(&fixture.logind);
	stop_service();
	private_bus_done(&fixture.system_bus);
	session_list_done(&fixture.list);
	session_done(&fixture.found_session);
	sd_event_unref(fixture.event);
	return 0;
}

static int setup(void **state)
{
	int r = setup_without_bus(state);

	if (r == 0) {
		private_bus_start(&fixture.system_bus);
		start_service();
	}
	return r;
}

static void list(void)
{
	assert_int_equal(logind_list(&fixture.logind), 0);
	run_until(&fixture.lists, fixture.lists + 1);
}

static void test_list_ex(void **state)
{
	const struct session *session;

	fixture.with_list_ex = true;
	fixture.sessions = 3;
	list();
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, 3);
	session = &fixture.list.items[2];
	assert_string_equal(session->id, "c2");
	assert_int_equal(session->uid, 1002);
	assert_string_equal(session->user, "alice");
	assert_string_equal(session->class, "user");
	assert_string_equal(session->seat, "seat0");
	assert_string_equal(session->tty, "tty1");
	assert_int_equal(session->leader, 42);
	assert_int_equal(fixture.list_calls, 0);
}

/* More sessions than the bus allows pending calls on one connection. */
static void test_list_of_old_logind(void **state)
{
	const struct session *session;

	fixture.sessions = 300;
	list();
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, 300);
	for (size_t i = 0; i < 300; i++) {
		session = &fixture.list.items[i];
		assert_int_equal(session->uid, 1000 + strtoul(session->id + 1, NULL, 10));
		assert_string_equal(session->class, session->uid % 2 ? "greeter" : "user");
		assert_string_equal(session->seat, "seat1");
		assert_string_equal(session->tty, "pts/7");
		assert_int_equal(session->leader, session->uid);
	}
	list();
	assert_int_equal(fixture.list.count, 300);
	assert_int_equal(fixture.list_calls, 2);
}

static void test_empty_list(void **state)
{
	list();
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, 0);
}

static void make_files(void)
{
	strcpy(fixture.files, "/tmp/test_logind.XXXXXX");
	assert_non_null(mkdtemp(fixture.files));
	fixture.logind.session_files = fixture.files;
}

static void file_path(char path[64], const char *name)
{
	snprintf(path, 64, "%s/%s", fixture.files, name);
}

static void make_file(const char *name)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	file_path(path, name);
	fd = creat(path, 0600);
	assert_true(fd >= 0);
}

static void remove_file(const char *name)
{
	char path[64];

	file_path(path, name);
	assert_int_equal(unlink(path), 0);
}

static int teardown_files(void **state)
{
	char path[64];

	file_path(path, ".#c1");
	unlink(path);
	rmdir(fixture.files);
	return teardown(state);
}

/* logind runs and has no session: it is not asked, but the answer still does not come at once. */
static void test_nobody(void **state)
{
	make_files();
	/* It is not known yet that logind runs. */
	list();
	assert_int_equal(fixture.list_calls, 1);
	make_file(".#c1");
	assert_int_equal(logind_list(&fixture.logind), 0);
	assert_int_equal(fixture.lists, 1);
	/* Replaces the previous one. */
	list();
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, 0);
	assert_int_equal(fixture.list_calls, 1);
	run_events(fixture.event, 100 * USEC_PER_MSEC);
	assert_int_equal(fixture.lists, 2);
	/* The connection is closed before the answer. */
	assert_int_equal(logind_list(&fixture.logind), 0);
	logind_done(&fixture.logind);
	run_events(fixture.event, 100 * USEC_PER_MSEC);
	assert_int_equal(fixture.lists, 2);
}

static void assert_asked(unsigned int count)
{
	unsigned int calls = fixture.list_calls;

	list();
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, count);
	assert_int_equal(fixture.list_calls, calls + 1);
}

/* Whatever tells that there may be a session, its details are logind's. */
static void test_somebody(void **state)
{
	make_files();
	list();
	fixture.sessions = 2;
	make_file("c1");
	assert_asked(2);
	remove_file("c1");
	fixture.knows_session = true;
	assert_asked(2);
	fixture.knows_session = false;
	fixture.logind.session_files = "/nonexistent";
	assert_asked(2);
	fixture.logind.session_files = fixture.files;
	/* Without logind, its directory may be out of date. */
	stop_service();
	run_until(&fixture.stops_seen, 1);
	list();
	assert_true(fixture.list_error < 0);
}

/* They may be thousands: no call is made for them. */
static void test_ended_sessions_are_left_out(void **state)
{
	fixture.sessions = 3002;
	fixture.ended = 3000;
	list();
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, 2);
	assert_string_equal(fixture.list.items[0].id, "c3000");
	assert_int_equal(fixture.property_calls, 2);
	assert_int_equal(fixture.list_calls, 1);
}

static void test_ended_sessions_are_left_out_of_list_ex(void **state)
{
	fixture.with_list_ex = true;
	fixture.sessions = 3;
	fixture.ended = 2;
	list();
	assert_int_equal(fixture.list.count, 1);
	assert_string_equal(fixture.list.items[0].id, "c2");
}

static void test_session_vanishes_while_listed(void **state)
{
	fixture.sessions = 3;
	fixture.vanished = 2;
	list();
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, 1);
	assert_string_equal(fixture.list.items[0].id, "c2");
}

static void test_newer_list_replaces_older(void **state)
{
	fixture.sessions = 3;
	assert_int_equal(logind_list(&fixture.logind), 0);
	assert_int_equal(logind_list(&fixture.logind), 0);
	run_until(&fixture.lists, 1);
	assert_int_equal(fixture.list.count, 3);
	/* A second answer to the calls above would have arrived before this one. */
	list();
	assert_int_equal(fixture.lists, 2);
}

static void test_signals(void **state)
{
	/* logind is listed after the subscription, so no signal is missed after the answer. */
	list();
	emit("SessionNew", "c7");
	run_until(&fixture.opened, 1);
	run_until(&fixture.found, 1);
	assert_string_equal(fixture.found_session.id, "c7");
	assert_int_equal(fixture.found_session.uid, 1007);
	assert_string_equal(fixture.found_session.user, "alice");
	assert_string_equal(fixture.found_session.class, "greeter");
	assert_int_equal(fixture.found_session.leader, 1007);
	emit("SessionRemoved", "c7");
	run_until(&fixture.removed, 1);
	assert_string_equal(fixture.removed_id, "c7");
}

/* Sends a signal to the daemon alone, as any user can. */
static void forge(sd_bus *bus, const char *path, const char *interface, const char *member,
		  const char *types, ...)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
	const char *daemon;
	va_list arguments;

	assert_true(sd_bus_get_unique_name(fixture.logind.bus, &daemon) >= 0);
	assert_true(sd_bus_message_new_signal(bus, &signal, path, interface, member) >= 0);
	va_start(arguments, types);
	assert_true(sd_bus_message_appendv(signal, types, arguments) >= 0);
	va_end(arguments);
	assert_true(sd_bus_message_set_destination(signal, daemon) >= 0);
	assert_true(sd_bus_send(bus, signal, NULL) >= 0);
}

static void test_forged_signals(void **state)
{
	_cleanup_(sd_bus_flush_close_unrefp) sd_bus *user = NULL;
	const char *name;

	list();
	assert_true(sd_bus_open_system(&user) >= 0);
	assert_true(sd_bus_get_unique_name(user, &name) >= 0);
	forge(user, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss",
	      NAME, "", name);
	forge(user, PATH, MANAGER, "SessionNew", "so", "c7", PATH "/session/c7");
	forge(user, PATH, MANAGER, "SessionRemoved", "so", "c7", PATH "/session/c7");
	forge(user, "/org/freedesktop/systemd1", PID1_MANAGER, "JobNew", "uos", 7,
	      "/org/freedesktop/systemd1/job/7", "session-c7.scope");
	/* The bus delivers a message of this connection after all of those. */
	assert_true(sd_bus_flush(user) >= 0);
	assert_true(sd_bus_call_method(user, "org.freedesktop.DBus", "/org/freedesktop/DBus",
				       "org.freedesktop.DBus", "GetId", NULL, NULL, NULL) >= 0);
	emit("SessionNew", "c8");
	run_until(&fixture.found, 1);
	assert_string_equal(fixture.found_session.id, "c8");
	assert_int_equal(fixture.opened, 1);
	assert_int_equal(fixture.removed, 0);
	assert_int_equal(fixture.stopping, 0);
	assert_int_equal(fixture.stops_seen + fixture.starts_seen, 0);
}

static void test_new_session_ends_immediately(void **state)
{
	list();
	fixture.vanished = 8;
	emit("SessionNew", "c7");
	emit("SessionRemoved", "c7");
	run_until(&fixture.removed, 1);
	list();
	assert_int_equal(fixture.opened, 1);
	assert_int_equal(fixture.found + fixture.lookup_failures, 0);
}

static void test_lookup_of_new_session_fails(void **state)
{
	list();
	fixture.lookup_error = SD_BUS_ERROR_LIMITS_EXCEEDED;
	emit("SessionNew", "c7");
	run_until(&fixture.lookup_failures, 1);
	assert_int_equal(fixture.opened, 1);
	assert_int_equal(fixture.found, 0);
}

/* The session is removed after its properties arrived, but before those of others did. */
static void test_removed_while_listed(void **state)
{
	fixture.sessions = 100;
	fixture.removed_while_listed = "c3";
	list();
	run_until(&fixture.removed, 1);
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, 99);
	for (size_t i = 0; i < 99; i++)
		assert_string_not_equal(fixture.list.items[i].id, "c3");
}

static void test_scope_stopped(void **state)
{
	list();
	assert_int_equal(fixture.subscriptions, 1);
	emit_job("session-c7.scope");
	run_until(&fixture.stopping, 1);
	assert_string_equal(fixture.stopping_id, "c7");
	emit_job("session-c7.service");
	emit_job("user-1000.slice");
	emit_job("session-c8.scope");
	run_until(&fixture.stopping, 2);
	assert_string_equal(fixture.stopping_id, "c8");
}

/* With KillUserProcesses= every logout stops the scope, so a stop does not imply force. */
static void test_scope_stopped_by_logout(void **state)
{
	fixture.kill_user_processes = 1;
	list();
	emit_job("session-c7.scope");
	list();
	assert_int_equal(fixture.stopping, 0);
	/* logind restarts with another configuration. */
	fixture.kill_user_processes = 0;
	stop_service();
	start_service();
	run_until(&fixture.gets, 2);
	list();
	emit_job("session-c7.scope");
	run_until(&fixture.stopping, 1);
}

static void test_kill(void **state)
{
	assert_int_equal(logind_kill(&fixture.logind, "c1", SIGTERM), 0);
	run_until(&fixture.kills, 1);
	assert_string_equal(fixture.killed, "c1 all 15");
	list();
	assert_int_equal(fixture.kill_failures, 0);
}

static void test_kill_fails(void **state)
{
	/* Two errors mean that the session's scope, and with it its processes, no longer exist. */
	static const struct {
		const char *name;
		int error;
	} cases[] = {
		{"org.freedesktop.login1.NoSuchSession", -ENOENT},
		{"System.Error.EDEADLK", -EDEADLK},
		{"System.Error.ENOENT", -ENOENT},
		{"org.freedesktop.systemd1.NoSuchUnit", -ENOENT},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture.kill_error = cases[i].name;
		assert_int_equal(logind_kill(&fixture.logind, "c1", SIGTERM), 0);
		run_until(&fixture.kill_failures, i + 1);
		assert_int_equal(fixture.kill_failure, cases[i].error);
	}
}

static void test_stop_unit(void **state)
{
	assert_int_equal(logind_stop_scope(&fixture.logind, "c1"), 0);
	run_until(&fixture.stops, 1);
}

/* More calls than the bus allows pending on one connection, in their order. */
static void test_many_calls(void **state)
{
	for (int i = 0; i < 300; i++)
		assert_int_equal(logind_kill(&fixture.logind, "c1", 1 + i % 60), 0);
	assert_int_equal(logind_stop_scope(&fixture.logind, "c1"), 0);
	run_until(&fixture.kills, 300);
	assert_string_equal(fixture.killed, "c1 all 60");
	assert_int_equal(fixture.kill_failures, 0);
	run_until(&fixture.stops, 1);
	assert_string_equal(fixture.unit, "session-c1.scope");
}

static void test_many_new_sessions(void **state)
{
	list();
	for (int i = 0; i < 300; i++)
		emit("SessionNew", "c7");
	run_until(&fixture.found, 300);
	assert_int_equal(fixture.opened, 300);
	assert_int_equal(fixture.lookup_failures, 0);
}

static void test_stop_scope_fails(void **state)
{
	/* The fake PID 1 answers no StopUnit with success. */
	assert_int_equal(logind_stop_scope(&fixture.logind, "c1"), 0);
	run_until(&fixture.kill_failures, 1);
	assert_true(fixture.kill_failure < 0);
}

/* Calls in progress, and those that wait, fail once each. */
static void test_bus_stops_during_calls(void **state)
{
	list();
	for (int i = 0; i < 100; i++)
		assert_int_equal(logind_kill(&fixture.logind, "c1", SIGTERM), 0);
	private_bus_stop(&fixture.system_bus);
	run_until(&fixture.kill_failures, 100);
	run_until(&fixture.stops_seen, 1);
}

/* Neither calls in progress nor those that wait are leaked. */
static void test_end_during_calls(void **state)
{
	for (int i = 0; i < 100; i++)
		assert_int_equal(logind_kill(&fixture.logind, "c1", SIGTERM), 0);
	logind_done(&fixture.logind);
	assert_int_equal(fixture.kill_failures, 0);
}

static void test_state_of_manager(void **state)
{
	static const struct {
		const char *state;
		int lingers;
		int found;
	} cases[] = {
		{NULL, 0, MANAGER_INACTIVE},
		{"inactive", 1, MANAGER_INACTIVE},
		{"failed", 0, MANAGER_INACTIVE},
		{"active", 0, MANAGER_ACTIVE},
		{"active", 1, MANAGER_LINGERS},
		{"deactivating", 0, MANAGER_ACTIVE},
		/* logind has removed the user, or never had it. */
		{"deactivating", -1, MANAGER_ACTIVE},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		fixture.manager_state = cases[i].state;
		fixture.lingers = cases[i].lingers;
		assert_int_equal(logind_look_up_manager(&fixture.logind, 1007), 0);
		run_until(&fixture.managers, i + 1);
		assert_int_equal(fixture.manager, cases[i].found);
	}
}

static void test_state_of_manager_is_not_available(void **state)
{
	stop_service();
	assert_int_equal(logind_look_up_manager(&fixture.logind, 1007), 0);
	run_until(&fixture.managers, 1);
	assert_true(fixture.manager < 0);
}

static void test_terminate_user(void **state)
{
	assert_int_equal(logind_terminate_user(&fixture.logind, 1007), 0);
	run_until(&fixture.terminations, 1);
	assert_string_equal(fixture.killed, "1007 0");
	list();
	assert_int_equal(fixture.stops, 0);
	/* Only PID 1 has the manager. */
	fixture.user_error = "org.freedesktop.login1.NoSuchUser";
	assert_int_equal(logind_terminate_user(&fixture.logind, 1007), 0);
	run_until(&fixture.stops, 1);
	assert_string_equal(fixture.unit, "user@1007.service");
}

static void test_kill_user(void **state)
{
	assert_int_equal(logind_kill_user(&fixture.logind, 1007, SIGKILL), 0);
	run_until(&fixture.terminations, 1);
	assert_string_equal(fixture.killed, "1007 9");
	assert_int_equal(logind_reset_manager(&fixture.logind, 1007), 0);
	run_until(&fixture.resets, 1);
	assert_string_equal(fixture.unit, "user@1007.service");
}

/* More users than calls that may be pending. */
static void test_list_users(void **state)
{
	fixture.users = 200;
	fixture.users_gone = 5;
	assert_int_equal(logind_list_users(&fixture.logind), 0);
	run_until(&fixture.user_lists, 1);
	assert_int_equal(fixture.user_list_error, 0);
	assert_int_equal(fixture.listed_users, 200);
	assert_int_equal(fixture.linger_calls, 200);
	/* The second list replaces the first one. */
	assert_int_equal(logind_list_users(&fixture.logind), 0);
	assert_int_equal(logind_list_users(&fixture.logind), 0);
	run_until(&fixture.user_lists, 2);
	list();
	assert_int_equal(fixture.user_lists, 2);
}

static void test_list_users_fails(void **state)
{
	fixture.users = 200;
	fixture.linger_error = "org.freedesktop.DBus.Error.AccessDenied";
	assert_int_equal(logind_list_users(&fixture.logind), 0);
	run_until(&fixture.user_lists, 1);
	assert_true(fixture.user_list_error < 0);
	list();
	assert_int_equal(fixture.user_lists, 1);
	stop_service();
	assert_int_equal(logind_list_users(&fixture.logind), 0);
	run_until(&fixture.user_lists, 2);
	assert_true(fixture.user_list_error < 0);
}

static void test_no_users(void **state)
{
	assert_int_equal(logind_list_users(&fixture.logind), 0);
	run_until(&fixture.user_lists, 1);
	assert_int_equal(fixture.user_list_error, 0);
	assert_int_equal(fixture.listed_users, 0);
}

/* The connection closes between the calls. */
static void test_bus_stops_while_users_are_listed(void **state)
{
	fixture.users = 200;
	assert_int_equal(logind_list_users(&fixture.logind), 0);
	private_bus_stop(&fixture.system_bus);
	run_until(&fixture.user_lists, 1);
	assert_true(fixture.user_list_error < 0);
}

static void test_logind_restarts(void **state)
{
	list();
	stop_service();
	run_until(&fixture.stops_seen, 1);
	fixture.with_list_ex = true;
	start_service();
	run_until(&fixture.starts_seen, 1);
	/* It may be a newer version, so ListSessionsEx is tried again. */
	list();
	assert_int_equal(fixture.list_ex_calls, 1);
}

static void test_no_logind(void **state)
{
	stop_service();
	list();
	assert_true(fixture.list_error < 0);
	assert_int_equal(fixture.list.count, 0);
}

static void test_no_bus(void **state)
{
	assert_true(logind_connect(&fixture.logind) < 0);
	assert_true(logind_list(&fixture.logind) < 0);
	assert_true(logind_kill(&fixture.logind, "c1", SIGTERM) < 0);
	assert_true(logind_stop_scope(&fixture.logind, "c1") < 0);
	assert_true(logind_look_up_manager(&fixture.logind, 1007) < 0);
	assert_true(logind_terminate_user(&fixture.logind, 1007) < 0);
	assert_true(logind_kill_user(&fixture.logind, 1007, SIGKILL) < 0);
	assert_true(logind_reset_manager(&fixture.logind, 1007) < 0);
}

static void test_bus_restarts(void **state)
{
	fixture.sessions = 2;
	list();
	private_bus_stop(&fixture.system_bus);
	run_until(&fixture.stops_seen, 1);
	assert_true(logind_list(&fixture.logind) < 0);
	stop_service();
	private_bus_start(&fixture.system_bus);
	start_service();
	list();
	assert_int_equal(fixture.list_error, 0);
	assert_int_equal(fixture.list.count, 2);
}

static void test_bus_stops_during_list(void **state)
{
	list();
	assert_int_equal(logind_list(&fixture.logind), 0);
	private_bus_stop(&fixture.system_bus);
	run_until(&fixture.lists, 2);
	assert_true(fixture.list_error < 0);
	run_until(&fixture.stops_seen, 1);
}

static void look_up_service(uint32_t uid, bool terminal, const char *error)
{
	fixture.service_uid = uid;
	fixture.service_error = error;
	fixture.service_gets = 0;
	assert_int_equal(logind_look_up_service(&fixture.logind, "getty@tty1.service", terminal),
			 0);
	run_until(&fixture.services, fixture.services + 1);
}

static void test_service(void **state)
{
	fixture.standard_input = "tty-force";
	look_up_service(1000, true, "");
	assert_int_equal(fixture.found_service.uid, 1000);
	assert_int_equal(fixture.service_gets, 1);
	look_up_service(NO_UID, false, "");
	assert_int_equal(fixture.found_service.uid, NO_UID);
	assert_false(fixture.found_service.terminal);
	assert_int_equal(fixture.service_gets, 1);
	look_up_service(NO_UID, true, "");
	assert_int_equal(fixture.found_service.uid, NO_UID);
	assert_true(fixture.found_service.terminal);
	fixture.standard_input = "null";
	look_up_service(NO_UID, true, "");
	assert_false(fixture.found_service.terminal);
	assert_int_equal(fixture.service_failures, 0);
	look_up_service(1000, true, "UID");
	look_up_service(NO_UID, true, "StandardInput");
	assert_int_equal(fixture.service_failures, 2);
}

static void test_bus_stops_during_lookup_of_service(void **state)
{
	fixture.service_error = "";
	assert_int_equal(logind_look_up_service(&fixture.logind, "getty@tty1.service", true), 0);
	private_bus_stop(&fixture.system_bus);
	run_until(&fixture.services, 1);
	assert_int_equal(fixture.service_failures, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_list_ex),
		TEST(test_list_of_old_logind),
		TEST(test_empty_list),
		cmocka_unit_test_setup_teardown(test_nobody, setup, teardown_files),
		cmocka_unit_test_setup_teardown(test_somebody, setup, teardown_files),
		TEST(test_ended_sessions_are_left_out),
		TEST(test_ended_sessions_are_left_out_of_list_ex),
		TEST(test_session_vanishes_while_listed),
		TEST(test_newer_list_replaces_older),
		TEST(test_signals),
		TEST(test_forged_signals),
		TEST(test_new_session_ends_immediately),
		TEST(test_lookup_of_new_session_fails),
		TEST(test_removed_while_listed),
		TEST(test_scope_stopped),
		TEST(test_scope_stopped_by_logout),
		TEST(test_kill),
		TEST(test_kill_fails),
		TEST(test_stop_unit),
		TEST(test_many_calls),
		TEST(test_many_new_sessions),
		TEST(test_stop_scope_fails),
		TEST(test_bus_stops_during_calls),
		TEST(test_end_during_calls),
		TEST(test_state_of_manager),
		TEST(test_state_of_manager_is_not_available),
		TEST(test_terminate_user),
		TEST(test_kill_user),
		TEST(test_list_users),
		TEST(test_list_users_fails),
		TEST(test_no_users),
		TEST(test_bus_stops_while_users_are_listed),
		TEST(test_logind_restarts),
		TEST(test_no_logind),
		cmocka_unit_test_setup_teardown(test_no_bus, setup_without_bus, teardown),
		TEST(test_bus_restarts),
		TEST(test_bus_stops_during_list),
		TEST(test_service),
		TEST(test_bus_stops_during_lookup_of_service),
	};

	return cmocka_run_group_tests_name("logind", tests, NULL, NULL);
}
