// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fleet NAME=ROLE…: the fake machines of fake_fleet.c as a program, for tests in other languages.
 * Prints the registry ($HVHOST_DIR), and replies to each command on standard input with one line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_fleet.h"
#include "userspace/shared/util.h"

#define LIMIT 120 /* seconds; SIGALRM ends it */

static const struct {
	const char *name;
	enum fleet_role role;
} roles[] = {
	{"users", FLEET_USERS}, {"nobody", FLEET_NOBODY},     {"busy", FLEET_BUSY},
	{"grace", FLEET_GRACE}, {"no-guest", FLEET_NO_GUEST}, {"stopped", FLEET_STOPPED},
};

static void add(char *argument)
{
	char *role = strchr(argument, '=');

	for (size_t i = 0; role && i < ARRAY_SIZE(roles); i++) {
		if (strcmp(role + 1, roles[i].name) == 0) {
			*role = '\0';
			fleet_add(argument, roles[i].role);
			return;
		}
	}
	fprintf(stderr, "fleet: %s is not NAME=ROLE.\n", argument);
	exit(EXIT_FAILURE);
}

static void run(const char *command, const char *argument)
{
	if (strcmp(command, "active") == 0)
		fleet_wait_active(strtoul(argument, NULL, 10));
	else if (strcmp(command, "cancels") == 0)
		fleet_wait_cancels(strtoul(argument, NULL, 10));
	else if (strcmp(command, "release") == 0)
		fleet_release();
	if (strcmp(command, "logoffs") == 0)
		printf("%zu\n", fleet_logoffs(argument));
	else if (strcmp(command, "last") == 0)
		puts(fleet_last_logoff(argument));
	else
		puts("ok");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[128];

	alarm(LIMIT);
	fleet_begin();
	for (int i = 1; i < argc; i++)
		add(argv[i]);
	fleet_start();
	puts(getenv("HVHOST_DIR"));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = line, *command = strsep(&rest, " \n");

		run(command, rest ? strsep(&rest, "\n") : "");
	}
	fleet_end();
	return EXIT_SUCCESS;
}
