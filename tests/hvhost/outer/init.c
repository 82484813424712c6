// SPDX-License-Identifier: GPL-2.0-or-later
/* Process 1 of the outer machine: loads KVM, and runs the machine on it. */
#include "mux.h"
#include "tests/hvhost/machine.h"
#include "tests/hvhost/socket.h"
#include "tests/hvhost/vsock/address.h"
#include "tests/hvhost/vsock/vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT      "/dev/vport0p1"
#define DIRECTORY "/machine"
#define CONSOLE   DIRECTORY "/console.log"

struct inside {
	int console; /* the guest's console log; its position is the end of what was sent */
	pid_t vmm;
	int status;      /* of vmm, once it has exited */
	uint32_t guests; /* connections from the guest so far */
};

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "hvhost: outer machine: %s: %s\n", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void mount_all(void)
{
	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
		give_up("mount");
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", MODULE_INIT_COMPRESSED_FILE) < 0)
		give_up(path);
	close(fd);
}

/* The port appears some time after its driver has started. */
static int open_port(void)
{
	for (int i = 0; i < 600; i++) {
		int fd = open(PORT, O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		usleep(50000);
	}
	give_up(PORT);
}

static _Noreturn void vmm_main(int ready)
{
	struct machine_config config = {0};
	json_t *json = json_load_file("/machine.json", 0, NULL);
	int error = json ? machine_config_from_json(json, &config) : -EINVAL;

	if (error)
		fprintf(stderr, "hvhost: /machine.json is invalid\n");
	else
		error = vmm_run(&config, true, ready);
	exit(-error);
}

static pid_t start_vmm(struct mux *mux)
{
	int ready[2];
	int log[2];
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(log, O_CLOEXEC) < 0)
		give_up("pipe");
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		dup2(log[1], STDERR_FILENO);
		vmm_main(ready[1]);
	}
	close(ready[1]);
	close(log[1]);
	if (mux_add(mux, MUX_READY, ready[0], false) || mux_add(mux, MUX_LOG, log[0], false))
		give_up("relay");
	return pid;
}

/* The line that announces a client of the control socket is also its first line; see peer.h. */
static int on_connect(struct mux *mux, const char *line, size_t size)
{
	json_t *json = json_loadb(line, size, 0, NULL);
	uint32_t number = (uint32_t)json_integer_value(json_object_get(json, "stream"));
	int fd;

	json_decref(json);
	if (number < MUX_CLIENT)
		return -EPROTO;
	fd = socket_connect(DIRECTORY, number < MUX_VSOCK ? CONTROL_SOCKET : VSOCK_SOCKET, 0);
	if (fd < 0 || mux_add(mux, number, fd, true) < 0)
		return mux_send_closed(mux, number);
	return number < MUX_VSOCK ? mux_deliver(mux, number, line, size) : 0;
}

/* Bytes of a client whose connection was closed are dropped; they must not open another one. */
static int on_unknown(struct mux *mux, uint32_t number, const void *bytes, size_t size)
{
	return number == MUX_CONNECT ? on_connect(mux, bytes, size) : 0;
}

/* The machine has written the line before it waits for the answer. */
static bool read_port(int fd, uint32_t *port)
{
	struct timeval patience = {.tv_sec = 1};
	char line[VSOCK_LINE_MAX];
	ssize_t size;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	size = recv(fd, line, sizeof(line), 0);
	if (size <= 0 || line[size - 1] != '\n')
		return false;
	line[size - 1] = '\0';
	return parse_connect(line, port);
}

/* The guest connects to a program outside. */
static int on_relay(struct mux *mux, int listener)
{
	struct inside *inside = mux_userdata(mux);
	uint32_t number = MUX_GUEST + inside->guests++, port;
	char text[64];
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return 0;
	if (!read_port(fd, &port)) {
		close(fd);
		return 0;
	}
	if (mux_add(mux, number, fd, true) < 0)
		return 0;
	snprintf(text, sizeof(text), "{\"stream\": %u, \"port\": %u}\n", number, port);
	return mux_send(mux, MUX_CONNECT, text, strlen(text));
}

static int watch_relay(struct mux *mux)
{
	int fd = socket_listen(DIRECTORY, VSOCK_RELAY);

	return fd < 0 ? fd : mux_watch(mux, fd, on_relay);
}

static int send_console(struct mux *mux)
{
	struct inside *inside = mux_userdata(mux);
	char bytes[16384];
	ssize_t n;
	int error = 0;

	while (!error && (n = read(inside->console, bytes, sizeof(bytes))) > 0)
		error = mux_send(mux, MUX_CONSOLE, bytes, (size_t)n);
	return error;
}

static int on_console(struct mux *mux, int fd)
{
	char events[4096];

	if (read(fd, events, sizeof(events)) < 0 && errno != EAGAIN)
		return -errno;
	return send_console(mux);
}

/* Process 1 also inherits orphans, which are ignored. */
static int on_child(struct mux *mux, int fd)
{
	struct inside *inside = mux_userdata(mux);
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	if (read(fd, &info, sizeof(info)) < 0 && errno != EAGAIN)
		return -errno;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != inside->vmm)
			continue;
		inside->status = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
		if (WIFSIGNALED(status))
			dprintf(STDERR_FILENO, "hvhost: the machine was killed by signal %d (%s)\n",
				WTERMSIG(status), strsignal(WTERMSIG(status)));
		mux_stop(mux);
	}
	return 0;
}

static int watch_child(struct mux *mux)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : mux_watch(mux, fd, on_child);
}

static int watch_console(struct mux *mux, struct inside *inside)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	inside->console = open(CONSOLE, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || inside->console < 0 || inotify_add_watch(fd, CONSOLE, IN_MODIFY) < 0)
		return -errno;
	return mux_watch(mux, fd, on_console);
}

void outer_init(void)
{
	struct inside inside = {0};
	char status[16];
	struct mux *mux;

	signal(SIGPIPE, SIG_IGN);
	mount_all();
	load_module("/modules/irqbypass");
	load_module("/modules/kvm");
	load_module("/modules/kvm-amd");

	mux = mux_new(open_port(), on_unknown, &inside);
	if (!mux || watch_child(mux) || watch_console(mux, &inside) || watch_relay(mux))
		give_up("relay");
	inside.vmm = start_vmm(mux);
	if (mux_run(mux))
		give_up("relay");

	send_console(mux);
	mux_drain(mux, MUX_LOG);
	mux_drain_clients(mux);
	snprintf(status, sizeof(status), "%d", inside.status);
	mux_send(mux, MUX_STATUS, status, strlen(status));
	mux_flush(mux, 10000);
	/* Once it has the status, the outer hvhost kills this machine. Otherwise power off. */
	sleep(10);
	reboot(RB_POWER_OFF);
	_exit(0);
}
