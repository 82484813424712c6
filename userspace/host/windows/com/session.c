// SPDX-License-Identifier: GPL-2.0-or-later
#include "session.h"

#include <stdlib.h>
#include <string.h>

struct session_object {
	struct object object;
	char *user, *session;
	uint32_t uid;
	VMSessionOutcome outcome;
};

static struct session_object *session_of(void *This)
{
	return This;
}

static HRESULT WINAPI get_user(IHvSession *This, BSTR *out)
{
	return object_text(session_of(This)->user, out);
}

static HRESULT WINAPI get_id(IHvSession *This, BSTR *out)
{
	return object_text(session_of(This)->session, out);
}

static HRESULT WINAPI get_uid(IHvSession *This, long *out)
{
	if (!out)
		return E_POINTER;
	*out = (long)session_of(This)->uid;
	return S_OK;
}

static HRESULT WINAPI get_outcome(IHvSession *This, HvSessionOutcome *out)
{
	if (!out)
		return E_POINTER;
	*out = (HvSessionOutcome)session_of(This)->outcome;
	return S_OK;
}

static void clear(struct object *object)
{
	free(session_of(object)->user);
	free(session_of(object)->session);
}

static const struct object_class class = {
	.iid = &IID_IHvSession,
	.clear = clear,
};

static const IHvSessionVtbl table = {
	OBJECT_METHODS,     .get_User = get_user,       .get_ID = get_id,
	.get_UID = get_uid, .get_Outcome = get_outcome,
};

IDispatch *session_object_new(const VMSessionResult *result)
{
	struct session_object *session = OBJECT_NEW(struct session_object, &class, &table);

	if (!session)
		return NULL;
	session->user = strdup(result->user);
	session->session = strdup(result->session);
	session->uid = result->uid;
	session->outcome = result->outcome;
	if (session->user && session->session)
		return &session->object.dual;
	object_release(session);
	return NULL;
}
