// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "userspace/guest/log.h"
#include "userspace/shared/util.h"

#define KVP_DEVICE "/dev/vmbus/hv_kvp"
#define BOOT_ID    "/proc/sys/kernel/random/boot_id"

static int64_t outside_now(void *outside)
{
	(void)outside;
	return time(NULL);
}

static int64_t outside_booted(void *outside)
{
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	return outside_now(outside) - up.tv_sec;
}

static void outside_publish(void *outside, const char *value)
{
	struct kvp_transport *way = outside;

	kvp_items_publish(&way->items, value);
}

static const struct kvp_requests_ops ops = {
	.now = outside_now,
	.booted = outside_booted,
	.publish = outside_publish,
};

static void on_request(void *userdata, const char *value)
{
	struct kvp_transport *way = userdata;

	kvp_requests_take(&way->kvp, value);
}

static int read_boot(char boot[KVP_ID_SIZE])
{
	_cleanup_close_ int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -errno;
	size = read(fd, boot, KVP_ID_SIZE - 1);
	if (size < 0)
		return -errno;
	boot[size] = '\0';
	return 0;
}

static bool pool_is_there(void)
{
	char value[KVP_VALUE_SIZE + 1];

	return kvp_pool_read(KVP_FOLDER, KVP_POOL_HOST, KVP_REQUEST_KEY, value) != -ENOENT;
}

bool kvp_transport_available(void)
{
	return access(KVP_DEVICE, F_OK) == 0 || pool_is_there();
}

int kvp_transport_start(struct kvp_transport *way, sd_event *event, struct engine *engine)
{
	char boot[KVP_ID_SIZE];
	int r = read_boot(boot);

	if (r >= 0)
		r = kvp_items_start(&way->items, event, KVP_FOLDER, on_request, way);
	if (r < 0) {
		log_message(LOG_ERR, "There is no way in by KVP: %s.", strerror(-r));
		return r;
	}
	r = kvp_requests_init(&way->kvp, &ops, way, engine, KVP_STATE_FOLDER, boot);
	/* An answer that was left promises too much; but one of another daemon's is not ours. */
	if (r < 0)
		kvp_items_done(&way->items, r != -EWOULDBLOCK);
	else if (access(KVP_DEVICE, F_OK) == 0 && !pool_is_there())
		log_message(LOG_INFO, "Requests by KVP can come once hv_kvp_daemon runs; on Debian "
				      "it is in the package hyperv-daemons.");
	return r;
}

void kvp_transport_done(struct kvp_transport *way)
{
	bool keep = kvp_requests_done(&way->kvp);

	kvp_items_done(&way->items, !keep);
}

void kvp_transport_close(void)
{
	kvp_pool_remove(KVP_FOLDER, KVP_POOL_GUEST, KVP_ANSWER_KEY);
}
