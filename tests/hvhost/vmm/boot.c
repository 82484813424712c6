// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The 64-bit boot protocol of Linux (Documentation/arch/x86/boot.rst): there is
 * no firmware; the kernel is entered in long mode, with RSI pointing to
 * boot_params.
 */
#include <asm/bootparam.h>
#include <asm/kvm.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ports.h"
#include "tests/hvhost/util.h"
#include "vm.h"

/* Memory below 1 MiB; the ACPI tables start at 0xe0000. */
#define GDT_ADDRESS      0x500
#define PAGE_TABLES      0x1000 /* 6 pages */
#define BOOT_PARAMS      0x10000
#define COMMAND_LINE     0x20000
#define COMMAND_LINE_MAX 4096
#define BOOT_STACK       0x8ff0
#define LOW_MEMORY_END   0x9fc00
#define RESET_CODE       0xffff0
#define HIGH_MEMORY      0x100000

#define E820_TYPE_RAM      1
#define E820_TYPE_RESERVED 2
#define E820_TYPE_PMEM     7

#define ENTRY_64_OFFSET 0x200
#define SECTOR          512

#define MSR_MTRR_DEF_TYPE 0x2ff
#define MTRR_WRITE_BACK   (1 << 11 | 6)

static void put(struct vm *vm, uint64_t address, const void *data, size_t length)
{
	memcpy(vm->ram + address, data, length);
}

/* Identity-maps the first 4 GiB with 2 MiB pages. */
static void build_page_tables(struct vm *vm)
{
	uint64_t *pml4 = (uint64_t *)(vm->ram + PAGE_TABLES);
	uint64_t *pdpt = pml4 + 512, *directory = pdpt + 512;

	pml4[0] = (PAGE_TABLES + PAGE) | 3;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (PAGE_TABLES + (2 + i) * PAGE) | 3;
	for (uint64_t i = 0; i < 4 * 512ULL; i++)
		directory[i] = i << 21 | 0x83;
}

static void build_gdt(struct vm *vm)
{
	static const uint64_t gdt[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};

	put(vm, GDT_ADDRESS, gdt, sizeof(gdt));
}

/*
 * With hardware-reduced ACPI, Linux restarts by jumping to the reset vector of
 * the BIOS: mov $RESET_VALUE, %al; mov $PORT_RESET, %dx; out %al, %dx; hlt.
 */
static void build_reset_code(struct vm *vm)
{
	static const uint8_t code[] = {0xb0, RESET_VALUE, 0xba, PORT_RESET & 0xff, PORT_RESET >> 8,
				       0xee, 0xf4};

	put(vm, RESET_CODE, code, sizeof(code));
}

static void add_memory(struct boot_params *params, uint64_t start, uint64_t end, uint32_t type)
{
	params->e820_table[params->e820_entries++] =
		(struct boot_e820_entry){.addr = start, .size = end - start, .type = type};
}

static int load_kernel(struct vm *vm, struct boot_params *params)
{
	_cleanup_free_ void *file = NULL;
	struct setup_header *header = &params->hdr;
	size_t size, setup;
	int ret = read_file(vm->config->kernel, &file, &size);

	if (ret < 0) {
		log_line("Cannot read the kernel %s: %s.", vm->config->kernel, strerror(-ret));
		return ret;
	}
	if (size > sizeof(*params))
		memcpy(header, (char *)file + offsetof(struct boot_params, hdr), sizeof(*header));
	setup = (size_t)(header->setup_sects ? header->setup_sects + 1 : 5) * SECTOR;
	if (header->header != 0x53726448 || header->version < 0x020c || setup >= size ||
	    !(header->xloadflags & XLF_KERNEL_64)) {
		log_line("%s is not an x86-64 bzImage with a 64-bit entry point.",
			 vm->config->kernel);
		return -ENOEXEC;
	}
	if (header->pref_address + header->init_size + size > vm->ram_size) {
		log_line("The kernel does not fit into %u MiB: increase --memory.",
			 vm->config->memory);
		return -ENOMEM;
	}
	put(vm, header->pref_address, (char *)file + setup, size - setup);
	return 0;
}

static int load_initrd(struct vm *vm, struct boot_params *params)
{
	_cleanup_free_ void *file = NULL;
	uint64_t kernel_end = params->hdr.pref_address + params->hdr.init_size;
	uint64_t top = MIN(vm->ram_size, (uint64_t)params->hdr.initrd_addr_max + 1);
	size_t size;
	int ret;

	if (!vm->config->initrd)
		return 0;
	ret = read_file(vm->config->initrd, &file, &size);
	if (ret < 0) {
		log_line("Cannot read the initramfs %s: %s.", vm->config->initrd, strerror(-ret));
		return ret;
	}
	if (kernel_end + size + PAGE > top) {
		log_line("The initramfs does not fit into %u MiB: increase --memory.",
			 vm->config->memory);
		return -ENOMEM;
	}
	params->hdr.ramdisk_image = (uint32_t)((top - size) & ~(uint64_t)(PAGE - 1));
	params->hdr.ramdisk_size = (uint32_t)size;
	put(vm, params->hdr.ramdisk_image, file, size);
	return 0;
}

static int set_command_line(struct vm *vm, struct boot_params *params)
{
	const char *line = vm->config->append ? vm->config->append : "";

	if (strlen(line) >= MIN(COMMAND_LINE_MAX, params->hdr.cmdline_size)) {
		log_line("The kernel command line is too long: %zu bytes.", strlen(line));
		return -E2BIG;
	}
	put(vm, COMMAND_LINE, line, strlen(line) + 1);
	params->hdr.cmd_line_ptr = COMMAND_LINE;
	return 0;
}

int boot_load(struct vm *vm)
{
	struct boot_params params = {0};
	int ret = load_kernel(vm, &params);

	if (ret < 0)
		return ret;
	ret = load_initrd(vm, &params);
	if (ret < 0)
		return ret;
	ret = set_command_line(vm, &params);
	if (ret < 0)
		return ret;

	params.hdr.type_of_loader = 0xff; /* an unregistered boot loader */
	params.acpi_rsdp_addr = acpi_build(vm);
	add_memory(&params, 0, LOW_MEMORY_END, E820_TYPE_RAM);
	add_memory(&params, LOW_MEMORY_END, HIGH_MEMORY, E820_TYPE_RESERVED);
	add_memory(&params, HIGH_MEMORY, vm->ram_size, E820_TYPE_RAM);
	if (vm->persistent)
		add_memory(&params, PERSISTENT_ADDRESS,
			   PERSISTENT_ADDRESS + ((uint64_t)vm->config->persistent << 20),
			   E820_TYPE_PMEM);
	put(vm, BOOT_PARAMS, &params, sizeof(params));
	build_page_tables(vm);
	build_gdt(vm);
	build_reset_code(vm);
	return 0;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){.selector = selector,
				    .limit = 0xffffffff,
				    .type = type,
				    .present = 1,
				    .s = 1,
				    .g = 1,
				    .l = code,
				    .db = !code};
}

static int set_special_registers(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cs = segment(0x10, 0xb, true);
	sregs.ds = segment(0x18, 0x3, false);
	sregs.es = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.gdt.base = GDT_ADDRESS;
	sregs.gdt.limit = 4 * 8 - 1;
	sregs.cr0 = 0x80000011; /* PG, ET, PE */
	sregs.cr3 = PAGE_TABLES;
	sregs.cr4 = 0x20;   /* PAE */
	sregs.efer = 0x500; /* LMA, LME */
	return ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0 ? -errno : 0;
}

/* The default after reset is uncached, for all memory. */
static int set_memory_type(struct vcpu *vcpu)
{
	_cleanup_free_ struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(msrs->entries[0]));

	if (!msrs)
		return -ENOMEM;
	msrs->nmsrs = 1;
	msrs->entries[0].index = MSR_MTRR_DEF_TYPE;
	msrs->entries[0].data = MTRR_WRITE_BACK;
	return ioctl(vcpu->fd, KVM_SET_MSRS, msrs) == 1 ? 0 : -EIO;
}

/* Only the boot vCPU gets an entry point: the others wait for INIT and SIPI. */
int boot_setup_vcpu(struct vcpu *vcpu)
{
	struct boot_params *params = (struct boot_params *)(vcpu->vm->ram + BOOT_PARAMS);
	struct kvm_regs regs = {.rflags = 2,
				.rip = params->hdr.pref_address + ENTRY_64_OFFSET,
				.rsi = BOOT_PARAMS,
				.rsp = BOOT_STACK};
	int ret = set_memory_type(vcpu);

	if (ret < 0 || vcpu->index > 0)
		return ret;
	ret = set_special_registers(vcpu);
	if (ret < 0)
		return ret;
	return ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0 ? -errno : 0;
}
