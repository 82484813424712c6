// SPDX-License-Identifier: GPL-2.0-or-later
#include "logind.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scope.h"
#include "userspace/guest/log.h"
#include "userspace/shared/util.h"

#define NAME            "org.freedesktop.login1"
#define PATH            "/org/freedesktop/login1"
#define MANAGER         "org.freedesktop.login1.Manager"
#define NO_SUCH_SESSION "org.freedesktop.login1.NoSuchSession"
#define NO_SUCH_USER    "org.freedesktop.login1.NoSuchUser"
#define SESSION         "org.freedesktop.login1.Session"
#define USER            "org.freedesktop.login1.User"
#define PROPERTIES      "org.freedesktop.DBus.Properties"
#define PID1_NAME       "org.freedesktop.systemd1"
#define PID1_PATH       "/org/freedesktop/systemd1"
#define PID1_MANAGER    "org.freedesktop.systemd1.Manager"
#define UNIT            "org.freedesktop.systemd1.Unit"
#define SERVICE         "org.freedesktop.systemd1.Service"
#define NO_SUCH_UNIT    "org.freedesktop.systemd1.NoSuchUnit"
#define BUS             "org.freedesktop.DBus"
#define BUS_PATH        "/org/freedesktop/DBus"

/* logind keeps a file for each session here; see sd_get_sessions(3). */
#define SESSION_FILES "/run/systemd/sessions"

#define CALL_TIMEOUT (10 * USEC_PER_SEC)

/* Together with the calls in the queue, below the 128 that the bus allows for each connection. */
#define LOOKUPS_MAX 32

/* A request for the properties of one session. */
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
	sd_event_source *nobody; /* logind is not asked */
	struct session_list sessions;
	struct lookup *lookups;
	size_t lookup_count;
	size_t sent;
	size_t answered;
};

/* Whether each user lingers is a call of its own. */
struct user_listing {
	struct listed_user *users;
	size_t count;
	size_t answered;
};

/* A call about the user at @index of a listing, which may be in progress no longer. */
struct linger_call {
	struct logind *logind;
	unsigned int listing;
	size_t index;
};

/* A call about a session. */
struct session_call {
	struct logind *logind;
	char id[];
};

/* A call about a user. */
struct user_call {
	struct logind *logind;
	uid_t uid;
};

/* A call about a service. */
struct service_call {
	struct logind *logind;
	bool terminal; /* its standard input is of interest */
	char unit[];
};

void logind_init(struct logind *logind, sd_event *event, const struct logind_handler *handler,
		 void *userdata)
{
	*logind = (struct logind){
		.event = event,
		.handler = handler,
		.userdata = userdata,
		.session_files = SESSION_FILES,
	};
}

static void listing_free(struct listing *listing)
{
	if (!listing)
		return;
	sd_bus_slot_unref(listing->slot);
	sd_event_source_disable_unref(listing->nobody);
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

/* Logs only the first failure until logind answers again, because the callers retry. */
static void log_failure(struct logind *logind, const char *reason)
{
	if (!logind->failure_logged)
		log_message(LOG_WARNING, "systemd-logind does not answer: %s", reason);
	logind->failure_logged = true;
}

static int reply_error(struct logind *logind, sd_bus_message *reply)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	log_failure(logind, error->message ? error->message : error->name);
	return -sd_bus_message_get_errno(reply);
}

static void finish_listing(struct listing *listing, int error)
{
	struct logind *logind = listing->logind;

	if (error >= 0)
		logind->failure_logged = false;
	logind->listing = NULL;
	logind->handler->listed(logind->userdata, &listing->sessions, error);
	listing_free(listing);
}

static int add_session(struct listing *listing, const char *id, uid_t uid, const char *user,
		       const char *class, const char *seat, const char *tty, pid_t leader)
{
	struct session session;
	int r = session_init(&session, id, uid, user, class, seat, tty, leader);

	return r < 0 ? r : session_list_add(&listing->sessions, &session);
}

static bool is_left_out(const struct listing *listing, const char *id, uid_t uid)
{
	const struct logind *logind = listing->logind;

	return logind->handler->has_ended(logind->userdata, id, uid);
}

static int read_list_ex(struct listing *listing, sd_bus_message *reply)
{
	const char *id, *user, *class, *seat, *tty;
	uint32_t uid, leader;
	int r;

	r = sd_bus_message_enter_container(reply, 'a', "(sussussbto)");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(reply, "(sussussbto)", &id, &uid, &user, &seat, &leader,
					&class, &tty, NULL, NULL, NULL)) > 0) {
		if (is_left_out(listing, id, uid))
			continue;
		r = add_session(listing, id, uid, user, class, seat, tty, leader);
		if (r < 0)
			return r;
	}
	return r;
}

/* Properties that are not in the reply are "" or 0. */
struct properties {
	const char *id, *user, *class, *seat, *tty;
	uint32_t uid, leader;
};

static int read_property(sd_bus_message *reply, const char *key, struct properties *properties)
{
	if (!strcmp(key, "Id"))
		return sd_bus_message_read(reply, "v", "s", &properties->id);
	if (!strcmp(key, "User"))
		return sd_bus_message_read(reply, "v", "(uo)", &properties->uid, NULL);
	if (!strcmp(key, "Name"))
		return sd_bus_message_read(reply, "v", "s", &properties->user);
	if (!strcmp(key, "Class"))
		return sd_bus_message_read(reply, "v", "s", &properties->class);
	if (!strcmp(key, "Seat"))
		return sd_bus_message_read(reply, "v", "(so)", &properties->seat, NULL);
	if (!strcmp(key, "TTY"))
		return sd_bus_message_read(reply, "v", "s", &properties->tty);
	if (!strcmp(key, "Leader"))
		return sd_bus_message_read(reply, "v", "u", &properties->leader);
	return sd_bus_message_skip(reply, "v");
}

static int read_properties(sd_bus_message *reply, struct properties *properties)
{
	const char *key;
	int r;

	*properties = (struct properties){.id = "", .user = "", .class = "", .seat = "", .tty = ""};
	r = sd_bus_message_enter_container(reply, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
		r = sd_bus_message_read(reply, "s", &key);
		if (r >= 0)
			r = read_property(reply, key, properties);
		if (r >= 0)
			r = sd_bus_message_exit_container(reply);
	}
	return r;
}

static bool has_ended(sd_bus_message *reply)
{
	return sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
	       sd_bus_message_is_method_error(reply, NO_SUCH_SESSION);
}

static bool is_unknown_user(sd_bus_message *reply)
{
	return sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_OBJECT) ||
	       sd_bus_message_is_method_error(reply, NO_SUCH_USER);
}

/* A session that has ended since it was listed is not an error. */
static int handle_properties(const struct lookup *lookup, sd_bus_message *reply)
{
	struct properties properties;
	int r;

	if (has_ended(reply))
		return 0;
	if (sd_bus_message_is_method_error(reply, NULL))
		return reply_error(lookup->listing->logind, reply);
	r = read_properties(reply, &properties);
	if (r < 0)
		return r;
	return add_session(lookup->listing, lookup->id, lookup->uid, lookup->user, properties.class,
			   properties.seat, properties.tty, properties.leader);
}

static int look_up_more(struct listing *listing);

static int on_properties(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct lookup *lookup = userdata;
	struct listing *listing = lookup->listing;
	int r = handle_properties(lookup, reply);

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

	while (r >= 0 && listing->sent < listing->lookup_count &&
	       listing->sent - listing->answered < LOOKUPS_MAX) {
		struct lookup *lookup = &listing->lookups[listing->sent++];

		r = sd_bus_call_method_async(listing->logind->bus, &lookup->slot, NAME,
					     lookup->path, PROPERTIES, "GetAll", on_properties,
					     lookup, "s", SESSION);
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
		if (is_left_out(listing, id, uid))
			continue;
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

static int request_list(struct listing *listing)
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
		r = request_list(listing);
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

static int request_list_ex(struct listing *listing)
{
	return sd_bus_call_method_async(listing->logind->bus, &listing->slot, NAME, PATH, MANAGER,
					"ListSessionsEx", on_list_ex, listing, NULL);
}

/* Temporary files have names that begin with a dot. */
static bool is_empty(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;

	if (!directory)
		return false;
	do
		entry = readdir(directory);
	while (entry && entry->d_name[0] == '.');
	closedir(directory);
	return !entry;
}

/*
 * logind writes the file of a session before it sends SessionNew, and before the program that logs
 * the user on continues; it removes the file when the session has ended. If it could not write one,
 * the signal makes the session known.
 */
static bool nobody_is_logged_on(const struct logind *logind)
{
	return logind->owner[0] && !logind->handler->knows_session(logind->userdata) &&
	       is_empty(logind->session_files);
}

static int on_nobody(sd_event_source *source, void *userdata)
{
	(void)source;
	finish_listing(userdata, 0);
	return 0;
}

static int answer_nobody(struct listing *listing)
{
	return sd_event_add_defer(listing->logind->event, &listing->nobody, on_nobody, listing);
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
	if (nobody_is_logged_on(logind))
		r = answer_nobody(listing);
	else
		r = logind->without_list_ex ? request_list(listing) : request_list_ex(listing);
	if (r < 0) {
		listing_free(listing);
		return r;
	}
	logind->listing = listing;
	return 0;
}

/* Sends a call of the queue, with arguments of @types. @userdata is freed. Returns 0 or -errno. */
static int send_call(struct logind *logind, const char *name, const char *path,
		     const char *interface, const char *member, call_done_t done, void *userdata,
		     const char *types, ...)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	va_list arguments;
	int r = userdata || !done ? logind_connect(logind) : -ENOMEM;

	va_start(arguments, types);
	if (r >= 0)
		r = sd_bus_message_new_method_call(logind->bus, &message, name, path, interface,
						   member);
	if (r >= 0)
		r = sd_bus_message_appendv(message, types, arguments);
	va_end(arguments);
	if (r < 0) {
		free(userdata);
		return r;
	}
	return call_queue_send(&logind->queue, message, done, userdata);
}

/* Returns NULL if memory is exhausted; send_call() then fails. */
static struct session_call *session_call_new(struct logind *logind, const char *id)
{
	size_t size = strlen(id) + 1;
	struct session_call *call = malloc(sizeof(*call) + size);

	if (!call)
		return NULL;
	call->logind = logind;
	memcpy(call->id, id, size);
	return call;
}

static void on_found(void *userdata, sd_bus_message *reply, int error)
{
	const struct session_call *call = userdata;
	const struct logind *logind = call->logind;
	struct properties found;
	struct session session;

	if (reply && has_ended(reply))
		return;
	if (error < 0 || read_properties(reply, &found) < 0 ||
	    session_init(&session, found.id, found.uid, found.user, found.class, found.seat,
			 found.tty, found.leader) < 0) {
		logind->handler->found(logind->userdata, NULL);
		return;
	}
	logind->handler->found(logind->userdata, &session);
	session_done(&session);
}

/*
 * Any user can send a signal to the daemon alone, and libsystemd does not compare its sender with
 * the well-known name of a match.
 */
static bool is_sent_by(sd_bus_message *signal, const char *owner)
{
	const char *sender = sd_bus_message_get_sender(signal);

	return sender && !strcmp(sender, owner);
}

static int on_new(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;
	const char *id, *path;

	(void)error;
	if (!is_sent_by(signal, logind->owner))
		return 0;
	if (sd_bus_message_read(signal, "so", &id, &path) >= 0 &&
	    send_call(logind, NAME, path, PROPERTIES, "GetAll", on_found,
		      session_call_new(logind, id), "s", SESSION) < 0)
		logind->handler->found(logind->userdata, NULL);
	logind->handler->opened(logind->userdata);
	return 0;
}

/* A session that was looked up and then removed must not be in the list. */
static void drop_session(struct listing *listing, const char *id)
{
	struct session_list *list = &listing->sessions;

	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i].id, id) != 0)
			continue;
		session_done(&list->items[i]);
		list->items[i] = list->items[--list->count];
		return;
	}
}

static int on_removed(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;
	const char *id;

	(void)error;
	if (!is_sent_by(signal, logind->owner) || sd_bus_message_read(signal, "so", &id, NULL) < 0)
		return 0;
	if (logind->listing)
		drop_session(logind->listing, id);
	logind->handler->removed(logind->userdata, id);
	return 0;
}

/*
 * When a user logs out, logind abandons the session's scope, and remaining processes may stay.
 * There is a job to stop the scope only if the session is terminated, by a command or because it is
 * idle, or if the machine shuts down. The only other job of a scope starts it; logind announces
 * the session after that job was created.
 */
static int on_job(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	const struct logind *logind = userdata;
	_cleanup_free_ char *id = NULL;
	const char *unit;

	(void)error;
	if (logind->logout_stops || !is_sent_by(signal, logind->pid1_owner) ||
	    sd_bus_message_read(signal, "uos", NULL, NULL, &unit) < 0)
		return 0;
	id = scope_session(unit);
	if (id)
		logind->handler->stopping(logind->userdata, id);
	return 0;
}

static int on_kill_user_processes(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;
	int value;

	(void)error;
	if (!sd_bus_message_is_method_error(reply, NULL) &&
	    sd_bus_message_read(reply, "v", "b", &value) >= 0)
		logind->logout_stops = value;
	return 0;
}

/* logind reads its configuration only at startup. */
static int get_kill_user_processes(struct logind *logind)
{
	return sd_bus_call_method_async(logind->bus, NULL, NAME, PATH, PROPERTIES, "Get",
					on_kill_user_processes, logind, "ss", MANAGER,
					"KillUserProcesses");
}

/* A name that does not fit is that of no sender. */
static void set_owner(char owner[BUS_OWNER_SIZE], const char *name)
{
	snprintf(owner, BUS_OWNER_SIZE, "%s", name);
}

static int on_first_owner(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const char *name;

	(void)error;
	if (!sd_bus_message_is_method_error(reply, NULL) &&
	    sd_bus_message_read(reply, "s", &name) >= 0)
		set_owner(userdata, name);
	return 0;
}

static int on_pid1_owner(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;
	const char *owner;

	(void)error;
	if (is_sent_by(signal, BUS) && sd_bus_message_read(signal, "sss", NULL, NULL, &owner) >= 0)
		set_owner(logind->pid1_owner, owner);
	return 0;
}

/* The bus sends changes from before its answer, so that none is missed. */
static int follow_owner(struct logind *logind, const char *name, char owner[BUS_OWNER_SIZE],
			sd_bus_message_handler_t changed)
{
	_cleanup_free_ char *match = NULL;
	int r;

	owner[0] = '\0';
	if (asprintf(&match,
		     "type='signal',sender='" BUS "',path='" BUS_PATH "',interface='" BUS
		     "',member='NameOwnerChanged',arg0='%s'",
		     name) < 0) {
		match = NULL;
		return -ENOMEM;
	}
	r = sd_bus_add_match_async(logind->bus, NULL, match, changed, NULL, logind);
	return r < 0 ? r
		     : sd_bus_call_method_async(logind->bus, NULL, BUS, BUS_PATH, BUS,
						"GetNameOwner", on_first_owner, owner, "s", name);
}

static int on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;
	const char *owner;

	(void)error;
	if (!is_sent_by(signal, BUS) || sd_bus_message_read(signal, "sss", NULL, NULL, &owner) < 0)
		return 0;
	set_owner(logind->owner, owner);
	/* It has stopped, which no other signal reports, or it runs again, perhaps upgraded. */
	logind->without_list_ex = false;
	if (owner[0])
		get_kill_user_processes(logind);
	logind->handler->restarted(logind->userdata, owner[0]);
	return 0;
}

static void user_listing_free(struct logind *logind)
{
	struct user_listing *listing = logind->user_listing;

	logind->user_listing = NULL;
	for (size_t i = 0; listing && i < listing->count; i++)
		free(listing->users[i].name);
	if (listing)
		free(listing->users);
	free(listing);
}

static void finish_user_listing(struct logind *logind, int error)
{
	const struct user_listing *listing = logind->user_listing;

	logind->handler->users_listed(logind->userdata, listing->users, listing->count,
				      error < 0 ? error : 0);
	user_listing_free(logind);
}

/* A user whom logind has dropped since does not linger. */
static int read_linger(sd_bus_message *reply, int error)
{
	int lingers = 0;

	if (reply && is_unknown_user(reply))
		return 0;
	if (error == 0 && sd_bus_message_read(reply, "v", "b", &lingers) < 0)
		error = -EBADMSG;
	return error < 0 ? error : lingers;
}

static void on_listed_user(void *userdata, sd_bus_message *reply, int error)
{
	const struct linger_call *call = userdata;
	struct logind *logind = call->logind;
	struct user_listing *listing = logind->user_listing;
	int lingers = read_linger(reply, error);

	if (!listing || call->listing != logind->user_listings)
		return;
	listing->users[call->index].lingers = lingers > 0;
	listing->answered++;
	if (lingers < 0 || listing->answered == listing->count)
		finish_user_listing(logind, lingers);
}

static int add_listed_user(struct user_listing *listing, uid_t uid, const char *name)
{
	struct listed_user *users;

	users = reallocarray(listing->users, listing->count + 1, sizeof(*users));
	if (!users)
		return -ENOMEM;
	listing->users = users;
	users[listing->count] = (struct listed_user){.uid = uid, .name = strdup(name)};
	if (!users[listing->count].name)
		return -ENOMEM;
	listing->count++;
	return 0;
}

static int get_listed_linger(struct logind *logind, size_t index, const char *path)
{
	struct linger_call *call = malloc(sizeof(*call));

	if (call)
		*call = (struct linger_call){logind, logind->user_listings, index};
	return send_call(logind, NAME, path, PROPERTIES, "Get", on_listed_user, call, "ss", USER,
			 "Linger");
}

static int read_users(struct logind *logind, sd_bus_message *reply)
{
	struct user_listing *listing = logind->user_listing;
	const char *name, *path;
	uint32_t uid;
	int r;

	r = sd_bus_message_enter_container(reply, 'a', "(uso)");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(reply, "(uso)", &uid, &name, &path)) > 0) {
		r = add_listed_user(listing, uid, name);
		if (r >= 0)
			r = get_listed_linger(logind, listing->count - 1, path);
		if (r < 0)
			return r;
	}
	return r;
}

static void on_users(void *userdata, sd_bus_message *reply, int error)
{
	const struct linger_call *call = userdata;
	struct logind *logind = call->logind;

	if (!logind->user_listing || call->listing != logind->user_listings)
		return;
	if (error == 0)
		error = read_users(logind, reply);
	else if (reply)
		reply_error(logind, reply);
	if (error < 0 || logind->user_listing->count == 0)
		finish_user_listing(logind, error);
}

int logind_list_users(struct logind *logind)
{
	struct linger_call *call = malloc(sizeof(*call));
	int r;

	user_listing_free(logind);
	logind->user_listings++;
	logind->user_listing = calloc(1, sizeof(*logind->user_listing));
	if (call)
		*call = (struct linger_call){logind, logind->user_listings, 0};
	r = send_call(logind, NAME, PATH, MANAGER, "ListUsers", on_users, call, "");
	if (r >= 0 && !logind->user_listing)
		r = -ENOMEM;
	if (r < 0)
		user_listing_free(logind);
	return r;
}

/* The failure of waiting calls may open the next connection. */
static void disconnect(struct logind *logind, bool failed)
{
	sd_bus *bus = logind->bus;

	listing_free(logind->listing);
	logind->listing = NULL;
	user_listing_free(logind);
	if (logind->handler->disconnected)
		logind->handler->disconnected(logind->userdata);
	logind->bus = NULL;
	call_queue_done(&logind->queue, failed);
	sd_bus_close_unref(bus);
}

/* All pending calls have failed before this. */
static int on_disconnected(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	struct logind *logind = userdata;

	(void)signal;
	(void)error;
	log_message(LOG_WARNING, "The system bus closed the connection.");
	disconnect(logind, true);
	logind->handler->restarted(logind->userdata, false);
	return 0;
}

static int subscribe(struct logind *logind)
{
	sd_bus *bus = logind->bus;
	int r;

	/* Before the matches for signals of these owners. */
	r = follow_owner(logind, NAME, logind->owner, on_owner);
	if (r < 0)
		return r;
	r = follow_owner(logind, PID1_NAME, logind->pid1_owner, on_pid1_owner);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(bus, NULL, NAME, PATH, MANAGER, "SessionNew", on_new, NULL,
				      logind);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(bus, NULL, NAME, PATH, MANAGER, "SessionRemoved", on_removed,
				      NULL, logind);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(bus, NULL, PID1_NAME, PID1_PATH, PID1_MANAGER, "JobNew",
				      on_job, NULL, logind);
	if (r < 0)
		return r;
	/* PID 1 sends no signals without a subscriber, such as logind while it runs. */
	r = sd_bus_call_method_async(bus, NULL, PID1_NAME, PID1_PATH, PID1_MANAGER, "Subscribe",
				     NULL, NULL, NULL);
	if (r < 0)
		return r;
	r = get_kill_user_processes(logind);
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
	call_queue_init(&logind->queue, logind->bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(logind->bus, CALL_TIMEOUT);
	if (r >= 0)
		r = sd_bus_attach_event(logind->bus, logind->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = subscribe(logind);
	if (r < 0) {
		log_failure(logind, strerror(-r));
		disconnect(logind, false);
		return r;
	}
	if (logind->handler->connected)
		logind->handler->connected(logind->userdata, logind->bus);
	return 0;
}

void logind_done(struct logind *logind)
{
	disconnect(logind, false);
}

static void on_session_call(void *userdata, sd_bus_message *reply, int error)
{
	const struct session_call *call = userdata;
	struct logind *logind = call->logind;

	if (error == 0)
		return;
	/* systemd 252 keeps a session without a scope if it was closing while logind restarted. */
	if (reply && (sd_bus_message_is_method_error(reply, NO_SUCH_SESSION) ||
		      sd_bus_message_is_method_error(reply, NO_SUCH_UNIT)))
		error = -ENOENT;
	logind->handler->kill_failed(logind->userdata, call->id, error);
}

int logind_kill(struct logind *logind, const char *id, int number)
{
	return send_call(logind, NAME, PATH, MANAGER, "KillSession", on_session_call,
			 session_call_new(logind, id), "ssi", id, "all", number);
}

int logind_stop_scope(struct logind *logind, const char *id)
{
	_cleanup_free_ char *unit = scope_unit(id);

	if (!unit)
		return -ENOMEM;
	return send_call(logind, PID1_NAME, PID1_PATH, PID1_MANAGER, "StopUnit", on_session_call,
			 session_call_new(logind, id), "ss", unit, "replace");
}

static struct user_call *user_call_new(struct logind *logind, uid_t uid)
{
	struct user_call *call = malloc(sizeof(*call));

	if (call)
		*call = (struct user_call){.logind = logind, .uid = uid};
	return call;
}

static void report_manager(const struct user_call *call, int state)
{
	call->logind->handler->manager_found(call->logind->userdata, call->uid, state);
}

/* Without the user in logind, only PID 1 has the manager. */
static void on_linger(void *userdata, sd_bus_message *reply, int error)
{
	const struct user_call *call = userdata;
	int lingers = read_linger(reply, error);

	if (lingers < 0)
		report_manager(call, lingers);
	else
		report_manager(call, lingers ? MANAGER_LINGERS : MANAGER_ACTIVE);
}

static int get_linger(const struct user_call *call)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, PATH "/user/_%u", (unsigned int)call->uid) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return send_call(call->logind, NAME, path, PROPERTIES, "Get", on_linger,
			 user_call_new(call->logind, call->uid), "ss", USER, "Linger");
}

static void on_manager_state(void *userdata, sd_bus_message *reply, int error)
{
	const struct user_call *call = userdata;
	const char *state = "inactive";

	if (error == 0 && sd_bus_message_read(reply, "v", "s", &state) < 0)
		error = -EBADMSG;
	if (reply && (sd_bus_message_is_method_error(reply, NO_SUCH_UNIT) ||
		      sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_OBJECT)))
		error = 0;
	if (error == 0 && strcmp(state, "inactive") != 0 && strcmp(state, "failed") != 0) {
		error = get_linger(call);
		if (error == 0)
			return;
	}
	report_manager(call, error < 0 ? error : MANAGER_INACTIVE);
}

int logind_look_up_manager(struct logind *logind, uid_t uid)
{
	_cleanup_free_ char *unit = scope_manager_unit(uid);
	_cleanup_free_ char *path = NULL;
	int r = unit ? sd_bus_path_encode(PID1_PATH "/unit", unit, &path) : -ENOMEM;

	if (r < 0)
		return r;
	return send_call(logind, PID1_NAME, path, PROPERTIES, "Get", on_manager_state,
			 user_call_new(logind, uid), "ss", UNIT, "ActiveState");
}

static int call_for_manager(struct logind *logind, uid_t uid, const char *member, const char *mode)
{
	_cleanup_free_ char *unit = scope_manager_unit(uid);

	if (!unit)
		return -ENOMEM;
	return send_call(logind, PID1_NAME, PID1_PATH, PID1_MANAGER, member, NULL, NULL,
			 mode ? "ss" : "s", unit, mode);
}

/* Without the user in logind, only PID 1 can stop the manager. */
static void on_terminated(void *userdata, sd_bus_message *reply, int error)
{
	const struct user_call *call = userdata;

	(void)reply;
	if (error < 0)
		call_for_manager(call->logind, call->uid, "StopUnit", "replace");
}

int logind_terminate_user(struct logind *logind, uid_t uid)
{
	return send_call(logind, NAME, PATH, MANAGER, "TerminateUser", on_terminated,
			 user_call_new(logind, uid), "u", (uint32_t)uid);
}

int logind_kill_user(struct logind *logind, uid_t uid, int number)
{
	return send_call(logind, NAME, PATH, MANAGER, "KillUser", NULL, NULL, "ui", (uint32_t)uid,
			 number);
}

int logind_reset_manager(struct logind *logind, uid_t uid)
{
	return call_for_manager(logind, uid, "ResetFailedUnit", NULL);
}

/* One property, since PID 1 takes much longer to send all of a service. */
static int get_of_service(struct logind *logind, const char *unit, const char *property,
			  bool terminal, call_done_t done)
{
	_cleanup_free_ char *path = NULL;
	struct service_call *call;
	size_t size = strlen(unit) + 1;
	int r = sd_bus_path_encode(PID1_PATH "/unit", unit, &path);

	if (r < 0)
		return r;
	call = malloc(sizeof(*call) + size);
	if (call) {
		call->logind = logind;
		call->terminal = terminal;
		memcpy(call->unit, unit, size);
	}
	return send_call(logind, PID1_NAME, path, PROPERTIES, "Get", done, call, "ss", SERVICE,
			 property);
}

static void report_service(const struct service_call *call, const struct service *service)
{
	call->logind->handler->service_found(call->logind->userdata, call->unit, service);
}

static void on_standard_input(void *userdata, sd_bus_message *reply, int error)
{
	struct service service = {.uid = NO_UID};
	const char *input = "";

	if (error == 0)
		error = sd_bus_message_read(reply, "v", "s", &input);
	if (error >= 0)
		service.terminal = !strncmp(input, "tty", strlen("tty"));
	report_service(userdata, error < 0 ? NULL : &service);
}

static void on_service_uid(void *userdata, sd_bus_message *reply, int error)
{
	const struct service_call *call = userdata;
	struct service service = {.uid = NO_UID};

	if (error == 0)
		error = sd_bus_message_read(reply, "v", "u", &service.uid);
	if (error >= 0 && service.uid == NO_UID && call->terminal) {
		error = get_of_service(call->logind, call->unit, "StandardInput", false,
				       on_standard_input);
		if (error >= 0)
			return;
	}
	report_service(call, error < 0 ? NULL : &service);
}

int logind_look_up_service(struct logind *logind, const char *unit, bool terminal)
{
	return get_of_service(logind, unit, "UID", terminal, on_service_uid);
}
