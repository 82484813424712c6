/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's I/O ports, where the ACPI tables and the devices agree. */
#ifndef HVHOST_PORTS_H
#define HVHOST_PORTS_H

#define PORT_RTC           0x70 /* index, data */
#define PORT_COM2          0x2f8
#define PORT_COM1          0x3f8
#define PORT_SLEEP_CONTROL 0x600
#define PORT_SLEEP_STATUS  0x601
#define PORT_RESET         0xcf9

#define SLEEP_S5     5    /* in acpi.asl's _S5, too */
#define SLEEP_ENABLE 0x20 /* ACPI 6.5, 4.8.3.7: sleep type is bits 2 to 4 */
#define RESET_VALUE  6

#endif /* HVHOST_PORTS_H */
