// SPDX-License-Identifier: GPL-2.0-or-later
/* Dispatches port I/O to the devices. Unassigned ports read as 0xff, as on a real bus. */
#include "ports.h"

#include <string.h>

#include "vm.h"

static void sleep_control(struct vm *vm, uint8_t value)
{
	if (value == (SLEEP_S5 << 2 | SLEEP_ENABLE))
		vm_end(vm, "the guest powered off");
}

static void port_out(struct vm *vm, uint16_t port, uint8_t value)
{
	if (port == PORT_SLEEP_CONTROL)
		sleep_control(vm, value);
	else if (port == PORT_RESET && (value & 4))
		vm_guest_reset(vm, "the reset register was written");
	else if ((port & ~7) == PORT_COM1)
		serial_out(&vm->console, port & 7, value);
	else if ((port & ~7) == PORT_COM2)
		serial_out(&vm->agent, port & 7, value);
	else if (port == PORT_RTC)
		rtc_select(&vm->rtc, value);
}

static uint8_t port_in(struct vm *vm, uint16_t port)
{
	if ((port & ~7) == PORT_COM1)
		return serial_in(&vm->console, port & 7);
	if ((port & ~7) == PORT_COM2)
		return serial_in(&vm->agent, port & 7);
	if (port == PORT_RTC + 1)
		return rtc_read(&vm->rtc);
	if (port == PORT_SLEEP_CONTROL || port == PORT_SLEEP_STATUS)
		return 0;
	return 0xff;
}

void port_access(struct vm *vm, uint16_t port, bool out, unsigned int size, uint8_t *data)
{
	if (out) {
		port_out(vm, port, data[0]);
		return;
	}
	memset(data, 0xff, size);
	data[0] = port_in(vm, port);
}
