/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Structured journal entries: who was logged off, when, and by which request. */
#ifndef HVL_AUDIT_H
#define HVL_AUDIT_H

#include "userspace/guest/logoff/outcome.h"
#include "userspace/guest/logoff/session.h"

/* @id as in struct logoff_request. @session is NULL for an entry about the whole request. */
void audit_entry(const char *id, const struct session *session, const char *outcome,
		 const char *detail);
/* @outcome is one of HV_LOGOFF_MANAGER_ENDED and later, except HV_LOGOFF_MANAGER_SELECTED. */
void audit_user(const char *id, const struct outcome *outcome);

#endif /* HVL_AUDIT_H */
