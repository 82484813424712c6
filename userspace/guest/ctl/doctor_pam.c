// SPDX-License-Identifier: GPL-2.0-or-later
/* Which programs open sessions of systemd-logind. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "userspace/shared/util.h"

#define SUBJECT "pam"
#define BLANKS  " \t\n"

/* Files include each other. */
#define DEPTH_MAX 8

static FILE *open_service(const struct doctor *doctor, const char *name)
{
	static const char *const directories[] = {"/etc/pam.d", "/usr/lib/pam.d",
						  "/usr/share/pam.d"};
	char path[PATH_MAX];
	FILE *file = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(directories) && !file; i++) {
		snprintf(path, sizeof(path), "%s%s/%s", doctor->root, directories[i], name);
		file = fopen(path, "re");
	}
	return file;
}

static bool has_pam_systemd(const struct doctor *doctor, const char *name, unsigned int depth);

/* See pam.d(5). */
static bool line_has_pam_systemd(const struct doctor *doctor, char *line, unsigned int depth)
{
	char *rest = NULL;
	const char *type, *control;
	bool module;

	line[strcspn(line, "#")] = '\0';
	module = strstr(line, "pam_systemd.so");
	type = strtok_r(line, BLANKS, &rest);
	if (!type)
		return false;
	if (!strcmp(type, "@include")) {
		const char *included = strtok_r(NULL, BLANKS, &rest);

		return included && has_pam_systemd(doctor, included, depth + 1);
	}
	if (strcmp(type + (type[0] == '-'), "session") != 0)
		return false;
	control = strtok_r(NULL, BLANKS, &rest);
	if (control && (!strcmp(control, "include") || !strcmp(control, "substack"))) {
		const char *included = strtok_r(NULL, BLANKS, &rest);

		return included && has_pam_systemd(doctor, included, depth + 1);
	}
	return module;
}

static bool has_pam_systemd(const struct doctor *doctor, const char *name, unsigned int depth)
{
	_cleanup_fclose_ FILE *file = depth < DEPTH_MAX ? open_service(doctor, name) : NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) >= 0)
		if (line_has_pam_systemd(doctor, line, depth))
			return true;
	return false;
}

static bool exists(const struct doctor *doctor, const char *name)
{
	_cleanup_fclose_ FILE *file = open_service(doctor, name);

	return file != NULL;
}

static void append(char *list, size_t size, const char *name)
{
	size_t length = strlen(list);

	snprintf(list + length, size - length, "%s%s", length ? ", " : "", name);
}

bool doctor_check_pam(struct doctor *doctor)
{
	static const char *const services[] = {"login",   "sshd",   "gdm-password",
					       "lightdm", "sddm",   "lxdm",
					       "xdm",     "greetd", "xrdp-sesman"};
	char with[128] = "", without[128] = "";

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		if (has_pam_systemd(doctor, services[i], 0))
			append(with, sizeof(with), services[i]);
		else if (exists(doctor, services[i]))
			append(without, sizeof(without), services[i]);
	}
	if (!without[0] && with[0])
		doctor_add(doctor, SUBJECT, FINDING_OK, "pam_systemd opens the sessions of %s.",
			   with);
	else
		finding_remedy(
			doctor_add(doctor, SUBJECT, with[0] ? FINDING_NOTE : FINDING_PROBLEM,
				   "pam_systemd is not in the PAM configuration of %s: users "
				   "who log on that way have no session, and are not logged "
				   "off.",
				   without[0] ? without : "any program that logs users on"),
			"Install the package libpam-systemd, run \"pam-auth-update\", or "
			"add \"session optional pam_systemd.so\" in /etc/pam.d.");
	return with[0];
}
