/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/hv-logoff/hv-logoffd.conf, see hv-logoffd.conf(5). */
#ifndef HVL_CONFIG_H
#define HVL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CONFIG_FILE "/etc/hv-logoff/hv-logoffd.conf"

struct config {
	char **classes;        /* of sessions to end */
	char **exempt_users;   /* names and numbers of users that stay */
	unsigned int escalate; /* seconds from one means to the next, stronger one */
	bool notice;           /* whether users are told */
	char *message;         /* for the users, when the host sends none */
	bool kvp;              /* whether requests by KVP are taken */
};

/*
 * Both start from the defaults and explain every wrong line on @complaints.
 * -EINVAL if there was one, and then there is nothing to be freed; @name is the
 * file's name in explanations.
 */
int config_parse(struct config *config, const char *name, const char *text, size_t length,
		 FILE *complaints);
/* A file that does not exist is one that changes no default. */
int config_read(struct config *config, const char *file, FILE *complaints);
void config_done(struct config *config);

/* Whether one of the NULL-terminated @words is @word. */
bool words_contain(char *const *words, const char *word);

#endif /* HVL_CONFIG_H */
