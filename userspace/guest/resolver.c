// SPDX-License-Identifier: GPL-2.0-or-later
#include "resolver.h"

#include <errno.h>

#include "userspace/guest/system/user.h"
#include "userspace/shared/util.h"

/* Longer than the services of a domain need to detect that they are offline. */
#define LOOKUP_TIMEOUT (15 * USEC_PER_SEC)

void resolver_init(struct resolver *resolver, sd_event *event, struct config *config,
		   struct engine *engine)
{
	*resolver = (struct resolver){
		.event = event,
		.config = config,
		.engine = engine,
		.timeout = LOOKUP_TIMEOUT,
	};
}

void resolver_done(struct resolver *resolver)
{
	user_lookup_cancel(resolver->lookup);
	resolver->lookup = NULL;
}

static size_t count_exempt_users(const struct config *config)
{
	size_t count = 0;

	while (config->exempt_users[count].name)
		count++;
	return count;
}

/*
 * A name that was found once keeps its uid. A name that does not exist is compared as text. Returns
 * the first name whose uid is unknown because its lookup failed, and the error; or NULL.
 */
static const char *update_exempt_users(struct config *config, const struct user_result *results,
				       int *error)
{
	const char *failed = NULL;

	for (size_t i = 0; config->exempt_users[i].name; i++) {
		struct exempt_user *user = &config->exempt_users[i];

		if (results[i].error == 0) {
			user->uid = results[i].uid;
			user->has_uid = true;
		} else if (!failed && !user->has_uid && results[i].error != -ENOENT) {
			failed = user->name;
			*error = results[i].error;
		}
	}
	return failed;
}

static void on_users(void *userdata, const struct user_result *results)
{
	struct resolver *resolver = userdata;
	struct engine *engine = resolver->engine;
	const struct user_result *user = resolver->has_user ? results++ : NULL;
	const char *failed;
	int error = 0;

	resolver->lookup = NULL;
	failed = update_exempt_users(resolver->config, results, &error);
	if (user && user->error < 0 && user->error != -ENOENT)
		engine_resolve_failed(engine, engine->request.user, user->error);
	else if (failed)
		engine_resolve_failed(engine, failed, error);
	else
		engine_resolved(engine, user && !user->error ? &user->uid : NULL);
}

int resolver_start(struct resolver *resolver, const char *user)
{
	const struct exempt_user *exempt = resolver->config->exempt_users;
	size_t count = count_exempt_users(resolver->config);
	_cleanup_free_ const char **names = calloc(count + 1, sizeof(*names));
	size_t used = 0;

	if (!names)
		return -ENOMEM;
	resolver_done(resolver);
	resolver->has_user = user[0];
	if (user[0])
		names[used++] = user;
	for (size_t i = 0; i < count; i++)
		names[used++] = exempt[i].name;
	return user_lookup_start(&resolver->lookup, resolver->event, names, used, resolver->timeout,
				 on_users, resolver);
}
