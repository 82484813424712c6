// SPDX-License-Identifier: GPL-2.0-or-later
/* Ends a machine, whatever the state of the machine and its processes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "cli.h"
#include "client.h"
#include "tests/hvhost/lock.h"
#include "tests/hvhost/util.h"
#include "userspace/host/libvmguestos/registry.h"
#include "userspace/host/libvmguestos/vmguestos.h"

/* How long each step may take before the next, stronger one is tried. */
#define REQUEST_SECONDS 5
#define EXIT_MS         3000 /* for the processes to exit */
#define TERM_MS         2000
#define KILL_MS         5000

enum answer { ANSWER_ENDED, ANSWER_REFUSED, ANSWER_TIMED_OUT };

static volatile sig_atomic_t interrupted;

static void set_interrupted(int signal)
{
	(void)signal;
	interrupted = 1;
}

/*
 * Interrupts blocking calls after @seconds, and again every second, because a signal that arrives
 * between two calls interrupts neither. 0 disables this.
 */
static void set_interrupt(unsigned int seconds)
{
	const struct sigaction action = {.sa_handler = set_interrupted};
	struct itimerval timer = {.it_value.tv_sec = seconds};

	if (seconds)
		timer.it_interval.tv_sec = 1;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* A reply that is not ok is a refusal, unless it reports that the machine has ended. */
static bool is_refusal(const json_t *reply)
{
	return !json_is_true(json_object_get(reply, "ok")) &&
	       json_integer_value(json_object_get(reply, "hresult")) !=
		       (uint32_t)VM_E_VM_NOT_RUNNING;
}

/* Returns when the connection ends, as it does with the machine, or times out. */
static enum answer stop_connected(struct connection *connection)
{
	json_auto_t *request = json_pack("{s:s}", "command", "stop"), *reply = NULL;

	if (client_send(connection, request) == 0)
		reply = client_receive(connection);
	if (reply && is_refusal(reply)) {
		fprintf(stderr, "hvhost: %s\n", json_string_value(json_object_get(reply, "error")));
		return ANSWER_REFUSED;
	}
	while (reply) {
		json_decref(reply);
		reply = client_receive(connection);
	}
	return interrupted ? ANSWER_TIMED_OUT : ANSWER_ENDED;
}

static enum answer request_stop(const char *name)
{
	struct connection *connection;
	enum answer answer;

	set_interrupt(REQUEST_SECONDS);
	connection = client_connect(name, true);
	if (connection)
		answer = stop_connected(connection);
	else
		answer = interrupted ? ANSWER_TIMED_OUT : ANSWER_ENDED;
	client_close(&connection);
	set_interrupt(0);
	return answer;
}

/* SIGTERM lets the machine's process inform its clients; SIGKILL ends all processes. */
static bool kill_machine(const char *name, int lock)
{
	pid_t target = lock_read_target(lock);

	fprintf(stderr, "hvhost: \"%s\" does not stop: killing its processes.\n", name);
	if (target)
		kill(abs(target), SIGTERM);
	if (lock_take(lock, TERM_MS))
		return true;
	target = lock_read_target(lock);
	if (target)
		kill(target, SIGKILL);
	return lock_take(lock, KILL_MS);
}

/* Removes files that a process leaves behind when it is killed. */
static void clean(const char *directory)
{
	static const char *const files[] = {"control.sock", "outer.cpio"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", directory, files[i]) < 0)
			path = NULL;
		else
			unlink(path);
	}
}

static int stop(const char *name, const char *directory, int lock)
{
	enum answer answer = request_stop(name);

	if (answer == ANSWER_REFUSED)
		return EXIT_FAILURE;
	if (!lock_take(lock, answer == ANSWER_TIMED_OUT ? 0 : EXIT_MS) &&
	    !kill_machine(name, lock)) {
		fprintf(stderr,
			"hvhost: the processes of \"%s\" (argument of kill(2): %d) do not exit.\n",
			name, lock_read_target(lock));
		return EXIT_FAILURE;
	}
	clean(directory);
	return EXIT_SUCCESS;
}

static int report_none(const char *name)
{
	client_report_not_running(name);
	return EXIT_FAILURE;
}

/* Returns when no process of the machine is left. */
int cli_stop(int argc, char **argv)
{
	_cleanup_free_ char *directory = NULL;
	_cleanup_close_ int lock = -1;
	enum answer answer;

	if (argc != 2)
		return cli_usage(argv[0]);
	if (vmg_registry_find(argv[1], &directory) < 0)
		return report_none(argv[1]);
	lock = lock_open(directory, false);
	/* Other users cannot open the lock. They can connect, and their request is refused. */
	if (lock == -EACCES) {
		answer = request_stop(argv[1]);
		return answer == ANSWER_REFUSED ? EXIT_FAILURE : report_none(argv[1]);
	}
	if (lock < 0 || lock_take(lock, 0))
		return report_none(argv[1]);
	return stop(argv[1], directory, lock);
}
