/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks up the uids or the names of users. The name service may block for a long time (sssd, LDAP),
 * so a helper process calls it.
 */
#ifndef HVL_USER_H
#define HVL_USER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/* Bytes, including the NUL. */
#define USER_NAME_SIZE 256

/*
 * Valid if the error is 0. -ENOENT: there is no such user. Other errors: the lookup failed. There
 * is a name only if the user was looked up by uid.
 */
struct user_result {
	int error;
	uid_t uid;
	char name[USER_NAME_SIZE];
};

struct user_lookup;

typedef void (*user_lookup_handler)(void *userdata, const struct user_result *results);

/* @name is a user name or a number. As in chown(1), a number that is a user name is that user. */
struct user_result user_resolve(const char *name);

/*
 * user_resolve() for @count names in a helper process. SIGCHLD must be blocked. @handler is called
 * once with @count results, after @timeout at the latest: names that were not looked up by then
 * have the error -ETIMEDOUT. *@lookup is valid until @handler returns. Returns 0 or -errno.
 */
int user_lookup_start(struct user_lookup **lookup, sd_event *event, const char *const *names,
		      size_t count, uint64_t timeout, user_lookup_handler handler, void *userdata);
/* The same for the names of users, by their uids. */
int user_name_lookup_start(struct user_lookup **lookup, sd_event *event, const uid_t *uids,
			   size_t count, uint64_t timeout, user_lookup_handler handler,
			   void *userdata);
/* Stops it without calling the handler. @lookup may be NULL. */
void user_lookup_cancel(struct user_lookup *lookup);

#endif /* HVL_USER_H */
