// SPDX-License-Identifier: GPL-2.0-or-later
#include "logind.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "util.h"

#define NAME "org.freedesktop.login1"
#define PATH "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"
#define NO_SUCH_SESSION "org.freedesktop.login1.NoSuchSession"
#define NO_SUCH_UNIT "org.freedesktop.systemd1.NoSuchUnit"

#define CALL_TIMEOUT (10 * USEC_PER_SEC)

/* The bus refuses more than 128 unanswered calls of one connection. */
#define LOOKUPS_MAX 64

/* One session whose class and terminal are being asked for. */
struct lookup {
	struct listing *listing;
	char *id;
	uid_t uid;
	char *user;
	char *path;
	sd_bus_slot *slot;
};

struct listing {
	struct logind *logind;
	sd_bus_slot *slot;
	struct session_list sessions;
	struct lookup *lookups;
	size_t lookup_count;
	size_t asked;
	size_t answered;
};

struct kill {
	struct logind *logind;
	char *id;
};

void logind_init(struct logind *logind, sd_event *event, const struct logind_handler *handler,
		 void *userdata)
{
	*logind = (struct logind){ .event = event, .handler = handler, .userdata = userdata };
}

static void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	sd_bus_slot_unref(listing->slot);
	for (size_t i = 0; i < listing->lookup_count; i++) {
		sd_bus_slot_unref(listing->lookups[i].slot);
		free(listing->lookups[i].id);
		free(listing->lookups[i].user);
		free(listing->lookups[i].path);
	}
	free(listing->lookups);
	session_list_done(&listing->sessions);
	free(listing);
}

/* Once, until it answers again: who needs it keeps trying. */
static void complain(struct logind *logind, const char *reason)
{
	if (!logind->complained)
		log_message(LOG_WARNING, "systemd-logind does not answer: %s", reason);
	logind->complained = true;
}

static int reply_error(struct logind *logind, sd_bus_message *reply)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	complain(logind, error->message ? error->message : error->name);
	return -sd_bus_message_get_errno(reply);
}

static void finish_listing(struct listing *listing, int error)
{
	struct logind *logind = listing->logind;

	if (error >= 0)
		logind->complained = false;
	logind->listing = NULL;
	logind->handler->listed(logind->userdata, &listing->sessions, error);
	listing_free(listing);
}

static int add_session(struct listing *listing, const char *id, uid_t uid, const char *user,
		       const char *class, const char *tty, pid_t leader)
{
	struct session session;
	int r = session_init(&session, id, uid, user, class, tty, leader);

	return r < 0 ? r : session_list_add(&listing->sessions, &session);
}

static int read_list_ex(struct listing *listing, sd_bus_message *reply)
{
	const char *id, *user, *class, *tty;
	uint32_t uid, leader;
	int r;

	r = sd_bus_message_enter_container(reply, 'a', "(sussussbto)");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(reply, "(sussussbto)", &id, &uid, &user, NULL, &leader,
					&class, &tty, NULL, NULL, NULL)) > 0) {
		r = add_session(listing, id, uid, user, class, tty, leader);
		if (r < 0)
			return r;
	}
	return r;
}

/* Of a session's properties, those that a list before v256 does not have. */
static int read_properties(sd_bus_message *reply, const char **class, const char **tty,
			   uint32_t *leader)
{
	const char *key;
	int r;

	r = sd_bus_message_enter_container(reply, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
		r = sd_bus_message_read(reply, "s", &key);
		if (r < 0)
			return r;
		if (!strcmp(key, "Class"))
			r = sd_bus_message_read(reply, "v", "s", class);
		else if (!strcmp(key, "TTY"))
			r = sd_bus_message_read(reply, "v", "s", tty);
		else if (!strcmp(key, "Leader"))
			r = sd_bus_message_read(reply, "v", "u", leader);
		else
			r = sd_bus_message_skip(reply, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(reply);
	}
	return r;
}

/* A session that has ended since it was listed is not an error. */
static int take_properties(const struct lookup *lookup, sd_bus_message *reply)
{
	const char *class = "";
	const char *tty = "";
	uint32_t leader = 0;
	int r;

	if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
	    sd_bus_message_is_method_error(reply, NO_SUCH_SESSION))
		return 0;
	if (sd_bus_message_is_method_error(reply, NULL))
		return reply_error(lookup->listing->logind, reply);
	r = read_properties(reply, &class, &tty, &leader);
	if (r < 0)
		return r;
	return add_session(lookup->listing, lookup->id, lookup->uid, lookup->user, class, tty,
			   leader);
}

static int look_up_more(struct listing *listing);

static int on_properties(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct lookup *lookup = userdata;
	struct listing *listing = lookup->listing;
	int r = take_properties(lookup, reply);

	(void)error;
	listing->answered++;
	if (r >= 0)
		r = look_up_more(listing);
	if (r < 0 || listing->answered == listing->lookup_count)
		finish_listing(listing, r);
	return 0;
}

static int look_up_more(struct listing *listing)
{
	int r = 0;

	while (r >= 0 && listing->asked < listing->lookup_count &&
	       listing->asked - listing->answered < LOOKUPS_MAX) {
		struct lookup *lookup = &listing->lookups[listing->asked++];

		r = sd_bus_call_method_async(listing->logind->bus, &lookup->slot, NAME,
					     lookup->path, "org.freedesktop.DBus.Properties",
					     "GetAll", on_properties, lookup, "s",
					     "org.freedesktop.login1.Session");
	}
	return r < 0 ? r : 0;
}

static int add_lookup(struct listing *listing, const char *id, uid_t uid, const char *user,
		      const char *path)
{
	struct lookup *lookups;
	struct lookup *lookup;

	lookups = reallocarray(listing->lookups, listing->lookup_count + 1, sizeof(*lookups));
	if (!lookups)
		return -ENOMEM;
	listing->lookups = lookups;
	lookup = &lookups[listing->lookup_count++];
	*lookup = (struct lookup){
		.listing = listing,
		.id = strdup(id),
		.uid = uid,
		.user = strdup(user),
		.path = strdup(path),
	};
	return lookup->id && lookup->user && lookup->path ? 0 : -ENOMEM;
}

static int read_list(struct listing *listing, sd_bus_message *reply)
{
	const char *id, *user, *path;
	uint32_t uid;
	int r;

	r = sd_bus_message_enter_container(reply, 'a', "(susso)");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(reply, "(susso)", &id, &uid, &user, NULL, &path)) > 0) {
		r = add_lookup(listing, id, uid, user, path);
		if (r < 0)
			return r;
	}
	return r;
}

static int on_list(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct listing *listing = userdata;
	int r;

	(void)error;
	if (sd_bus_message_is_method_error(reply, NULL))
		r = reply_error(listing->logind, reply);
	else
		r = read_list(listing, reply);
	if (r >= 0)
		r = look_up_more(listing);
	if (r < 0 || listing->lookup_count == 0)
		finish_listing(listing, r);
	return 0;
}

static int ask_for_list(struct listing *listing)
{
	listing->slot = sd_bus_slot_unref(listing->slot);
	return sd_bus_call_method_async(listing->logind->bus, &listing->slot, NAME, PATH, MANAGER,
					"ListSessions", on_list, listing, NULL);
}

static int on_list_ex(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct listing *listing = userdata;
	int r;

	(void)error;
	if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_METHOD)) {
		listing->logind->without_list_ex = true;
		r = ask_for_list(listing);
		if (r >= 0)
			return 0;
	} else if (sd_bus_message_is_method_error(reply, NULL)) {
		r = reply_error(listing->logind, reply);
	} else {
		r = read_list_ex(listing, reply);
	}
	finish_listing(listing, r);
	return 0;
}

static int ask_for_list_ex(struct listing *listing)
{
	return sd_bus_call_method_async(listing->logind->bus, &listing->slot, NAME, PATH, MANAGER,
					"ListSessionsEx", on_list_ex, listing, NULL);
}

int logind_list(struct logind *logind)
{
	struct listing *listing;
	int r = logind_connect(logind);

	listing_free(logind->listing);
	logind->listing = NULL;
	if (r < 0)
		return r;
	listing = calloc(1, sizeof(*listing));
	if (!listing)
		return -ENOMEM;
	listing->logind = logind;
	r = logind->without_list_ex ? ask_for_list(listing) : ask_for_list_ex(listing);
	if (r < 0) {
		listing_free(listing);
		return r;
	}
	logind->listing = listing;
	return 0;
}

static int on_new(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;

	(void)signal;
	(void)error;
	logind->handler->opened(logind->userdata);
	return 0;
}

static int on_removed(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;
	const char *id;

	(void)error;
	if (sd_bus_message_read(signal, "so", &id, NULL) >= 0)
		logind->handler->removed(logind->userdata, id);
	return 0;
}

static int on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;

	(void)signal;
	(void)error;
	/* It has gone, so that nothing else would be heard of it, or is back, perhaps upgraded. */
	logind->without_list_ex = false;
	logind->handler->restarted(logind->userdata);
	return 0;
}

static void disconnect(struct logind *logind)
{
	listing_free(logind->listing);
	logind->listing = NULL;
	logind->bus = sd_bus_close_unref(logind->bus);
}

/* Every call on its way has got an error by now. */
static int on_disconnected(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;

	(void)signal;
	(void)error;
	log_message(LOG_WARNING, "The system bus has closed the connection.");
	disconnect(logind);
	logind->handler->restarted(logind->userdata);
	return 0;
}

static int subscribe(struct logind *logind)
{
	sd_bus *bus = logind->bus;
	int r;

	r = sd_bus_match_signal_async(bus, NULL, NAME, PATH, MANAGER, "SessionNew", on_new, NULL,
				      logind);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(bus, NULL, NAME, PATH, MANAGER, "SessionRemoved", on_removed,
				      NULL, logind);
	if (r < 0)
		return r;
	r = sd_bus_add_match_async(bus, NULL,
				   "type='signal',sender='org.freedesktop.DBus',"
				   "path='/org/freedesktop/DBus',interface='org.freedesktop.DBus',"
				   "member='NameOwnerChanged',arg0='" NAME "'",
				   on_owner, NULL, logind);
	if (r < 0)
		return r;
	return sd_bus_match_signal(bus, NULL, "org.freedesktop.DBus.Local",
				   "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
				   "Disconnected", on_disconnected, logind);
}

int logind_connect(struct logind *logind)
{
	int r;

	if (logind->bus)
		return 0;
	r = sd_bus_open_system(&logind->bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(logind->bus, CALL_TIMEOUT);
	if (r >= 0)
		r = sd_bus_attach_event(logind->bus, logind->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = subscribe(logind);
	if (r < 0) {
		complain(logind, strerror(-r));
		disconnect(logind);
	}
	return r < 0 ? r : 0;
}

void logind_done(struct logind *logind)
{
	disconnect(logind);
}

static void kill_free(void *userdata)
{
	struct kill *kill = userdata;

	free(kill->id);
	free(kill);
}

static int on_killed(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct kill *kill = userdata;
	struct logind *logind = kill->logind;
	int r = -sd_bus_message_get_errno(reply);

	(void)error;
	if (!sd_bus_message_is_method_error(reply, NULL))
		return 0;
	/* Systemd 252 keeps a session that was closing when logind restarted, without its scope. */
	if (sd_bus_message_is_method_error(reply, NO_SUCH_SESSION) ||
	    sd_bus_message_is_method_error(reply, NO_SUCH_UNIT))
		r = -ENOENT;
	logind->handler->kill_failed(logind->userdata, kill->id, r);
	return 0;
}

int logind_kill(struct logind *logind, const char *id, int number)
{
	sd_bus_slot *slot = NULL;
	struct kill *kill;
	int r = logind_connect(logind);

	if (r < 0)
		return r;
	kill = calloc(1, sizeof(*kill));
	if (!kill)
		return -ENOMEM;
	kill->logind = logind;
	kill->id = strdup(id);
	if (!kill->id) {
		kill_free(kill);
		return -ENOMEM;
	}
	r = sd_bus_call_method_async(logind->bus, &slot, NAME, PATH, MANAGER, "KillSession",
				     on_killed, kill, "ssi", id, "all", number);
	if (r < 0) {
		kill_free(kill);
		return r;
	}
	/* From here on the connection owns it. */
	sd_bus_slot_set_destroy_callback(slot, kill_free);
	sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	return 0;
}

int logind_stop_unit(struct logind *logind, const char *unit)
{
	int r = logind_connect(logind);

	if (r < 0)
		return r;
	r = sd_bus_call_method_async(logind->bus, NULL, "org.freedesktop.systemd1",
				     "/org/freedesktop/systemd1",
				     "org.freedesktop.systemd1.Manager", "StopUnit", NULL, NULL,
				     "ss", unit, "replace");
	return r < 0 ? r : 0;
}
