// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What hv-logoffctl finds in a file system in which everything is as it has to be, and in the same
 * one with one thing broken. This program is the module: libkmod reads its section .modinfo.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "child.h"
#include "unit.h"
#include "userspace/guest/ctl/commands.h"
#include "userspace/guest/system/vmbus.h"

#define RELEASE "6.1.0-test"
#define MODULES "/lib/modules/" RELEASE

__attribute__((section(".modinfo"), used)) static const char modinfo[] =
	"name=hv_logoff\0vermagic=" RELEASE " SMP mod_unload";

static struct fixture {
	char root[32];
	struct doctor doctor;
	struct unit_state daemon, socket, logind, kvp_daemon;
	int unit_error;
	const char *component, *kvp, *vsock; /* states that the daemon reports */
	int transport_error;
	pid_t holder;
} fixture;

static int get_unit(void *userdata, const char *name, struct unit_state *state)
{
	*state = (struct unit_state){.load = "not-found", .active = "inactive"};
	if (!strcmp(name, DOCTOR_UNIT_NAME))
		*state = fixture.daemon;
	if (!strcmp(name, DOCTOR_SOCKET_NAME))
		*state = fixture.socket;
	if (!strcmp(name, "systemd-logind.service"))
		*state = fixture.logind;
	if (!strcmp(name, "hv-kvp-daemon.service"))
		*state = fixture.kvp_daemon;
	return fixture.unit_error;
}

static int get_transport(void *userdata, const char *name, char state[TRANSPORT_STATE_SIZE])
{
	const char *value = fixture.component;

	if (!strcmp(name, "kvp"))
		value = fixture.kvp;
	if (!strcmp(name, "vsock"))
		value = fixture.vsock;
	snprintf(state, TRANSPORT_STATE_SIZE, "%s", value);
	return fixture.transport_error;
}

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", fixture.root, name);
	return path;
}

static void make_directory(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	if (strlen(copy) <= strlen(fixture.root))
		return;
	make_directory(dirname(copy));
	if (mkdir(path, 0755) < 0)
		assert_int_equal(errno, EEXIST);
}

/* A file below the root, and its directories. */
static void put(const char *name, const char *text)
{
	char path[PATH_MAX], copy[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s", path_of(name));
	snprintf(copy, sizeof(copy), "%s", path);
	make_directory(dirname(copy));
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
	return remove(path);
}

static void drop(const char *name)
{
	assert_int_equal(nftw(path_of(name), remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void put_pool(const char *name)
{
	put(name, "");
	assert_int_equal(chmod(path_of(name), 0600), 0);
}

static int setup(void **state)
{
	fixture = (struct fixture){
		.root = "/tmp/test_doctor.XXXXXX",
		.component = "ready",
		.kvp = "ready",
		.vsock = "ready",
		.daemon = {.load = "loaded", .active = "active"},
		.socket = {.load = "loaded", .active = "active"},
		.logind = {.load = "loaded", .active = "active"},
		.kvp_daemon = {.load = "loaded", .active = "active"},
	};
	if (!mkdtemp(fixture.root))
		return -1;
	fixture.doctor = (struct doctor){
		.root = fixture.root,
		.release = RELEASE,
		.hypervisor = "Microsoft Hv",
		.unit = get_unit,
		.transport = get_transport,
	};
	put("/sys/bus/vmbus/devices/a/class_id", VMBUS_LOGOFF "\n");
	put("/sys/bus/vmbus/devices/b/class_id", VMBUS_KVP "\n");
	put("/sys/module/hv_logoff/version", "");
	put("/dev/vmbus/hv_logoff", "");
	put("/dev/vmbus/hv_kvp", "");
	put("/proc/100/comm", "hv-logoffd\n");
	put("/proc/200/comm", "hv_kvp_daemon\n");
	put_pool("/var/lib/hyperv/.kvp_pool_0");
	put_pool("/var/lib/hyperv/.kvp_pool_1");
	put("/etc/pam.d/login", "auth required pam_unix.so\n@include common-session\n");
	put("/etc/pam.d/sshd", "session include common-session\n");
	put("/etc/pam.d/common-session",
	    "# sessions\n-session optional pam_systemd.so class=user\n");
	return 0;
}

static int teardown(void **state)
{
	if (fixture.holder > 0) {
		kill(fixture.holder, SIGKILL);
		waitpid(fixture.holder, NULL, 0);
	}
	return nftw(fixture.root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void run(void)
{
	fixture.doctor.count = 0;
	fixture.doctor.component_works = false;
	fixture.doctor.kvp_works = false;
	fixture.doctor.vsock_works = false;
	doctor_run(&fixture.doctor);
}

static const struct finding *find(const char *subject)
{
	for (size_t i = 0; i < fixture.doctor.count; i++)
		if (!strcmp(fixture.doctor.findings[i].subject, subject))
			return &fixture.doctor.findings[i];
	fail_msg("nothing about %s", subject);
	return &fixture.doctor.findings[0];
}

/* Every problem has a remedy. */
static void check_findings(unsigned int problems)
{
	unsigned int count = 0;

	for (size_t i = 0; i < fixture.doctor.count; i++) {
		const struct finding *finding = &fixture.doctor.findings[i];

		assert_non_null(finding->subject);
		assert_true(finding->text[0]);
		if (finding->state != FINDING_PROBLEM)
			continue;
		assert_true(finding->remedy[0]);
		count++;
	}
	assert_int_equal(count, problems);
}

/* The only problem is @subject, with @text in its text and @remedy in its remedy. */
static void check_problem(const char *subject, const char *text, const char *remedy)
{
	const struct finding *finding;

	run();
	finding = find(subject);
	assert_int_equal(finding->state, FINDING_PROBLEM);
	if (!strstr(finding->text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, finding->text);
	if (!strstr(finding->remedy, remedy))
		fail_msg("\"%s\" is not in \"%s\"", remedy, finding->remedy);
	check_findings(1);
}

static void test_all_good(void **state)
{
	run();
	check_findings(0);
	assert_true(fixture.doctor.works);
	assert_true(fixture.doctor.component_works);
	assert_true(fixture.doctor.kvp_works);
}

/* A logoff still works by KVP, unless the module was the only way. */
static void check_module(const char *text, const char *remedy)
{
	check_problem("module", text, remedy);
	assert_false(fixture.doctor.component_works);
	assert_true(fixture.doctor.works);
	drop("/sys/bus/vmbus/devices/b");
	run();
	assert_false(fixture.doctor.works);
}

/* Copies this program, and appends @tail. */
static void install_module(const void *tail, size_t size)
{
	char program[PATH_MAX] = "", path[PATH_MAX], command[3 * PATH_MAX];
	FILE *file;

	/* Under qemu-user, this is the emulator for other processes. */
	assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
	drop("/sys/module/hv_logoff");
	put(MODULES "/updates/hv_logoff.ko", "");
	snprintf(path, sizeof(path), "%s", path_of(MODULES "/updates/hv_logoff.ko"));
	snprintf(command, sizeof(command),
		 "cp %s %s && PATH=$PATH:/usr/sbin:/sbin depmod -b %s " RELEASE " 2>/dev/null",
		 program, path, fixture.root);
	/* NOLINTNEXTLINE(bugprone-command-processor) */
	assert_int_equal(system(command), 0);
	file = fopen(path, "a");
	assert_non_null(file);
	assert_int_equal(fwrite(tail, 1, size, file), size);
	fclose(file);
}

static void test_module_missing(void **state)
{
	drop("/sys/module/hv_logoff");
	check_module("not installed for the running kernel " RELEASE, "linux-headers-" RELEASE);
}

static void test_module_for_another_kernel_only(void **state)
{
	drop("/sys/module/hv_logoff");
	put("/lib/modules/5.10.0-old/updates/hv_logoff.ko.xz", "");
	check_module("only as /lib/modules/5.10.0-old/updates/hv_logoff.ko.xz",
		     "make install-driver");
}

#define DKMS_LOG "/var/lib/dkms/hv-logoff/1.2.0/build/make.log"

static void test_module_not_built_by_dkms(void **state)
{
	drop("/sys/module/hv_logoff");
	put(DKMS_LOG, "DKMS make.log for hv-logoff-1.2.0 for kernel " RELEASE " (x86_64)\n"
		      "  CC [M]  driver/core.o\n"
		      "driver/core.c:1:2: error: #error broken\n"
		      "make: *** [Makefile:1: modules] Error 2\n");
	check_problem("module",
		      "DKMS could not build hv_logoff for the running kernel " RELEASE
		      ": driver/core.c:1:2: error: #error broken",
		      "See " DKMS_LOG);
	put(DKMS_LOG,
	    "DKMS (dkms-3.2.0) make.log for hv-logoff/1.2.0 for kernel " RELEASE " (x86_64)\n"
	    "make: *** /lib/modules: No such file or directory.  Stop.\n");
	check_problem("module", ": make: *** /lib/modules: No such file", "See " DKMS_LOG);
	put(DKMS_LOG, "");
	check_problem("module", "not installed for the running kernel", "linux-headers-" RELEASE);
	put(DKMS_LOG, "DKMS make.log for hv-logoff-1.2.0 for kernel " RELEASE "-other (x86_64)\n"
		      "error: of another kernel\n");
	check_module("not installed for the running kernel", "linux-headers-" RELEASE);
}

static void test_module_not_loaded(void **state)
{
	install_module("", 0);
	check_module("installed, but not loaded", "modprobe hv_logoff");
}

static void test_module_blacklisted(void **state)
{
	install_module("", 0);
	put("/etc/modprobe.d/local.conf", "blacklist hv_logoff\n");
	check_module("blacklisted", "Remove the line");
}

static void test_module_replaced_by_command(void **state)
{
	install_module("", 0);
	put("/etc/modprobe.d/local.conf", "install hv_logoff /bin/false\n");
	check_module("/bin/false", "Remove the line");
}

static void test_module_built_for_another_kernel(void **state)
{
	char old[PATH_MAX], moved[PATH_MAX];

	install_module("", 0);
	snprintf(old, sizeof(old), "%s", path_of(MODULES));
	snprintf(moved, sizeof(moved), "%s", path_of("/lib/modules/6.1.0-other"));
	assert_int_equal(rename(old, moved), 0);
	fixture.doctor.release = "6.1.0-other";
	check_module("was built for the kernel " RELEASE, "linux-headers-6.1.0-other");
}

static void test_module_not_signed(void **state)
{
	install_module("", 0);
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	check_module("not signed", "mokutil");
	assert_non_null(strstr(find("module")->text, "lockdown"));
}

static void test_module_signature_enforced(void **state)
{
	install_module("", 0);
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	put("/sys/module/module/parameters/sig_enforce", "Y\n");
	check_module("not signed", "mokutil");
}

/* struct module_signature of the kernel, after the name and the id of the key and the signature. */
static void test_module_signed(void **state)
{
	static const char tail[] = "name"
				   "keyid..."
				   "s"
				   "\1\4\1\4\10\0\0\0\0\0\0\1"
				   "~Module signature appended~\n";

	install_module(tail, sizeof(tail) - 1);
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	check_module("is signed, but is not loaded", "mokutil --import /var/lib/dkms/mok.pub");
}

static void test_modules_disabled(void **state)
{
	install_module("", 0);
	put("/proc/sys/kernel/modules_disabled", "1\n");
	check_module("modules_disabled", "Reboot");
}

static void test_component_not_offered(void **state)
{
	drop("/sys/bus/vmbus/devices/a");
	drop("/sys/module/hv_logoff");
	run();
	check_findings(0);
	assert_int_equal(find("offer")->state, FINDING_NOTE);
	assert_true(fixture.doctor.works);
}

static void test_no_device(void **state)
{
	drop("/dev/vmbus/hv_logoff");
	check_problem("device", "does not exist", "dmesg");
}

static void test_no_vmbus(void **state)
{
	drop("/sys/bus/vmbus");
	check_problem("vmbus", "no VMBus", "modprobe hv_vmbus");
	assert_false(fixture.doctor.works);
}

static void test_other_hypervisor(void **state)
{
	drop("/sys/bus/vmbus");
	strcpy(fixture.doctor.hypervisor, "KVMKVMKVM");
	run();
	check_findings(2);
	assert_non_null(strstr(find("hypervisor")->text, "KVMKVMKVM"));
	assert_false(fixture.doctor.works);
}

static void test_daemon_masked(void **state)
{
	fixture.daemon = (struct unit_state){.load = "masked", .active = "inactive"};
	drop("/proc/100");
	check_problem("daemon", "masked", "systemctl unmask hv-logoffd.service");
	assert_false(fixture.doctor.works);
}

static void test_daemon_failed(void **state)
{
	fixture.daemon = (struct unit_state){.load = "loaded", .active = "failed", .status = 78};
	check_problem("daemon", "78", "journalctl -u hv-logoffd");
	fixture.daemon = (struct unit_state){.load = "loaded", .active = "inactive"};
	check_problem("daemon", "inactive", "systemctl start");
	fixture.daemon = (struct unit_state){.load = "not-found", .active = "inactive"};
	check_problem("daemon", "not installed", "make install-guest");
	assert_false(fixture.doctor.works);
}

static void test_transport_not_ready(void **state)
{
	fixture.component = "starting";
	run();
	check_findings(1);
	assert_true(fixture.doctor.works);
	assert_false(fixture.doctor.component_works);
	fixture.kvp = "failed";
	run();
	check_findings(2);
	assert_false(fixture.doctor.works);
	fixture.transport_error = -EHOSTDOWN;
	run();
	assert_false(fixture.doctor.works);
}

static void test_two_daemons(void **state)
{
	put("/proc/300/comm", "hv-logoffd\n");
	put("/proc/300/status", "State:\tS (sleeping)\nPPid:\t1\nUid:\t0\t0\t0\t0\nNSpid:\t300\n");
	check_problem("daemon", "More than one", "End those");
	assert_false(fixture.doctor.works);
}

/* A process that the daemon has started, and one of a container. */
static void test_helper_is_no_daemon(void **state)
{
	put("/proc/300/comm", "hv-logoffd\n");
	put("/proc/300/status",
	    "State:\tS (sleeping)\nPPid:\t100\nUid:\t0\t0\t0\t0\nNSpid:\t300\n");
	put("/proc/400/comm", "hv-logoffd\n");
	put("/proc/400/status",
	    "State:\tS (sleeping)\nPPid:\t1\nUid:\t0\t0\t0\t0\nNSpid:\t400\t7\n");
	run();
	check_findings(0);
}

static void test_logind_masked(void **state)
{
	fixture.logind = (struct unit_state){.load = "masked", .active = "inactive"};
	check_problem("logind", "masked", "systemctl unmask systemd-logind.service");
	assert_false(fixture.doctor.works);
}

static void test_no_answer_of_pid_1(void **state)
{
	fixture.unit_error = -ENOTCONN;
	run();
	check_findings(2);
	assert_false(fixture.doctor.works);
}

static void test_invalid_configuration(void **state)
{
	put("/etc/hv-logoff/hv-logoffd.conf", "[Logoff]\nEscalateSec=soon\n");
	check_problem("configuration", "EscalateSec", "hv-logoffd --check");
	assert_false(fixture.doctor.works);
}

/* The component still works. */
static void test_kvp_disabled(void **state)
{
	put("/etc/hv-logoff/hv-logoffd.conf", "[Kvp]\nEnabled=no\n");
	run();
	check_findings(0);
	assert_int_equal(find("kvp")->state, FINDING_NOTE);
	assert_true(fixture.doctor.works);
	drop("/sys/bus/vmbus/devices/a");
	check_problem("kvp", "Enabled=no", "remove that line");
	assert_false(fixture.doctor.works);
}

/* Without the module, which is no problem where requests arrive otherwise. */
static void test_no_vsock(void **state)
{
	run();
	check_findings(0);
	assert_int_equal(find("vsock")->state, FINDING_NOTE);
	assert_non_null(strstr(find("vsock")->remedy, "modprobe hv_sock"));
	assert_true(fixture.doctor.works);
	assert_false(fixture.doctor.vsock_works);
}

/* Sockets are the only way: neither the component nor KVP is offered. */
static void only_vsock(void)
{
	put("/sys/bus/vmbus/drivers/hv_sock/bind", "");
	drop("/sys/bus/vmbus/devices/a");
	drop("/sys/bus/vmbus/devices/b/class_id");
	run();
	check_findings(0);
	assert_true(fixture.doctor.works);
	assert_true(fixture.doctor.vsock_works);
	assert_int_equal(find("kvp")->state, FINDING_NOTE);
}

static void test_vsock(void **state)
{
	only_vsock();
	fixture.vsock = "not-available";
	run();
	assert_false(fixture.doctor.works);
	check_findings(1);
}

static void test_vsock_disabled(void **state)
{
	only_vsock();
	put("/etc/hv-logoff/hv-logoffd.conf", "[Vsock]\nEnabled=no\n");
	run();
	assert_false(fixture.doctor.works);
	assert_int_equal(find("vsock")->state, FINDING_NOTE);
	assert_non_null(strstr(find("vsock")->text, "[Vsock]"));
}

static void test_socket_unit(void **state)
{
	put("/sys/bus/vmbus/drivers/hv_sock/bind", "");
	fixture.socket = (struct unit_state){.load = "masked", .active = "inactive"};
	run();
	check_findings(0);
	assert_int_equal(find("socket")->state, FINDING_NOTE);
	assert_non_null(strstr(find("socket")->remedy, "unmask hv-logoffd.socket"));
	assert_true(fixture.doctor.works);
	assert_false(fixture.doctor.vsock_works);
	fixture.socket = (struct unit_state){.load = "loaded", .active = "failed"};
	run();
	assert_int_equal(find("socket")->state, FINDING_NOTE);
}

/* A guest of another hypervisor than Hyper-V. */
static void test_virtio(void **state)
{
	put("/sys/bus/virtio/drivers/vmw_vsock_virtio_transport/virtio3/vendor", "");
	drop("/sys/bus/vmbus");
	strcpy(fixture.doctor.hypervisor, "KVMKVMKVM");
	run();
	check_findings(0);
	assert_true(fixture.doctor.works);
	assert_true(fixture.doctor.vsock_works);
	assert_int_equal(find("vmbus")->state, FINDING_NOTE);
	fixture.socket = (struct unit_state){.load = "loaded", .active = "inactive"};
	check_problem("socket", "not active", "systemctl restart hv-logoffd.service");
	assert_false(fixture.doctor.works);
	put("/sys/bus/vmbus/devices/b/class_id", VMBUS_KVP "\n");
	put("/sys/bus/vmbus/drivers/hv_sock/bind", "");
	run();
	assert_int_equal(find("vsock")->state, FINDING_NOTE);
	assert_false(fixture.doctor.vsock_works);
}

static void test_kvp_not_offered(void **state)
{
	drop("/sys/bus/vmbus/devices/a");
	drop("/sys/bus/vmbus/devices/b/class_id");
	check_problem("kvp", "does not offer KVP", "Enable-VMIntegrationService");
	assert_false(fixture.doctor.works);
}

static void test_no_kvp_device(void **state)
{
	drop("/sys/bus/vmbus/devices/a");
	drop("/dev/vmbus/hv_kvp");
	check_problem("kvp", "/dev/vmbus/hv_kvp", "modprobe hv_utils");
}

static void test_no_kvp_daemon(void **state)
{
	drop("/proc/200");
	fixture.kvp_daemon = (struct unit_state){.load = "not-found", .active = "inactive"};
	check_problem("kvp-daemon", "not installed", "hyperv-daemons");
	fixture.kvp_daemon = (struct unit_state){.load = "masked", .active = "inactive"};
	check_problem("kvp-daemon", "masked", "systemctl unmask hv-kvp-daemon.service");
	fixture.kvp_daemon = (struct unit_state){.load = "loaded", .active = "inactive"};
	check_problem("kvp-daemon", "inactive", "systemctl start hv-kvp-daemon.service");
	assert_false(fixture.doctor.kvp_works);
}

static bool lock_pool(void *data)
{
	static struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return fcntl(open(data, O_RDWR), F_SETLK, &range) == 0;
}

/* A reader's lock is enough to shut hv_kvp_daemon out. */
static void test_pool_locked(void **state)
{
	char path[PATH_MAX], pid[32];

	snprintf(path, sizeof(path), "%s", path_of("/var/lib/hyperv/.kvp_pool_1"));
	fixture.holder = start_child(lock_pool, path);
	snprintf(pid, sizeof(pid), "Process %d keeps", (int)fixture.holder);
	check_problem("pools", pid, "End that process");
	assert_false(fixture.doctor.kvp_works);
}

static void test_no_pool(void **state)
{
	drop("/var/lib/hyperv/.kvp_pool_0");
	check_problem("pools", "does not exist", "hv-kvp-daemon");
}

static void test_pool_of_others(void **state)
{
	assert_int_equal(chmod(path_of("/var/lib/hyperv/.kvp_pool_0"), 0666), 0);
	check_problem("pools", "not usable", "chmod");
}

static void test_pam(void **state)
{
	put("/etc/pam.d/sshd", "session required pam_unix.so\n# session optional pam_systemd.so\n");
	run();
	check_findings(0);
	assert_int_equal(find("pam")->state, FINDING_NOTE);
	assert_non_null(strstr(find("pam")->text, "sshd"));
	put("/etc/pam.d/common-session", "@include common-session\n");
	check_problem("pam", "login, sshd", "libpam-systemd");
	assert_false(fixture.doctor.works);
}

static void test_json(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	run();
	doctor_print(&fixture.doctor, true, stream);
	fclose(stream);
	assert_non_null(text);
	assert_non_null(strstr(text,
			       "{\"works\":true,\"component\":true,\"kvp\":true,\"vsock\":false,"
			       "\"findings\":[{\"subject\":\"hypervisor\",\"state\":\"ok\""));
	free(text);
}

static void assert_printed(const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	run();
	doctor_print(&fixture.doctor, false, stream);
	fclose(stream);
	assert_non_null(text);
	if (!strstr(text, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, text);
}

static void test_text(void **state)
{
	assert_printed("\nA logoff works, by the logoff component and by KVP.\n");
	drop("/dev/vmbus/hv_logoff");
	assert_printed("\nproblem  device: /dev/vmbus/hv_logoff does not exist");
	assert_printed("\nA logoff works, by KVP.\n");
	put("/sys/bus/vmbus/drivers/hv_sock/bind", "");
	assert_printed("\nok       socket: hv-logoffd.socket listens.\n");
	assert_printed("\nA logoff works, by KVP and by sockets.\n");
	put("/dev/vmbus/hv_logoff", "");
	assert_printed("\nA logoff works, by the logoff component, by KVP and by sockets.\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_all_good),
		TEST(test_module_missing),
		TEST(test_module_for_another_kernel_only),
		TEST(test_module_not_built_by_dkms),
		TEST(test_module_not_loaded),
		TEST(test_module_blacklisted),
		TEST(test_module_replaced_by_command),
		TEST(test_module_built_for_another_kernel),
		TEST(test_module_not_signed),
		TEST(test_module_signature_enforced),
		TEST(test_module_signed),
		TEST(test_modules_disabled),
		TEST(test_component_not_offered),
		TEST(test_no_device),
		TEST(test_no_vmbus),
		TEST(test_other_hypervisor),
		TEST(test_daemon_masked),
		TEST(test_daemon_failed),
		TEST(test_transport_not_ready),
		TEST(test_two_daemons),
		TEST(test_helper_is_no_daemon),
		TEST(test_logind_masked),
		TEST(test_no_answer_of_pid_1),
		TEST(test_invalid_configuration),
		TEST(test_kvp_disabled),
		TEST(test_no_vsock),
		TEST(test_vsock),
		TEST(test_vsock_disabled),
		TEST(test_socket_unit),
		TEST(test_virtio),
		TEST(test_kvp_not_offered),
		TEST(test_no_kvp_device),
		TEST(test_no_kvp_daemon),
		TEST(test_pool_locked),
		TEST(test_no_pool),
		TEST(test_pool_of_others),
		TEST(test_pam),
		TEST(test_json),
		TEST(test_text),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
