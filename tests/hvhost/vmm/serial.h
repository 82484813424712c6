/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 16550A UART. It transmits immediately, and receives what serial_input() appends. */
#ifndef HVHOST_SERIAL_H
#define HVHOST_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;

struct serial {
	struct vm *vm;
	unsigned int irq;
	bool irq_level;
	void (*output)(struct vm *vm, uint8_t byte);
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t dll, dlm;
	bool thr_interrupt; /* THR became empty, and the guest has not seen the interrupt yet */
	char *input;        /* not read by the guest yet */
	size_t input_length;
	size_t input_read;
};

void serial_init(struct serial *serial, struct vm *vm, unsigned int irq,
		 void (*output)(struct vm *vm, uint8_t byte));
void serial_done(struct serial *serial);
void serial_out(struct serial *serial, uint16_t offset, uint8_t value);
uint8_t serial_in(struct serial *serial, uint16_t offset);
int serial_input(struct serial *serial, const char *data, size_t length);

#endif /* HVHOST_SERIAL_H */
