/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The enumeration of an object's only connection point. */
#ifndef HVL_ENUM_POINTS_H
#define HVL_ENUM_POINTS_H

#include <ocidl.h>
#include <stdbool.h>

/* Keeps a reference to @point. @done: whether it is at its end. NULL if memory is exhausted. */
IEnumConnectionPoints *enum_points_new(IConnectionPoint *point, bool done);

#endif /* HVL_ENUM_POINTS_H */
