// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp.h"

#include <string.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/host/libvmguestos/hresult.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "utf16.h"

#define MSGTYPE_KVP 2

/* Limits of the messages, and of the Windows registry, including the NUL. */
#define KEY_UNITS   (HV_KVP_EXCHANGE_MAX_KEY_SIZE / 2)
#define VALUE_UNITS (HV_KVP_EXCHANGE_MAX_VALUE_SIZE / 2)

/* The longest body, except those about IP addresses. An answer is as long as its request. */
#define BODY_SIZE (sizeof(struct hv_kvp_hdr) + sizeof(struct hv_kvp_msg_enumerate))

#define ITEMS_MAX         1024    /* of one pool: bounds an enumeration */
#define ANSWER_TIMEOUT_US 5000000 /* then the reply has the items of the last enumeration */

/* Return values of the WMI methods */
enum wmi_return {
	WMI_OK = 0,
	WMI_FAILED = 32768,
	WMI_INVALID_PARAMETER = 32773,
	WMI_INVALID_STATE = 32775,
};

struct kvp_message {
	struct hvl_header header;
	struct hv_kvp_msg body;
} __attribute__((packed));

/* One transaction; for an enumeration, one for each item and one for the end. */
struct kvp_job {
	STAILQ_ENTRY(kvp_job) entry;
	struct hv_kvp_msg message;
	json_t *items;   /* enumerated so far */
	uint64_t client; /* gets the reply; 0 if there is none */
	uint64_t deadline_us;
};

static const struct hvl_version versions[] = {{4, 0}, {3, 0}, {1, 0}};

static void free_job(struct ic_kvp *kvp, struct kvp_job *job)
{
	STAILQ_REMOVE(&kvp->jobs, job, kvp_job, entry);
	json_decref(job->items);
	free(job);
}

static void send_next(struct ic_kvp *kvp)
{
	const struct kvp_job *job = STAILQ_FIRST(&kvp->jobs);
	struct kvp_message message = {0};
	struct hvl_packet packet;

	if (!job || kvp->waiting || !kvp->ic.negotiated)
		return;
	kvp->waiting = true;
	kvp->transaction = ic_next_transaction(&kvp->ic);
	hvl_packet_init(&packet, MSGTYPE_KVP, BODY_SIZE, kvp->transaction,
			HVL_ICFLAG_TRANSACTION | HVL_ICFLAG_REQUEST);
	message.header = packet.header;
	message.body = job->message;
	kvp->sent_us = now_us();
	ic_send(&kvp->ic, &message);
}

static void arm_timer(struct ic_kvp *kvp)
{
	const struct kvp_job *job;

	/* All jobs have the same timeout: deadlines are in the order of the queue. */
	STAILQ_FOREACH(job, &kvp->jobs, entry) {
		if (job->client)
			break;
	}
	timer_set_deadline(&kvp->timer, job ? job->deadline_us : UINT64_MAX);
}

static struct kvp_job *new_job(enum hv_kvp_exchg_op operation, enum hv_kvp_exchg_pool pool)
{
	struct kvp_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->message.kvp_hdr.operation = (uint8_t)operation;
	job->message.kvp_hdr.pool = (uint8_t)pool;
	return job;
}

static void queue_job(struct ic_kvp *kvp, struct kvp_job *job)
{
	job->deadline_us = now_us() + ANSWER_TIMEOUT_US;
	STAILQ_INSERT_TAIL(&kvp->jobs, job, entry);
	arm_timer(kvp);
	send_next(kvp);
}

/* Returns the size in bytes, with the NUL. */
static uint32_t write_utf16(void *to, const char *text, size_t size)
{
	uint16_t units[VALUE_UNITS];
	size_t length = utf16_from_utf8(text, units, size);

	memcpy(to, units, (length + 1) * sizeof(*units));
	return (uint32_t)((length + 1) * sizeof(*units));
}

static void queue_set(struct ic_kvp *kvp, enum hv_kvp_exchg_pool pool, const char *name,
		      const char *data)
{
	struct kvp_job *job = new_job(KVP_OP_SET, pool);
	struct hv_kvp_exchg_msg_value *item;

	if (!job)
		return;
	item = &job->message.body.kvp_set.data;
	item->value_type = REG_SZ;
	item->key_size = write_utf16(item->key, name, KEY_UNITS);
	item->value_size = write_utf16(item->value, data, VALUE_UNITS);
	queue_job(kvp, job);
}

static void queue_delete(struct ic_kvp *kvp, enum hv_kvp_exchg_pool pool, const char *name)
{
	struct kvp_job *job = new_job(KVP_OP_DELETE, pool);

	if (!job)
		return;
	job->message.body.kvp_delete.key_size =
		write_utf16(job->message.body.kvp_delete.key, name, KEY_UNITS);
	queue_job(kvp, job);
}

static json_t *wmi_result(enum wmi_return code)
{
	return json_pack("{s:b, s:i}", "ok", 1, "return", (int)code);
}

static void reply_items(struct ic_kvp *kvp, uint64_t client, json_t *items)
{
	json_t *reply = wmi_result(WMI_OK);

	json_object_set(reply, "items", items);
	control_reply(&kvp->ic.vm->control, client, reply);
}

/* There was no answer: replies with the items of the last enumeration, or with an error. */
static void reply_without_answer(struct ic_kvp *kvp, struct kvp_job *job)
{
	if (job->client && job->message.kvp_hdr.operation == KVP_OP_ENUMERATE)
		reply_items(kvp, job->client, kvp->pools[job->message.kvp_hdr.pool]);
	else if (job->client)
		control_fail(&kvp->ic.vm->control, job->client, HV_LOGOFF_E_TIMED_OUT,
			     "The guest did not answer: is hv_kvp_daemon running in it?");
	job->client = 0;
}

static void expired(struct timer *timer)
{
	struct ic_kvp *kvp = container_of(timer, struct ic_kvp, timer);
	struct kvp_job *job, *next;

	for (job = STAILQ_FIRST(&kvp->jobs); job; job = next) {
		next = STAILQ_NEXT(job, entry);
		if (!job->client || job->deadline_us > now_us())
			continue;
		reply_without_answer(kvp, job);
		/* The job that was sent stays in the queue until it is answered. */
		if (job != STAILQ_FIRST(&kvp->jobs) || !kvp->waiting)
			free_job(kvp, job);
	}
	arm_timer(kvp);
}

static json_t *utf16_to_json(const void *from, uint32_t size, uint32_t size_max)
{
	uint16_t units[VALUE_UNITS];
	char text[UTF8_SIZE(VALUE_UNITS)];

	size = MIN(size, size_max);
	memcpy(units, from, size);
	utf8_from_utf16(units, size / sizeof(*units), text);
	return json_string(text);
}

static void add_item(json_t *items, const struct hv_kvp_exchg_msg_value *item)
{
	json_auto_t *name = utf16_to_json(item->key, item->key_size, sizeof(item->key));

	json_object_set_new(items, json_string_value(name),
			    utf16_to_json(item->value, item->value_size, sizeof(item->value)));
}

/* Returns whether to request another item. */
static bool enumerate_answered(struct ic_kvp *kvp, struct kvp_job *job, uint32_t status,
			       const struct hv_kvp_msg *answer)
{
	json_t **items = &kvp->pools[job->message.kvp_hdr.pool];

	if (status == HV_S_OK) {
		add_item(job->items, &answer->body.kvp_enum_data.data);
		if (++job->message.body.kvp_enum_data.index < ITEMS_MAX)
			return true;
	}
	/* After any status other than "no more items", the enumeration is incomplete. */
	if (status == HV_S_OK || status == HV_S_CONT) {
		json_decref(*items);
		*items = json_incref(job->items);
	}
	if (job->client)
		reply_items(kvp, job->client, *items);
	return false;
}

static void get_answered(struct ic_kvp *kvp, const struct kvp_job *job, uint32_t status,
			 const struct hv_kvp_msg *answer)
{
	const struct hv_kvp_exchg_msg_value *item = &answer->body.kvp_get.data;
	json_t *reply = control_result(status);

	json_object_set_new(reply, "round_trip_us",
			    json_integer((json_int_t)(now_us() - kvp->sent_us)));
	if (status == HV_S_OK)
		json_object_set_new(
			reply, "data",
			utf16_to_json(item->value, item->value_size, sizeof(item->value)));
	if (job->client)
		control_reply(&kvp->ic.vm->control, job->client, reply);
	else
		json_decref(reply);
}

static void answered(struct ic_kvp *kvp, uint32_t status, const struct hv_kvp_msg *answer)
{
	struct kvp_job *job = STAILQ_FIRST(&kvp->jobs);

	kvp->waiting = false;
	if (job->message.kvp_hdr.operation == KVP_OP_ENUMERATE) {
		if (enumerate_answered(kvp, job, status, answer)) {
			send_next(kvp);
			return;
		}
	} else if (job->message.kvp_hdr.operation == KVP_OP_GET) {
		get_answered(kvp, job, status, answer);
	} else if (status != HV_S_OK) {
		log_line("kvp: the guest answered operation %u on pool %u with %#x.",
			 job->message.kvp_hdr.operation, job->message.kvp_hdr.pool, status);
	}
	free_job(kvp, job);
	arm_timer(kvp);
	send_next(kvp);
}

static void received(struct ic *ic, const struct hvl_packet *packet, size_t length)
{
	struct ic_kvp *kvp = container_of(ic, struct ic_kvp, ic);
	struct kvp_message message;

	if (packet->header.type != MSGTYPE_KVP || !kvp->waiting ||
	    packet->header.transaction != kvp->transaction ||
	    length < sizeof(packet->header) + BODY_SIZE)
		return;
	memcpy(&message, packet, sizeof(packet->header) + BODY_SIZE);
	answered(kvp, message.header.status, &message.body);
}

/* Sends all items: the guest may have lost them. */
static void negotiated(struct ic *ic)
{
	struct ic_kvp *kvp = container_of(ic, struct ic_kvp, ic);
	json_t *items = kvp->host_items;

	queue_set(kvp, KVP_POOL_AUTO_EXTERNAL, "HostName", "hvhost");
	queue_set(kvp, KVP_POOL_AUTO_EXTERNAL, "VirtualMachineName", ic->vm->config->name);
	for (void *at = json_object_iter(items); at; at = json_object_iter_next(items, at))
		queue_set(kvp, KVP_POOL_EXTERNAL, json_object_iter_key(at),
			  json_string_value(json_object_iter_value(at)));
}

static void closed(struct ic *ic)
{
	struct ic_kvp *kvp = container_of(ic, struct ic_kvp, ic);
	struct kvp_job *job;

	for (size_t pool = 0; pool < KVP_POOL_COUNT; pool++)
		json_object_clear(kvp->pools[pool]);
	while ((job = STAILQ_FIRST(&kvp->jobs))) {
		reply_without_answer(kvp, job);
		free_job(kvp, job);
	}
	kvp->waiting = false;
	arm_timer(kvp);
}

static const struct ic_ops ops = {
	.negotiated = negotiated,
	.closed = closed,
	.received = received,
};

int ic_kvp_init(struct ic_kvp *kvp, struct vm *vm)
{
	int ret;

	STAILQ_INIT(&kvp->jobs);
	kvp->host_items = json_object();
	for (size_t pool = 0; pool < KVP_POOL_COUNT; pool++)
		kvp->pools[pool] = json_object();
	kvp->ic.ops = &ops;
	kvp->ic.versions = versions;
	kvp->ic.version_count = ARRAY_SIZE(versions);
	kvp->ic.channel.name = "kvp";
	kvp->ic.channel.class = (struct guid){
		0xa9a0f4e7, 0x5a45, 0x4d96, {0xb8, 0x27, 0x8a, 0x84, 0x1e, 0x8c, 0x03, 0xe6}};
	kvp->ic.channel.instance = (struct guid){
		0x242ff919, 0x07db, 0x4180, {0x9c, 0x2e, 0xb8, 0x6c, 0xb6, 0x8c, 0x8c, 0x55}};
	ret = timer_init(&vm->loop, &kvp->timer, expired);
	return ret < 0 ? ret : ic_init(&kvp->ic, vm);
}

void ic_kvp_done(struct ic_kvp *kvp)
{
	json_decref(kvp->host_items);
	for (size_t pool = 0; pool < KVP_POOL_COUNT; pool++)
		json_decref(kvp->pools[pool]);
}

static void fail(struct vm *vm, uint64_t client, enum wmi_return code, const char *why)
{
	json_t *reply = control_failure(HV_LOGOFF_E_INVALIDARG, why);

	json_object_set_new(reply, "return", json_integer(code));
	control_reply(&vm->control, client, reply);
}

static bool has_length(const char *text, size_t min, size_t max)
{
	size_t length = text ? utf16_from_utf8(text, NULL, 0) : 0;

	return text && length >= min && length <= max;
}

/*
 * The name in a request about a host item that must exist (@exists) or must not.
 * NULL after an error reply.
 */
static const char *checked_name(struct vm *vm, uint64_t client, const json_t *request, bool exists)
{
	const char *name = json_string_value(json_object_get(request, "name"));

	if (!vm->kvp.ic.channel.enabled)
		fail(vm, client, WMI_INVALID_STATE,
		     "The key-value pair component is not offered: \"hvhost offer\" offers it.");
	else if (!has_length(name, 1, KEY_UNITS - 1))
		fail(vm, client, WMI_INVALID_PARAMETER,
		     "\"name\" must have 1 to 255 UTF-16 units.");
	else if (exists && !json_object_get(vm->kvp.host_items, name))
		fail(vm, client, WMI_INVALID_PARAMETER,
		     "The host has no item of that name: \"kvp_add\" adds one.");
	else if (!exists && json_object_get(vm->kvp.host_items, name))
		fail(vm, client, WMI_INVALID_PARAMETER,
		     "The host already has an item of that name: \"kvp_modify\" changes it.");
	else
		return name;
	return NULL;
}

static void set_host_item(struct vm *vm, uint64_t client, const json_t *request, bool exists)
{
	const char *data = json_string_value(json_object_get(request, "data"));
	const char *name = checked_name(vm, client, request, exists);

	if (!name)
		return;
	if (!has_length(data, 0, VALUE_UNITS - 1)) {
		fail(vm, client, WMI_INVALID_PARAMETER,
		     "\"data\" must have at most 1023 UTF-16 units.");
		return;
	}
	json_object_set_new(vm->kvp.host_items, name, json_string(data));
	if (vm->kvp.ic.negotiated)
		queue_set(&vm->kvp, KVP_POOL_EXTERNAL, name, data);
	control_reply(&vm->control, client, wmi_result(WMI_OK));
}

void ic_kvp_add_command(struct vm *vm, uint64_t client, const json_t *request)
{
	set_host_item(vm, client, request, false);
}

void ic_kvp_modify_command(struct vm *vm, uint64_t client, const json_t *request)
{
	set_host_item(vm, client, request, true);
}

void ic_kvp_remove_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const char *name = checked_name(vm, client, request, true);

	if (!name)
		return;
	json_object_del(vm->kvp.host_items, name);
	if (vm->kvp.ic.negotiated)
		queue_delete(&vm->kvp, KVP_POOL_EXTERNAL, name);
	control_reply(&vm->control, client, wmi_result(WMI_OK));
}

void ic_kvp_host_items_command(struct vm *vm, uint64_t client, const json_t *request)
{
	(void)request;
	reply_items(&vm->kvp, client, vm->kvp.host_items);
}

static void read_pool(struct vm *vm, uint64_t client, enum hv_kvp_exchg_pool pool)
{
	struct kvp_job *job = vm->kvp.ic.negotiated ? new_job(KVP_OP_ENUMERATE, pool) : NULL;

	if (!job) {
		reply_items(&vm->kvp, client, vm->kvp.pools[pool]);
		return;
	}
	job->client = client;
	job->items = json_object();
	queue_job(&vm->kvp, job);
}

void ic_kvp_guest_items_command(struct vm *vm, uint64_t client, const json_t *request)
{
	(void)request;
	read_pool(vm, client, KVP_POOL_GUEST);
}

void ic_kvp_intrinsic_items_command(struct vm *vm, uint64_t client, const json_t *request)
{
	(void)request;
	read_pool(vm, client, KVP_POOL_AUTO);
}

/* The pool in a request, or KVP_POOL_COUNT after an error reply. */
static enum hv_kvp_exchg_pool pool_of(struct vm *vm, uint64_t client, const json_t *request)
{
	const json_t *number = json_object_get(request, "pool");
	json_int_t pool = json_integer_value(number);

	if (json_is_integer(number) && pool >= 0 && pool < KVP_POOL_COUNT)
		return (enum hv_kvp_exchg_pool)pool;
	fail(vm, client, WMI_INVALID_PARAMETER, "\"pool\" must be a number from 0 to 4.");
	return KVP_POOL_COUNT;
}

void ic_kvp_pool_command(struct vm *vm, uint64_t client, const json_t *request)
{
	enum hv_kvp_exchg_pool pool = pool_of(vm, client, request);

	if (pool != KVP_POOL_COUNT)
		read_pool(vm, client, pool);
}

void ic_kvp_get_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	enum hv_kvp_exchg_pool pool = pool_of(vm, client, request);
	struct hv_kvp_exchg_msg_value *item;
	struct kvp_job *job;

	if (pool == KVP_POOL_COUNT)
		return;
	if (!vm->kvp.ic.negotiated || !has_length(name, 1, KEY_UNITS - 1)) {
		fail(vm, client, name ? WMI_INVALID_STATE : WMI_INVALID_PARAMETER,
		     "\"kvp_get\" needs a negotiated component, and a \"name\" of 1 to 255 UTF-16 "
		     "units.");
		return;
	}
	job = new_job(KVP_OP_GET, pool);
	if (!job) {
		fail(vm, client, WMI_FAILED, "Out of memory.");
		return;
	}
	item = &job->message.body.kvp_get.data;
	item->key_size = write_utf16(item->key, name, KEY_UNITS);
	job->client = client;
	queue_job(&vm->kvp, job);
}
