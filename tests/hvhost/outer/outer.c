// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs a machine inside an outer machine, for hosts whose KVM cannot run it. */
#include "cpio.h"
#include "mux.h"
#include "outer_log.h"
#include "tests/hvhost/control/peer.h"
#include "tests/hvhost/machine.h"
#include "tests/hvhost/socket.h"
#include "tests/hvhost/util.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define KERNEL_PREFIX  "/boot/vmlinuz-"
#define KERNEL_PATTERN KERNEL_PREFIX "6.12.*-cloud-amd64" /* VIRTIO_CONSOLE is built in */
#define KERNEL_PACKAGE "linux-image-6.12-cloud-amd64"
#define OWN_MEMORY     512u  /* MiB for the outer machine, in addition to the guest and the files */
#define START_SECONDS  300u  /* within which the control socket must appear; it takes 5 to 60 */
#define EXIT_MS        2000u /* within which QEMU exits once it has closed the port */
#define MACHINE_ENDED                                                                              \
	"{\"ok\":false,\"error\":\"The machine has ended.\",\"hresult\":2684617222,"               \
	"\"name\":\"VM_E_VM_NOT_RUNNING\"}\n"

struct outer {
	const struct machine_config *config;
	char kernel[256];
	char initrd[256];
	int ready;   /* -1 once the control socket answers */
	int lock;    /* on the machine's directory; QEMU holds it too */
	int console; /* the guest's console log */
	int control; /* the control socket, listening; or -1 */
	int vsock;   /* the socket for connections to the guest; the same */
	uint32_t clients;
	pid_t qemu;      /* 0 once it has been waited for */
	int qemu_status; /* as of waitpid() */
	bool up;
	unsigned int seconds; /* since QEMU was started */
	struct outer_log log;
	int result;
};

static void report(const struct outer *outer, const char *text)
{
	if (outer->ready >= 0)
		dprintf(outer->ready, "%s\n", text);
}

/* QEMU's program: the one that HVHOST_OUTER_QEMU names, or the installed one. */
static const char *qemu_program(void)
{
	const char *program = getenv("HVHOST_OUTER_QEMU");

	return program && *program ? program : "qemu-system-x86_64";
}

bool outer_needed(void)
{
	const char *forced = getenv("HVHOST_OUTER");
	bool usable;
	int fd;

	if (forced && *forced)
		return strcmp(forced, "0") != 0;
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return true;
	usable = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2) > 0;
	close(fd);
	return !usable;
}

/* The prefix of the kernel's paths: empty if it is installed, or where its package was unpacked. */
static const char *kernel_root(void)
{
	const char *root = getenv("HVHOST_OUTER_ROOT");

	return root ? root : "";
}

static int find_kernel(struct outer *outer)
{
	glob_t found = {0};
	const char *newest = NULL;
	char pattern[256];

	snprintf(pattern, sizeof(pattern), "%s" KERNEL_PATTERN, kernel_root());
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			if (!newest || strverscmp(found.gl_pathv[i], newest) > 0)
				newest = found.gl_pathv[i];
		}
	}
	if (newest)
		snprintf(outer->kernel, sizeof(outer->kernel), "%s", newest);
	globfree(&found);
	if (outer->kernel[0])
		return 0;
	fprintf(stderr,
		"hvhost: no kernel for the outer machine (%s): install it with\n"
		"  sudo apt-get install " KERNEL_PACKAGE "\n"
		"or unpack the package, and set HVHOST_OUTER_ROOT to that directory.\n",
		pattern);
	return -ENOENT;
}

static int add_module(const struct outer *outer, FILE *archive, const char *name, const char *file)
{
	const char *version = outer->kernel + strlen(kernel_root()) + strlen(KERNEL_PREFIX);
	char path[512];

	snprintf(path, sizeof(path), "%s/lib/modules/%s/kernel/%s.ko.xz", kernel_root(), version,
		 file);
	return cpio_file(archive, name, 0644, path);
}

/* The machine's configuration, with the paths of the files inside the outer machine. */
static int add_config(const struct machine_config *config, FILE *archive)
{
	struct machine_config inside = *config;
	char directory[] = "/machine";
	char kernel[] = "/guest/kernel";
	char initrd[] = "/guest/initrd";
	json_t *json;
	char *text;
	int error;

	inside.directory = directory;
	inside.kernel = kernel;
	if (config->initrd)
		inside.initrd = initrd;
	json = machine_config_to_json(&inside);
	text = json ? json_dumps(json, 0) : NULL;
	error = text ? cpio_bytes(archive, "machine.json", text, strlen(text)) : -ENOMEM;
	free(text);
	json_decref(json);
	return error;
}

static int fill_initrd(const struct outer *outer, FILE *archive)
{
	const struct machine_config *config = outer->config;
	int error = 0;

	/* The kernel opens /dev/console before process 1 mounts devtmpfs. */
	error = error ?: cpio_directory(archive, "dev");
	error = error ?: cpio_device(archive, "dev/console", S_IFCHR | 0600, makedev(5, 1));
	error = error ?: cpio_directory(archive, "machine");
	error = error ?: cpio_directory(archive, "modules");
	error = error ?: add_module(outer, archive, "modules/irqbypass", "virt/lib/irqbypass");
	error = error ?: add_module(outer, archive, "modules/kvm", "arch/x86/kvm/kvm");
	error = error ?: add_module(outer, archive, "modules/kvm-amd", "arch/x86/kvm/kvm-amd");
	error = error ?: cpio_file(archive, "init", 0755, "/proc/self/exe");
	error = error ?: add_config(config, archive);
	error = error ?: cpio_directory(archive, "guest");
	error = error ?: cpio_file(archive, "guest/kernel", 0644, config->kernel);
	if (config->initrd)
		error = error ?: cpio_file(archive, "guest/initrd", 0644, config->initrd);
	return error ?: cpio_end(archive);
}

static int write_initrd(struct outer *outer)
{
	FILE *archive;
	int error;

	snprintf(outer->initrd, sizeof(outer->initrd), "%s/outer.cpio", outer->config->directory);
	archive = fopen(outer->initrd, "we");
	if (!archive) {
		error = -errno;
	} else {
		error = fill_initrd(outer, archive);
		if (fclose(archive) == EOF && !error)
			error = -errno;
	}
	if (error)
		fprintf(stderr, "hvhost: cannot write %s: %s\n", outer->initrd, strerror(-error));
	return error;
}

static unsigned int memory_needed(const struct outer *outer)
{
	struct stat status = {0};

	/* While the outer machine unpacks the initramfs, it holds the files twice. */
	if (stat(outer->initrd, &status) < 0)
		return 0;
	return outer->config->memory + outer->config->persistent +
	       2 * (unsigned int)(status.st_size >> 20) + OWN_MEMORY;
}

static _Noreturn void exec_qemu(const struct outer *outer, int port, pid_t parent)
{
	char chardev[64];
	char serial[512];
	char memory[16];
	char cpus[16];
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* QEMU must not outlive this process. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	fcntl(port, F_SETFD, 0);
	fcntl(outer->lock, F_SETFD, 0);
	snprintf(chardev, sizeof(chardev), "socket,id=port,fd=%d", port);
	snprintf(serial, sizeof(serial), "file:%s/" OUTER_LOG, outer->config->directory);
	snprintf(memory, sizeof(memory), "%u", memory_needed(outer));
	snprintf(cpus, sizeof(cpus), "%u", outer->config->cpus);
	execlp(qemu_program(), qemu_program(), "-accel", "tcg", "-cpu", "max,+svm", "-smp", cpus,
	       "-m", memory, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
	       "-serial", serial, "-kernel", outer->kernel, "-initrd", outer->initrd, "-append",
	       "console=ttyS0 quiet panic=-1", "-device", "virtio-serial-pci", "-chardev", chardev,
	       "-device", "virtserialport,chardev=port,nr=1", NULL);
	fprintf(stderr,
		"hvhost: cannot run %s: %s. Install it with\n"
		"  sudo apt-get install qemu-system-x86\n"
		"or set HVHOST_OUTER_QEMU to the path of another QEMU.\n",
		qemu_program(), strerror(errno));
	_exit(127);
}

/* The outer end of the port, or -errno. */
static int start_qemu(struct outer *outer)
{
	pid_t parent = getpid();
	int port[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, port) < 0)
		return -errno;
	outer->qemu = fork();
	if (outer->qemu == 0)
		exec_qemu(outer, port[1], parent);
	close(port[1]);
	if (outer->qemu > 0)
		return port[0];
	close(port[0]);
	return -errno;
}

/* Whether QEMU has exited. */
static bool reap_qemu(struct outer *outer)
{
	if (outer->qemu > 0 && waitpid(outer->qemu, &outer->qemu_status, WNOHANG) == outer->qemu)
		outer->qemu = 0;
	return outer->qemu == 0;
}

static void stop_qemu(struct outer *outer)
{
	if (outer->qemu <= 0)
		return;
	kill(outer->qemu, SIGKILL);
	waitpid(outer->qemu, NULL, 0);
	outer->qemu = 0;
}

static void report_status(const struct outer *outer)
{
	int status = outer->qemu_status;

	if (outer->qemu)
		fprintf(stderr, "hvhost: QEMU closed the port of the outer machine, but is still "
				"running.\n");
	else if (WIFSIGNALED(status))
		fprintf(stderr, "hvhost: QEMU was killed by signal %d (%s).\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "hvhost: QEMU exited with status %d.\n", WEXITSTATUS(status));
}

/* Reports what is known about an outer machine that ended unexpectedly. */
static void report_end(struct outer *outer)
{
	for (unsigned int i = 0; i < EXIT_MS && !reap_qemu(outer); i += 20)
		usleep(20000);
	fprintf(stderr, "hvhost: the outer machine has ended unexpectedly.\n");
	report_status(outer);
	if (!outer_log_relay(&outer->log, true))
		fprintf(stderr, "hvhost: the outer machine's kernel logged nothing.\n");
}

/* Sends the client's credentials, before its own bytes and in a stream that no client writes to. */
static int announce(struct mux *mux, uint32_t number, const struct peer *peer)
{
	json_t *json =
		json_pack("{s:I, s:o}", "stream", (json_int_t)number, "peer", peer_to_json(peer));
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	char *line = NULL;
	int length = text ? asprintf(&line, "%s\n", text) : -1;
	int error = length < 0 ? -ENOMEM : mux_send(mux, MUX_CONNECT, line, (size_t)length);

	if (length >= 0)
		free(line);
	free(text);
	json_decref(json);
	return error;
}

/* Many clients without permission must not keep the others from connecting. */
static bool is_admitted(const struct mux *mux, bool vsock, const struct peer *peer)
{
	if (vsock)
		return peer_is_allowed(peer, PERMISSION_EXECUTE, "vsock");
	return peer->permission != PERMISSION_NONE || !mux_is_crowded(mux);
}

static int on_connect(struct mux *mux, int fd)
{
	struct outer *outer = mux_userdata(mux);
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	bool vsock = fd == outer->vsock;
	struct peer peer;
	uint32_t number;

	if (client < 0)
		return errno == EAGAIN || errno == ECONNABORTED ? 0 : -errno;
	if (peer_of_socket(client, &outer->config->access, &peer) < 0 ||
	    !is_admitted(mux, vsock, &peer)) {
		close(client);
		return 0;
	}
	number = (vsock ? MUX_VSOCK : MUX_CLIENT) + outer->clients++;
	return mux_add(mux, number, client, true) < 0 ? 0 : announce(mux, number, &peer);
}

static int listen_at(struct mux *mux, const char *name, int *listener)
{
	struct outer *outer = mux_userdata(mux);

	*listener = socket_listen(outer->config->directory, name);
	return *listener < 0 ? *listener : mux_watch(mux, *listener, on_connect);
}

/* Called before the clients' connections end, so that no client can connect after that. */
static void stop_listening(struct outer *outer)
{
	if (outer->control >= 0)
		socket_unlink(outer->config->directory, CONTROL_SOCKET);
	if (outer->vsock >= 0)
		socket_unlink(outer->config->directory, VSOCK_SOCKET);
	closep(&outer->control);
	closep(&outer->vsock);
}

/* The guest connects to a port of this host: the stream begins with the answer. */
static int on_guest_connects(struct mux *mux, const void *bytes, size_t size)
{
	struct outer *outer = mux_userdata(mux);
	json_t *json = json_loadb(bytes, size, 0, NULL);
	uint32_t number = (uint32_t)json_integer_value(json_object_get(json, "stream"));
	uint32_t port = (uint32_t)json_integer_value(json_object_get(json, "port"));
	char text[32];
	int fd;

	json_decref(json);
	if (number < MUX_GUEST)
		return -EPROTO;
	snprintf(text, sizeof(text), VSOCK_SOCKET "_%u", port);
	fd = socket_connect(outer->config->directory, text, SOCK_NONBLOCK);
	if (fd < 0 || mux_add(mux, number, fd, true) < 0)
		return mux_send_closed(mux, number);
	snprintf(text, sizeof(text), "OK %u\n", port);
	return mux_send(mux, number, text, strlen(text));
}

/* The sockets inside accept connections: create the ones outside. */
static int on_ready(struct mux *mux)
{
	struct outer *outer = mux_userdata(mux);
	int error = listen_at(mux, CONTROL_SOCKET, &outer->control);

	error = error ?: listen_at(mux, VSOCK_SOCKET, &outer->vsock);
	unlink(outer->initrd);
	close(outer->ready);
	outer->ready = -1;
	return error;
}

static int on_status(struct mux *mux, const char *text, size_t size)
{
	struct outer *outer = mux_userdata(mux);
	char number[16] = "";

	memcpy(number, text, size < sizeof(number) ? size : sizeof(number) - 1);
	outer->result = -atoi(number);
	mux_stop(mux);
	return 0;
}

/* Handles all streams from the inside except the clients'. */
static int on_frame(struct mux *mux, uint32_t number, const void *bytes, size_t size)
{
	struct outer *outer = mux_userdata(mux);

	if (!outer->up)
		report(outer, "the outer machine is up: starting the guest's kernel in it");
	outer->up = true;

	switch (number) {
	case MUX_CONSOLE:
		return write_all(outer->console, bytes, size);
	case MUX_LOG:
		write_all(STDERR_FILENO, bytes, size);
		return 0;
	case MUX_READY:
		if (size == 0 && outer->ready >= 0)
			return on_ready(mux);
		if (outer->ready >= 0)
			write_all(outer->ready, bytes, size);
		return 0;
	case MUX_STATUS:
		return on_status(mux, bytes, size);
	case MUX_CONNECT:
		return on_guest_connects(mux, bytes, size);
	default: /* a client that has disconnected */
		return 0;
	}
}

static int on_signal(struct mux *mux, int fd)
{
	struct outer *outer = mux_userdata(mux);
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return errno == EAGAIN ? 0 : -errno;
	if (info.ssi_signo != SIGCHLD) {
		fprintf(stderr, "hvhost: the machine ends on signal %u (%s).\n", info.ssi_signo,
			strsignal((int)info.ssi_signo));
		mux_deliver_clients(mux, MACHINE_ENDED);
		mux_stop(mux);
		return 0;
	}
	return reap_qemu(outer) ? -EPIPE : 0;
}

static int watch_signals(struct mux *mux)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : mux_watch(mux, fd, on_signal);
}

static int on_second(struct mux *mux, int fd)
{
	struct outer *outer = mux_userdata(mux);
	uint64_t expirations = 0;

	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return -errno;
	outer->seconds += (unsigned int)expirations;
	outer_log_relay(&outer->log, false);
	if (outer->ready >= 0 && outer->seconds > START_SECONDS) {
		fprintf(stderr, "hvhost: the outer machine has not %s within %u s.\n",
			outer->up ? "started the guest" : "booted", START_SECONDS);
		return -ETIMEDOUT;
	}
	return mux_send_end(mux, MUX_NUDGE);
}

/*
 * On a very busy machine, the emulation has been observed to lose a timer interrupt of the outer
 * machine, which then hung for minutes until another device raised an interrupt. A frame is
 * therefore sent every second, for the interrupt that it causes.
 */
static int watch_seconds(struct mux *mux)
{
	struct itimerspec every = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0)
		return -errno;
	return mux_watch(mux, fd, on_second);
}

static int open_console(struct outer *outer)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/console.log", outer->config->directory);
	outer->console = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (outer->console >= 0)
		return 0;
	fprintf(stderr, "hvhost: %s: %s\n", path, strerror(errno));
	return -errno;
}

static int relay(struct outer *outer)
{
	struct mux *mux;
	int error;
	int port;

	port = start_qemu(outer);
	if (port < 0)
		return port;
	mux = mux_new(port, on_frame, outer);
	if (!mux)
		return -ENOMEM;
	error = watch_signals(mux);
	if (!error)
		error = watch_seconds(mux);
	if (!error)
		error = mux_run(mux);
	stop_listening(outer);
	if (error == -EPIPE) {
		report_end(outer);
		mux_deliver_clients(mux, MACHINE_ENDED);
		error = -EIO;
	}
	mux_free(mux);
	return error ? error : outer->result;
}

int outer_run(const struct machine_config *config, int ready, int lock)
{
	struct outer outer = {
		.config = config,
		.ready = ready,
		.lock = lock,
		.console = -1,
		.control = -1,
		.vsock = -1,
		.log = {.fd = -1},
	};
	int error;

	signal(SIGPIPE, SIG_IGN);
	report(&outer, "no usable KVM here: starting an outer machine under software emulation");
	error = find_kernel(&outer);
	if (!error)
		error = write_initrd(&outer);
	if (!error)
		error = open_console(&outer);
	if (!error)
		error = outer_log_open(&outer.log, config->directory);
	if (!error)
		error = relay(&outer);

	stop_qemu(&outer);
	outer_log_relay(&outer.log, true);
	outer_log_close(&outer.log);
	if (outer.initrd[0])
		unlink(outer.initrd);
	if (outer.console >= 0)
		close(outer.console);
	if (outer.ready >= 0)
		close(outer.ready);
	return error;
}
