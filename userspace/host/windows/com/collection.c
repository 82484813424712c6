// SPDX-License-Identifier: GPL-2.0-or-later
#include "collection.h"

#include <stdlib.h>
#include <string.h>

#include "virtual_pc.h"

struct collection {
	struct object object;
	size_t count;
	IDispatch **list;
};

struct enumeration {
	IEnumVARIANT iface;
	volatile LONG refs;
	struct collection *collection;
	size_t next;
};

static struct enumeration *enumeration_new(struct collection *collection, size_t next);

static struct enumeration *enumeration_of(IEnumVARIANT *This)
{
	return CONTAINING_RECORD(This, struct enumeration, iface);
}

static ULONG WINAPI enum_add_ref(IEnumVARIANT *This)
{
	return InterlockedIncrement(&enumeration_of(This)->refs);
}

static ULONG WINAPI enum_release(IEnumVARIANT *This)
{
	struct enumeration *enumeration = enumeration_of(This);
	ULONG left = InterlockedDecrement(&enumeration->refs);

	if (left == 0) {
		object_release(enumeration->collection);
		free(enumeration);
	}
	return left;
}

static HRESULT WINAPI enum_query(IEnumVARIANT *This, REFIID iid, void **out)
{
	bool known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IEnumVARIANT);

	if (!out)
		return E_POINTER;
	*out = known ? This : NULL;
	if (known)
		enum_add_ref(This);
	return known ? S_OK : E_NOINTERFACE;
}

static HRESULT WINAPI enum_next(IEnumVARIANT *This, ULONG count, VARIANT *values, ULONG *fetched)
{
	struct enumeration *enumeration = enumeration_of(This);
	const struct collection *collection = enumeration->collection;
	ULONG done = 0;

	if (!values)
		return E_POINTER;
	for (; done < count && enumeration->next < collection->count; done++) {
		VariantInit(&values[done]);
		V_VT(&values[done]) = VT_DISPATCH;
		V_DISPATCH(&values[done]) = collection->list[enumeration->next++];
		IDispatch_AddRef(V_DISPATCH(&values[done]));
	}
	if (fetched)
		*fetched = done;
	return done == count ? S_OK : S_FALSE;
}

static HRESULT WINAPI enum_skip(IEnumVARIANT *This, ULONG count)
{
	struct enumeration *enumeration = enumeration_of(This);
	size_t left = enumeration->collection->count - enumeration->next;

	enumeration->next += count < left ? count : left;
	return count <= left ? S_OK : S_FALSE;
}

static HRESULT WINAPI enum_reset(IEnumVARIANT *This)
{
	enumeration_of(This)->next = 0;
	return S_OK;
}

static HRESULT WINAPI enum_clone(IEnumVARIANT *This, IEnumVARIANT **out)
{
	const struct enumeration *enumeration = enumeration_of(This);
	struct enumeration *clone;

	if (!out)
		return E_POINTER;
	clone = enumeration_new(enumeration->collection, enumeration->next);
	*out = clone ? &clone->iface : NULL;
	return clone ? S_OK : E_OUTOFMEMORY;
}

static const IEnumVARIANTVtbl enumeration_table = {
	.QueryInterface = enum_query,
	.AddRef = enum_add_ref,
	.Release = enum_release,
	.Next = enum_next,
	.Skip = enum_skip,
	.Reset = enum_reset,
	.Clone = enum_clone,
};

static struct enumeration *enumeration_new(struct collection *collection, size_t next)
{
	struct enumeration *enumeration = calloc(1, sizeof(*enumeration));

	if (!enumeration)
		return NULL;
	enumeration->iface.lpVtbl = (void *)&enumeration_table;
	enumeration->refs = 1;
	enumeration->collection = collection;
	enumeration->next = next;
	object_add_ref(collection);
	return enumeration;
}

static struct collection *collection_of(void *This)
{
	return This;
}

static HRESULT WINAPI get_item(IHvCollection *This, long index, IDispatch **out)
{
	const struct collection *collection = collection_of(This);

	if (!out)
		return E_POINTER;
	*out = NULL;
	if (index < 1 || (size_t)index > collection->count)
		return object_fail(&collection->object, DISP_E_BADINDEX,
				   "There is no item with this index; the first one has 1.");
	*out = collection->list[index - 1];
	IDispatch_AddRef(*out);
	return S_OK;
}

static HRESULT WINAPI get_count(IHvCollection *This, long *out)
{
	if (!out)
		return E_POINTER;
	*out = (long)collection_of(This)->count;
	return S_OK;
}

static HRESULT WINAPI get_new_enum(IHvCollection *This, IUnknown **out)
{
	struct enumeration *enumeration;

	if (!out)
		return E_POINTER;
	enumeration = enumeration_new(collection_of(This), 0);
	*out = (IUnknown *)enumeration;
	return enumeration ? S_OK : E_OUTOFMEMORY;
}

static void release_all(IDispatch **list, size_t count)
{
	for (size_t index = 0; index < count; index++)
		IDispatch_Release(list[index]);
}

static void clear(struct object *object)
{
	struct collection *collection = collection_of(object);

	release_all(collection->list, collection->count);
	free(collection->list);
}

const struct object_class collection_of_machines = {
	.iid = &IID_IHvCollection,
	.virtual_pc = &VIRTUAL_PC_COLLECTION,
	.clear = clear,
};

const struct object_class collection_of_sessions = {
	.iid = &IID_IHvCollection,
	.clear = clear,
};

static const IHvCollectionVtbl table = {
	OBJECT_METHODS,
	.get_Item = get_item,
	.get_Count = get_count,
	.get__NewEnum = get_new_enum,
};

IHvCollection *collection_new(const struct object_class *class, IDispatch **objects, size_t count)
{
	struct collection *collection = OBJECT_NEW(struct collection, class, &table);

	if (collection)
		collection->list = calloc(count + 1, sizeof(IDispatch *));
	if (!collection || !collection->list) {
		release_all(objects, count);
		if (collection)
			object_release(collection);
		return NULL;
	}
	if (count > 0)
		memcpy(collection->list, objects, count * sizeof(IDispatch *));
	collection->count = count;
	return (IHvCollection *)collection;
}
