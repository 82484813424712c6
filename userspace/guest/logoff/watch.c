// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "userspace/guest/log.h"
#include "userspace/shared/util.h"

struct watched {
	struct session session;
	enum hv_logoff_kind kind; /* to report if it ends now */
	uint64_t request;
	unsigned int lists; /* number of lists requested before it was found */
	bool reported;      /* it has ended, but logind may still list it */
};

void watch_init(struct watch *watch, const struct watch_ops *ops, void *userdata,
		const struct config *config)
{
	*watch = (struct watch){.ops = ops, .userdata = userdata, .config = config};
}

void watch_done(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++)
		session_done(&watch->sessions[i].session);
	free(watch->sessions);
	watch->sessions = NULL;
	watch->count = 0;
}

static struct watched *find(const struct watch *watch, const char *id)
{
	for (size_t i = 0; i < watch->count; i++)
		if (!strcmp(watch->sessions[i].session.id, id))
			return &watch->sessions[i];
	return NULL;
}

static void report_end(const struct watch *watch, struct watched *watched)
{
	if (!watched->reported)
		watch->ops->ended(watch->userdata, &watched->session, watched->kind,
				  watched->request);
	watched->reported = true;
}

static void drop(struct watch *watch, struct watched *watched)
{
	report_end(watch, watched);
	session_done(&watched->session);
	*watched = watch->sessions[--watch->count];
}

/* Ids are not unique: logind may reuse them after a restart. */
static bool same(const struct session *a, const struct session *b)
{
	return a->uid == b->uid && a->leader == b->leader;
}

static int add(struct watch *watch, const struct session *session)
{
	struct watched *sessions;
	struct session copy;

	sessions = reallocarray(watch->sessions, watch->count + 1, sizeof(*sessions));
	if (!sessions)
		return -ENOMEM;
	watch->sessions = sessions;
	if (session_init(&copy, session->id, session->uid, session->user, session->class,
			 session->seat, session->tty, session->leader) < 0)
		return -ENOMEM;
	sessions[watch->count++] = (struct watched){.session = copy, .lists = watch->lists};
	return 0;
}

void watch_found(struct watch *watch, const struct session *session)
{
	struct watched *watched = find(watch, session->id);

	if (!strv_contains(watch->config->classes, session->class))
		return;
	if (watched && same(&watched->session, session))
		return;
	if (watched)
		drop(watch, watched);
	if (add(watch, session) < 0)
		log_message(LOG_WARNING,
			    "Out of memory: the end of session %s will not be reported.",
			    session->id);
}

static bool listed(const struct session_list *list, const char *id)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i].id, id))
			return true;
	return false;
}

void watch_list_requested(struct watch *watch)
{
	watch->lists++;
}

void watch_list(struct watch *watch)
{
	if (watch->ops->list(watch->userdata) < 0)
		watch->ops->list_later(watch->userdata);
}

void watch_listed(struct watch *watch, const struct session_list *list, int error)
{
	if (error < 0) {
		watch->ops->list_later(watch->userdata);
		return;
	}
	/* Backward, since drop() moves the last session to the place of the dropped one. */
	for (size_t i = watch->count; i-- > 0;) {
		struct watched *watched = &watch->sessions[i];

		if (watched->lists < watch->lists && !listed(list, watched->session.id))
			drop(watch, watched);
	}
	for (size_t i = 0; i < list->count; i++)
		watch_found(watch, &list->items[i]);
}

/* A session that a request has started to end keeps its kind. */
void watch_stopping(struct watch *watch, const char *id)
{
	struct watched *watched = find(watch, id);

	if (watched && watched->kind == HV_LOGOFF_NORMAL)
		watched->kind = HV_LOGOFF_FORCED;
}

void watch_claim(struct watch *watch, const char *id, uint64_t request)
{
	struct watched *watched = find(watch, id);

	if (!watched)
		return;
	watched->kind = HV_LOGOFF_EXTERNAL;
	watched->request = request;
}

void watch_removed(struct watch *watch, const char *id)
{
	struct watched *watched = find(watch, id);

	if (watched)
		drop(watch, watched);
}

void watch_ended(struct watch *watch, const char *id)
{
	struct watched *watched = find(watch, id);

	if (watched)
		report_end(watch, watched);
}
