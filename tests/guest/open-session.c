// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * open-session KIND USER: logs a user on through PAM, and returns once logind has the session.
 * Prints the session's id. The output of the session's terminal is logged to /run/open-session/ID.
 *
 *   login     a login on a terminal
 *   su        `su -l` on a terminal
 *   stubborn  a login on a terminal; the shell ignores SIGHUP and SIGTERM
 *   pam       only a PAM session and its leader, which is fast; pam_nologin can refuse it
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <security/pam_misc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#define DIRECTORY "/run/open-session"
#define STUBBORN  "trap '' HUP TERM; echo is'-'stubborn; while :; do sleep 60; done\n"

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "open-session: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Waits until logind has @pid's session and it is no longer opening. Returns its id. */
static char *wait_for_session(pid_t pid)
{
	char *session = NULL;
	char *state = NULL;

	for (;;) {
		bool opened = sd_pid_get_session(pid, &session) >= 0 &&
			      sd_session_get_state(session, &state) >= 0 &&
			      strcmp(state, "opening") != 0;

		free(state);
		state = NULL;
		if (opened)
			return session;
		free(session);
		session = NULL;
		if (waitpid(pid, NULL, WNOHANG) != 0) {
			fprintf(stderr, "open-session: the session's process has exited\n");
			exit(EXIT_FAILURE);
		}
		usleep(50000);
	}
}

static _Noreturn void shell(const char *kind, const char *user)
{
	setenv("TERM", "linux", 1);
	if (strcmp(kind, "su") == 0)
		execlp("su", "su", "-l", user, NULL);
	else
		execlp("login", "login", "-f", user, NULL);
	_exit(127);
}

static _Noreturn void pam(const char *user, int notify_fd)
{
	static const struct pam_conv conversation = {.conv = misc_conv};
	pam_handle_t *handle = NULL;
	int r;

	close(notify_fd);
	if (pam_start("open-session", user, &conversation, &handle) != PAM_SUCCESS)
		_exit(EXIT_FAILURE);
	r = pam_acct_mgmt(handle, 0);
	if (r == PAM_SUCCESS)
		r = pam_open_session(handle, 0);
	if (r != PAM_SUCCESS) {
		fprintf(stderr, "open-session: %s\n", pam_strerror(handle, r));
		_exit(EXIT_FAILURE);
	}
	for (;;)
		pause();
}

/*
 * Logs the terminal's output. Closes @notify_fd when the shell's prompt has been printed, or if
 * there is a @command, when the command has printed its @answer. The command is sent only after the
 * prompt, as earlier input may be lost.
 */
static void log_terminal(int terminal, const char *path, const char *command, const char *answer,
			 int notify_fd)
{
	const char *marker = "$";
	FILE *log = fopen(path, "we");
	char bytes[1024];
	char seen[65536] = "";
	size_t used = 0;
	ssize_t n;

	if (!log)
		die(path);
	while ((n = read(terminal, bytes, sizeof(bytes))) > 0) {
		fwrite(bytes, 1, (size_t)n, log);
		fflush(log);
		if (notify_fd < 0 || used + (size_t)n >= sizeof(seen))
			continue;
		memcpy(seen + used, bytes, (size_t)n);
		used += (size_t)n;
		if (!memmem(seen, used, marker, strlen(marker)))
			continue;
		if (command && write(terminal, command, strlen(command)) < 0)
			die("write");
		if (!command) {
			close(notify_fd);
			notify_fd = -1;
		}
		command = NULL;
		marker = answer;
	}
}

/* Runs in the background until the terminal is closed. */
static _Noreturn void run_session(const char *kind, const char *user, int notify_fd)
{
	bool stubborn = strcmp(kind, "stubborn") == 0;
	char path[128];
	char *session;
	int terminal = -1;
	pid_t pid;

	setsid();
	pid = strcmp(kind, "pam") == 0 ? fork() : forkpty(&terminal, NULL, NULL, NULL);
	if (pid < 0)
		die("fork");
	if (pid == 0 && strcmp(kind, "pam") == 0)
		pam(user, notify_fd);
	if (pid == 0)
		shell(kind, user);

	session = wait_for_session(pid);
	dprintf(notify_fd, "%s\n", session);
	if (strcmp(kind, "pam") == 0)
		_exit(EXIT_SUCCESS);
	snprintf(path, sizeof(path), DIRECTORY "/%s", session);
	log_terminal(terminal, path, stubborn ? STUBBORN : NULL, "is-stubborn", notify_fd);
	_exit(EXIT_SUCCESS);
}

int main(int argc, char **argv)
{
	char bytes[64];
	int pipes[2];
	ssize_t n;
	size_t printed = 0;

	if (argc != 3 || !getpwnam(argv[2])) {
		fprintf(stderr, "usage: open-session login|su|stubborn|pam USER\n");
		return EXIT_FAILURE;
	}
	mkdir(DIRECTORY, 0700);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		die("pipe");
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		close(pipes[0]);
		run_session(argv[1], argv[2], pipes[1]);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], bytes, sizeof(bytes))) > 0) {
		fwrite(bytes, 1, (size_t)n, stdout);
		printed += (size_t)n;
	}
	return printed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
