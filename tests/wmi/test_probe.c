// SPDX-License-Identifier: GPL-2.0-or-later
/* The probe of an endpoint mapper, against sockets of this computer. */
#include "tests/wmi/ports.h"
#include "tests/wmi/windows_unit.h"

#include "userspace/host/windows/probe.h"

#define LONG_MS 60000
/* More connections than a listener with the smallest queue takes. */
#define FILLERS 8

static const volatile LONG go;

static void a_listener_answers(void **state)
{
	unsigned short port;
	SOCKET descriptor = bound_socket(&port);

	assert_int_equal(listen(descriptor, 1), 0);
	assert_hresult(probe_port("127.0.0.1", port, LONG_MS, &go), S_OK);
	closesocket(descriptor);
}

static void a_closed_port_refuses(void **state)
{
	unsigned short port;
	SOCKET descriptor = bound_socket(&port); /* so that nobody else listens there */

	assert_hresult(probe_port("127.0.0.1", port, LONG_MS, &go), PROBE_E_REFUSED);
	closesocket(descriptor);
}

/* Longer than a label of a name may be, so that no server is asked. */
static void an_unknown_name(void **state)
{
	static const char name[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaa.invalid";

	assert_hresult(probe_port(name, 135, LONG_MS, &go), PROBE_E_NAME);
}

/* Connects until the queue is full, after which connection attempts get no answer. */
static void fill(unsigned short port, SOCKET fillers[FILLERS])
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons(port)};
	u_long nonblocking = 1;

	for (int index = 0; index < FILLERS; index++) {
		fillers[index] = socket(AF_INET, SOCK_STREAM, 0);
		ioctlsocket(fillers[index], FIONBIO, &nonblocking);
		(void)connect(fillers[index], (struct sockaddr *)&address, sizeof(address));
	}
}

static void silence(void **state)
{
	unsigned short port;
	SOCKET descriptor = bound_socket(&port), fillers[FILLERS];
	volatile LONG stop = 1;

	assert_int_equal(listen(descriptor, 0), 0);
	fill(port, fillers);
	assert_hresult(probe_port("127.0.0.1", port, 200, &go), PROBE_E_NO_ANSWER);
	assert_hresult(probe_port("127.0.0.1", port, LONG_MS, &stop), E_ABORT);
	for (int index = 0; index < FILLERS; index++)
		closesocket(fillers[index]);
	closesocket(descriptor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_answers),
		cmocka_unit_test(a_closed_port_refuses),
		cmocka_unit_test(an_unknown_name),
		cmocka_unit_test(silence),
	};
	WSADATA data;
	int failed;

	if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
		return 1;
	failed = cmocka_run_group_tests_name("probe", tests, NULL, NULL);
	WSACleanup();
	return failed;
}
