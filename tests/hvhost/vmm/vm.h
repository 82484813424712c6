/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machine. Devices run on the loop's thread and, for VM exits, on
 * the vCPU threads, always with @lock held. Only the loop's thread frees
 * objects that are registered with the loop.
 */
#ifndef HVHOST_VM_H
#define HVHOST_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rtc.h"
#include "serial.h"
#include "synic.h"
#include "tests/hvhost/control/control.h"
#include "tests/hvhost/control/exec.h"
#include "tests/hvhost/ic/heartbeat.h"
#include "tests/hvhost/ic/kvp.h"
#include "tests/hvhost/ic/logoff.h"
#include "tests/hvhost/ic/shutdown.h"
#include "tests/hvhost/ic/timesync.h"
#include "tests/hvhost/loop.h"
#include "tests/hvhost/machine.h"
#include "tests/hvhost/storm/storm.h"
#include "tests/hvhost/vmbus/vmbus.h"
#include "tests/hvhost/vsock/vsock.h"

#define CPUS_MAX           4
#define PAGE               4096
#define PERSISTENT_ADDRESS 0x100000000ULL
#define IOAPIC_PINS        24
#define COM1_IRQ           4
#define COM2_IRQ           3

struct kvm_run;

struct vcpu {
	struct vm *vm;
	unsigned int index; /* also the APIC ID and the VP index */
	int fd;
	int stats_fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	struct synic synic;
};

enum ic_index { IC_SHUTDOWN, IC_HEARTBEAT, IC_TIMESYNC, IC_KVP, IC_LOGOFF, IC_COUNT };

struct vm {
	const struct machine_config *config;
	int kvm;
	int fd;
	size_t run_size;
	uint8_t *ram;
	size_t ram_size;
	uint8_t *persistent; /* persistent memory, which survives resets; may be NULL */
	pthread_mutex_t lock;
	struct loop loop;
	atomic_bool stopping; /* the vCPU threads, for the machine's end or a reset */
	bool resetting;       /* they are stopped for a reset */
	bool panicked;        /* since the last start or reset */
	bool contacted;       /* the guest has contacted the VMBus since then */
	struct vcpu vcpus[CPUS_MAX];

	struct rtc rtc;
	struct serial console;
	struct serial agent;
	struct exec exec;
	struct vmbus bus;
	struct ic *ics[IC_COUNT];
	struct ic_shutdown shutdown;
	struct ic_heartbeat heartbeat;
	struct ic_timesync timesync;
	struct ic_kvp kvp;
	struct ic_logoff logoff;
	struct storm storm;
	struct vsock vsock;
	struct control control;
};

/* vmm.c. NULL unless all @length bytes at guest physical @address are RAM. */
void *guest_memory(struct vm *vm, uint64_t address, size_t length);
void vm_set_irq(struct vm *vm, unsigned int gsi, bool level);
/* Ends the machine: the guest has powered off, or the machine is stopped. */
void vm_end(struct vm *vm, const char *why);
/* Restarts the guest in the same machine, at a client's request. */
void vm_reset(struct vm *vm, const char *why);
/* The same, initiated by the guest. Ends the machine if the guest would reset forever. */
void vm_guest_reset(struct vm *vm, const char *why);

/* boot.c */
int boot_load(struct vm *vm);
int boot_setup_vcpu(struct vcpu *vcpu);

/* acpi.c. Returns the address of the RSDP. */
uint64_t acpi_build(struct vm *vm);

/* cpuid.c */
int cpuid_setup(struct vcpu *vcpu);

/* stats.c */
int stats_open(struct vcpu *vcpu);
/* The number of VM exits, 0 if this KVM does not count them. */
uint64_t stats_exits(const struct vcpu *vcpu);

/* ports.c */
void port_access(struct vm *vm, uint16_t port, bool out, unsigned int size, uint8_t *data);

#endif /* HVHOST_VM_H */
