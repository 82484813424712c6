// SPDX-License-Identifier: GPL-2.0-or-later
#include "vsock_g2h.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

/* With ports below it, a program needs CAP_NET_BIND_SERVICE: LAST_RESERVED_PORT in af_vsock.c. */
#define FIRST_USER_PORT 1024

static bool matches(const char *root, const char *pattern)
{
	char path[PATH_MAX];
	glob_t paths;

	snprintf(path, sizeof(path), "%s%s", root, pattern);
	if (glob(path, GLOB_NOSORT, NULL, &paths))
		return false;
	globfree(&paths);
	return true;
}

/* hv_sock has a device for each connection only; the driver is there if the VMBus supports it. */
enum vsock_g2h vsock_g2h_find(const char *root)
{
	bool hyperv = matches(root, "/sys/bus/vmbus/drivers/hv_sock");
	bool virtio =
		matches(root, "/sys/bus/virtio/drivers/vmw_vsock_virtio_transport/virtio[0-9]*");

	if (hyperv && virtio)
		return VSOCK_G2H_UNCLEAR;
	if (hyperv)
		return VSOCK_G2H_HYPERV;
	return virtio ? VSOCK_G2H_VIRTIO : VSOCK_G2H_NONE;
}

bool vsock_g2h_is_host(enum vsock_g2h g2h, unsigned int cid, unsigned int port)
{
	if (cid != VMADDR_CID_HOST)
		return false;
	switch (g2h) {
	case VSOCK_G2H_HYPERV:
		return true;
	case VSOCK_G2H_VIRTIO:
		return port < FIRST_USER_PORT;
	default:
		return false;
	}
}
