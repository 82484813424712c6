// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine.h"

#include <stdlib.h>

#include "background.h"
#include "userspace/host/windows/machine.h"
#include "virtual_pc.h"

struct machine_object {
	struct object object;
	IVMGuestOS2 *guest;
};

static struct machine_object *machine_of(void *This)
{
	return This;
}

static HRESULT text_of(HRESULT (*get)(IVMGuestOS2 *, char **), IVMGuestOS2 *guest, BSTR *out)
{
	_cleanup_free_ char *text = NULL;
	HRESULT hr = out ? get(guest, &text) : E_POINTER;

	return SUCCEEDED(hr) ? object_text(text, out) : hr;
}

static HRESULT WINAPI get_name(IHvMachine *This, BSTR *out)
{
	IVMGuestOS2 *guest = machine_of(This)->guest;

	return text_of(guest->lpVtbl->get_Name, guest, out);
}

static HRESULT WINAPI get_config_id(IHvMachine *This, BSTR *out)
{
	IVMGuestOS2 *guest = machine_of(This)->guest;

	return text_of(guest->lpVtbl->get_Guid, guest, out);
}

/* Of Msvm_ComputerSystem.EnabledState, and the one that Virtual PC has for it. */
static HvMachineState state_of(uint32_t enabled_state)
{
	static const struct {
		uint32_t enabled_state;
		HvMachineState state;
	} states[] = {
		{2, hvMachineState_Running},        {3, hvMachineState_TurnedOff},
		{4, hvMachineState_TurningOff},     {6, hvMachineState_Saved},
		{9, hvMachineState_Paused},         {10, hvMachineState_TurningOn},
		{32768, hvMachineState_Paused},     {32769, hvMachineState_Saved},
		{32770, hvMachineState_TurningOn},  {32773, hvMachineState_Saving},
		{32774, hvMachineState_TurningOff}, {32776, hvMachineState_Paused},
		{32777, hvMachineState_Restoring},
	};

	for (size_t index = 0; index < ARRAY_SIZE(states); index++) {
		if (states[index].enabled_state == enabled_state)
			return states[index].state;
	}
	return hvMachineState_Invalid;
}

struct read_state {
	struct background work;
	const struct machine *machine;
	uint32_t state;
};

static HRESULT read_state(struct background *work)
{
	struct read_state *read = (struct read_state *)work;

	return machine_state(read->machine, NULL, &read->state);
}

static HRESULT WINAPI get_state(IHvMachine *This, HvMachineState *out)
{
	struct machine_object *machine = machine_of(This);
	struct read_state read = {.work.run = read_state,
				  .machine = vmg_guest_machine(machine->guest)};
	HRESULT hr;

	if (!out)
		return E_POINTER;
	object_add_ref(machine);
	hr = background_run(&read.work);
	*out = SUCCEEDED(hr) ? state_of(read.state) : hvMachineState_Invalid;
	if (FAILED(hr))
		object_fail(&machine->object, hr, read.work.text);
	object_release(machine);
	return hr;
}

static HRESULT WINAPI get_guest_os(IHvMachine *This, IHvGuestOS2 **out)
{
	IVMGuestOS2 *guest = machine_of(This)->guest;

	if (!out)
		return E_POINTER;
	IVMGuestOS2_AddRef(guest);
	return guest_object_new(guest, out);
}

static void clear(struct object *object)
{
	IVMGuestOS2_Release(machine_of(object)->guest);
}

static const struct object_class class = {
	.iid = &IID_IHvMachine,
	.virtual_pc = &VIRTUAL_PC_MACHINE,
	.clear = clear,
};

static const IHvMachineVtbl table = {
	OBJECT_METHODS,
	.get_Name = get_name,
	.get_State = get_state,
	.get_GuestOS = get_guest_os,
	.get_ConfigID = get_config_id,
};

HRESULT machine_object_new(IVMGuestOS2 *guest, IHvMachine **out)
{
	struct machine_object *machine = OBJECT_NEW(struct machine_object, &class, &table);

	*out = (IHvMachine *)machine;
	if (!machine) {
		IVMGuestOS2_Release(guest);
		return E_OUTOFMEMORY;
	}
	machine->guest = guest;
	return S_OK;
}
