// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What hv-logoffctl prints and does, over a private bus (dbus-daemon). A child process has the
 * daemon's interface, with the engine and the sessions of the fake system.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fake_system.h"
#include "private_bus.h"
#include "unit.h"
#include "userspace/guest/bus.h"
#include "userspace/guest/ctl/commands.h"
#include "userspace/shared/release.h"

/* The id of the request is the time of the fake system at its start. */
#define ID "1000000000"

static struct private_bus system_bus;
static struct {
	pid_t daemon;
	char output[4096];
} fixture;

/* In the child process. */
static struct {
	bool request;
	bool list_due;
} child;

static int report(void *userdata, const struct hv_logoff_report *report)
{
	return 0;
}

static const struct logoff_transport transport = {.name = "kvp", .report = report};

static int op_list(void *userdata)
{
	child.list_due = true;
	return 0;
}

static int op_append_transports(void *userdata, sd_bus_message *reply)
{
	return sd_bus_message_append(reply, "a(sss)", 2, "component", "not-offered", "", "kvp",
				     "ready", "2");
}

static const struct bus_ops ops = {.list = op_list, .append_transports = op_append_transports};

static void start_request(void)
{
	struct logoff_request request = {.timeout = 60, .grace = 30, .id = "b7d1"};

	add_sessions(2, "alice", BY_SIGNAL);
	assert_int_equal(engine_request(&fake.engine, &transport, NULL, &request), 0);
	run_for(1);
}

static void answer_list_of(struct bus *bus)
{
	static struct session sessions[] = {
		{"1", 1001, "alice", "user", "", "pts/0", 7, false},
		{"c1", 110, "gdm", "greeter", "seat0", "tty1", 8, false},
	};
	const struct session_list list = {sessions, ARRAY_SIZE(sessions)};

	child.list_due = false;
	bus_listed(bus, &list, 0);
}

/* Does not return. Writes a byte to @ready once the bus has the daemon's name. */
static void serve(int ready)
{
	sd_event *event;
	sd_bus *connection;
	struct bus bus;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fake_system_init();
	if (child.request)
		start_request();
	if (sd_event_new(&event) < 0 || sd_bus_open_system(&connection) < 0 ||
	    sd_bus_attach_event(connection, event, 0) < 0)
		_exit(1);
	bus_init(&bus, &ops, NULL, &fake.engine, &fake.config);
	bus_connected(&bus, connection);
	/* It is answered after the request for the name. */
	if (sd_bus_call_method(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
			       "org.freedesktop.DBus", "GetNameOwner", NULL, NULL, "s",
			       BUS_NAME) < 0 ||
	    write(ready, "r", 1) != 1)
		_exit(1);
	while (sd_event_run(event, UINT64_MAX) >= 0)
		if (child.list_due)
			answer_list_of(&bus);
	_exit(1);
}

static void start_daemon(bool with_request)
{
	int ready[2];
	char byte;

	child.request = with_request;
	assert_int_equal(pipe(ready), 0);
	fixture.daemon = fork();
	assert_true(fixture.daemon >= 0);
	if (fixture.daemon == 0)
		serve(ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static int setup(void **state)
{
	fixture.daemon = 0;
	if (private_bus_init(&system_bus, PRIVATE_SYSTEM_BUS) < 0)
		return -1;
	private_bus_start(&system_bus);
	return 0;
}

static int teardown(void **state)
{
	if (fixture.daemon > 0) {
		kill(fixture.daemon, SIGKILL);
		waitpid(fixture.daemon, NULL, 0);
	}
	private_bus_done(&system_bus);
	return 0;
}

/* Keeps what a command prints. Returns its exit status. */
static int capture(int (*command)(void))
{
	FILE *file = tmpfile();
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	int status;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	status = command();
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	rewind(file);
	fixture.output[fread(fixture.output, 1, sizeof(fixture.output) - 1, file)] = '\0';
	fclose(file);
	return status;
}

static void assert_printed(const char *text)
{
	if (!strstr(fixture.output, text))
		fail_msg("\"%s\" is not in \"%s\"", text, fixture.output);
}

static int status(void)
{
	return command_status(false);
}

static int status_json(void)
{
	return command_status(true);
}

static int list(void)
{
	return command_list(false);
}

static int list_json(void)
{
	return command_list(true);
}

static int cancel(void)
{
	return command_cancel(0);
}

static int cancel_other(void)
{
	return command_cancel(7);
}

static void test_status(void **state)
{
	start_daemon(false);
	assert_int_equal(capture(status), EXIT_SUCCESS);
	assert_string_equal(fixture.output, "hv-logoffd: " RELEASE "\n"
					    "component: not-offered\n"
					    "kvp: ready, version 2\n"
					    "request: none\n");
}

static void test_status_of_request(void **state)
{
	start_daemon(true);
	assert_int_equal(capture(status), EXIT_SUCCESS);
	assert_printed("\nrequest: " ID " (b7d1 by kvp)\n"
		       "state: grace, 0 of 2 sessions have ended\n"
		       "grace period: until 20");
	assert_int_equal(capture(status_json), EXIT_SUCCESS);
	assert_printed("\"Transports\":[{\"name\":\"component\",\"state\":\"not-offered\","
		       "\"version\":\"\"},");
	assert_printed("\"Id\":" ID ",\"HostId\":\"b7d1\",\"Transport\":\"kvp\","
		       "\"State\":\"grace\",\"DryRun\":false,");
}

static void test_list(void **state)
{
	start_daemon(false);
	assert_int_equal(capture(list), EXIT_SUCCESS);
	assert_printed("\n1        alice              1001 user             pts/0    would be "
		       "logged off\n");
	assert_printed("stays: the class is not in Classes=\n");
	assert_int_equal(capture(list_json), EXIT_SUCCESS);
	assert_printed("[{\"session\":\"1\",\"uid\":1001,\"user\":\"alice\",\"class\":\"user\","
		       "\"tty\":\"pts/0\",\"selected\":true,\"reason\":\"\"},");
	assert_printed("\"selected\":false,\"reason\":\"class\"}]");
}

static void test_cancel(void **state)
{
	start_daemon(true);
	assert_int_equal(capture(cancel_other), EXIT_FAILURE);
	assert_printed("No request with this id is in progress.");
	assert_int_equal(capture(cancel), EXIT_SUCCESS);
	assert_printed("Request " ID " was cancelled; nobody was logged off.\n");
	assert_int_equal(capture(cancel), EXIT_FAILURE);
	assert_printed("No request is in progress.");
}

static void test_no_daemon(void **state)
{
	assert_int_equal(capture(status), EXIT_FAILURE);
	assert_printed("hv-logoffd is not running");
	assert_int_equal(capture(list), EXIT_FAILURE);
	assert_int_equal(capture(cancel), EXIT_FAILURE);
}

static void test_no_bus(void **state)
{
	private_bus_stop(&system_bus);
	assert_int_equal(capture(status), EXIT_FAILURE);
	assert_printed("Cannot connect to the system bus");
}

static void test_without_root(void **state)
{
	skip();
}

int main(void)
{
	static const struct CMUnitTest without_root[] = {cmocka_unit_test(test_without_root)};
	static const struct CMUnitTest tests[] = {
		TEST(test_status), TEST(test_status_of_request), TEST(test_list),
		TEST(test_cancel), TEST(test_no_daemon),         TEST(test_no_bus),
	};

	/* Only root may use these commands. */
	if (geteuid() != 0)
		return cmocka_run_group_tests_name("ctl", without_root, NULL, NULL);
	return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
