// SPDX-License-Identifier: GPL-2.0-or-later
#include "peer.h"

#include <errno.h>
#include <sys/socket.h>

#include "tests/hvhost/util.h"

/* All groups at the time of connect(): @first is that of SO_PEERCRED. */
static int groups_of_socket(int fd, gid_t first, gid_t **groups, size_t *count)
{
	socklen_t size = 0;

	/* Returns the list's size, and fails with ERANGE unless the list is empty. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
		return -errno;
	*groups = malloc(sizeof(**groups) + size);
	if (!*groups)
		return -ENOMEM;
	(*groups)[0] = first;
	if (size && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *groups + 1, &size) < 0)
		return -errno;
	*count = 1 + size / sizeof(**groups);
	return 0;
}

int peer_of_socket(int fd, const struct access *access, struct peer *peer)
{
	_cleanup_free_ gid_t *groups = NULL;
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	size_t count = 0;
	int ret;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	ret = groups_of_socket(fd, credentials.gid, &groups, &count);
	if (ret < 0)
		return ret;
	*peer = (struct peer){
		.pid = credentials.pid,
		.uid = credentials.uid,
		.gid = credentials.gid,
		.permission = access_of(access, credentials.uid, groups, count),
	};
	return 0;
}

bool peer_is_allowed(const struct peer *peer, enum permission needs, const char *what)
{
	if (peer->permission >= needs)
		return true;
	log_line("denied: %s by user %u, group %u, process %d.", what, peer->uid, peer->gid,
		 peer->pid);
	return false;
}

json_t *peer_to_json(const struct peer *peer)
{
	return json_pack("{s:I, s:I, s:I, s:i}", "pid", (json_int_t)peer->pid, "uid",
			 (json_int_t)peer->uid, "gid", (json_int_t)peer->gid, "permission",
			 (int)peer->permission);
}

int peer_from_json(const json_t *json, struct peer *peer)
{
	json_int_t pid, uid, gid;
	int permission;

	if (json_unpack((json_t *)json, "{s:I, s:I, s:I, s:i}", "pid", &pid, "uid", &uid, "gid",
			&gid, "permission", &permission) < 0)
		return -EINVAL;
	*peer = (struct peer){
		.pid = (pid_t)pid,
		.uid = (uid_t)uid,
		.gid = (gid_t)gid,
		.permission = (enum permission)permission,
	};
	return 0;
}
