// SPDX-License-Identifier: GPL-2.0-or-later
/* The permissions on a machine, and how a socket's peer gets them. */
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hvhost/control/peer.h"
#include "unit.h"

static enum permission permission_of(const struct access *access, uid_t user, gid_t first,
				     gid_t second)
{
	const gid_t groups[] = {first, second};

	return access_of(access, user, groups, 2);
}

static void test_permissions(void **state)
{
	struct access access = {.owner = 1000};

	assert_true(access_allow_user(&access, "1001"));
	assert_true(access_allow_user(&access, "1002"));
	assert_true(access_allow_group(&access, "50"));
	assert_int_equal(permission_of(&access, 0, 0, 0), PERMISSION_OWNER);
	assert_int_equal(permission_of(&access, 1000, 7, 8), PERMISSION_OWNER);
	assert_int_equal(permission_of(&access, 1001, 7, 8), PERMISSION_EXECUTE);
	assert_int_equal(permission_of(&access, 1002, 7, 8), PERMISSION_EXECUTE);
	assert_int_equal(permission_of(&access, 1003, 50, 8), PERMISSION_EXECUTE);
	assert_int_equal(permission_of(&access, 1003, 7, 50), PERMISSION_EXECUTE);
	/* User ids are not matched against group ids, nor vice versa. */
	assert_int_equal(permission_of(&access, 50, 1000, 1001), PERMISSION_NONE);
	assert_int_equal(permission_of(&access, 1003, 7, 8), PERMISSION_NONE);
	assert_int_equal(permission_of(&access, 1003, 0, 0), PERMISSION_NONE);
	assert_int_equal(access_of(&access, 1003, NULL, 0), PERMISSION_NONE);
	access_done(&access);
	/* Root's machine, without any allowed users and groups. */
	assert_int_equal(permission_of(&access, 1001, 50, 50), PERMISSION_NONE);
}

static void test_names_and_ids(void **state)
{
	static const char *const wrong[] = {
		"",           "no such user",         "-1", "+1", " 1", "1 ", "0x10",
		"4294967295", "99999999999999999999",
	};
	struct access access = {.owner = 1000};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_false(access_allow_user(&access, wrong[i]));
		assert_false(access_allow_group(&access, wrong[i]));
	}
	assert_int_equal(access.users.count, 0);
	/* Debian's static ids: a user and a group of the same name, but with different ids. */
	assert_true(access_allow_user(&access, "games"));
	assert_true(access_allow_group(&access, "games"));
	assert_int_equal(access.users.ids[0], 5);
	assert_int_equal(access.groups.ids[0], 60);
	access_done(&access);
}

static void test_list_as_json(void **state)
{
	static const char *const wrong[] = {"[-1]", "[4294967295]", "[\"1\"]", "[1.5]", "[null]"};
	struct access access = {0};
	struct id_list list = {0};
	json_t *json;

	assert_true(access_allow_user(&access, "1001"));
	assert_true(access_allow_user(&access, "4294967294"));
	json = id_list_to_json(&access.users);
	assert_int_equal(id_list_from_json(json, &list), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.ids[0], 1001);
	assert_int_equal(list.ids[1], 4294967294);
	json_decref(json);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		json = json_loads(wrong[i], 0, NULL);
		assert_true(id_list_from_json(json, &list) < 0);
		json_decref(json);
	}
	free(list.ids);
	access_done(&access);
}

/* What a socket yields for a process in these groups, of which only @group is allowed. */
static enum permission seen_by_socket(gid_t own, gid_t other, const char *group)
{
	const gid_t others[] = {7000, other};
	struct access access = {.owner = 4000};
	struct peer peer;
	int pair[2];

	if (setgroups(2, others) < 0 || setgid(own) < 0 || setuid(4001) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || !access_allow_group(&access, group) ||
	    peer_of_socket(pair[0], &access, &peer) < 0 || peer.pid != getpid() ||
	    peer.uid != 4001 || peer.gid != own)
		return 100;
	access_done(&access);
	close(pair[0]);
	close(pair[1]);
	return peer.permission;
}

static void assert_seen(enum permission expected, gid_t own, gid_t other, const char *group)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0)
		_exit(seen_by_socket(own, other, group) != expected);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_socket_peer(void **state)
{
	if (geteuid() != 0)
		skip();
	assert_seen(PERMISSION_EXECUTE, 60, 61, "60");
	assert_seen(PERMISSION_EXECUTE, 60, 61, "61");
	assert_seen(PERMISSION_EXECUTE, 60, 61, "7000");
	assert_seen(PERMISSION_NONE, 60, 61, "4001");
	assert_seen(PERMISSION_NONE, 60, 61, "0");
}

static void test_peer_as_json(void **state)
{
	const struct peer peer = {
		.pid = 17, .uid = 4294967294, .gid = 3, .permission = PERMISSION_EXECUTE};
	struct peer same;
	json_t *json = peer_to_json(&peer);

	assert_int_equal(peer_from_json(json, &same), 0);
	assert_int_equal(same.pid, peer.pid);
	assert_int_equal(same.uid, peer.uid);
	assert_int_equal(same.gid, peer.gid);
	assert_int_equal(same.permission, peer.permission);
	json_object_del(json, "permission");
	assert_true(peer_from_json(json, &same) < 0);
	json_decref(json);
	assert_true(peer_from_json(NULL, &same) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_permissions),  cmocka_unit_test(test_names_and_ids),
		cmocka_unit_test(test_list_as_json), cmocka_unit_test(test_socket_peer),
		cmocka_unit_test(test_peer_as_json),
	};

	return cmocka_run_group_tests_name("permission", tests, NULL, NULL);
}
