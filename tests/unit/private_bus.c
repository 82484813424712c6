// SPDX-License-Identifier: GPL-2.0-or-later
#include "private_bus.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"

static struct {
	char directory[32];
	pid_t pid;
} private;

static void in_directory(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", private.directory, name);
}

int private_bus_init(void)
{
	char address[64];

	strcpy(private.directory, "/tmp/private_bus.XXXXXX");
	private.pid = 0;
	/* Other users connect to it, too. */
	if (!mkdtemp(private.directory) || chmod(private.directory, 0755) < 0)
		return -1;
	snprintf(address, sizeof(address), "unix:path=%s/bus", private.directory);
	return setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
}

static void write_config(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file,
		"<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
		"<policy context='default'><allow user='*'/>"
		"<allow send_destination='*' eavesdrop='true'/>"
		"<allow receive_sender='*'/><allow own='*'/></policy></busconfig>\n",
		private.directory);
	fclose(file);
}

void private_bus_start(void)
{
	char config[64];
	char address[256];
	int ready[2];

	in_directory(config, sizeof(config), "bus.conf");
	write_config(config);
	assert_int_equal(pipe(ready), 0);
	private.pid = fork();
	assert_true(private.pid >= 0);
	if (private.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ready[1], STDOUT_FILENO);
		/* It warns that it may not raise its limits. */
		if (!freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("dbus-daemon", "dbus-daemon", "--nofork", "--print-address", "--config-file",
		       config, NULL);
		_exit(127);
	}
	close(ready[1]);
	/* Reads nothing, and fails the test, if dbus-daemon is not installed. */
	assert_true(read(ready[0], address, sizeof(address)) > 0);
	close(ready[0]);
}

void private_bus_stop(void)
{
	if (private.pid <= 0)
		return;
	kill(private.pid, SIGKILL);
	waitpid(private.pid, NULL, 0);
	private.pid = 0;
}

void private_bus_done(void)
{
	char path[64];

	private_bus_stop();
	in_directory(path, sizeof(path), "bus.conf");
	unlink(path);
	in_directory(path, sizeof(path), "bus");
	unlink(path);
	rmdir(private.directory);
}
