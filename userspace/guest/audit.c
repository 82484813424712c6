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

/* Documented in hv-logoffd(8). */
#define REQUEST_MESSAGE_ID "3d2f6c1c2fd24a7a9a5b7a2f0e6f4b61"
#define SESSION_MESSAGE_ID "b0a1d1a86f0f4d0e8d1b53d97a2c8e44"

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
	return sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", LOG_NOTICE,
			       "MESSAGE_ID=" REQUEST_MESSAGE_ID, "HV_LOGOFF_REQUEST_ID=%s", id,
			       "HV_LOGOFF_OUTCOME=%s", outcome, NULL);
}

static int session_entry(const char *id, const struct session *session, const char *outcome,
			 const char *detail)
{
	_cleanup_free_ char *message =
		compose("Session %s of user %s %s.", session->id, session->user, detail);

	if (!message)
		return -ENOMEM;
	return sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", LOG_NOTICE,
			       "MESSAGE_ID=" SESSION_MESSAGE_ID, "HV_LOGOFF_REQUEST_ID=%s", id,
			       "HV_LOGOFF_OUTCOME=%s", outcome, "HV_LOGOFF_SESSION=%s", session->id,
			       "HV_LOGOFF_USER=%s", session->user, "HV_LOGOFF_UID=%u",
			       (unsigned int)session->uid, "HV_LOGOFF_CLASS=%s", session->class,
			       "HV_LOGOFF_TTY=%s", session->tty, NULL);
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
		log_message(LOG_WARNING,
			    "Cannot write the journal entry \"%s\" of logoff request %s: %s.",
			    outcome, id, strerror(-r));
}
