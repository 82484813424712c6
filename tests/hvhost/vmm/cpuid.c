// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's CPUID: the host's processor, with the Hyper-V leaves of
 * Microsoft's Hypervisor Top Level Functional Specification (TLFS).
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

/* The names are those of asm/hyperv-tlfs.h. 0x40000003.eax: MSRs */
#define HV_MSR_TIME_REF_COUNT_AVAILABLE      (1 << 1)
#define HV_MSR_SYNIC_AVAILABLE               (1 << 2)
#define HV_MSR_SYNTIMER_AVAILABLE            (1 << 3)
#define HV_MSR_APIC_ACCESS_AVAILABLE         (1 << 4)
#define HV_MSR_HYPERCALL_AVAILABLE           (1 << 5)
#define HV_MSR_VP_INDEX_AVAILABLE            (1 << 6)
#define HV_MSR_REFERENCE_TSC_AVAILABLE       (1 << 9)
#define HV_ACCESS_FREQUENCY_MSRS             (1 << 11) /* no PIT is needed for calibration */
/* 0x40000003.ebx: hypercalls */
#define HV_POST_MESSAGES                     (1 << 4)
#define HV_SIGNAL_EVENTS                     (1 << 5)
/* 0x40000003.edx: features */
#define HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE (1 << 4)
#define HV_FEATURE_FREQUENCY_MSRS_AVAILABLE  (1 << 8)
#define HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE (1 << 10)
/* Otherwise timer messages would use the message slot of the VMBus. */
#define HV_STIMER_DIRECT_MODE_AVAILABLE      (1 << 19)
/* 0x40000004.eax: recommendations */
#define HV_X64_APIC_ACCESS_RECOMMENDED       (1 << 3)
#define HV_X64_RELAXED_TIMING_RECOMMENDED    (1 << 5)
#define HV_DEPRECATING_AEOI_RECOMMENDED      (1 << 9)

static const struct kvm_cpuid_entry2 hyperv_leaves[] = {
	{.function = 0x40000000,
	 .eax = 0x40000005,
	 .ebx = 0x7263694d,
	 .ecx = 0x666f736f,
	 .edx = 0x76482074},                                     /* "Microsoft Hv" */
	{.function = 0x40000001, .eax = 0x31237648},             /* "Hv#1" */
	{.function = 0x40000002, .eax = 20348, .ebx = 10 << 16}, /* build, version 10.0 */
	{.function = 0x40000003,
	 .eax = HV_MSR_TIME_REF_COUNT_AVAILABLE | HV_MSR_SYNIC_AVAILABLE |
		HV_MSR_SYNTIMER_AVAILABLE | HV_MSR_APIC_ACCESS_AVAILABLE |
		HV_MSR_HYPERCALL_AVAILABLE | HV_MSR_VP_INDEX_AVAILABLE |
		HV_MSR_REFERENCE_TSC_AVAILABLE | HV_ACCESS_FREQUENCY_MSRS,
	 .ebx = HV_POST_MESSAGES | HV_SIGNAL_EVENTS,
	 .edx = HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE | HV_FEATURE_FREQUENCY_MSRS_AVAILABLE |
		HV_FEATURE_GUEST_CRASH_MSR_AVAILABLE | HV_STIMER_DIRECT_MODE_AVAILABLE},
	{.function = 0x40000004,
	 .eax = HV_X64_APIC_ACCESS_RECOMMENDED | HV_X64_RELAXED_TIMING_RECOMMENDED |
		HV_DEPRECATING_AEOI_RECOMMENDED,
	 .ebx = 0xffffffff}, /* never report a long spinlock wait */
	{.function = 0x40000005, .eax = CPUS_MAX},
};

/*
 * Hides XSAVE and what depends on it. Where KVM itself runs under software
 * emulation, the size of the extended state is stale, and Linux spends seconds
 * on a warning about it. No test needs AVX.
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

static void adapt(struct kvm_cpuid_entry2 *entry, unsigned int apic_id)
{
	hide_extended_state(entry);
	if (entry->function == 1) {
		entry->ebx = (entry->ebx & 0x00ffffff) | apic_id << 24;
		entry->ecx |= FEATURE_HYPERVISOR;
	}
	if (entry->function == 0xb || entry->function == 0x1f)
		entry->edx = apic_id;
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

		/* With KVM's own leaves, Linux would detect KVM instead of Hyper-V. */
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
