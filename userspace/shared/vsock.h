/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests by Hyper-V sockets and AF_VSOCK: where the guest's daemon listens. The messages are
 * those of the logoff component; see docs/protocol.md.
 */
#ifndef HVL_VSOCK_H
#define HVL_VSOCK_H

/*
 * Below 1024, so that only a process with CAP_NET_BIND_SERVICE can listen in the daemon's place
 * (net/vmw_vsock/af_vsock.c, __vsock_bind_connectible()).
 */
#define HVL_VSOCK_PORT 877

/*
 * The same port as the service id of a Hyper-V socket: the port is the first field, the rest is
 * Linux' template (HV_GUID_VSOCK_TEMPLATE in include/linux/hyperv.h).
 */
#define HVL_VSOCK_SERVICE_GUID "0000036d-facb-11e6-bd58-64006a7986d3"

#endif /* HVL_VSOCK_H */
