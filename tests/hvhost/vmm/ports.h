/* SPDX-License-Identifier: GPL-2.0-or-later */
/* I/O ports, for the ACPI tables and the devices. */
#ifndef HVHOST_PORTS_H
#define HVHOST_PORTS_H

#define PORT_RTC           0x70 /* index, data */
#define PORT_COM2          0x2f8
#define PORT_COM1          0x3f8
#define PORT_SLEEP_CONTROL 0x600
#define PORT_SLEEP_STATUS  0x601
#define PORT_RESET         0xcf9

#define SLEEP_S5     5    /* also in _S5 of acpi.asl */
#define SLEEP_ENABLE 0x20 /* ACPI 6.5, 4.8.3.7: the sleep type is in bits 2 to 4 */
#define RESET_VALUE  6

#endif /* HVHOST_PORTS_H */
