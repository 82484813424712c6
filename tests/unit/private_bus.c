// SPDX-License-Identifier: GPL-2.0-or-later
#include "private_bus.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"

static void in_directory(const struct private_bus *bus, char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", bus->directory, name);
}

int private_bus_init(struct private_bus *bus, const char *variable)
{
	*bus = (struct private_bus){.directory = "/tmp/private_bus.XXXXXX"};
	/* Other users connect to it, too. */
	if (!mkdtemp(bus->directory) || chmod(bus->directory, 0755) < 0)
		return -1;
	snprintf(bus->address, sizeof(bus->address), "unix:path=%s/bus", bus->directory);
	return setenv(variable, bus->address, 1);
}

static void write_config(const struct private_bus *bus, const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file,
		"<busconfig><listen>%s</listen><auth>EXTERNAL</auth>"
		"<policy context='default'><allow user='*'/>"
		"<allow send_destination='*' eavesdrop='true'/>"
		"<allow receive_sender='*'/><allow own='*'/></policy></busconfig>\n",
		bus->address);
	fclose(file);
}

void private_bus_start(struct private_bus *bus)
{
	char config[64];
	char address[256];
	int ready[2];

	in_directory(bus, config, sizeof(config), "bus.conf");
	write_config(bus, config);
	assert_int_equal(pipe(ready), 0);
	bus->pid = fork();
	assert_true(bus->pid >= 0);
	if (bus->pid == 0) {
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

void private_bus_stop(struct private_bus *bus)
{
	if (bus->pid <= 0)
		return;
	kill(bus->pid, SIGKILL);
	waitpid(bus->pid, NULL, 0);
	bus->pid = 0;
}

void private_bus_done(struct private_bus *bus)
{
	char path[64];

	private_bus_stop(bus);
	in_directory(bus, path, sizeof(path), "bus.conf");
	unlink(path);
	in_directory(bus, path, sizeof(path), "bus");
	unlink(path);
	rmdir(bus->directory);
}
