/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The credentials of a control connection's client, from the kernel. With an
 * outer machine, the relay outside reads them from the client's socket, and
 * sends them as the first line of the connection.
 */
#ifndef HVHOST_PEER_H
#define HVHOST_PEER_H

#include "permission.h"

struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	enum permission permission;
};

/* 0 or -errno. */
int peer_of_socket(int fd, const struct access *access, struct peer *peer);
/* Whether the peer has the permission that @what needs; logs a denial. */
bool peer_is_allowed(const struct peer *peer, enum permission needs, const char *what);
json_t *peer_to_json(const struct peer *peer);
int peer_from_json(const json_t *json, struct peer *peer);

#endif /* HVHOST_PEER_H */
