// SPDX-License-Identifier: GPL-2.0-or-later
#include "kvp.h"

#include <string.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"
#include "userspace/host/libvmguestos/vmguestos.h"
#include "userspace/shared/hresult.h"
#include "utf16.h"

#define MSGTYPE_KVP 2

/* With the NUL, in UTF-16: the message's, and the registry's on Windows. */
#define KEY_UNITS   (HV_KVP_EXCHANGE_MAX_KEY_SIZE / 2)
#define VALUE_UNITS (HV_KVP_EXCHANGE_MAX_VALUE_SIZE / 2)

/* All but what is about IP addresses fits, and the guest's answer is as long as the request. */
#define BODY_SIZE (sizeof(struct hv_kvp_hdr) + sizeof(struct hv_kvp_msg_enumerate))

#define ITEMS_MAX   1024    /* of one pool; a guest could go on for ever */
#define PATIENCE_US 5000000 /* then a reader gets what was known before */

/* What WMI's methods return. */
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

/* One transaction, or of an enumeration as many as there are items, and one. */
struct kvp_job {
	STAILQ_ENTRY(kvp_job) entry;
	struct hv_kvp_msg message;
	json_t *items;   /* enumerated so far */
	uint64_t client; /* that waits for it, or 0 */
	uint64_t deadline_us;
};

static const struct hvl_version versions[] = {{4, 0}, {3, 0}, {1, 0}};

static void drop(struct ic_kvp *kvp, struct kvp_job *job)
{
	STAILQ_REMOVE(&kvp->jobs, job, kvp_job, entry);
	json_decref(job->items);
	free(job);
}

static void send_first(struct ic_kvp *kvp)
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
	ic_send(&kvp->ic, &message);
}

static void arm_timer(struct ic_kvp *kvp)
{
	const struct kvp_job *job;
	uint64_t now = now_us();

	/* All wait equally long. */
	STAILQ_FOREACH(job, &kvp->jobs, entry) {
		if (!job->client)
			continue;
		timer_set(&kvp->timer,
			  job->deadline_us > now ? (job->deadline_us - now) / 1000 + 1 : 1, 0);
		return;
	}
	timer_set(&kvp->timer, 0, 0);
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

static void start(struct ic_kvp *kvp, struct kvp_job *job)
{
	job->deadline_us = now_us() + PATIENCE_US;
	STAILQ_INSERT_TAIL(&kvp->jobs, job, entry);
	arm_timer(kvp);
	send_first(kvp);
}

/* Its size in bytes, with the NUL. */
static uint32_t put_text(void *to, const char *text, size_t size)
{
	uint16_t units[VALUE_UNITS];
	size_t length = utf16_from_utf8(text, units, size);

	memcpy(to, units, (length + 1) * sizeof(*units));
	return (uint32_t)((length + 1) * sizeof(*units));
}

/* Tell the guest of an item that it shall have. */
static void set(struct ic_kvp *kvp, enum hv_kvp_exchg_pool pool, const char *name, const char *data)
{
	struct kvp_job *job = new_job(KVP_OP_SET, pool);
	struct hv_kvp_exchg_msg_value *item;

	if (!job)
		return;
	item = &job->message.body.kvp_set.data;
	item->value_type = REG_SZ;
	item->key_size = put_text(item->key, name, KEY_UNITS);
	item->value_size = put_text(item->value, data, VALUE_UNITS);
	start(kvp, job);
}

static void delete (struct ic_kvp *kvp, enum hv_kvp_exchg_pool pool, const char *name)
{
	struct kvp_job *job = new_job(KVP_OP_DELETE, pool);

	if (!job)
		return;
	job->message.body.kvp_delete.key_size =
		put_text(job->message.body.kvp_delete.key, name, KEY_UNITS);
	start(kvp, job);
}

static json_t *result(enum wmi_return code)
{
	return json_pack("{s:b, s:i}", "ok", 1, "return", (int)code);
}

static void reply_items(struct ic_kvp *kvp, uint64_t client, json_t *items)
{
	json_t *reply = result(WMI_OK);

	json_object_set(reply, "items", items);
	control_reply(&kvp->ic.vm->control, client, reply);
}

/* The guest does not answer, or not any more: what is known is what it has said before. */
static void give_up(struct ic_kvp *kvp, struct kvp_job *job)
{
	if (job->client && job->message.kvp_hdr.operation == KVP_OP_ENUMERATE)
		reply_items(kvp, job->client, kvp->known[job->message.kvp_hdr.pool]);
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
		give_up(kvp, job);
		/* Nobody wants it any more; what the guest has got is waited for. */
		if (job != STAILQ_FIRST(&kvp->jobs) || !kvp->waiting)
			drop(kvp, job);
	}
	arm_timer(kvp);
}

static json_t *text_of(const void *from, uint32_t size, uint32_t size_max)
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
	json_auto_t *name = text_of(item->key, item->key_size, sizeof(item->key));

	json_object_set_new(items, json_string_value(name),
			    text_of(item->value, item->value_size, sizeof(item->value)));
}

/* Whether there is a next item to ask for. */
static bool enumerated(struct ic_kvp *kvp, struct kvp_job *job, uint32_t status,
		       const struct hv_kvp_msg *answer)
{
	json_t **known = &kvp->known[job->message.kvp_hdr.pool];

	if (status == HV_S_OK) {
		add_item(job->items, &answer->body.kvp_enum_data.data);
		if (++job->message.body.kvp_enum_data.index < ITEMS_MAX)
			return true;
	}
	/* Any other status than "no more items" tells of a pool that is not known as a whole. */
	if (status == HV_S_OK || status == HV_S_CONT) {
		json_decref(*known);
		*known = json_incref(job->items);
	}
	if (job->client)
		reply_items(kvp, job->client, *known);
	return false;
}

static void got(struct ic_kvp *kvp, const struct kvp_job *job, uint32_t status,
		const struct hv_kvp_msg *answer)
{
	const struct hv_kvp_exchg_msg_value *item = &answer->body.kvp_get.data;
	json_t *reply = control_result(status);

	if (status == HV_S_OK)
		json_object_set_new(reply, "data",
				    text_of(item->value, item->value_size, sizeof(item->value)));
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
		if (enumerated(kvp, job, status, answer)) {
			send_first(kvp);
			return;
		}
	} else if (job->message.kvp_hdr.operation == KVP_OP_GET) {
		got(kvp, job, status, answer);
	} else if (status != HV_S_OK) {
		log_line("kvp: the guest answered operation %u on pool %u with %#x.",
			 job->message.kvp_hdr.operation, job->message.kvp_hdr.pool, status);
	}
	drop(kvp, job);
	arm_timer(kvp);
	send_first(kvp);
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

/* The guest may have forgotten all: it is told again. */
static void negotiated(struct ic *ic)
{
	struct ic_kvp *kvp = container_of(ic, struct ic_kvp, ic);
	json_t *items = kvp->host_items;

	set(kvp, KVP_POOL_AUTO_EXTERNAL, "HostName", "hvhost");
	set(kvp, KVP_POOL_AUTO_EXTERNAL, "VirtualMachineName", ic->vm->config->name);
	for (void *at = json_object_iter(items); at; at = json_object_iter_next(items, at))
		set(kvp, KVP_POOL_EXTERNAL, json_object_iter_key(at),
		    json_string_value(json_object_iter_value(at)));
}

static void closed(struct ic *ic)
{
	struct ic_kvp *kvp = container_of(ic, struct ic_kvp, ic);
	struct kvp_job *job;

	for (size_t pool = 0; pool < KVP_POOL_COUNT; pool++)
		json_object_clear(kvp->known[pool]);
	while ((job = STAILQ_FIRST(&kvp->jobs))) {
		give_up(kvp, job);
		drop(kvp, job);
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
		kvp->known[pool] = json_object();
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
		json_decref(kvp->known[pool]);
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

/* The name in a request about an item that must be there, or must not; NULL if it was refused. */
static const char *check(struct vm *vm, uint64_t client, const json_t *request, bool there)
{
	const char *name = json_string_value(json_object_get(request, "name"));

	if (!vm->kvp.ic.channel.enabled)
		fail(vm, client, WMI_INVALID_STATE,
		     "The machine has no key-value pair component: \"hvhost offer\" gives it one.");
	else if (!has_length(name, 1, KEY_UNITS - 1))
		fail(vm, client, WMI_INVALID_PARAMETER,
		     "An item needs a \"name\" of 1 to 255 UTF-16 units.");
	else if (there && !json_object_get(vm->kvp.host_items, name))
		fail(vm, client, WMI_INVALID_PARAMETER,
		     "The host has no item of that name: \"kvp_add\" makes one.");
	else if (!there && json_object_get(vm->kvp.host_items, name))
		fail(vm, client, WMI_INVALID_PARAMETER,
		     "The host has an item of that name already: \"kvp_modify\" changes it.");
	else
		return name;
	return NULL;
}

static void change(struct vm *vm, uint64_t client, const json_t *request, bool there)
{
	const char *data = json_string_value(json_object_get(request, "data"));
	const char *name = check(vm, client, request, there);

	if (!name)
		return;
	if (!has_length(data, 0, VALUE_UNITS - 1)) {
		fail(vm, client, WMI_INVALID_PARAMETER,
		     "An item needs \"data\" of at most 1023 UTF-16 units.");
		return;
	}
	json_object_set_new(vm->kvp.host_items, name, json_string(data));
	if (vm->kvp.ic.negotiated)
		set(&vm->kvp, KVP_POOL_EXTERNAL, name, data);
	control_reply(&vm->control, client, result(WMI_OK));
}

void ic_kvp_add_command(struct vm *vm, uint64_t client, const json_t *request)
{
	change(vm, client, request, false);
}

void ic_kvp_modify_command(struct vm *vm, uint64_t client, const json_t *request)
{
	change(vm, client, request, true);
}

void ic_kvp_remove_command(struct vm *vm, uint64_t client, const json_t *request)
{
	const char *name = check(vm, client, request, true);

	if (!name)
		return;
	json_object_del(vm->kvp.host_items, name);
	if (vm->kvp.ic.negotiated)
		delete (&vm->kvp, KVP_POOL_EXTERNAL, name);
	control_reply(&vm->control, client, result(WMI_OK));
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
		reply_items(&vm->kvp, client, vm->kvp.known[pool]);
		return;
	}
	job->client = client;
	job->items = json_object();
	start(&vm->kvp, job);
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

/* The pool in a request, or KVP_POOL_COUNT if there is none such, which was told. */
static enum hv_kvp_exchg_pool pool_of(struct vm *vm, uint64_t client, const json_t *request)
{
	const json_t *number = json_object_get(request, "pool");
	json_int_t pool = json_integer_value(number);

	if (json_is_integer(number) && pool >= 0 && pool < KVP_POOL_COUNT)
		return (enum hv_kvp_exchg_pool)pool;
	fail(vm, client, WMI_INVALID_PARAMETER, "The \"pool\" is a number from 0 to 4.");
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
		     "\"kvp_get\" needs a guest that listens, and a \"name\" of 1 to 255 UTF-16 "
		     "units.");
		return;
	}
	job = new_job(KVP_OP_GET, pool);
	if (!job) {
		fail(vm, client, WMI_FAILED, "There is no memory left.");
		return;
	}
	item = &job->message.body.kvp_get.data;
	item->key_size = put_text(item->key, name, KEY_UNITS);
	job->client = client;
	start(&vm->kvp, job);
}
