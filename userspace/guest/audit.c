// SPDX-License-Identifier: GPL-2.0-or-later
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "audit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "log.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

/* The message on one line; NULL if there is no memory. */
__attribute__((format(printf, 1, 2))) static char *compose(const char *format, ...)
{
	va_list arguments;
	char *line;

	va_start(arguments, format);
	line = text_format_line(format, arguments);
	va_end(arguments);
	return line;
}

static int request_entry(const char *id, const char *outcome, const char *detail)
{
	_cleanup_free_ char *message = compose("Logoff request %s: %s: %s", id, outcome, detail);

	if (!message)
		return -ENOMEM;
	return sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", LOG_NOTICE, AUDIT_REQUEST,
			       "HV_LOGOFF_REQUEST_ID=%s", id, "HV_LOGOFF_OUTCOME=%s", outcome,
			       NULL);
}

static int session_entry(const char *id, const struct session *session, const char *outcome,
			 const char *detail)
{
	_cleanup_free_ char *message =
		compose("Session %s of user %s %s.", session->id, session->user, detail);

	if (!message)
		return -ENOMEM;
	return sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", LOG_NOTICE, AUDIT_SESSION,
			       "HV_LOGOFF_REQUEST_ID=%s", id, "HV_LOGOFF_OUTCOME=%s", outcome,
			       "HV_LOGOFF_SESSION=%s", session->id, "HV_LOGOFF_USER=%s",
			       session->user, "HV_LOGOFF_UID=%u", (unsigned int)session->uid,
			       "HV_LOGOFF_CLASS=%s", session->class, "HV_LOGOFF_TTY=%s",
			       session->tty, NULL);
}

/* What became of the user's processes: a value of the field, and the end of a sentence. */
static const struct user_outcome {
	const char *name;
	const char *detail;
} user_outcomes[] = {
	[HV_LOGOFF_MANAGER_ENDED] = {"manager-ended", "has no user manager any more"},
	[HV_LOGOFF_MANAGER_FAILED] = {"manager-failed", "still has a user manager"},
	[HV_LOGOFF_RETURNED] = {"returned", "has logged on again"},
	[HV_LOGOFF_LINGERING] = {"lingering", "lingers and keeps the user manager"},
	[HV_LOGOFF_OUTSIDE] = {"outside", "has processes without a session"},
	[HV_LOGOFF_UNTOLD] = {"untold", "could not be notified"},
};

static int user_entry(const char *id, const struct outcome *outcome)
{
	const struct user_outcome *entry = &user_outcomes[outcome->outcome];
	_cleanup_free_ char *message = compose("User %s (UID %u) %s.", outcome->user,
					       (unsigned int)outcome->uid, entry->detail);

	if (!message)
		return -ENOMEM;
	return sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", LOG_NOTICE, AUDIT_USER,
			       "HV_LOGOFF_REQUEST_ID=%s", id, "HV_LOGOFF_OUTCOME=%s", entry->name,
			       "HV_LOGOFF_USER=%s", outcome->user, "HV_LOGOFF_UID=%u",
			       (unsigned int)outcome->uid, "HV_LOGOFF_SESSION=%s", outcome->session,
			       "HV_LOGOFF_PROCESSES=%u", outcome->processes, NULL);
}

static void log_lost_entry(const char *id, const char *outcome, int error)
{
	log_message(LOG_WARNING, "Cannot write the journal entry \"%s\" of logoff request %s: %s.",
		    outcome, id, strerror(-error));
}

void audit_user(const char *id, const struct outcome *outcome)
{
	int r = user_entry(id, outcome);

	if (r < 0)
		log_lost_entry(id, user_outcomes[outcome->outcome].name, r);
}

void audit_entry(const char *id, const struct session *session, const char *outcome,
		 const char *detail)
{
	int r;

	if (session)
		r = session_entry(id, session, outcome, detail);
	else
		r = request_entry(id, outcome, detail);
	if (r < 0)
		log_lost_entry(id, outcome, r);
}
