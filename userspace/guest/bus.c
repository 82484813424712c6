// SPDX-License-Identifier: GPL-2.0-or-later
#include "bus.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "userspace/shared/names.h"
#include "userspace/shared/release.h"
#include "userspace/shared/util.h"

#define POLKIT_NAME      "org.freedesktop.PolicyKit1"
#define POLKIT_PATH      "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_INTERACT  1 /* flag of CheckAuthorization() */

#define ACTION_CANCEL  "org.hv_logoff1.cancel"
#define ACTION_INSPECT "org.hv_logoff1.inspect"

/* Calls that wait for the bus, polkit or logind. */
#define CALLS_MAX          32
#define CALLS_MAX_PER_USER 4

/* How long polkit may take, with and without a question to the user. */
#define POLKIT_TIMEOUT          (10 * USEC_PER_SEC)
#define POLKIT_TIMEOUT_INTERACT (120 * USEC_PER_SEC)

enum notice_state { NOTICE_NONE, NOTICE_WARNED, NOTICE_ENDING, NOTICE_CANCELLED, NOTICE_DONE };

static const char *const notice_names[] = {
	[NOTICE_NONE] = "",         [NOTICE_WARNED] = "warned",
	[NOTICE_ENDING] = "ending", [NOTICE_CANCELLED] = "cancelled",
	[NOTICE_DONE] = "done",
};

struct notice {
	enum notice_state state;
	uint64_t deadline; /* end of the grace period, microseconds since 1970 */
	const char *message;
	uint64_t id;
};

struct bus_subscriber {
	struct bus_subscriber *next;
	struct bus *bus;
	char *name; /* unique name of the connection */
	bool has_uid;
	uid_t uid;
	sd_bus_slot *match;
	enum notice_state state; /* of the last notice, about the request @id */
	uint64_t id;
};

/* A call whose caller is checked, or that waits for a list of sessions. */
struct bus_call {
	struct bus_call *next;
	struct bus *bus;
	sd_bus_message *message;
	const char *action; /* that polkit must permit to others than root; NULL: anybody may */
	void (*run)(struct bus_call *call);
	bool has_uid;
	uid_t uid;
	bool listing; /* waits for bus_listed() */
	sd_bus_slot *slot;
};

void bus_init(struct bus *bus, const struct bus_ops *ops, void *userdata, struct engine *engine,
	      const struct config *config)
{
	*bus = (struct bus){
		.ops = ops,
		.userdata = userdata,
		.engine = engine,
		.config = config,
	};
}

static void subscriber_free(struct bus_subscriber *subscriber)
{
	struct bus_subscriber **link = &subscriber->bus->subscribers;

	while (*link != subscriber)
		link = &(*link)->next;
	*link = subscriber->next;
	sd_bus_slot_unref(subscriber->match);
	free(subscriber->name);
	free(subscriber);
}

static struct bus_subscriber *find_subscriber(const struct bus *bus, const char *name)
{
	for (struct bus_subscriber *i = bus->subscribers; i; i = i->next)
		if (!strcmp(i->name, name))
			return i;
	return NULL;
}

/* A subscriber has a uid once it has been accepted. */
static void drop_candidate(const struct bus *bus, const char *name)
{
	struct bus_subscriber *subscriber = find_subscriber(bus, name);

	if (subscriber && !subscriber->has_uid)
		subscriber_free(subscriber);
}

static void call_free(struct bus_call *call)
{
	struct bus_call **link = &call->bus->calls;

	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
	drop_candidate(call->bus, sd_bus_message_get_sender(call->message));
	sd_bus_slot_unref(call->slot);
	sd_bus_message_unref(call->message);
	free(call);
}

/* Ends the call. */
static void refuse(struct bus_call *call, const char *error, const char *text)
{
	sd_bus_reply_method_errorf(call->message, error, "%s", text);
	call_free(call);
}

static void refuse_errno(struct bus_call *call, int error)
{
	sd_bus_reply_method_errnof(call->message, error, "%s", strerror(-error));
	call_free(call);
}

/* Microseconds since 1970 at @time of the engine's clock; 0 if the request has no such time. */
static uint64_t realtime(const struct engine *engine, uint64_t time)
{
	struct timespec now;

	if (!time)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000 + time -
	       engine->ops->now(engine->userdata);
}

/* The transports have ids of different forms. This one is unique in a boot. */
static uint64_t request_id(const struct engine *engine)
{
	return engine->phase == ENGINE_IDLE ? 0 : engine->started;
}

static bool concerns(const struct engine *engine, uid_t uid)
{
	for (size_t i = 0; i < engine->targets.count; i++)
		if (engine->targets.items[i].session.uid == uid)
			return true;
	return false;
}

static enum notice_state find_state(const struct engine *engine)
{
	switch (engine->last.state) {
	case HV_LOGOFF_GRACE:
		return NOTICE_WARNED;
	case HV_LOGOFF_ENDING:
		return NOTICE_ENDING;
	case HV_LOGOFF_DONE:
		return engine->last.result == HV_LOGOFF_E_CANCELLED ? NOTICE_CANCELLED
								    : NOTICE_DONE;
	default:
		return NOTICE_NONE;
	}
}

/* What the user is to know now: the same as on a terminal. */
static struct notice find_notice(const struct bus *bus, uid_t uid)
{
	const struct engine *engine = bus->engine;
	const char *message = engine->request.message;

	if (engine->phase == ENGINE_IDLE || engine->request.flags & HV_LOGOFF_DRY_RUN ||
	    !bus->config->notice || !concerns(engine, uid))
		return (struct notice){.message = ""};
	return (struct notice){
		.state = find_state(engine),
		.deadline = realtime(engine, engine->grace_end),
		.message = message[0] ? message : bus->config->message,
		.id = request_id(engine),
	};
}

static int append_notice(sd_bus_message *message, const struct notice *notice)
{
	return sd_bus_message_append(message, "stst", notice_names[notice->state], notice->deadline,
				     notice->message, notice->id);
}

/* Only the subscriber receives it. */
static void send_notice(struct bus_subscriber *subscriber, const struct notice *notice)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *signal = NULL;
	int r;

	subscriber->state = notice->state;
	subscriber->id = notice->id;
	r = sd_bus_message_new_signal(subscriber->bus->bus, &signal, BUS_PATH, BUS_INTERFACE,
				      "Notice");
	if (r >= 0)
		r = sd_bus_message_set_destination(signal, subscriber->name);
	if (r >= 0)
		r = append_notice(signal, notice);
	if (r >= 0)
		r = sd_bus_send(NULL, signal, NULL);
	if (r < 0)
		log_message(LOG_WARNING, "Cannot notify UID %u over the bus: %s.",
			    (unsigned int)subscriber->uid, strerror(-r));
}

static bool is_open(const struct bus_subscriber *subscriber)
{
	return subscriber->state == NOTICE_WARNED || subscriber->state == NOTICE_ENDING;
}

/* A request that was dropped has no result. */
static void close_notice(struct bus_subscriber *subscriber)
{
	const struct notice notice = {
		.state = subscriber->state == NOTICE_WARNED ? NOTICE_CANCELLED : NOTICE_DONE,
		.message = "",
		.id = subscriber->id,
	};

	send_notice(subscriber, &notice);
}

static void update_subscriber(struct bus_subscriber *subscriber)
{
	const struct notice notice = find_notice(subscriber->bus, subscriber->uid);

	if (is_open(subscriber) && subscriber->id != notice.id)
		close_notice(subscriber);
	if (notice.state != NOTICE_NONE &&
	    (notice.id != subscriber->id || notice.state != subscriber->state))
		send_notice(subscriber, &notice);
}

void bus_update(struct bus *bus)
{
	for (struct bus_subscriber *i = bus->subscribers; i; i = i->next)
		if (i->has_uid)
			update_subscriber(i);
}

/* Without polkit, the answer is an error. */
static int on_authorization(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct bus_call *call = userdata;
	int authorized = 0;

	(void)error;
	call->slot = sd_bus_slot_unref(call->slot);
	if (!sd_bus_message_is_method_error(reply, NULL) &&
	    sd_bus_message_enter_container(reply, 'r', "bba{ss}") > 0)
		sd_bus_message_read(reply, "b", &authorized);
	if (authorized > 0)
		call->run(call);
	else
		refuse(call, SD_BUS_ERROR_ACCESS_DENIED,
		       "This is permitted to root, and to administrators who authenticate "
		       "themselves with polkit.");
	return 0;
}

static int check_authorization(struct bus_call *call)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *check = NULL;
	bool interact = sd_bus_message_get_allow_interactive_authorization(call->message) > 0;
	int r;

	r = sd_bus_message_new_method_call(call->bus->bus, &check, POLKIT_NAME, POLKIT_PATH,
					   POLKIT_INTERFACE, "CheckAuthorization");
	if (r >= 0)
		r = sd_bus_message_append(check, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name",
					  "s", sd_bus_message_get_sender(call->message),
					  call->action, 0, interact ? POLKIT_INTERACT : 0, "");
	if (r >= 0)
		r = sd_bus_call_async(call->bus->bus, &call->slot, check, on_authorization, call,
				      interact ? POLKIT_TIMEOUT_INTERACT : POLKIT_TIMEOUT);
	return r;
}

static unsigned int calls_of(const struct bus *bus, uid_t uid)
{
	unsigned int count = 0;

	for (const struct bus_call *i = bus->calls; i; i = i->next)
		count += i->has_uid && i->uid == uid;
	return count;
}

static void check_caller(struct bus_call *call)
{
	int r;

	if (call->uid != 0 && calls_of(call->bus, call->uid) > CALLS_MAX_PER_USER) {
		refuse(call, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls of this user.");
		return;
	}
	if (call->uid == 0 || !call->action) {
		call->run(call);
		return;
	}
	r = check_authorization(call);
	if (r < 0)
		refuse_errno(call, r);
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct bus_call *call = userdata;
	uint32_t uid;

	(void)error;
	call->slot = sd_bus_slot_unref(call->slot);
	/* The caller has disconnected, or the bus has. */
	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_read(reply, "u", &uid) <= 0) {
		call_free(call);
		return 0;
	}
	call->uid = uid;
	call->has_uid = true;
	check_caller(call);
	return 0;
}

/* Runs the call once its caller's uid is known and has been checked. */
static int start_call(struct bus *bus, sd_bus_message *message, sd_bus_error *error,
		      const char *action, void (*run)(struct bus_call *call))
{
	struct bus_call *call;
	size_t count = 0;
	int r;

	for (call = bus->calls; call; call = call->next)
		count++;
	if (count >= CALLS_MAX)
		return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
					"Too many calls; try again.");
	call = malloc(sizeof(*call));
	if (!call)
		return -ENOMEM;
	*call = (struct bus_call){
		.next = bus->calls,
		.bus = bus,
		.message = sd_bus_message_ref(message),
		.action = action,
		.run = run,
	};
	bus->calls = call;
	r = sd_bus_call_method_async(bus->bus, &call->slot, "org.freedesktop.DBus",
				     "/org/freedesktop/DBus", "org.freedesktop.DBus",
				     "GetConnectionUnixUser", on_uid, call, "s",
				     sd_bus_message_get_sender(message));
	if (r < 0)
		call_free(call);
	return r < 0 ? r : 1;
}

static unsigned int count_subscribers(const struct bus *bus, const uid_t *uid)
{
	unsigned int count = 0;

	for (const struct bus_subscriber *i = bus->subscribers; i; i = i->next)
		count += !uid || (i->has_uid && i->uid == *uid);
	return count;
}

bool bus_reaches(const struct bus *bus, uid_t uid)
{
	return count_subscribers(bus, &uid) > 0;
}

/*
 * The connection has been closed. Any user can send such a signal to the daemon, and libsystemd
 * does not compare its sender with that of the match.
 */
static int on_owner(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	const char *owner;

	(void)error;
	if (!strcmp(sd_bus_message_get_sender(signal), "org.freedesktop.DBus") &&
	    sd_bus_message_read(signal, "sss", NULL, NULL, &owner) >= 0 && !owner[0])
		subscriber_free(userdata);
	return 0;
}

/* The bus handles the match before it is asked for the uid, so no end of the connection is missed.
 */
static int add_subscriber(struct bus *bus, const char *name)
{
	_cleanup_free_ char *match = NULL;
	struct bus_subscriber *subscriber = calloc(1, sizeof(*subscriber));
	int r;

	if (!subscriber)
		return -ENOMEM;
	subscriber->bus = bus;
	subscriber->next = bus->subscribers;
	bus->subscribers = subscriber;
	subscriber->name = strdup(name);
	r = asprintf(&match,
		     "type='signal',sender='org.freedesktop.DBus',"
		     "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
		     name);
	if (r < 0)
		match = NULL;
	r = match && subscriber->name ? sd_bus_add_match_async(bus->bus, &subscriber->match, match,
							       on_owner, NULL, subscriber)
				      : -ENOMEM;
	if (r < 0)
		subscriber_free(subscriber);
	return r;
}

static void subscribe(struct bus_call *call)
{
	struct bus *bus = call->bus;
	struct bus_subscriber *subscriber =
		find_subscriber(bus, sd_bus_message_get_sender(call->message));
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	struct notice notice;
	int r;

	/* It may have been refused by the answer to an earlier call. */
	if (!subscriber || (!subscriber->has_uid &&
			    count_subscribers(bus, &call->uid) >= BUS_SUBSCRIBERS_MAX_PER_USER)) {
		refuse(call, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many subscribers of this user.");
		return;
	}
	subscriber->uid = call->uid;
	subscriber->has_uid = true;
	notice = find_notice(bus, subscriber->uid);
	subscriber->state = notice.state;
	subscriber->id = notice.id;
	r = sd_bus_message_new_method_return(call->message, &reply);
	if (r >= 0)
		r = append_notice(reply, &notice);
	if (r >= 0)
		r = sd_bus_send(bus->bus, reply, NULL);
	if (r < 0)
		log_message(LOG_WARNING, "Cannot answer a subscriber on the bus: %s.",
			    strerror(-r));
	call_free(call);
}

static int on_subscribe(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *sender = sd_bus_message_get_sender(message);
	struct bus *bus = userdata;
	int r = 0;

	if (!find_subscriber(bus, sender)) {
		if (count_subscribers(bus, NULL) >= BUS_SUBSCRIBERS_MAX)
			return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
						"Too many subscribers.");
		r = add_subscriber(bus, sender);
	}
	if (r >= 0)
		r = start_call(bus, message, error, NULL, subscribe);
	if (r < 0)
		drop_candidate(bus, sender);
	return r;
}

static int append_request(const struct engine *engine, sd_bus_message *reply)
{
	static const enum hv_logoff_state states[] = {
		[ENGINE_STARTING] = HV_LOGOFF_DELIVERED,
		[ENGINE_GRACE] = HV_LOGOFF_GRACE,
		[ENGINE_ENDING] = HV_LOGOFF_ENDING,
	};
	struct target_counts counts = targets_count(&engine->targets);

	if (engine->phase == ENGINE_IDLE)
		return 0;
	return sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Id", "t",
				     request_id(engine), "HostId", "s", engine->request.id,
				     "Transport", "s", engine->transport->name, "State", "s",
				     state_names[states[engine->phase]], "DryRun", "b",
				     !!(engine->request.flags & HV_LOGOFF_DRY_RUN), "GraceEnd", "t",
				     realtime(engine, engine->grace_end), "Deadline", "t",
				     realtime(engine, engine->deadline), "Found", "u", counts.found,
				     "Ended", "u", counts.ended);
}

static int append_status(const struct bus *bus, sd_bus_message *reply)
{
	int r = sd_bus_message_open_container(reply, 'a', "{sv}");

	if (r >= 0)
		r = sd_bus_message_append(reply, "{sv}", "Version", "s", RELEASE);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(reply, "s", "Transports");
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', "a(sss)");
	if (r >= 0)
		r = bus->ops->append_transports(bus->userdata, reply);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = append_request(bus->engine, reply);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Ends the call with @reply, unless @error is negative. */
static void send_reply(struct bus_call *call, sd_bus_message *reply, int error)
{
	if (error >= 0)
		error = sd_bus_send(call->bus->bus, reply, NULL);
	if (error < 0)
		refuse_errno(call, error);
	else
		call_free(call);
}

static void get_status(struct bus_call *call)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(call->message, &reply);

	if (r >= 0)
		r = append_status(call->bus, reply);
	send_reply(call, reply, r);
}

static int on_get_status(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	return start_call(userdata, message, error, ACTION_INSPECT, get_status);
}

static const char *find_reason(const struct config *config, const struct session *session)
{
	if (config_exempts(config, session->uid, session->user))
		return "user";
	return strv_contains(config->classes, session->class) ? "" : "class";
}

static int append_targets(const struct bus *bus, sd_bus_message *reply,
			  const struct session_list *list)
{
	int r = sd_bus_message_open_container(reply, 'a', "(sussss)");

	for (size_t i = 0; i < list->count && r >= 0; i++) {
		const struct session *session = &list->items[i];

		if (!session_is_manager(session))
			r = sd_bus_message_append(reply, "(sussss)", session->id,
						  (uint32_t)session->uid, session->user,
						  session->class, session->tty,
						  find_reason(bus->config, session));
	}
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void answer_list(struct bus_call *call, const struct session_list *list, int error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

	if (error >= 0)
		error = sd_bus_message_new_method_return(call->message, &reply);
	if (error >= 0)
		error = append_targets(call->bus, reply, list);
	send_reply(call, reply, error);
}

void bus_listed(struct bus *bus, const struct session_list *list, int error)
{
	struct bus_call *next;

	for (struct bus_call *call = bus->calls; call; call = next) {
		next = call->next;
		if (call->listing)
			answer_list(call, list, error);
	}
}

static void list_targets(struct bus_call *call)
{
	int r;

	call->listing = true;
	r = call->bus->ops->list(call->bus->userdata);
	if (r < 0)
		refuse_errno(call, r);
}

static int on_list_targets(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	return start_call(userdata, message, error, ACTION_INSPECT, list_targets);
}

/* The request may have ended while polkit was asked. */
static void cancel(struct bus_call *call)
{
	struct engine *engine = call->bus->engine;
	uint64_t id;

	if (sd_bus_message_read(call->message, "t", &id) <= 0 || !id || id != request_id(engine)) {
		refuse(call, BUS_NO_REQUEST, "No request with this id is in progress.");
		return;
	}
	if (engine_cancel_in_guest(engine, call->uid) < 0) {
		refuse(call, BUS_TOO_LATE, "Sessions are being ended; it is too late to cancel.");
		return;
	}
	sd_bus_reply_method_return(call->message, "");
	call_free(call);
}

static int on_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	return start_call(userdata, message, error, ACTION_CANCEL, cancel);
}

/* Unprivileged: callers are checked by check_caller(). */
static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Subscribe", SD_BUS_NO_ARGS,
				SD_BUS_RESULT("s", state, "t", deadline, "s", message, "t", id),
				on_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status),
				on_get_status, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListTargets", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sussss)", sessions),
				on_list_targets, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("t", id), SD_BUS_NO_RESULT, on_cancel,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_ARGS("Notice",
				SD_BUS_ARGS("s", state, "t", deadline, "s", message, "t", id), 0),
	SD_BUS_VTABLE_END,
};

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct bus *bus = userdata;

	(void)error;
	bus->name = sd_bus_slot_unref(bus->name);
	if (sd_bus_message_is_method_error(reply, NULL))
		log_message(LOG_WARNING, "Cannot use the bus name " BUS_NAME ": %s",
			    sd_bus_message_get_error(reply)->message);
	return 0;
}

/* Behind another daemon that has the name, this one waits for it. */
void bus_connected(struct bus *bus, sd_bus *connection)
{
	int r;

	bus->bus = connection;
	r = sd_bus_add_object_vtable(connection, &bus->object, BUS_PATH, BUS_INTERFACE, vtable,
				     bus);
	if (r >= 0)
		r = sd_bus_request_name_async(connection, &bus->name, BUS_NAME, SD_BUS_NAME_QUEUE,
					      on_name, bus);
	if (r < 0)
		log_message(LOG_WARNING, "Cannot offer " BUS_NAME " on the bus: %s.", strerror(-r));
}

void bus_disconnected(struct bus *bus)
{
	while (bus->calls)
		call_free(bus->calls);
	while (bus->subscribers)
		subscriber_free(bus->subscribers);
	bus->object = sd_bus_slot_unref(bus->object);
	bus->name = sd_bus_slot_unref(bus->name);
	bus->bus = NULL;
}
