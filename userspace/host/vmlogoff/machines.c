// SPDX-License-Identifier: GPL-2.0-or-later
#include "machines.h"

#include <stdlib.h>
#include <string.h>

#include "system.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

static void machine_done(const struct machine *machine)
{
	if (machine->guest)
		IVMGuestOS2_Release(machine->guest);
	free(machine->name);
	free(machine->guid);
	free(machine->reason);
	free(machine->line);
}

void machines_done(struct machines *machines)
{
	for (size_t i = 0; i < machines->count; i++)
		machine_done(&machines->list[i]);
	free(machines->list);
}

static HRESULT find(const struct machines *machines, const char *name, IVMGuestOS2 **guest)
{
	IVMGuestOS *found;
	HRESULT hr = VMGuestOS_FindOn(machines->host, name, &found);

	*guest = NULL;
	if (FAILED(hr))
		return hr;
	hr = IVMGuestOS_QueryInterface(found, &IID_IVMGuestOS2, (void **)guest);
	IVMGuestOS_Release(found);
	return hr;
}

/* A host may have several machines of one name, but not of one GUID. */
static bool is_known(const struct machines *machines, const struct machine *machine)
{
	for (size_t i = 0; i < machines->count; i++) {
		const struct machine *known = &machines->list[i];

		if (machine->guid && *machine->guid && known->guid && *known->guid) {
			if (strcmp(known->guid, machine->guid) == 0)
				return true;
		} else if (strcmp(known->name, machine->name) == 0) {
			return true;
		}
	}
	return false;
}

/* Takes ownership of what @machine refers to. */
static HRESULT append(struct machines *machines, const struct machine *machine)
{
	struct machine *list;

	if (machine->name && is_known(machines, machine)) {
		machine_done(machine);
		return S_OK;
	}
	list = realloc(machines->list, (machines->count + 1) * sizeof(*list));
	if (list)
		machines->list = list;
	if (!list || !machine->name) {
		machine_done(machine);
		return E_OUTOFMEMORY;
	}
	list[machines->count++] = *machine;
	return S_OK;
}

static HRESULT append_found(struct machines *machines, IVMGuestOS2 *guest)
{
	struct machine machine = {.guest = guest};

	IVMGuestOS2_get_Name(guest, &machine.name);
	IVMGuestOS2_get_Guid(guest, &machine.guid);
	return append(machines, &machine);
}

/* After find() has failed in this thread. */
static HRESULT append_missing(struct machines *machines, const char *typed, HRESULT result)
{
	const struct machine machine = {.name = text_clean_line_dup(typed),
					.result = result,
					.reason = strdup(VMGuestOS_LastErrorText())};

	return append(machines, &machine);
}

/* Returns false if the machine was removed in the meantime. */
static bool add_listed(struct machines *machines, const char *name, HRESULT *hr)
{
	IVMGuestOS2 *guest;
	HRESULT found = find(machines, name, &guest);

	if (found == VM_E_VM_UNKNOWN)
		return false;
	*hr = SUCCEEDED(found) ? append_found(machines, guest)
			       : append_missing(machines, name, found);
	return true;
}

static HRESULT add_matching(struct machines *machines, const char *pattern, size_t *matches)
{
	_cleanup_free_ char **names = NULL;
	HRESULT hr = VMGuestOS_NamesOn(machines->host, &names);

	*matches = 0;
	for (char **name = names; SUCCEEDED(hr) && *name; name++) {
		if (!pattern || system_matches(pattern, *name))
			*matches += add_listed(machines, *name, &hr);
	}
	return hr;
}

HRESULT machines_add(struct machines *machines, const char *typed)
{
	size_t matches = 0;
	IVMGuestOS2 *guest;
	HRESULT found = find(machines, typed, &guest), hr = S_OK;

	if (SUCCEEDED(found))
		return append_found(machines, guest);
	/* A name is tried first: it may contain the characters of a pattern. */
	if (found == VM_E_VM_UNKNOWN && strpbrk(typed, "*?["))
		hr = add_matching(machines, typed, &matches);
	if (FAILED(hr) || matches)
		return hr;
	return append_missing(machines, typed, found);
}

HRESULT machines_add_all(struct machines *machines)
{
	size_t matches;

	return add_matching(machines, NULL, &matches);
}

void machines_drop_failed(struct machines *machines)
{
	size_t kept = 0;

	for (size_t i = 0; i < machines->count; i++) {
		if (machines->list[i].result == S_OK)
			machines->list[kept++] = machines->list[i];
		else
			machine_done(&machines->list[i]);
	}
	machines->count = kept;
}
