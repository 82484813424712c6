// SPDX-License-Identifier: GPL-2.0-or-later
/* The command vmlogoff, as a process, with fake machines. */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "fake_fleet.h"
#include "unit.h"
#include "userspace/host/vmlogoff/request.h"
#include "userspace/host/vmlogoff/status.h"
#include "userspace/host/vmlogoff/suggest.h"

/* The time limit for a test, in seconds. SIGALRM ends this program. */
#define LIMIT 120

#define ARGUMENTS_MAX 16

/* A running vmlogoff. */
struct vmlogoff {
	pid_t pid;
	int in;           /* a pipe to its standard input, or a terminal */
	int out, err;     /* its output, in memory; or a terminal in place of @out */
	char text[65536]; /* what the test has read of one of them */
};

static char program[4096];

static int setup(void **state)
{
	fleet_begin();
	alarm(LIMIT);
	return 0;
}

static int teardown(void **state)
{
	fleet_end();
	alarm(0);
	return 0;
}

static int open_terminal(int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*slave >= 0);
	return master;
}

static _Noreturn void execute(char **arguments, int in, int out, int err)
{
	if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2)
		execv(program, arguments);
	_exit(127);
}

enum stream { PIPE, MEMORY, TERMINAL, CLOSED_PIPE };

/* A pipe without a reader. */
static int open_closed_pipe(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	return ends[1];
}

/* Starts vmlogoff with these options, which are separated by blanks. */
static void start_with(struct vmlogoff *command, const char *options, enum stream input,
		       enum stream output)
{
	char copy[1024], *arguments[ARGUMENTS_MAX + 2] = {program}, *next = copy;
	int in[2], slave = -1;

	snprintf(copy, sizeof(copy), "%s", options);
	for (size_t i = 1; i <= ARGUMENTS_MAX && next; i++)
		arguments[i] = strsep(&next, " ");
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	command->out =
		output == CLOSED_PIPE ? open_closed_pipe() : memfd_create("out", MFD_CLOEXEC);
	command->err = memfd_create("err", MFD_CLOEXEC);
	if (input == TERMINAL) {
		close(in[0]);
		close(in[1]);
		in[1] = open_terminal(&in[0]);
	}
	if (output == TERMINAL) {
		close(command->out);
		command->out = open_terminal(&slave);
	}
	command->pid = fork();
	assert_true(command->pid >= 0);
	if (command->pid == 0)
		execute(arguments, in[0], output == TERMINAL ? slave : command->out, command->err);
	/* An end of the terminal that remains open, so that its output can be read later. */
	if (output != TERMINAL)
		close(in[0]);
	command->in = in[1];
}

static void start(struct vmlogoff *command, const char *options)
{
	start_with(command, options, PIPE, MEMORY);
}

static void close_input(struct vmlogoff *command)
{
	if (command->in >= 0)
		close(command->in);
	command->in = -1;
}

static void write_input(const struct vmlogoff *command, const char *text)
{
	assert_int_equal(write(command->in, text, strlen(text)), strlen(text));
}

/* Waits for the exit status, or 256 plus the signal that has ended it. */
static int wait_status(struct vmlogoff *command)
{
	int status;

	assert_int_equal(waitpid(command->pid, &status, 0), command->pid);
	close_input(command);
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reads all output so far. */
static const char *text_of(struct vmlogoff *command, int fd)
{
	ssize_t got = pread(fd, command->text, sizeof(command->text) - 1, 0);

	command->text[got > 0 ? got : 0] = '\0';
	return command->text;
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

static void wait_output(struct vmlogoff *command, int fd, const char *part)
{
	while (!strstr(text_of(command, fd), part))
		usleep(10000);
}

static void done(struct vmlogoff *command)
{
	close_input(command);
	close(command->out);
	close(command->err);
}

static struct vmlogoff *finish(struct vmlogoff *command, int wanted)
{
	int status = wait_status(command);

	if (status != wanted)
		fail_msg("status %d instead of %d: %s", status, wanted,
			 text_of(command, command->err));
	return command;
}

/* Runs it to the end, without input, and asserts its status. */
static void assert_status(const char *options, int wanted)
{
	struct vmlogoff command;

	start(&command, options);
	close_input(&command);
	finish(&command, wanted);
	done(&command);
}

static void test_statuses(void **state)
{
	fleet_add("users-1", FLEET_USERS);
	fleet_add("users-2", FLEET_USERS);
	fleet_add("nobody-1", FLEET_NOBODY);
	fleet_add("nobody-2", FLEET_NOBODY);
	fleet_add("busy-1", FLEET_BUSY);
	fleet_add("busy-2", FLEET_BUSY);
	fleet_add("stopped", FLEET_STOPPED);
	fleet_start();
	assert_status("users-1", 0);
	assert_status("users-1 users-2", 0);
	assert_status("nobody-1 users-1", 0);
	assert_status("nobody-1 nobody-2", 3);
	assert_status("busy-1 busy-2", 6);
	assert_status("busy-1 users-1 nobody-1 busy-2", 6);
	assert_status("busy-1 stopped users-1", 1);
	assert_status("stopped", 8);
	assert_status("users-1 none", 7);
	assert_int_equal(fleet_logoffs("users-1"), 6);
}

static void test_output(void **state)
{
	struct vmlogoff command;

	fleet_add("users", FLEET_USERS);
	fleet_add("nobody", FLEET_NOBODY);
	fleet_add("busy", FLEET_BUSY);
	fleet_start();
	start(&command, "users nobody busy usres");
	finish(&command, 1);
	text_of(&command, command.out);
	assert_contains(command.text, "users: The session has ended.\n"
				      "  session 4 of anna (1000): ended\n");
	assert_contains(command.text, "4 machines: 1 logged off, 1 with nobody to log off, "
				      "2 failed: busy usres\n");
	text_of(&command, command.err);
	assert_contains(command.text,
			"busy: Another request is in progress. [0x800700aa ERROR_BUSY]\n");
	assert_contains(command.text, "nobody: Nobody is logged on.");
	assert_contains(command.text, "usres: There is no virtual machine");
	assert_contains(command.text, "did you mean: users?");
	done(&command);
}

/* The JSON object on the line of the output that contains @part. */
static json_t *find_object(struct vmlogoff *command, const char *part)
{
	const char *at = strstr(text_of(command, command->out), part);
	json_t *object;

	assert_non_null(at);
	while (at > command->text && at[-1] != '\n')
		at--;
	object = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(object);
	return object;
}

static void assert_text(const json_t *object, const char *name, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	assert_string_equal(text, wanted);
}

static void assert_users_result(const json_t *object)
{
	const json_t *session = json_array_get(json_object_get(object, "sessions"), 0);
	char guid[40];

	snprintf(guid, sizeof(guid), FLEET_GUID, 0);
	assert_text(object, "event", "result");
	assert_text(object, "machine", "users");
	assert_text(object, "guid", guid);
	assert_text(object, "state", "done");
	assert_text(object, "name", "S_OK");
	assert_text(object, "text", "The session has ended.");
	assert_int_equal(json_integer_value(json_object_get(object, "percent")), 100);
	assert_int_equal(json_integer_value(json_object_get(object, "found")), 1);
	assert_int_equal(json_integer_value(json_object_get(object, "ended")), 1);
	assert_int_equal(json_integer_value(json_object_get(object, "failed")), 0);
	assert_true(json_is_integer(json_object_get(object, "hresult")));
	assert_text(session, "user", "anna");
	assert_text(session, "outcome", "ended");
}

static void test_json(void **state)
{
	struct vmlogoff command;
	json_t *object;

	fleet_add("users", FLEET_USERS);
	fleet_start();
	start(&command, "--json users none");
	finish(&command, 7);
	object = find_object(&command, "\"users\"");
	assert_users_result(object);
	json_decref(object);
	object = find_object(&command, "\"none\"");
	assert_text(object, "event", "result");
	assert_text(object, "name", "VM_E_VM_UNKNOWN");
	assert_null(json_object_get(object, "guid"));
	json_decref(object);
	done(&command);
}

static void test_selection(void **state)
{
	char options[256], guid[40];

	fleet_add("vdi-01", FLEET_USERS);
	fleet_add("vdi-02", FLEET_USERS);
	fleet_add("web", FLEET_USERS);
	fleet_start();
	snprintf(guid, sizeof(guid), FLEET_GUID, 0);
	snprintf(options, sizeof(options), "%s vdi-01 vdi-* {%s} vdi-0[12] vdi-01", guid, guid);
	assert_status(options, 0);
	assert_int_equal(fleet_logoffs("vdi-01"), 1);
	assert_int_equal(fleet_logoffs("vdi-02"), 1);
	assert_int_equal(fleet_logoffs("web"), 0);
	assert_status("none*", 7);
	/* A session's id says nothing in another machine. */
	assert_status("--session 4 vdi-01 web", 64);
	assert_status("--session 4 vdi-*", 64);
	assert_int_equal(fleet_logoffs("web"), 0);
	assert_status("--session 4 web vdi-03", 64);
	assert_status("--session 4 we*", 0);
}

static void test_parallel(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	struct vmlogoff command;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		fleet_add(names[i], FLEET_GRACE);
	fleet_start();
	start(&command, "--parallel=2 a b c d e");
	for (size_t i = 0; i < 2; i++) {
		fleet_wait_active(2);
		fleet_release();
	}
	fleet_wait_active(1);
	fleet_release();
	finish(&command, 0);
	assert_int_equal(fleet_most_active(), 2);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(fleet_logoffs(names[i]), 1);
	done(&command);
	start(&command, "a b c d e");
	fleet_wait_active(5);
	fleet_release();
	finish(&command, 0);
	done(&command);
}

/* A host that does not answer delays no other machine. */
static void test_away(void **state)
{
	struct vmlogoff command;

	fleet_add("away", FLEET_AWAY);
	fleet_add("users-1", FLEET_USERS);
	fleet_add("users-2", FLEET_USERS);
	fleet_start();
	start(&command, "--parallel=2 away users-1 users-2");
	wait_output(&command, command.out, "users-1: The session has ended.");
	wait_output(&command, command.out, "users-2: The session has ended.");
	kill(command.pid, SIGKILL);
	finish(&command, 256 + SIGKILL);
	done(&command);
}

/* What was not sent yet is not sent. */
static void assert_cancelled_by(int signal)
{
	struct vmlogoff command;

	start(&command, "--parallel=2 --json a b c d");
	fleet_wait_active(2);
	kill(command.pid, signal);
	finish(&command, 5);
	assert_contains(text_of(&command, command.err), "cancelling; a second signal");
	for (const char *name = "a\0b\0c\0d\0"; *name; name += 2) {
		char member[16];
		json_t *object;

		snprintf(member, sizeof(member), "\"%s\"", name);
		/* The last object of the machine is the result. */
		object = find_object(&command, member);
		assert_text(object, "machine", name);
		json_decref(object);
	}
	done(&command);
}

static void test_cancel_all(void **state)
{
	fleet_add("a", FLEET_GRACE);
	fleet_add("b", FLEET_GRACE);
	fleet_add("c", FLEET_GRACE);
	fleet_add("d", FLEET_GRACE);
	fleet_start();
	assert_cancelled_by(SIGINT);
	assert_cancelled_by(SIGTERM);
	assert_int_equal(fleet_logoffs("a") + fleet_logoffs("b"), 4);
	assert_int_equal(fleet_logoffs("c") + fleet_logoffs("d"), 0);
}

static void test_second_signal(void **state)
{
	struct vmlogoff command;

	fleet_add("deaf-1", FLEET_DEAF);
	fleet_add("deaf-2", FLEET_DEAF);
	fleet_start();
	start(&command, "deaf-1 deaf-2");
	fleet_wait_active(2);
	kill(command.pid, SIGINT);
	fleet_wait_cancels(2);
	kill(command.pid, SIGINT);
	finish(&command, 256 + SIGINT);
	done(&command);
}

static void add_all(void)
{
	fleet_add("users-1", FLEET_USERS);
	fleet_add("users-2", FLEET_USERS);
	fleet_add("stopped", FLEET_STOPPED);
	fleet_add("no-guest", FLEET_NO_GUEST);
	fleet_start();
}

static void test_all(void **state)
{
	struct vmlogoff command;

	add_all();
	assert_status("--all", 64);
	assert_status("--all users-1", 64);
	assert_status("", 64);
	assert_int_equal(fleet_logoffs("users-1"), 0);
	assert_status("--all --dry-run", 0);
	assert_int_equal(fleet_logoffs("users-1"), 1);
	start(&command, "--all --yes");
	finish(&command, 0);
	assert_contains(text_of(&command, command.out), "2 machines: 2 logged off, ");
	text_of(&command, command.err);
	assert_contains(command.text, "stopped is skipped: The virtual machine is not running");
	assert_contains(command.text, "no-guest is skipped: ");
	done(&command);
	assert_int_equal(fleet_logoffs("users-1"), 2);
	assert_int_equal(fleet_logoffs("users-2"), 2);
	assert_int_equal(fleet_logoffs("no-guest"), 0);
	start(&command, "--all --yes --json");
	finish(&command, 0);
	json_decref(find_object(&command, "\"skipped\""));
	done(&command);
}

static void answer(const char *text, int status)
{
	struct vmlogoff command;

	start_with(&command, "--all", TERMINAL, MEMORY);
	wait_output(&command, command.err, "Log off the users of 2 machines: users-1 users-2? ");
	write_input(&command, text);
	finish(&command, status);
	done(&command);
}

static void test_question(void **state)
{
	add_all();
	answer("n\n", 5);
	answer("\n", 5);
	answer("\4", 5);
	assert_int_equal(fleet_logoffs("users-1"), 0);
	answer("y\n", 0);
	assert_int_equal(fleet_logoffs("users-1"), 1);
	assert_int_equal(fleet_logoffs("users-2"), 1);
}

/* Reads what a terminal shows until it contains @part. */
static void wait_terminal(struct vmlogoff *command, size_t *length, const char *part)
{
	while (!strstr(command->text, part)) {
		ssize_t got = read(command->out, command->text + *length,
				   sizeof(command->text) - 1 - *length);

		assert_true(got > 0);
		*length += (size_t)got;
		command->text[*length] = '\0';
	}
}

static void test_bars(void **state)
{
	struct vmlogoff command = {0};
	size_t length = 0;

	fleet_add("a", FLEET_GRACE);
	fleet_add("long-name", FLEET_GRACE);
	fleet_start();
	start_with(&command, "a long-name", TERMINAL, TERMINAL);
	wait_terminal(&command, &length, "\033[?7la         [#");
	wait_terminal(&command, &length, "\033[?7llong-name [#");
	fleet_wait_active(2);
	fleet_release();
	/* Both bars are cleared, and the results remain. */
	wait_terminal(&command, &length, "a: The session has ended.");
	wait_terminal(&command, &length, "long-name: The session has ended.");
	wait_terminal(&command, &length, "2 machines: 2 logged off, ");
	finish(&command, 0);
	done(&command);
}

static void start_request(struct vmlogoff *command, const char *request)
{
	start(command, "--request=-");
	write_input(command, request);
}

static void test_request(void **state)
{
	struct vmlogoff command;
	json_t *object;

	fleet_add("users", FLEET_USERS);
	fleet_start();
	start_request(&command, "{\"machines\": [\"users\"], \"timeout\": 90, \"grace\": 3, "
				"\"message\": \"x\\\" --force \\\"\", \"user\": \"DOM\\\\anna\", "
				"\"force\": false}\n\n");
	finish(&command, 0);
	object = find_object(&command, "\"users\"");
	assert_users_result(object);
	json_decref(object);
	done(&command);
	object = json_loads(fleet_last_logoff("users"), 0, NULL);
	assert_text(object, "message", "x\" --force \"");
	assert_text(object, "user", "DOM\\anna");
	assert_int_equal(json_integer_value(json_object_get(object, "timeout")), 90);
	assert_int_equal(json_integer_value(json_object_get(object, "grace")), 3);
	assert_true(json_is_false(json_object_get(object, "force")));
	json_decref(object);
}

/* A line ends it, and the end of the input if the request says so. */
static void test_request_watch(void **state)
{
	static const char *const ends[] = {
		"{\"machines\": [\"a\"], \"watch\": true}\n",
		"{\"machines\": [\"a\"], \"watch\": true, \"cancel_at_end\": true}\n",
	};
	struct vmlogoff command;

	fleet_add("a", FLEET_USERS);
	fleet_start();
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		start_request(&command, ends[i]);
		wait_output(&command, command.out, "\"user\":\"anna\"");
		if (i == 0)
			write_input(&command, "{\"cancel\": true}\n");
		close_input(&command);
		finish(&command, 0);
		done(&command);
	}
}

/* Without a newline, and with the end of the input, which cancels nothing by itself. */
static void test_request_end(void **state)
{
	struct vmlogoff command;

	fleet_add("grace", FLEET_GRACE);
	fleet_start();
	start_request(&command, "{\"machines\": [\"grace\"]}");
	close_input(&command);
	fleet_wait_active(1);
	fleet_release();
	finish(&command, 0);
	done(&command);
}

static void test_request_cancel(void **state)
{
	static const char *const lines[] = {
		"{\"cancel\": true}\n",
		" \r\n\n{\"cancel\":true}",
		/* An error: what the caller wants is not known, and to cancel is safe. */
		"{\"cancel\": false}\n",
		"{\"machines\": [\"b\"]}\n",
		"cancel\n",
	};
	struct vmlogoff command;

	fleet_add("a", FLEET_GRACE);
	fleet_add("b", FLEET_GRACE);
	fleet_start();
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		start_request(&command, "{\"machines\": [\"a\", \"b\"]}\n");
		fleet_wait_active(2);
		write_input(&command, lines[i]);
		close_input(&command);
		finish(&command, 5);
		if (i >= 2)
			assert_contains(text_of(&command, command.err),
					"a line after the request is not {\"cancel\": true}");
		done(&command);
	}
	start_request(&command, "{\"machines\": [\"a\", \"b\"], \"cancel_at_end\": true}\n");
	fleet_wait_active(2);
	close_input(&command);
	finish(&command, 5);
	done(&command);
}

static void test_cancel_option(void **state)
{
	char options[64];
	struct vmlogoff command;
	json_t *object;

	fleet_add("a", FLEET_GRACE);
	fleet_add("b", FLEET_GRACE);
	fleet_add("stopped", FLEET_STOPPED);
	fleet_start();
	assert_status("--cancel a", 18);
	assert_status("--cancel a stopped", 8);
	start(&command, "--json a");
	fleet_wait_active(1);
	/* One of them had nothing to cancel. */
	assert_status("--cancel=0x1 a b", 18);
	assert_status("--cancel --force a", 64);
	assert_status("--cancel=x a", 64);
	assert_status("--cancel a b", 0);
	finish(&command, 5);
	done(&command);
	start(&command, "--json a");
	fleet_wait_active(1);
	wait_output(&command, command.out, "\"grace\"");
	object = find_object(&command, "\"grace\"");
	snprintf(options, sizeof(options), "--cancel=%s a",
		 json_string_value(json_object_get(object, "id")));
	json_decref(object);
	assert_status(options, 0);
	finish(&command, 5);
	done(&command);
	assert_int_equal(fleet_logoffs("a"), 2);
	assert_int_equal(fleet_logoffs("b"), 0);
}

/* The output of a caller that has died is closed, too, which must not end vmlogoff first. */
static void test_caller_dies(void **state)
{
	struct vmlogoff command;

	fleet_add("a", FLEET_GRACE);
	fleet_start();
	start_with(&command, "--request=-", PIPE, CLOSED_PIPE);
	write_input(&command, "{\"machines\": [\"a\"], \"cancel_at_end\": true}\n");
	fleet_wait_active(1);
	close_input(&command);
	finish(&command, 5);
	done(&command);
}

static void test_request_too_long(void **state)
{
	static char request[REQUEST_SIZE_MAX + 2];
	struct vmlogoff command;

	fleet_start();
	memset(request, ' ', REQUEST_SIZE_MAX + 1);
	request[0] = '{';
	request[REQUEST_SIZE_MAX] = '}';
	start_request(&command, request);
	close_input(&command);
	finish(&command, 64);
	assert_contains(text_of(&command, command.out),
			"{\"event\":\"refused\",\"hresult\":2147942487,\"name\":\"E_INVALIDARG\","
			"\"text\":\"the request is longer than 1048576 bytes.\"}\n");
	done(&command);
}

#define MACHINE "\"machines\": [\"a\"]"

static void test_refused_requests(void **state)
{
	static const struct {
		const char *request, *part;
	} requests[] = {
		{"", "not valid JSON"},
		{"[]", "must be a JSON object"},
		{"{}", "a machine is required"},
		{"{" MACHINE, "not valid JSON"},
		{"{" MACHINE "} {}", "end of file expected"},
		{"{" MACHINE ", " MACHINE "}", "machines"},
		{"{\"machines\": \"a\"}", "\"machines\" must be an array"},
		{"{\"machines\": []}", "\"machines\" must be an array"},
		{"{\"machines\": [1]}", "\"machines\" must contain only strings"},
		{"{\"machines\": [\"a\", \"\"]}", "\"machines\" must contain only strings"},
		{"{\"machines\": [\"a\\u0000b\"]}", "not valid JSON"},
		{"{" MACHINE ", \"Timeout\": 5}", "\"Timeout\" is not a key"},
		{"{" MACHINE ", \"timeout\": \"5\"}", "\"timeout\" must be a number"},
		{"{" MACHINE ", \"timeout\": 5.0}", "\"timeout\" must be a number"},
		{"{" MACHINE ", \"timeout\": -1}", "\"timeout\" must be a number of seconds"},
		{"{" MACHINE ", \"timeout\": 0}", "\"timeout\" must be a number of seconds"},
		{"{" MACHINE ", \"timeout\": 86401}", "\"timeout\" must be a number of seconds"},
		{"{" MACHINE ", \"timeout\": 99999999999999999999}", "not valid JSON"},
		{"{" MACHINE ", \"grace\": 60}", "\"grace\" must be less than \"timeout\""},
		{"{" MACHINE ", \"force\": 1}", "\"force\" must be true or false"},
		{"{" MACHINE ", \"force\": null}", "\"force\" must be true or false"},
		{"{" MACHINE ", \"message\": true}", "\"message\" must be a string"},
		{"{" MACHINE ", \"user\": \"\"}", "\"user\" is empty"},
		{"{" MACHINE ", \"session\": \"\"}", "\"session\" is empty"},
		{"{" MACHINE ", \"via\": \"ssh\"}", "\"via\" must be vmbus, vsock or kvp"},
		{"{" MACHINE ", \"parallel\": 0}", "\"parallel\" must be a number from 1 to 256"},
		{"{" MACHINE ", \"cancel\": 1}", "\"cancel\" must be true, false or a string"},
		{"{" MACHINE ", \"cancel\": \"\"}", "\"cancel\" must be the id"},
		{"{" MACHINE ", \"cancel\": true, \"force\": true}", "\"cancel\" cannot be"},
		{"{" MACHINE ", \"dry_run\": true, \"no_wait\": true}", "\"dry_run\" cannot be"},
		{"{" MACHINE ", \"all\": true}", "\"all\" cannot be combined"},
		{"{" MACHINE ", \"watch\": true, \"cancel\": true}", "cannot be combined"},
		{"{\"list\": true, " MACHINE "}", "\"list\" does not take a machine"},
		{"{" MACHINE ", \"password\": \"x\"}", "need vmlogoff for Windows"},
		{"{" MACHINE ", \"host\": \"hv01\"}", "\"host\" and \"user_name\" need"},
		{"{" MACHINE ", \"host\": \"\"}", "\"host\" is empty"},
		{"{" MACHINE ", \"host\": 1}", "\"host\" must be a string"},
		{"{" MACHINE ", \"user_name\": \"\"}", "\"user_name\" is empty"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		const char *request = requests[i].request;
		struct command command;

		command_init(&command);
		if (request_parse(&command, request, strlen(request)))
			fail_msg("%s is accepted", request);
		assert_contains(command.refusal, requests[i].part);
		command_done(&command);
	}
}

static void assert_too_long(const char *key, size_t most)
{
	char request[2048], text[1100] = "";
	struct command command;

	memset(text, 'x', most + 1);
	snprintf(request, sizeof(request), "{" MACHINE ", \"%s\": \"%s\"}", key, text);
	command_init(&command);
	assert_false(request_parse(&command, request, strlen(request)));
	assert_contains(command.refusal, key);
	assert_contains(command.refusal, "is longer than");
	command_done(&command);
	snprintf(request, sizeof(request), "{" MACHINE ", \"%s\": \"%s\"}", key, text + 1);
	command_init(&command);
	assert_true(request_parse(&command, request, strlen(request)));
	command_done(&command);
}

static void test_long_texts(void **state)
{
	assert_too_long("message", VM_LOGOFF_MESSAGE_MAX);
	assert_too_long("user", VM_LOGOFF_USER_MAX);
	assert_too_long("session", VM_LOGOFF_SESSION_MAX);
}

/* A password that is nowhere in memory until it is made: "secret-123456789", masked. */
#define MASK 0x5a
static const unsigned char masked[] = {0x29, 0x3f, 0x39, 0x28, 0x3f, 0x2e, 0x77, 0x6b,
				       0x68, 0x69, 0x6e, 0x6f, 0x6c, 0x6d, 0x62, 0x63};

static bool is_secret(const unsigned char *bytes)
{
	for (size_t i = 0; i < sizeof(masked); i++) {
		if (bytes[i] != (masked[i] ^ MASK))
			return false;
	}
	return true;
}

/* Whether the secret is in that part of this process' memory, as far as it is readable. */
static bool holds_secret(int memory, unsigned long begin, unsigned long end)
{
	unsigned char page[4096 + sizeof(masked)];
	bool found = false;

	for (; begin < end && !found; begin += 4096) {
		ssize_t got = pread(memory, page, sizeof(page), (off_t)begin);

		for (ssize_t i = 0; i + (ssize_t)sizeof(masked) <= got && !found; i++)
			found = is_secret(page + i);
		explicit_bzero(page, sizeof(page));
	}
	return found;
}

/* Except in mappings as large as the sanitizers' own. */
static bool remembers_secret(void)
{
	_cleanup_fclose_ FILE *maps = fopen("/proc/self/maps", "re");
	_cleanup_close_ int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	unsigned long begin, end;
	bool found = false;
	char line[512];

	assert_non_null(maps);
	assert_true(memory >= 0);
	while (!found && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx rw", &begin, &end) == 2 && strstr(line, " rw") &&
		    end - begin < 1UL << 30)
			found = holds_secret(memory, begin, end);
	}
	return found;
}

/* Writes a request with the password to standard input. */
static void send_password(void)
{
	char request[128], secret[sizeof(masked) + 1] = "";
	int ends[2], length;

	for (size_t i = 0; i < sizeof(masked); i++)
		secret[i] = (char)(masked[i] ^ MASK);
	length = snprintf(request, sizeof(request),
			  "{" MACHINE
			  ", \"host\": \"h\", \"user_name\": \"u\", \"password\": \"%s\"}\n",
			  secret);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], request, (size_t)length), length);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
	close(ends[1]);
	explicit_bzero(request, sizeof(request));
	explicit_bzero(secret, sizeof(secret));
}

__attribute__((unused)) static void test_password_is_wiped(void **state)
{
	struct command command;

	assert_false(remembers_secret());
	command_init(&command);
	send_password();
	assert_false(request_read(&command)); /* this computer has no other hosts */
	assert_true(is_secret((const unsigned char *)command.host.password));
	assert_true(remembers_secret());
	command_done(&command);
	assert_false(remembers_secret());
}

static void test_request_and_options(void **state)
{
	fleet_start();
	assert_status("--request=file", 64);
	assert_status("--request=- --json", 64);
	assert_status("--request=- a", 64);
	assert_status("--request=-", 64);
}

static void test_codes(void **state)
{
	static const HRESULT codes[] = {
		S_OK,
		DISP_E_EXCEPTION,
		HRESULT_FROM_WIN32(ERROR_NO_SUCH_LOGON_SESSION),
		VM_E_TIMED_OUT,
		HRESULT_FROM_WIN32(ERROR_CANCELLED),
		HRESULT_FROM_WIN32(ERROR_BUSY),
		VM_E_VM_UNKNOWN,
		VM_E_VM_NOT_RUNNING,
		VM_E_ADDITIONS_FEATURE_NOT_AVAIL,
		E_ACCESSDENIED,
		E_INVALIDARG,
		E_FAIL,
		E_OUTOFMEMORY,
		HRESULT_FROM_WIN32(ERROR_TIMEOUT),
		HRESULT_FROM_WIN32(ERROR_TIME_SKEW),
		HRESULT_FROM_WIN32(ERROR_REVISION_MISMATCH),
		HRESULT_FROM_WIN32(ERROR_ALREADY_EXISTS),
		HRESULT_FROM_WIN32(ERROR_NOT_FOUND),
	};
	bool seen[256] = {[EXIT_FAILURE] = true};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		int status = status_of(codes[i]);

		assert_in_range(status, 0, 63);
		assert_false(seen[status]);
		seen[status] = true;
	}
	assert_int_equal(status_of(S_OK), 0);
	assert_int_equal(status_of((HRESULT)0x80001234), EXIT_FAILURE);
}

static void test_similar_names(void **state)
{
	assert_true(suggest_is_similar("wbe1", "web1"));
	assert_true(suggest_is_similar("web2", "web1"));
	assert_true(suggest_is_similar("Web1", "web1"));
	assert_true(suggest_is_similar("we", "web1"));
	assert_true(suggest_is_similar("databse", "database"));
	assert_false(suggest_is_similar("mail", "web1"));
	assert_false(suggest_is_similar("", "web1"));
	assert_false(suggest_is_similar("x", "web1"));
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_statuses),
		TEST(test_output),
		TEST(test_json),
		TEST(test_selection),
		TEST(test_parallel),
		TEST(test_away),
		TEST(test_cancel_all),
		TEST(test_second_signal),
		TEST(test_all),
		TEST(test_question),
		TEST(test_bars),
		TEST(test_request),
		TEST(test_request_watch),
		TEST(test_request_end),
		TEST(test_request_cancel),
		TEST(test_caller_dies),
		TEST(test_request_too_long),
		TEST(test_cancel_option),
		TEST(test_request_and_options),
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_long_texts),
#ifndef __SANITIZE_THREAD__ /* its own memory is too large to be searched */
		cmocka_unit_test(test_password_is_wiped),
#endif
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_similar_names),
	};

	/* The program under test is next to this one, built in the same way. */
	snprintf(program, sizeof(program), "%.*svmlogoff",
		 (int)(strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 - argv[0] : 0), argv[0]);
	return cmocka_run_group_tests_name("vmlogoff", tests, NULL, NULL);
}
