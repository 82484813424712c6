/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IHvCollection, and the enumeration of its objects by For Each. */
#ifndef HVL_COLLECTION_H
#define HVL_COLLECTION_H

#include "object.h"

/*
 * Makes a collection of @count objects, which it releases, also if it fails: then the result is
 * NULL.
 */
IHvCollection *collection_new(const struct object_class *class, IDispatch **objects, size_t count);

/* Of IHvMachine and of IHvSession objects. */
extern const struct object_class collection_of_machines, collection_of_sessions;

#endif /* HVL_COLLECTION_H */
