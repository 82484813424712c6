// SPDX-License-Identifier: GPL-2.0-or-later
#include "address.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct guid service_of_port(uint32_t port)
{
	return (struct guid){
		port, 0xfacb, 0x11e6, {0xbd, 0x58, 0x64, 0x00, 0x6a, 0x79, 0x86, 0xd3}};
}

bool guid_equal(struct guid a, struct guid b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

bool port_of_service(struct guid service, uint32_t *port)
{
	*port = service.a;
	return guid_equal(service, service_of_port(service.a));
}

struct guid host_endpoint(uint32_t port)
{
	return (struct guid){
		port, 0x5ba1, 0x4f0e, {0x9d, 0x0b, 0x3e, 0x68, 0xc1, 0x0f, 0x72, 0x4d}};
}

bool parse_connect(const char *line, uint32_t *port)
{
	static const char command[] = "CONNECT ";
	const char *digits = line + sizeof(command) - 1;
	unsigned long value;
	char *end;

	/* strtoul() would also accept a sign and blanks. */
	if (strncmp(line, command, sizeof(command) - 1) != 0 || !isdigit((unsigned char)*digits))
		return false;
	value = strtoul(digits, &end, 10);
	*port = (uint32_t)value;
	return !*end && value < UINT32_MAX; /* UINT32_MAX is VMADDR_PORT_ANY */
}
