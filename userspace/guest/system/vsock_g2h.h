/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's guest-to-host transport of AF_VSOCK, and which peers of a connection are the host.
 */
#ifndef HVL_VSOCK_G2H_H
#define HVL_VSOCK_G2H_H

#include <stdbool.h>

/* There is one at a time: a second module is refused (vsock_core_register()). */
enum vsock_g2h {
	VSOCK_G2H_NONE,    /* none, or one that is not known here */
	VSOCK_G2H_HYPERV,  /* hv_sock */
	VSOCK_G2H_VIRTIO,  /* vmw_vsock_virtio_transport, with a device */
	VSOCK_G2H_UNCLEAR, /* both seem to be there */
};

/* @root: of the file system, without a slash at the end. */
enum vsock_g2h vsock_g2h_find(const char *root);

/*
 * Whether a connection from port @port of the machine with CID @cid is the host's, and made by
 * somebody who may log users off:
 *
 * - hv_sock has no peers but the host, CID 2. Windows decides who may connect there. Its ports are
 *   chosen by the program (they are a part of a GUID), so they do not matter.
 * - virtio: Linux delivers no packets of other guests (drivers/vhost/vsock.c). On the host, every
 *   user can connect, but only root can do so from a port below 1024. If the host is not the kernel
 *   (vhost-user), it chooses the port.
 *
 * A program in this machine has the local CID, 1, through vsock_loopback; a guest of this machine
 * has one from 3. Neither is ever accepted.
 */
bool vsock_g2h_is_host(enum vsock_g2h g2h, unsigned int cid, unsigned int port);

#endif /* HVL_VSOCK_G2H_H */
