/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all objects of the COM server have in common: references, IDispatch, ISupportErrorInfo, and
 * an answer to Virtual PC's IIDs.
 *
 * An object is used in the apartment that created it. Its structure begins with struct object, and
 * so with the table of its dual interface.
 */
#ifndef HVL_OBJECT_H
#define HVL_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "hvlogoff.h"
#include "userspace/host/windows/com.h"

struct object;

struct object_class {
	const IID *iid;        /* the dual interface that scripts use */
	const IID *base;       /* the one that it extends, or NULL */
	const IID *virtual_pc; /* Virtual PC's interface with the same members, or NULL */
	/* Further interfaces, or NULL. Adds a reference to the one that it returns. */
	HRESULT (*query)(struct object *object, REFIID iid, void **out);
	/* Frees what follows struct object, or NULL. */
	void (*clear)(struct object *object);
};

struct object {
	IDispatch dual;
	IDispatch virtual_pc;
	ISupportErrorInfo support;
	const struct object_class *class;
	volatile LONG refs;
	ITypeInfo *type; /* NULL until it is used */
};

/* The objects in use, and the locks of class factories. The DLL remains loaded while there are any.
 */
extern volatile LONG server_uses;
extern HMODULE server_module;

/* Allocates a zeroed object of @size bytes with one reference. @table: of its dual interface. */
void *object_new(size_t size, const struct object_class *class, const void *table);
#define OBJECT_NEW(type, class, table) ((type *)object_new(sizeof(type), class, table))

HRESULT WINAPI object_query(void *This, REFIID iid, void **out);
ULONG WINAPI object_add_ref(void *This);
ULONG WINAPI object_release(void *This);
HRESULT WINAPI object_type_count(void *This, UINT *count);
HRESULT WINAPI object_type_info(void *This, UINT index, LCID locale, ITypeInfo **out);
HRESULT WINAPI object_ids(void *This, REFIID iid, LPOLESTR *names, UINT count, LCID locale,
			  DISPID *ids);
HRESULT WINAPI object_invoke(void *This, DISPID id, REFIID iid, LCID locale, WORD flags,
			     DISPPARAMS *parameters, VARIANT *result, EXCEPINFO *exception,
			     UINT *argument);

/* The functions above, in the table of a dual interface. */
#define OBJECT_METHODS                                                                             \
	.QueryInterface = (void *)object_query, .AddRef = (void *)object_add_ref,                  \
	.Release = (void *)object_release, .GetTypeInfoCount = (void *)object_type_count,          \
	.GetTypeInfo = (void *)object_type_info, .GetIDsOfNames = (void *)object_ids,              \
	.Invoke = (void *)object_invoke

/*
 * Sets the thread's error object for a failure, and returns @hr. @text is UTF-8; without one ("" or
 * NULL), it is that of the library for the code.
 */
HRESULT object_fail(const struct object *object, HRESULT hr, const char *text);

/* For members that nothing on a Hyper-V host can answer: E_NOTIMPL. */
HRESULT object_not_reported(const struct object *object);

/* Copies UTF-8 to a BSTR: S_OK, E_POINTER if @out is NULL, or E_OUTOFMEMORY. */
HRESULT object_text(const char *text, BSTR *out);

#endif /* HVL_OBJECT_H */
