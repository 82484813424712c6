// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the guest believes to run on: the host's processor, and Hyper-V.
 * Leaves as in Microsoft's Hypervisor Top Level Functional Specification.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/hvhost/util.h"
#include "vm.h"

#define ENTRIES_MAX 256

#define HYPERVISOR_LEAVES     0x40000000
#define HYPERVISOR_LEAVES_END 0x4fffffff

#define FEATURE_HYPERVISOR (1U << 31) /* 1.ecx */
#define FEATURE_XSAVE      (1U << 26)
#define FEATURE_OSXSAVE    (1U << 27)
#define FEATURE_AVX        (1U << 28)
#define FEATURE_F16C       (1U << 29)
#define FEATURE_FMA        (1U << 12)

/* 0x40000003.eax: registers that the guest may use */
#define HV_TIME_REF_COUNT    (1 << 1)
#define HV_SYNIC             (1 << 2)
#define HV_STIMER            (1 << 3)
#define HV_APIC_ACCESS       (1 << 4)
#define HV_HYPERCALL         (1 << 5)
#define HV_VP_INDEX          (1 << 6)
#define HV_REFERENCE_TSC     (1 << 9)
#define HV_FREQUENCIES       (1 << 11) /* with them no PIT is needed for calibration */
/* 0x40000003.ebx: hypercalls that the guest may make */
#define HV_POST_MESSAGES     (1 << 4)
#define HV_SIGNAL_EVENTS     (1 << 5)
/* 0x40000003.edx */
#define HV_XMM_INPUT         (1 << 4)
#define HV_FREQUENCIES_THERE (1 << 8)
#define HV_CRASH             (1 << 10)
/* Not in VMBus' message slot, where they would get into the way of its messages. */
#define HV_STIMER_DIRECT     (1 << 19)
/* 0x40000004.eax: hints */
#define HV_APIC_MSRS         (1 << 3)
#define HV_RELAXED_TIMING    (1 << 5)
#define HV_NO_AUTO_EOI       (1 << 9)

static const struct kvm_cpuid_entry2 hyperv_leaves[] = {
	{.function = 0x40000000,
	 .eax = 0x40000005,
	 .ebx = 0x7263694d,
	 .ecx = 0x666f736f,
	 .edx = 0x76482074},                                     /* "Microsoft Hv" */
	{.function = 0x40000001, .eax = 0x31237648},             /* "Hv#1" */
	{.function = 0x40000002, .eax = 20348, .ebx = 10 << 16}, /* build, version 10.0 */
	{.function = 0x40000003,
	 .eax = HV_TIME_REF_COUNT | HV_SYNIC | HV_STIMER | HV_APIC_ACCESS | HV_HYPERCALL |
		HV_VP_INDEX | HV_REFERENCE_TSC | HV_FREQUENCIES,
	 .ebx = HV_POST_MESSAGES | HV_SIGNAL_EVENTS,
	 .edx = HV_XMM_INPUT | HV_FREQUENCIES_THERE | HV_CRASH | HV_STIMER_DIRECT},
	{.function = 0x40000004,
	 .eax = HV_APIC_MSRS | HV_RELAXED_TIMING | HV_NO_AUTO_EOI,
	 .ebx = 0xffffffff}, /* never ask for a spinning processor's time slice */
	{.function = 0x40000005, .eax = CPUS_MAX},
};

/*
 * The extended state's size is stale when KVM runs under software emulation,
 * which Linux takes seconds to complain about; no test needs AVX.
 */
static void hide_extended_state(struct kvm_cpuid_entry2 *entry)
{
	if (entry->function == 1)
		entry->ecx &= ~(FEATURE_XSAVE | FEATURE_OSXSAVE | FEATURE_AVX | FEATURE_F16C |
				FEATURE_FMA);
	if (entry->function == 7 && entry->index == 0) {
		entry->ebx &= ~(1U << 5 | 0xdc230000U); /* AVX2, AVX-512 */
		entry->ecx &=
			~(1U << 1 | 1U << 6 | 1U << 9 | 1U << 10 | 1U << 11 | 1U << 12 | 1U << 14);
		entry->edx &=
			~(1U << 2 | 1U << 3 | 1U << 8 | 1U << 22 | 1U << 23 | 1U << 24 | 1U << 25);
	}
	if (entry->function == 0xd)
		*entry = (struct kvm_cpuid_entry2){
			.function = 0xd, .index = entry->index, .flags = entry->flags};
}

static void adapt(struct kvm_cpuid_entry2 *entry, unsigned int apic)
{
	hide_extended_state(entry);
	if (entry->function == 1) {
		entry->ebx = (entry->ebx & 0x00ffffff) | apic << 24;
		entry->ecx |= FEATURE_HYPERVISOR;
	}
	if (entry->function == 0xb || entry->function == 0x1f)
		entry->edx = apic;
}

int cpuid_setup(struct vcpu *vcpu)
{
	_cleanup_free_ struct kvm_cpuid2 *cpuid =
		calloc(1, sizeof(*cpuid) + ENTRIES_MAX * sizeof(cpuid->entries[0]));
	uint32_t kept = 0;

	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = ENTRIES_MAX - ARRAY_SIZE(hyperv_leaves);
	if (ioctl(vcpu->vm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
		return -errno;
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		/* KVM's own: Linux would prefer KVM to Hyper-V. */
		if (entry->function >= HYPERVISOR_LEAVES &&
		    entry->function <= HYPERVISOR_LEAVES_END)
			continue;
		adapt(entry, vcpu->index);
		cpuid->entries[kept++] = *entry;
	}
	memcpy(&cpuid->entries[kept], hyperv_leaves, sizeof(hyperv_leaves));
	cpuid->nent = kept + ARRAY_SIZE(hyperv_leaves);
	return ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0 ? -errno : 0;
}
