// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "userspace/guest/config.h"
#include "userspace/guest/system/process.h"
#include "userspace/guest/system/vmbus.h"
#include "userspace/guest/system/vsock_g2h.h"
#include "userspace/guest/transport/kvp_pool.h"
#include "userspace/shared/kvp_value.h"
#include "userspace/shared/text.h"
#include "userspace/shared/util.h"

#define HYPER_V "Microsoft Hv"

/* A lock on a pool is normal while an item changes. */
#define LOCK_PATIENCE (3 * USEC_PER_SEC)

#define PROCESSES_MAX 8

/* Processes of one name, without those that they have started. */
struct processes {
	pid_t pids[PROCESSES_MAX];
	size_t count;
};

struct finding *doctor_add(struct doctor *doctor, const char *subject, enum finding_state state,
			   const char *format, ...)
{
	struct finding *finding = &doctor->findings[doctor->count];
	char text[FINDING_SIZE];
	va_list arguments;

	/* There are fewer checks than that. */
	if (doctor->count < FINDINGS_MAX - 1)
		doctor->count++;
	*finding = (struct finding){.subject = subject, .state = state};
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_clean_line(finding->text, sizeof(finding->text), text);
	return finding;
}

void finding_remedy(struct finding *finding, const char *format, ...)
{
	char text[FINDING_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_clean_line(finding->remedy, sizeof(finding->remedy), text);
}

static bool exists(const struct doctor *doctor, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", doctor->root, path);
	return access(full, F_OK) == 0;
}

static FILE *open_of_process(const struct doctor *doctor, const char *pid, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/%s/%s", doctor->root, pid, name);
	return fopen(path, "re");
}

static bool process_is(const struct doctor *doctor, const char *pid, const char *name)
{
	_cleanup_fclose_ FILE *file = open_of_process(doctor, pid, "comm");
	char comm[32] = "";

	if (!file || !fgets(comm, sizeof(comm), file))
		return false;
	comm[strcspn(comm, "\n")] = '\0';
	return !strcmp(comm, name);
}

/* The daemon's helper processes have its name, too. */
static bool is_own(const struct doctor *doctor, const char *pid, const char *name)
{
	_cleanup_fclose_ FILE *file = open_of_process(doctor, pid, "status");
	struct process_status status;
	char parent[16];

	if (!file || !process_read_status(file, &status))
		return true;
	snprintf(parent, sizeof(parent), "%d", (int)status.parent);
	return !status.ended && !status.nested && !process_is(doctor, parent, name);
}

static struct processes find_processes(const struct doctor *doctor, const char *name)
{
	struct processes found = {0};
	const struct dirent *entry;
	char path[PATH_MAX];
	uint32_t pid;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/proc", doctor->root);
	directory = opendir(path);
	while (directory && (entry = readdir(directory)) && found.count < PROCESSES_MAX)
		if (text_to_number(&pid, entry->d_name, 1, INT_MAX) &&
		    process_is(doctor, entry->d_name, name) && is_own(doctor, entry->d_name, name))
			found.pids[found.count++] = (pid_t)pid;
	if (directory)
		closedir(directory);
	return found;
}

/* @vsock: the host can connect by virtio, so that no VMBus is needed. */
static void check_vmbus(struct doctor *doctor, bool exists, bool vsock)
{
	if (exists)
		doctor_add(doctor, "vmbus", FINDING_OK, "The VMBus is there.");
	else if (vsock)
		doctor_add(doctor, "vmbus", FINDING_NOTE,
			   "There is no VMBus; requests can only arrive by sockets.");
	else
		finding_remedy(doctor_add(doctor, "vmbus", FINDING_PROBLEM, "There is no VMBus."),
			       "On Hyper-V, run \"modprobe hv_vmbus\", or use a kernel with "
			       "CONFIG_HYPERV; see the kernel log (dmesg).");
}

/* Returns whether there is a VMBus. */
static bool check_hypervisor(struct doctor *doctor)
{
	bool vsock = vsock_g2h_find(doctor->root) == VSOCK_G2H_VIRTIO;
	bool vmbus = vmbus_exists(doctor->root);

	if (!strcmp(doctor->hypervisor, HYPER_V))
		doctor_add(doctor, "hypervisor", FINDING_OK,
			   "This is a guest of Hyper-V, or of a hypervisor with its interface.");
	else if (vmbus)
		doctor_add(doctor, "hypervisor", FINDING_OK, "This is a guest with a VMBus.");
	else if (vsock)
		doctor_add(doctor, "hypervisor", FINDING_OK,
			   "This is a guest with a virtio socket device.");
	else if (doctor->hypervisor[0])
		finding_remedy(doctor_add(doctor, "hypervisor", FINDING_PROBLEM,
					  "This is not a guest of Hyper-V, but of \"%s\".",
					  doctor->hypervisor),
			       "hv-logoff needs a host with Hyper-V, or a virtio socket device "
			       "(vhost-vsock); use another guest agent here.");
	else
		finding_remedy(doctor_add(doctor, "hypervisor", FINDING_PROBLEM,
					  "This does not seem to be a virtual machine."),
			       "hv-logoff needs a host with Hyper-V, or a virtio socket device "
			       "(vhost-vsock).");
	check_vmbus(doctor, vmbus, vsock);
	return vmbus;
}

static bool check_component(struct doctor *doctor)
{
	if (!vmbus_offers(doctor->root, VMBUS_LOGOFF)) {
		doctor_add(doctor, "offer", FINDING_NOTE,
			   "The host does not offer the logoff component, as stock Hyper-V hosts; "
			   "requests can only arrive by KVP or by sockets.");
		return false;
	}
	doctor_add(doctor, "offer", FINDING_OK, "The host offers the logoff component.");
	if (!doctor_check_module(doctor))
		return false;
	if (!exists(doctor, "/dev/vmbus/hv_logoff")) {
		finding_remedy(
			doctor_add(doctor, "device", FINDING_PROBLEM,
				   "/dev/vmbus/hv_logoff does not exist, although the driver "
				   "is loaded."),
			"See the kernel log (dmesg) and the state of udev (\"systemctl "
			"status systemd-udevd\").");
		return false;
	}
	doctor_add(doctor, "device", FINDING_OK, "/dev/vmbus/hv_logoff exists.");
	return true;
}

/* @missing: what to do if the unit does not exist. */
static bool check_unit(struct doctor *doctor, const char *subject, const char *unit,
		       const char *missing)
{
	struct unit_state state = {0};
	int r = doctor->unit(doctor->userdata, unit, &state);

	if (r < 0)
		finding_remedy(doctor_add(doctor, subject, FINDING_PROBLEM,
					  "The state of %s is not known: %s.", unit, strerror(-r)),
			       "See \"systemctl status dbus\".");
	else if (!strcmp(state.active, "active"))
		return true;
	else if (!strcmp(state.load, "masked"))
		finding_remedy(doctor_add(doctor, subject, FINDING_PROBLEM, "%s is masked.", unit),
			       "Run \"systemctl unmask %s\" and \"systemctl start %s\".", unit,
			       unit);
	else if (!strcmp(state.load, "not-found"))
		finding_remedy(
			doctor_add(doctor, subject, FINDING_PROBLEM, "%s is not installed.", unit),
			"%s", missing);
	else if (!strcmp(state.active, "failed"))
		finding_remedy(doctor_add(doctor, subject, FINDING_PROBLEM,
					  "%s has failed with exit status %d.", unit, state.status),
			       "See \"journalctl -u %s\" for the reason, and run \"systemctl "
			       "restart %s\".",
			       unit, unit);
	else
		finding_remedy(doctor_add(doctor, subject, FINDING_PROBLEM, "%s is %s, not active.",
					  unit, state.active[0] ? state.active : "unknown"),
			       "Run \"systemctl start %s\"; see \"journalctl -u %s\".", unit, unit);
	return false;
}

/* Two daemons compete for the device and the pools. */
static bool check_daemon(struct doctor *doctor)
{
	const struct processes found = find_processes(doctor, "hv-logoffd");

	if (found.count > 1) {
		finding_remedy(doctor_add(doctor, "daemon", FINDING_PROBLEM,
					  "More than one hv-logoffd is running: processes %d and "
					  "%d.",
					  (int)found.pids[0], (int)found.pids[1]),
			       "End those that are not the main process in \"systemctl status "
			       "hv-logoffd\", and restart the service.");
		return false;
	}
	if (!check_unit(
		    doctor, "daemon", DOCTOR_UNIT_NAME,
		    "Install the package hv-logoff, or run \"make install-guest\" in the source "
		    "directory of hv-logoff and \"systemctl daemon-reload\"."))
		return false;
	doctor_add(doctor, "daemon", FINDING_OK, "hv-logoffd is running.");
	return true;
}

/* Whether the daemon really uses what was found: it may have started before a repair. */
static bool check_transport(struct doctor *doctor, const char *name)
{
	char state[TRANSPORT_STATE_SIZE] = "";
	int r = doctor->transport(doctor->userdata, name, state);

	if (r >= 0 && !strcmp(state, "ready"))
		return true;
	if (r < 0)
		finding_remedy(doctor_add(doctor, "daemon", FINDING_PROBLEM,
					  "hv-logoffd does not answer on the bus."),
			       "Run \"systemctl reload dbus\", so that the bus reads "
			       "org.hv_logoff1.conf, and \"systemctl restart hv-logoffd\".");
	else
		finding_remedy(doctor_add(doctor, "daemon", FINDING_PROBLEM,
					  "hv-logoffd does not accept requests by %s: the state is "
					  "\"%s\".",
					  name, state),
			       "Run \"systemctl restart hv-logoffd\"; see \"journalctl -u "
			       "hv-logoffd\".");
	return false;
}

static bool check_transports(struct doctor *doctor)
{
	if (doctor->component_works)
		doctor->component_works = check_transport(doctor, "component");
	if (doctor->kvp_works)
		doctor->kvp_works = check_transport(doctor, "kvp");
	if (doctor->vsock_works)
		doctor->vsock_works = check_transport(doctor, "vsock");
	return doctor->component_works || doctor->kvp_works || doctor->vsock_works;
}

static bool check_logind(struct doctor *doctor)
{
	if (!check_unit(doctor, "logind", "systemd-logind.service",
			"Install the package systemd; systems without it are not supported."))
		return false;
	doctor_add(doctor, "logind", FINDING_OK, "systemd-logind is running.");
	return true;
}

/* @kvp, @vsock: whether they are enabled, also if the configuration is invalid. */
static bool check_config(struct doctor *doctor, bool *kvp, bool *vsock)
{
	_cleanup_free_ char *errors = NULL;
	struct config config;
	char path[PATH_MAX];
	size_t size;
	FILE *stream = open_memstream(&errors, &size);
	int r = -ENOMEM;

	*kvp = true;
	*vsock = true;
	snprintf(path, sizeof(path), "%s" CONFIG_FILE, doctor->root);
	if (stream)
		r = config_read(&config, path, stream);
	if (stream)
		fclose(stream);
	if (r < 0) {
		finding_remedy(doctor_add(doctor, "configuration", FINDING_PROBLEM, "%s",
					  errors && errors[0] ? errors : strerror(-r)),
			       "Correct the file, check it with \"hv-logoffd --check\", and run "
			       "\"systemctl restart hv-logoffd\".");
		return false;
	}
	*kvp = config.kvp;
	*vsock = config.vsock;
	config_done(&config);
	doctor_add(doctor, "configuration", FINDING_OK, "The configuration is valid.");
	return true;
}

/*
 * The process with a lock that shuts hv_kvp_daemon out, which always takes a write lock. 0: there
 * is none, -1: the lock belongs to an open file.
 */
static pid_t find_lock(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

static pid_t wait_for_lock(const char *path)
{
	static const struct timespec pause = {.tv_nsec = 50000000};
	const uint64_t end = monotonic_usec() + LOCK_PATIENCE;
	pid_t pid;

	while ((pid = find_lock(path)) && monotonic_usec() < end)
		nanosleep(&pause, NULL);
	return pid;
}

static void explain_lock(struct doctor *doctor, const char *path, pid_t pid)
{
	struct finding *finding;

	if (pid > 0)
		finding = doctor_add(doctor, "pools", FINDING_PROBLEM,
				     "Process %d keeps the pool %s locked.", (int)pid, path);
	else
		finding = doctor_add(doctor, "pools", FINDING_PROBLEM,
				     "Another process keeps the pool %s locked.", path);
	finding_remedy(finding, "End that process (see \"lslocks\"): while the lock is held, no "
				"request arrives by KVP.");
}

static bool check_pool(struct doctor *doctor, enum hv_kvp_exchg_pool number)
{
	char directory[PATH_MAX - 16];
	struct kvp_pool pool = {.directory = directory, .number = number};
	char value[KVP_VALUE_SIZE + 1];
	char path[PATH_MAX];
	pid_t pid;
	int r;

	snprintf(directory, sizeof(directory), "%s" KVP_DIRECTORY, doctor->root);
	snprintf(path, sizeof(path), "%s/%s", directory, kvp_pool_name(number));
	pid = wait_for_lock(path);
	if (pid) {
		explain_lock(doctor, path, pid);
		return false;
	}
	r = kvp_pool_read(&pool, KVP_REQUEST_KEY, value);
	if (r == -ENOENT)
		finding_remedy(doctor_add(doctor, "pools", FINDING_PROBLEM,
					  "The pool %s does not exist.", path),
			       "Restart hv_kvp_daemon (on Debian, \"systemctl restart "
			       "hv-kvp-daemon\").");
	else if (r < 0 && r != -EAGAIN)
		finding_remedy(doctor_add(doctor, "pools", FINDING_PROBLEM,
					  "The pool %s is not usable.", path),
			       "The pool %s", kvp_pool_explain(r));
	return r >= 0 || r == -EAGAIN;
}

static bool check_pools(struct doctor *doctor)
{
	if (!check_pool(doctor, KVP_POOL_EXTERNAL) || !check_pool(doctor, KVP_POOL_GUEST))
		return false;
	doctor_add(doctor, "pools", FINDING_OK, "The KVP pools are usable.");
	return true;
}

/* The unit has a name of its own in each distribution; the process has the same one. */
static bool check_kvp_daemon(struct doctor *doctor)
{
	static const char *const units[] = {"hv-kvp-daemon.service", "hypervkvpd.service",
					    "hv_kvp_daemon.service"};
	struct unit_state state;

	if (find_processes(doctor, "hv_kvp_daemon").count > 0 ||
	    find_processes(doctor, "hypervkvpd").count > 0) {
		doctor_add(doctor, "kvp-daemon", FINDING_OK, "hv_kvp_daemon is running.");
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		state = (struct unit_state){0};
		if (doctor->unit(doctor->userdata, units[i], &state) == 0 &&
		    strcmp(state.load, "not-found") != 0) {
			if (check_unit(doctor, "kvp-daemon", units[i], ""))
				doctor_add(doctor, "kvp-daemon", FINDING_OK, "%s is active.",
					   units[i]);
			return doctor->findings[doctor->count - 1].state == FINDING_OK;
		}
	}
	finding_remedy(doctor_add(doctor, "kvp-daemon", FINDING_PROBLEM,
				  "hv_kvp_daemon is not installed."),
		       "Install it: on Debian the package hyperv-daemons, on Fedora "
		       "hyperv-daemons, on SUSE hyper-v.");
	return false;
}

/* Without KVP, requests can still arrive otherwise. */
static bool check_kvp(struct doctor *doctor, bool enabled)
{
	enum finding_state state =
		doctor->component_works || doctor->vsock_works ? FINDING_NOTE : FINDING_PROBLEM;

	if (!enabled)
		finding_remedy(doctor_add(doctor, "kvp", state,
					  "Requests by KVP are switched off in the configuration "
					  "(Enabled=no in section [Kvp])."),
			       "To accept them, remove that line, and run \"systemctl restart "
			       "hv-logoffd\".");
	else if (!vmbus_offers(doctor->root, VMBUS_KVP))
		finding_remedy(doctor_add(doctor, "kvp", state,
					  "The host does not offer KVP to this machine."),
			       "On the host: Enable-VMIntegrationService -VMName NAME -Name "
			       "'Key-Value Pair Exchange'.");
	else if (!exists(doctor, "/dev/vmbus/hv_kvp"))
		finding_remedy(doctor_add(doctor, "kvp", state,
					  "The host offers KVP, but /dev/vmbus/hv_kvp does not "
					  "exist."),
			       "Run \"modprobe hv_utils\"; see the kernel log (dmesg).");
	else {
		doctor_add(doctor, "kvp", FINDING_OK, "The host offers KVP.");
		return check_kvp_daemon(doctor) && check_pools(doctor);
	}
	return false;
}

/* The kernel's module. @state: of a finding that it is missing. */
static bool check_g2h(struct doctor *doctor, enum finding_state state)
{
	switch (vsock_g2h_find(doctor->root)) {
	case VSOCK_G2H_HYPERV:
		doctor_add(doctor, "vsock", FINDING_OK, "The module hv_sock is loaded.");
		return true;
	case VSOCK_G2H_VIRTIO:
		doctor_add(doctor, "vsock", FINDING_OK,
			   "The module vmw_vsock_virtio_transport is loaded.");
		return true;
	case VSOCK_G2H_UNCLEAR:
		finding_remedy(doctor_add(doctor, "vsock", state,
					  "The modules hv_sock and vmw_vsock_virtio_transport are "
					  "both loaded, so it is not known which peer is the "
					  "host."),
			       "Unload one of them.");
		return false;
	default:
		finding_remedy(doctor_add(doctor, "vsock", state,
					  "The module hv_sock is not loaded, so the host cannot "
					  "connect by Hyper-V sockets."),
			       "Run \"modprobe hv_sock\", and \"systemctl restart "
			       "hv-logoffd\"; it needs a host since Windows 10 and Server 2016.");
		return false;
	}
}

/* With a VMBus, requests can still arrive otherwise. */
static bool check_vsock(struct doctor *doctor, bool vmbus, bool enabled)
{
	enum finding_state state = vmbus ? FINDING_NOTE : FINDING_PROBLEM;
	struct finding *finding;

	if (!enabled) {
		finding_remedy(doctor_add(doctor, "vsock", state,
					  "Requests by sockets are switched off in the "
					  "configuration (Enabled=no in section [Vsock])."),
			       "To accept them, remove that line, and run \"systemctl restart "
			       "hv-logoffd\".");
		return false;
	}
	if (!check_g2h(doctor, state))
		return false;
	if (check_unit(doctor, "socket", DOCTOR_SOCKET_NAME,
		       "Install the package hv-logoff, or run \"make install-guest\" in the source "
		       "directory of hv-logoff and \"systemctl daemon-reload\".")) {
		doctor_add(doctor, "socket", FINDING_OK, DOCTOR_SOCKET_NAME " listens.");
		return true;
	}
	finding = &doctor->findings[doctor->count - 1];
	finding->state = state;
	if (!strstr(finding->text, "not installed"))
		finding_remedy(finding,
			       "Run \"systemctl unmask %s\" and \"systemctl restart %s\", which "
			       "starts the socket first; see \"journalctl -u %s\".",
			       DOCTOR_SOCKET_NAME, DOCTOR_UNIT_NAME, DOCTOR_SOCKET_NAME);
	return false;
}

void doctor_run(struct doctor *doctor)
{
	bool kvp, vsock;
	bool vmbus = check_hypervisor(doctor);
	bool works = check_config(doctor, &kvp, &vsock);

	/* Every check is made, so that nothing has to be repaired twice. */
	if (vmbus)
		doctor->component_works = check_component(doctor);
	if (vmbus || vsock_g2h_find(doctor->root) == VSOCK_G2H_VIRTIO)
		doctor->vsock_works = check_vsock(doctor, vmbus, vsock);
	if (vmbus)
		doctor->kvp_works = check_kvp(doctor, kvp);
	works = check_daemon(doctor) && check_transports(doctor) && works;
	works = check_logind(doctor) && works;
	works = doctor_check_pam(doctor) && works;
	doctor->works = works;
}
