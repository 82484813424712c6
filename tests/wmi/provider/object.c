// SPDX-License-Identifier: GPL-2.0-or-later
#include "object.h"

#include <stdlib.h>
#include <wchar.h>

struct property {
	BSTR name;
	VARIANT value;
	CIMTYPE type;
};

struct object {
	IWbemClassObject iface;
	volatile LONG refs;
	const WCHAR *class;
	const struct method *methods;
	struct property *properties;
	size_t count;
	size_t next; /* of the enumeration */
	bool no_system;
	const struct method *next_method;
};

static struct object *object_of(IWbemClassObject *iface)
{
	return CONTAINING_RECORD(iface, struct object, iface);
}

static HRESULT WINAPI object_query(IWbemClassObject *iface, REFIID iid, void **result)
{
	return query_interface(iface, &IID_IWbemClassObject, iid, result);
}

static ULONG WINAPI object_add_ref(IWbemClassObject *iface)
{
	return InterlockedIncrement(&object_of(iface)->refs);
}

static ULONG WINAPI object_release(IWbemClassObject *iface)
{
	struct object *object = object_of(iface);
	ULONG refs = InterlockedDecrement(&object->refs);

	if (refs > 0)
		return refs;
	for (size_t index = 0; index < object->count; index++) {
		SysFreeString(object->properties[index].name);
		VariantClear(&object->properties[index].value);
	}
	free(object->properties);
	free(object);
	InterlockedDecrement(&live_objects);
	return 0;
}

static struct property *find(struct object *object, const WCHAR *name)
{
	for (size_t index = 0; index < object->count; index++) {
		if (_wcsicmp(object->properties[index].name, name) == 0)
			return &object->properties[index];
	}
	return NULL;
}

static struct property *add(struct object *object, const WCHAR *name, CIMTYPE type)
{
	struct property *property = find(object, name);

	if (property)
		return property;
	object->properties =
		realloc(object->properties, (object->count + 1) * sizeof(*object->properties));
	if (!object->properties)
		abort();
	property = &object->properties[object->count++];
	*property = (struct property){.name = SysAllocString(name), .type = type};
	V_VT(&property->value) = VT_NULL;
	return property;
}

static bool is_system(const WCHAR *name)
{
	return wcsncmp(name, L"__", 2) == 0;
}

static HRESULT WINAPI object_get(IWbemClassObject *iface, LPCWSTR name, long flags, VARIANT *value,
				 CIMTYPE *type, long *flavor)
{
	struct property *property = find(object_of(iface), name);

	(void)flags;
	if (!property)
		return WBEM_E_NOT_FOUND;
	if (type)
		*type = property->type;
	if (flavor)
		*flavor = is_system(name) ? WBEM_FLAVOR_ORIGIN_SYSTEM : WBEM_FLAVOR_ORIGIN_LOCAL;
	if (!value)
		return S_OK;
	VariantInit(value);
	return VariantCopy(value, &property->value);
}

/* Only what the class has can be set, to a value of its type. */
static HRESULT WINAPI object_put(IWbemClassObject *iface, LPCWSTR name, long flags, VARIANT *value,
				 CIMTYPE type)
{
	struct property *property = find(object_of(iface), name);
	VARTYPE wanted;

	(void)flags;
	(void)type;
	if (!property)
		return WBEM_E_NOT_FOUND;
	wanted = (property->type & CIM_FLAG_ARRAY) ? VT_ARRAY | VT_BSTR
		 : property->type == CIM_BOOLEAN   ? VT_BOOL
		 : property->type == CIM_STRING || property->type == CIM_REFERENCE ? VT_BSTR
										   : VT_I4;
	if (V_VT(value) != wanted && V_VT(value) != VT_NULL)
		return WBEM_E_TYPE_MISMATCH;
	return VariantCopy(&property->value, value);
}

static HRESULT WINAPI object_begin(IWbemClassObject *iface, long flags)
{
	struct object *object = object_of(iface);

	object->next = 0;
	object->no_system = (flags & WBEM_MASK_CONDITION_ORIGIN) == WBEM_FLAG_NONSYSTEM_ONLY;
	return S_OK;
}

static HRESULT WINAPI object_next(IWbemClassObject *iface, long flags, BSTR *name, VARIANT *value,
				  CIMTYPE *type, long *flavor)
{
	struct object *object = object_of(iface);

	while (object->no_system && object->next < object->count &&
	       is_system(object->properties[object->next].name))
		object->next++;
	if (object->next == object->count)
		return WBEM_S_NO_MORE_DATA;
	if (name)
		*name = SysAllocString(object->properties[object->next].name);
	return object_get(iface, object->properties[object->next++].name, flags, value, type,
			  flavor);
}

static HRESULT WINAPI object_end(IWbemClassObject *iface)
{
	(void)iface;
	return S_OK;
}

static HRESULT WINAPI object_clone(IWbemClassObject *iface, IWbemClassObject **copy)
{
	struct object *object = object_of(iface);

	*copy = object_new(object->class, object->methods);
	for (size_t index = 0; index < object->count; index++) {
		struct property *property = &object->properties[index];

		VariantCopy(&add(object_of(*copy), property->name, property->type)->value,
			    &property->value);
	}
	return S_OK;
}

static HRESULT WINAPI object_spawn(IWbemClassObject *iface, long flags, IWbemClassObject **instance)
{
	(void)flags;
	return object_clone(iface, instance);
}

static IWbemClassObject *signature(const struct method *method)
{
	IWbemClassObject *object = object_new(L"__PARAMETERS", NULL);

	for (size_t index = 0; index < MAX_PARAMETERS && method->in[index].name; index++)
		add(object_of(object), method->in[index].name, method->in[index].type);
	return object;
}

static HRESULT WINAPI object_get_method(IWbemClassObject *iface, LPCWSTR name, long flags,
					IWbemClassObject **in, IWbemClassObject **out)
{
	const struct method *method = object_of(iface)->methods;

	(void)flags;
	while (method && method->name && _wcsicmp(method->name, name) != 0)
		method++;
	if (!method || !method->name)
		return WBEM_E_NOT_FOUND;
	if (in)
		*in = method->in[0].name ? signature(method) : NULL;
	if (out)
		*out = NULL;
	return S_OK;
}

static HRESULT WINAPI object_begin_methods(IWbemClassObject *iface, long flags)
{
	(void)flags;
	object_of(iface)->next_method = object_of(iface)->methods;
	return S_OK;
}

static HRESULT WINAPI object_next_method(IWbemClassObject *iface, long flags, BSTR *name,
					 IWbemClassObject **in, IWbemClassObject **out)
{
	const struct method *method = object_of(iface)->next_method;

	if (!method || !method->name)
		return WBEM_S_NO_MORE_DATA;
	object_of(iface)->next_method++;
	*name = SysAllocString(method->name);
	return object_get_method(iface, method->name, flags, in, out);
}

static IWbemClassObjectVtbl object_table = {
	.QueryInterface = object_query,
	.AddRef = object_add_ref,
	.Release = object_release,
	.Get = object_get,
	.Put = object_put,
	.BeginEnumeration = object_begin,
	.Next = object_next,
	.EndEnumeration = object_end,
	.Clone = object_clone,
	.SpawnInstance = object_spawn,
	.GetMethod = object_get_method,
	.BeginMethodEnumeration = object_begin_methods,
	.NextMethod = object_next_method,
	.EndMethodEnumeration = object_end,
};

IWbemClassObject *object_new(const WCHAR *class, const struct method *methods)
{
	struct object *object = calloc(1, sizeof(*object));

	if (!object)
		abort();
	complete_table(&object_table, sizeof(object_table));
	object->iface.lpVtbl = &object_table;
	object->refs = 1;
	object->class = class;
	object->methods = methods;
	InterlockedIncrement(&live_objects);
	if (class)
		object_set_string(&object->iface, L"__CLASS", class);
	return &object->iface;
}

static void set(IWbemClassObject *object, const WCHAR *name, VARIANT value, CIMTYPE type)
{
	struct property *property = add(object_of(object), name, type);

	VariantClear(&property->value);
	property->value = value;
}

void object_declare(IWbemClassObject *object, const WCHAR *name, CIMTYPE type)
{
	add(object_of(object), name, type);
}

void object_set_reference(IWbemClassObject *object, const WCHAR *name, const WCHAR *path)
{
	VARIANT variant = {.vt = VT_NULL};

	if (path) {
		V_VT(&variant) = VT_BSTR;
		V_BSTR(&variant) = SysAllocString(path);
	}
	set(object, name, variant, CIM_REFERENCE);
}

void object_set_string(IWbemClassObject *object, const WCHAR *name, const WCHAR *value)
{
	VARIANT variant = {.vt = VT_BSTR, .bstrVal = SysAllocString(value)};

	set(object, name, variant, CIM_STRING);
}

void object_set_number(IWbemClassObject *object, const WCHAR *name, LONG value, CIMTYPE type)
{
	VARIANT variant = {.vt = VT_I4, .lVal = value};

	set(object, name, variant, type);
}

void object_set_number_array(IWbemClassObject *object, const WCHAR *name, LONG value)
{
	SAFEARRAY *array = SafeArrayCreateVector(VT_I4, 0, 1);
	VARIANT variant = {.vt = VT_ARRAY | VT_I4, .parray = array};
	LONG index = 0;

	SafeArrayPutElement(array, &index, &value);
	set(object, name, variant, CIM_UINT16 | CIM_FLAG_ARRAY);
}

void object_set_strings(IWbemClassObject *object, const WCHAR *name, SAFEARRAY *array)
{
	VARIANT variant = {.vt = array ? VT_ARRAY | VT_BSTR : VT_NULL, .parray = array};

	set(object, name, variant, CIM_STRING | CIM_FLAG_ARRAY);
}

void object_set_path(IWbemClassObject *object, const WCHAR *key, const WCHAR *value)
{
	WCHAR relative[256], path[320];

	_snwprintf(relative, ARRAY_SIZE(relative), L"%ls.%ls=\"%ls\"", object_of(object)->class,
		   key, value);
	_snwprintf(path, ARRAY_SIZE(path), L"\\\\HV01\\root\\virtualization\\v2:%ls", relative);
	object_set_string(object, L"__RELPATH", relative);
	object_set_string(object, L"__PATH", path);
	object_set_string(object, key, value);
}
