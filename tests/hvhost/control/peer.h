/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at the other end of a control connection: whoever connected it, as the
 * kernel says, never as a client says. Where the machine runs in an outer
 * machine, it is found out outside, and goes ahead of all that the client sends.
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
json_t *peer_to_json(const struct peer *peer);
int peer_from_json(const json_t *json, struct peer *peer);

#endif /* HVHOST_PEER_H */
