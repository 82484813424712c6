// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "userspace/guest/log.h"
#include "userspace/guest/system/boot_id.h"

#define KVP_DEVICE "/dev/vmbus/hv_kvp"

static int64_t op_now(void *userdata)
{
	(void)userdata;
	return time(NULL);
}

static int64_t op_booted(void *userdata)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	return op_now(userdata) - up.tv_sec;
}

static void op_publish(void *userdata, const char *answer, const char *id,
		       const struct kvp_sessions *sessions)
{
	struct kvp_transport *transport = userdata;

	kvp_items_publish(&transport->items, answer, id, sessions);
}

static const struct kvp_requests_ops ops = {
	.now = op_now,
	.booted = op_booted,
	.publish = op_publish,
};

static void on_request(void *userdata, const char *value)
{
	struct kvp_transport *transport = userdata;

	kvp_requests_handle(&transport->requests, value);
}

static bool pool_exists(void)
{
	struct kvp_pool pool = {.directory = KVP_DIRECTORY, .number = KVP_POOL_EXTERNAL};
	char value[KVP_VALUE_SIZE + 1];

	return kvp_pool_read(&pool, KVP_REQUEST_KEY, value) != -ENOENT;
}

bool kvp_transport_available(void)
{
	return access(KVP_DEVICE, F_OK) == 0 || pool_exists();
}

int kvp_transport_start(struct kvp_transport *transport, sd_event *event, struct engine *engine,
			uint32_t vsock)
{
	char boot[BOOT_ID_SIZE];
	int r = boot_id_read(boot);

	if (r >= 0)
		r = kvp_items_start(&transport->items, event, KVP_DIRECTORY, on_request, transport);
	if (r < 0) {
		log_message(LOG_ERR, "Cannot accept requests by KVP: %s.", strerror(-r));
		return r;
	}
	r = kvp_requests_init(&transport->requests, &ops, transport, engine, KVP_STATE_DIRECTORY,
			      boot, vsock);
	/* There must be no answer without this transport, except another daemon's. */
	if (r < 0)
		kvp_items_done(&transport->items, r != -EWOULDBLOCK);
	else if (access(KVP_DEVICE, F_OK) == 0 && !pool_exists())
		log_message(LOG_INFO,
			    "Requests by KVP require hv_kvp_daemon, which is not running yet; "
			    "on Debian, it is in the package hyperv-daemons.");
	return r;
}

void kvp_transport_done(struct kvp_transport *transport)
{
	bool keep = kvp_requests_done(&transport->requests);

	kvp_items_done(&transport->items, !keep);
}

void kvp_transport_remove_answer(void)
{
	kvp_items_remove_answer(KVP_DIRECTORY);
}
