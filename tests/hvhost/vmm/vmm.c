// SPDX-License-Identifier: GPL-2.0-or-later
/* Creates the virtual machine and runs it: a thread for each vCPU, and the loop. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "tests/hvhost/util.h"
#include "vm.h"

#define KICK_SIGNAL SIGUSR1

/* KVM needs these pages for real mode on Intel processors; they are below the firmware range. */
#define TSS_ADDRESS          0xfffbd000
#define IDENTITY_MAP_ADDRESS 0xfffbc000ULL

void *guest_memory(struct vm *vm, uint64_t address, size_t length)
{
	if (address > vm->ram_size || length > vm->ram_size - address)
		return NULL;
	return vm->ram + address;
}

void vm_set_irq(struct vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level irq = {.irq = gsi, .level = level};

	ioctl(vm->fd, KVM_IRQ_LINE, &irq);
}

void vm_end(struct vm *vm, const char *why)
{
	/* Overrides a reset that has begun. */
	vm->resetting = false;
	if (atomic_exchange(&vm->stopping, true))
		return;
	log_line("The machine ends: %s.", why);
	loop_stop(&vm->loop);
}

void vm_reset(struct vm *vm, const char *why)
{
	if (atomic_exchange(&vm->stopping, true))
		return;
	log_line("The guest is reset: %s.", why);
	vm->resetting = true;
	loop_stop(&vm->loop);
}

void vm_guest_reset(struct vm *vm, const char *why)
{
	if (vm->panicked)
		vm_end(vm, "the guest reset itself after a panic");
	else if (!vm->contacted)
		vm_end(vm, "the guest reset itself before it contacted the VMBus");
	else
		vm_reset(vm, why);
}

static void port_exit(struct vm *vm, struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size)
		port_access(vm, run->io.port, run->io.direction == KVM_EXIT_IO_OUT, run->io.size,
			    data);
}

static void hyperv_exit(struct vcpu *vcpu, struct kvm_hyperv_exit *exit)
{
	if (exit->type == KVM_EXIT_HYPERV_SYNIC)
		synic_set_pages(&vcpu->synic, exit->u.synic.control, exit->u.synic.msg_page,
				exit->u.synic.evt_page);
	else if (exit->type == KVM_EXIT_HYPERV_HCALL)
		exit->u.hcall.result = vmbus_hypercall(&vcpu->vm->bus, exit->u.hcall.input,
						       exit->u.hcall.params[0]);
}

static void system_event(struct vm *vm, uint32_t type)
{
	if (type == KVM_SYSTEM_EVENT_CRASH) {
		vm->panicked = true;
		log_line("The guest's kernel panicked: see console.log.");
	} else {
		vm_guest_reset(vm, "HV_X64_MSR_RESET was written");
	}
}

static void handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct vm *vm = vcpu->vm;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		port_exit(vm, run);
		break;
	case KVM_EXIT_MMIO:
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		break;
	case KVM_EXIT_HYPERV:
		hyperv_exit(vcpu, &run->hyperv);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(vm, run->system_event.type);
		break;
	case KVM_EXIT_SHUTDOWN:
		vm_guest_reset(vm, "triple fault");
		break;
	default:
		log_line("vCPU %u: unexpected KVM exit reason %u.", vcpu->index, run->exit_reason);
		vm_end(vm, "KVM cannot continue to run the guest");
	}
}

static void *vcpu_thread(void *argument)
{
	struct vcpu *vcpu = argument;
	struct vm *vm = vcpu->vm;

	while (!atomic_load(&vm->stopping)) {
		int ret = ioctl(vcpu->fd, KVM_RUN, 0);

		if (ret < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		pthread_mutex_lock(&vm->lock);
		if (ret < 0)
			vm_end(vm, strerror(errno));
		else if (!atomic_load(&vm->stopping))
			handle_exit(vcpu);
		pthread_mutex_unlock(&vm->lock);
	}
	return NULL;
}

static void no_action(int signal)
{
	(void)signal;
}

static int start_vcpus(struct vm *vm)
{
	struct sigaction action = {.sa_handler = no_action};

	sigaction(KICK_SIGNAL, &action, NULL);
	for (unsigned int i = 0; i < vm->config->cpus; i++) {
		int ret = pthread_create(&vm->vcpus[i].thread, NULL, vcpu_thread, &vm->vcpus[i]);

		if (ret)
			return -ret;
		vm->vcpus[i].started = true;
	}
	return 0;
}

/* immediate_exit covers a signal that arrives between the check of @stopping and KVM_RUN. */
static void stop_vcpus(struct vm *vm)
{
	atomic_store(&vm->stopping, true);
	for (unsigned int i = 0; i < vm->config->cpus; i++) {
		if (!vm->vcpus[i].started)
			continue;
		vm->vcpus[i].run->immediate_exit = 1;
		pthread_kill(vm->vcpus[i].thread, KICK_SIGNAL);
		pthread_join(vm->vcpus[i].thread, NULL);
		vm->vcpus[i].started = false;
	}
}

static int enable(int fd, uint32_t capability)
{
	struct kvm_enable_cap enable = {.cap = capability};

	if (capability == KVM_CAP_HYPERV_ENFORCE_CPUID)
		enable.args[0] = 1;
	return ioctl(fd, KVM_ENABLE_CAP, &enable) < 0 ? -errno : 0;
}

static int create_vcpu(struct vm *vm, unsigned int index)
{
	struct vcpu *vcpu = &vm->vcpus[index];
	int ret;

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0)
		return -errno;
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return -errno;
	ret = enable(vcpu->fd, KVM_CAP_HYPERV_SYNIC2);
	if (ret == 0)
		ret = cpuid_setup(vcpu);
	if (ret == 0)
		ret = enable(vcpu->fd, KVM_CAP_HYPERV_ENFORCE_CPUID);
	if (ret == 0)
		ret = boot_setup_vcpu(vcpu);
	if (ret == 0)
		ret = stats_open(vcpu);
	return ret;
}

/*
 * Routes a GSI to each IOAPIC pin, and one to the VMBus SINT of each vCPU. KVM
 * ignores the route to a SINT unless the vCPU's SynIC is enabled already.
 */
static int route_interrupts(struct vm *vm)
{
	uint32_t count = IOAPIC_PINS + vm->config->cpus;
	_cleanup_free_ struct kvm_irq_routing *table =
		calloc(1, sizeof(*table) + count * sizeof(table->entries[0]));

	if (!table)
		return -ENOMEM;
	table->nr = count;
	for (uint32_t gsi = 0; gsi < count; gsi++) {
		struct kvm_irq_routing_entry *entry = &table->entries[gsi];

		entry->gsi = gsi;
		if (gsi < IOAPIC_PINS) {
			entry->type = KVM_IRQ_ROUTING_IRQCHIP;
			entry->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
			entry->u.irqchip.pin = gsi;
		} else {
			entry->type = KVM_IRQ_ROUTING_HV_SINT;
			entry->u.hv_sint.vcpu = gsi - IOAPIC_PINS;
			entry->u.hv_sint.sint = VMBUS_SINT;
		}
	}
	return ioctl(vm->fd, KVM_SET_GSI_ROUTING, table) < 0 ? -errno : 0;
}

static void *map_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int add_memory(struct vm *vm, uint32_t slot, uint64_t address, void *memory, size_t size)
{
	struct kvm_userspace_memory_region region = {.slot = slot,
						     .guest_phys_addr = address,
						     .memory_size = size,
						     .userspace_addr = (uintptr_t)memory};

	if (!memory)
		return -ENOMEM;
	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? -errno : 0;
}

/* A reset maps new RAM, which is zero. Persistent memory keeps its contents. */
static int create_memory(struct vm *vm)
{
	size_t persistent = (size_t)vm->config->persistent << 20;
	int ret;

	if (vm->ram)
		munmap(vm->ram, vm->ram_size);
	vm->ram_size = (size_t)vm->config->memory << 20;
	vm->ram = map_memory(vm->ram_size);
	ret = add_memory(vm, 0, 0, vm->ram, vm->ram_size);
	if (ret < 0 || !persistent)
		return ret;
	if (!vm->persistent)
		vm->persistent = map_memory(persistent);
	return add_memory(vm, 1, PERSISTENT_ADDRESS, vm->persistent, persistent);
}

static int open_kvm(struct vm *vm)
{
	int size;

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		return -errno;
	size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		return -errno;
	vm->run_size = (size_t)size;
	return 0;
}

static int create_vm(struct vm *vm)
{
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0UL);
	if (vm->fd < 0)
		return -errno;
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2) <= 0 ||
	    ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_ENFORCE_CPUID) <= 0) {
		log_line("KVM on this machine cannot emulate Hyper-V: it does not support SynIC.");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int create_machine(struct vm *vm)
{
	uint64_t identity_map = IDENTITY_MAP_ADDRESS;
	int ret = create_vm(vm);

	if (ret < 0)
		return ret;
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0 ||
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)TSS_ADDRESS) < 0 ||
	    ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return -errno;
	ret = create_memory(vm);
	if (ret < 0)
		return ret;
	ret = boot_load(vm);
	for (unsigned int i = 0; ret == 0 && i < vm->config->cpus; i++)
		ret = create_vcpu(vm, i);
	if (ret == 0)
		ret = route_interrupts(vm);
	for (unsigned int i = 0; ret == 0 && i < vm->config->cpus; i++)
		ret = synic_init(&vm->vcpus[i].synic, vm, IOAPIC_PINS + i);
	return ret;
}

static void console_output(struct vm *vm, uint8_t byte)
{
	console_put(&vm->control.console, byte);
}

static void agent_output(struct vm *vm, uint8_t byte)
{
	exec_input(&vm->exec, byte);
}

/* Applies --no-offer. The command "offer" can still offer these components. */
static int disable_offers(struct vm *vm)
{
	_cleanup_free_ char *names = strdup(vm->config->no_offer ? vm->config->no_offer : "");
	char *state;

	if (!names)
		return -ENOMEM;
	for (char *name = strtok_r(names, ",", &state); name; name = strtok_r(NULL, ",", &state)) {
		struct ic *ic = ic_by_name(vm, name);

		if (!ic) {
			log_line("--no-offer: there is no component \"%s\".", name);
			return -EINVAL;
		}
		ic->channel.enabled = false;
	}
	return 0;
}

static int create_devices(struct vm *vm)
{
	int ret;

	serial_init(&vm->console, vm, COM1_IRQ, console_output);
	serial_init(&vm->agent, vm, COM2_IRQ, agent_output);
	vmbus_init(&vm->bus, vm);
	vm->ics[IC_SHUTDOWN] = &vm->shutdown.ic;
	vm->ics[IC_HEARTBEAT] = &vm->heartbeat.ic;
	vm->ics[IC_TIMESYNC] = &vm->timesync.ic;
	vm->ics[IC_KVP] = &vm->kvp.ic;
	vm->ics[IC_LOGOFF] = &vm->logoff.ic;
	ret = exec_init(&vm->exec, vm);
	if (ret == 0)
		ret = ic_shutdown_init(&vm->shutdown, vm);
	if (ret == 0)
		ret = ic_heartbeat_init(&vm->heartbeat, vm);
	if (ret == 0)
		ret = ic_timesync_init(&vm->timesync, vm);
	if (ret == 0)
		ret = ic_kvp_init(&vm->kvp, vm);
	if (ret == 0)
		ret = ic_logoff_init(&vm->logoff, vm);
	if (ret == 0)
		ret = storm_init(&vm->storm, vm);
	if (ret == 0)
		ret = vsock_init(&vm->vsock, vm, vm->control.relayed);
	if (ret == 0)
		ret = disable_offers(vm);
	return ret;
}

/* KVM destroys the VM when the last vCPU is closed. */
static void destroy_machine(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->config->cpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		synic_done(&vcpu->synic);
		munmap(vcpu->run, vm->run_size);
		closep(&vcpu->stats_fd);
		closep(&vcpu->fd);
	}
	closep(&vm->fd);
}

static int restart_machine(struct vm *vm)
{
	int ret;

	/* Fails all pending requests; the host's own state is kept. */
	vmbus_reset(&vm->bus);
	exec_reset(&vm->exec);
	serial_done(&vm->console);
	serial_done(&vm->agent);
	serial_init(&vm->console, vm, COM1_IRQ, console_output);
	serial_init(&vm->agent, vm, COM2_IRQ, agent_output);
	destroy_machine(vm);
	vm->contacted = false;
	vm->panicked = false;
	vm->resetting = false;
	atomic_store(&vm->stopping, false);
	ret = create_machine(vm);
	if (ret < 0)
		log_line("Cannot restart the machine: %s.", strerror(-ret));
	return ret;
}

/* Returns when the machine ends; restarts the guest after each reset. */
static int run_guest(struct vm *vm)
{
	for (;;) {
		int ret = start_vcpus(vm);

		if (ret == 0)
			ret = loop_run(&vm->loop, &vm->lock);
		stop_vcpus(vm);
		if (ret < 0 || !vm->resetting)
			return ret;
		ret = restart_machine(vm);
		if (ret < 0)
			return ret;
	}
}

/* KVM's objects, queues and timers are freed when the process exits. */
static void destroy(struct vm *vm)
{
	/* First, so that pending commands fail with "ended" and not with "channel closed". */
	control_done(&vm->control);
	exec_done(&vm->exec);
	vmbus_reset(&vm->bus);
	vsock_done(&vm->vsock);
	ic_kvp_done(&vm->kvp);
	ic_logoff_done(&vm->logoff);
	serial_done(&vm->console);
	serial_done(&vm->agent);
	loop_done(&vm->loop);
	if (vm->ram)
		munmap(vm->ram, vm->ram_size);
	free(vm);
}

static struct vm *create(const struct machine_config *config)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->config = config;
	pthread_mutex_init(&vm->lock, NULL);
	return vm;
}

int vmm_run(const struct machine_config *config, bool relayed, int ready)
{
	struct vm *vm = create(config);
	int ret;

	if (!vm)
		return -ENOMEM;
	dprintf(ready, "Starting %s: %u MiB, %u vCPU(s), VMBus up to %u.%u.\n", config->name,
		config->memory, config->cpus, config->vmbus_version >> 16,
		config->vmbus_version & 0xffff);
	ret = loop_init(&vm->loop);
	if (ret == 0)
		ret = control_init(&vm->control, vm, relayed);
	if (ret == 0)
		ret = open_kvm(vm);
	if (ret == 0)
		ret = create_devices(vm);
	if (ret == 0)
		ret = create_machine(vm);
	if (ret == 0)
		ret = control_listen(&vm->control);
	if (ret == 0)
		ret = vsock_listen(&vm->vsock);
	if (ret == 0) {
		log_line("The machine %s is running.", config->name);
		close(ready);
		ret = run_guest(vm);
	} else {
		log_line("Cannot start the machine %s: %s.", config->name, strerror(-ret));
	}
	destroy(vm);
	return ret;
}
