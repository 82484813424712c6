// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs shell commands for the tests, which it receives over the second serial port.
 *
 * Host to guest: "RUN <number> <bytes>\n", followed by that many bytes of shell script.
 * Guest to host: "READY\n" at startup. For each command, any number of "OUT <number> <bytes>\n",
 * each followed by the bytes, then "END <number> <exit status>\n".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PORT       "/dev/ttyS1"
#define SCRIPT_MAX ((size_t)1024 * 1024)

static void write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno != EINTR)
			exit(EXIT_FAILURE);
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
}

static int open_port(void)
{
	struct termios raw;
	int fd = open(PORT, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &raw) < 0) {
		perror(PORT);
		exit(EXIT_FAILURE);
	}
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL;
	cfsetspeed(&raw, B115200);
	tcsetattr(fd, TCSANOW, &raw);
	return fd;
}

/* Returns the child's PID, or -1. *@output receives its standard output and error. */
static pid_t start(const char *script, int *output)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, STDIN_FILENO);
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		execl("/bin/bash", "bash", "-c", script, NULL);
		_exit(127);
	}
	close(pipes[1]);
	*output = pipes[0];
	return pid;
}

/* Forwards output that arrives within @milliseconds. False if there was none. */
static bool forward_output(int port, const char *number, int output, int milliseconds)
{
	struct pollfd polled = {.fd = output, .events = POLLIN};
	char bytes[4096];
	char header[64];
	ssize_t n;

	if (poll(&polled, 1, milliseconds) <= 0)
		return false;
	n = read(output, bytes, sizeof(bytes));
	if (n <= 0)
		return false;
	write_all(port, header,
		  (size_t)snprintf(header, sizeof(header), "OUT %s %zd\n", number, n));
	write_all(port, bytes, (size_t)n);
	return true;
}

static int run(int port, const char *number, const char *script)
{
	int status = 0;
	int output = -1;
	pid_t pid = start(script, &output);

	if (pid < 0)
		return 126;
	/* Background processes may keep the pipe open, so do not wait for its end. */
	while (waitpid(pid, &status, WNOHANG) == 0)
		forward_output(port, number, output, 20);
	while (forward_output(port, number, output, 0))
		continue;
	close(output);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	int port = open_port();
	FILE *in = fdopen(port, "r");
	char number[32];
	size_t size;
	char *script;
	char end[64];

	if (!in)
		return EXIT_FAILURE;
	write_all(port, "READY\n", 6);
	while (fscanf(in, "RUN %31s %zu", number, &size) == 2 && fgetc(in) == '\n') {
		if (size > SCRIPT_MAX)
			return EXIT_FAILURE;
		script = calloc(1, size + 1);
		if (!script || fread(script, 1, size, in) != size)
			return EXIT_FAILURE;
		write_all(port, end,
			  (size_t)snprintf(end, sizeof(end), "END %s %d\n", number,
					   run(port, number, script)));
		free(script);
	}
	return EXIT_FAILURE;
}
