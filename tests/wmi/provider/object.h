/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IWbemClassObject: a class, an instance, or the parameters of a method. */
#ifndef OBJECT_H
#define OBJECT_H

#include "table.h"

/* A parameter of a method. @type is a CIMTYPE. */
struct parameter {
	const WCHAR *name;
	CIMTYPE type;
};

#define MAX_PARAMETERS 4

struct method {
	const WCHAR *name;
	struct parameter in[MAX_PARAMETERS]; /* up to one without a name */
};

/*
 * An object without properties. @methods ends with one without a name, or is NULL. An object
 * without a class, NULL, can become a new class.
 */
IWbemClassObject *object_new(const WCHAR *class, const struct method *methods);

/* Sets __PATH and __RELPATH of an instance with one key. */
void object_set_path(IWbemClassObject *object, const WCHAR *key, const WCHAR *value);

/* Adds a property whose value is NULL. */
void object_declare(IWbemClassObject *object, const WCHAR *name, CIMTYPE type);
void object_set_string(IWbemClassObject *object, const WCHAR *name, const WCHAR *value);
/* Sets the path of another object; none if it is NULL. */
void object_set_reference(IWbemClassObject *object, const WCHAR *name, const WCHAR *path);
void object_set_number(IWbemClassObject *object, const WCHAR *name, LONG value, CIMTYPE type);
/* Sets an array of one 16-bit number. */
void object_set_number_array(IWbemClassObject *object, const WCHAR *name, LONG value);
/* Takes @array, which may be NULL. */
void object_set_strings(IWbemClassObject *object, const WCHAR *name, SAFEARRAY *array);

#endif /* OBJECT_H */
