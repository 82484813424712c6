/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Structured journal entries: who was logged off, when, and by which request. */
#ifndef HVL_AUDIT_H
#define HVL_AUDIT_H

#include "userspace/guest/logoff/outcome.h"
#include "userspace/guest/logoff/session.h"

/* The field of journald that tells the kinds of entries apart, documented in hv-logoffd(8). */
#define AUDIT_REQUEST "MESSAGE_ID=3d2f6c1c2fd24a7a9a5b7a2f0e6f4b61"
#define AUDIT_SESSION "MESSAGE_ID=b0a1d1a86f0f4d0e8d1b53d97a2c8e44"
#define AUDIT_USER    "MESSAGE_ID=5f0c3a9d7be24c1d9e6a84f2d13b7c05"

/* @id as in struct logoff_request. @session is NULL for an entry about the whole request. */
void audit_entry(const char *id, const struct session *session, const char *outcome,
		 const char *detail);
/* @outcome is one of HV_LOGOFF_MANAGER_ENDED and later, except HV_LOGOFF_MANAGER_SELECTED. */
void audit_user(const char *id, const struct outcome *outcome);

#endif /* HVL_AUDIT_H */
