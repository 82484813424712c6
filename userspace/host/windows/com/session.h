/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The outcome of a task for one session or user. */
#ifndef HVL_COM_SESSION_H
#define HVL_COM_SESSION_H

#include "object.h"
#include "userspace/host/libvmguestos/vmguestos.h"

/* An IHvSession with a copy of @result; NULL if memory is short. */
IDispatch *session_object_new(const VMSessionResult *result);

#endif /* HVL_COM_SESSION_H */
