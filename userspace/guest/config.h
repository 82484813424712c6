/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/hv-logoff/hv-logoffd.conf, see hv-logoffd.conf(5). */
#ifndef HVL_CONFIG_H
#define HVL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define CONFIG_FILE "/etc/hv-logoff/hv-logoffd.conf"

/* A user who stays logged on. */
struct exempt_user {
	char *name; /* or a number */
	bool has_uid;
	uid_t uid; /* from the last successful lookup of the name */
};

struct config {
	char **classes;                   /* of the sessions that are ended */
	struct exempt_user *exempt_users; /* the last one has no name */
	unsigned int escalate;            /* seconds before each stronger method */
	bool include_lingering;           /* whether managers of lingering users are stopped */
	bool notice;                      /* whether users are notified */
	char *message;                    /* the notice if the host sends no message */
	bool kvp;                         /* whether requests by KVP are accepted */
	bool vsock;                       /* whether requests by sockets are accepted */
};

/*
 * Both start from the defaults and print an explanation of every invalid line to @errors, and a
 * warning about settings with side effects. If there is an invalid line, they return -EINVAL, and
 * @config need not be freed. @name is the file name that the explanations start with.
 */
int config_parse(struct config *config, const char *name, const char *text, size_t length,
		 FILE *errors);
/* If the file does not exist, all settings have their defaults. */
int config_read(struct config *config, const char *file, FILE *errors);
void config_done(struct config *config);

/*
 * Whether @uid or @name is exempt. The name is compared even if the configured one has a uid, and a
 * configured number that was not looked up is a uid: if in doubt, the user is exempt.
 */
bool config_exempts(const struct config *config, uid_t uid, const char *name);

/* Whether the NULL-terminated array @strv contains @string. */
bool strv_contains(char *const *strv, const char *string);

#endif /* HVL_CONFIG_H */
