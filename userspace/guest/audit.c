// SPDX-License-Identifier: GPL-2.0-or-later
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "audit.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "log.h"

/* Documented in hv-logoffd(8). */
#define REQUEST_MESSAGE_ID "3d2f6c1c2fd24a7a9a5b7a2f0e6f4b61"
#define SESSION_MESSAGE_ID "b0a1d1a86f0f4d0e8d1b53d97a2c8e44"

static int request_entry(const char *id, const char *outcome, const char *detail)
{
	return sd_journal_send("MESSAGE=Logoff request %s: %s: %s", id, outcome, detail,
			       "PRIORITY=%d", LOG_NOTICE, "MESSAGE_ID=" REQUEST_MESSAGE_ID,
			       "HV_LOGOFF_REQUEST_ID=%s", id, "HV_LOGOFF_OUTCOME=%s", outcome,
			       NULL);
}

static int session_entry(const char *id, const struct session *session, const char *outcome,
			 const char *detail)
{
	return sd_journal_send("MESSAGE=Session %s of user %s %s.", session->id, session->user,
			       detail, "PRIORITY=%d", LOG_NOTICE, "MESSAGE_ID=" SESSION_MESSAGE_ID,
			       "HV_LOGOFF_REQUEST_ID=%s", id, "HV_LOGOFF_OUTCOME=%s", outcome,
			       "HV_LOGOFF_SESSION=%s", session->id, "HV_LOGOFF_USER=%s",
			       session->user, "HV_LOGOFF_UID=%u", (unsigned int)session->uid,
			       "HV_LOGOFF_CLASS=%s", session->class, "HV_LOGOFF_TTY=%s",
			       session->tty, NULL);
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
