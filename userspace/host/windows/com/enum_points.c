// SPDX-License-Identifier: GPL-2.0-or-later
#include "enum_points.h"

#include <stdlib.h>

struct enum_points {
	IEnumConnectionPoints iface;
	volatile LONG refs;
	IConnectionPoint *point;
	bool done;
};

static struct enum_points *points_of(IEnumConnectionPoints *This)
{
	return CONTAINING_RECORD(This, struct enum_points, iface);
}

static HRESULT WINAPI points_query(IEnumConnectionPoints *This, REFIID iid, void **out)
{
	bool known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IEnumConnectionPoints);

	if (!out)
		return E_POINTER;
	*out = known ? This : NULL;
	if (known)
		IEnumConnectionPoints_AddRef(This);
	return known ? S_OK : E_NOINTERFACE;
}

static ULONG WINAPI points_add_ref(IEnumConnectionPoints *This)
{
	return InterlockedIncrement(&points_of(This)->refs);
}

static ULONG WINAPI points_release(IEnumConnectionPoints *This)
{
	struct enum_points *points = points_of(This);
	ULONG left = InterlockedDecrement(&points->refs);

	if (left == 0) {
		IConnectionPoint_Release(points->point);
		free(points);
	}
	return left;
}

/* @fetched may be NULL if @count is 1. */
static HRESULT WINAPI points_next(IEnumConnectionPoints *This, ULONG count, IConnectionPoint **out,
				  ULONG *fetched)
{
	struct enum_points *points = points_of(This);
	ULONG found = count > 0 && !points->done;

	if (!out || (!fetched && count != 1))
		return E_POINTER;
	if (found) {
		points->done = true;
		*out = points->point;
		IConnectionPoint_AddRef(*out);
	}
	if (fetched)
		*fetched = found;
	return found == count ? S_OK : S_FALSE;
}

static HRESULT WINAPI points_skip(IEnumConnectionPoints *This, ULONG count)
{
	struct enum_points *points = points_of(This);
	ULONG left = !points->done;

	points->done = points->done || count > 0;
	return count <= left ? S_OK : S_FALSE;
}

static HRESULT WINAPI points_reset(IEnumConnectionPoints *This)
{
	points_of(This)->done = false;
	return S_OK;
}

static HRESULT WINAPI points_clone(IEnumConnectionPoints *This, IEnumConnectionPoints **out)
{
	const struct enum_points *points = points_of(This);

	if (!out)
		return E_POINTER;
	*out = enum_points_new(points->point, points->done);
	return *out ? S_OK : E_OUTOFMEMORY;
}

static const IEnumConnectionPointsVtbl table = {
	.QueryInterface = points_query,
	.AddRef = points_add_ref,
	.Release = points_release,
	.Next = points_next,
	.Skip = points_skip,
	.Reset = points_reset,
	.Clone = points_clone,
};

IEnumConnectionPoints *enum_points_new(IConnectionPoint *point, bool done)
{
	struct enum_points *points = calloc(1, sizeof(*points));

	if (!points)
		return NULL;
	*points = (struct enum_points){
		.iface.lpVtbl = (void *)&table, .refs = 1, .point = point, .done = done};
	IConnectionPoint_AddRef(point);
	return &points->iface;
}
