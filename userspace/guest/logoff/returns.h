/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Users who log on again at the seat or terminal at which a request has ended their session, for
 * example by the automatic login of a getty. Such a session is not ended: the getty would reach the
 * limit of its starts.
 */
#ifndef HVL_RETURNS_H
#define HVL_RETURNS_H

#include "targets.h"

/* Whether the session has a seat or a terminal that a getty may have. */
bool returns_are_possible(const struct session *session);
/* Whether the user of @session has returned with it. */
bool returns_with(const struct targets *targets, const struct session *session);
/* Whether a user who may return is missing in @sessions. */
bool returns_are_missing(const struct targets *targets, const struct session_list *sessions);

#endif /* HVL_RETURNS_H */
