// SPDX-License-Identifier: GPL-2.0-or-later
#include "serial.h"

#include <errno.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>

#include "vm.h"

void serial_init(struct serial *serial, struct vm *vm, unsigned int irq,
		 void (*output)(struct vm *vm, uint8_t byte))
{
	*serial = (struct serial){.vm = vm, .irq = irq, .output = output};
}

void serial_done(struct serial *serial)
{
	free(serial->input);
	serial->input = NULL;
}

static bool has_input(const struct serial *serial)
{
	return serial->input_read < serial->input_length;
}

static uint8_t interrupt_id(const struct serial *serial)
{
	if ((serial->ier & UART_IER_RDI) && has_input(serial))
		return UART_IIR_RDI;
	if ((serial->ier & UART_IER_THRI) && serial->thr_interrupt)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update_irq(struct serial *serial)
{
	bool level = interrupt_id(serial) != UART_IIR_NO_INT;

	if (level == serial->irq_level)
		return;
	serial->irq_level = level;
	vm_set_irq(serial->vm, serial->irq, level);
}

int serial_input(struct serial *serial, const char *data, size_t length)
{
	size_t left = serial->input_length - serial->input_read;
	char *input;

	if (serial->input_read) {
		memmove(serial->input, serial->input + serial->input_read, left);
		serial->input_length = left;
		serial->input_read = 0;
	}
	input = realloc(serial->input, left + length + 1);
	if (!input)
		return -ENOMEM;
	memcpy(input + left, data, length);
	serial->input = input;
	serial->input_length = left + length;
	update_irq(serial);
	return 0;
}

static void set_ier(struct serial *serial, uint8_t value)
{
	/* THR is always empty: enabling its interrupt raises it. */
	if (!(serial->ier & UART_IER_THRI) && (value & UART_IER_THRI))
		serial->thr_interrupt = true;
	serial->ier = value & 0x0f;
}

static void transmit(struct serial *serial, uint8_t value)
{
	char byte = (char)value;

	if (serial->mcr & UART_MCR_LOOP)
		serial_input(serial, &byte, 1);
	else
		serial->output(serial->vm, value);
	serial->thr_interrupt = true;
}

void serial_out(struct serial *serial, uint16_t offset, uint8_t value)
{
	bool latch = serial->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_TX:
		if (latch)
			serial->dll = value;
		else
			transmit(serial, value);
		break;
	case UART_IER:
		if (latch)
			serial->dlm = value;
		else
			set_ier(serial, value);
		break;
	case UART_FCR:
		serial->fcr = value;
		if (value & UART_FCR_CLEAR_RCVR)
			serial->input_read = serial->input_length;
		break;
	case UART_LCR:
		serial->lcr = value;
		break;
	case UART_MCR:
		serial->mcr = value & 0x1f;
		break;
	case UART_SCR:
		serial->scr = value;
		break;
	default:
		break;
	}
	update_irq(serial);
}

static uint8_t receive(struct serial *serial)
{
	if (!has_input(serial))
		return 0;
	return (uint8_t)serial->input[serial->input_read++];
}

static uint8_t read_iir(struct serial *serial)
{
	uint8_t id = interrupt_id(serial);

	if (id == UART_IIR_THRI)
		serial->thr_interrupt = false;
	if (serial->fcr & UART_FCR_ENABLE_FIFO)
		id |= 0xc0;
	return id;
}

/* In loopback mode the four modem outputs drive the inputs. Linux probes the UART with it. */
static uint8_t modem_status(const struct serial *serial)
{
	uint8_t mcr = serial->mcr, msr = 0;

	if (!(mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static uint8_t read_register(struct serial *serial, uint16_t offset)
{
	bool latch = serial->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_RX:
		return latch ? serial->dll : receive(serial);
	case UART_IER:
		return latch ? serial->dlm : serial->ier;
	case UART_IIR:
		return read_iir(serial);
	case UART_LCR:
		return serial->lcr;
	case UART_MCR:
		return serial->mcr;
	case UART_LSR:
		return UART_LSR_TEMT | UART_LSR_THRE | (has_input(serial) ? UART_LSR_DR : 0);
	case UART_MSR:
		return modem_status(serial);
	default:
		return serial->scr;
	}
}

uint8_t serial_in(struct serial *serial, uint16_t offset)
{
	uint8_t value = read_register(serial, offset);

	update_irq(serial);
	return value;
}
