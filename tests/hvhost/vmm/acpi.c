// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All ACPI tables except the DSDT, which is in acpi.asl. Hardware-reduced ACPI
 * (ACPI 6.5, 4.1) needs no PM timer and no legacy interrupts; power-off and reset
 * use one I/O port each.
 */
#include <string.h>

#include "dsdt.hex"
#include "ports.h"
#include "vm.h"

#define TABLES         0xe0000 /* reserved memory, in the BIOS range */
#define LAPIC_ADDRESS  0xfee00000
#define IOAPIC_ADDRESS 0xfec00000

#define FADT_RESET_REGISTER   (1 << 10)
#define FADT_HARDWARE_REDUCED (1 << 20)
#define FADT_NO_VGA_MSI_ASPM  (1 << 2 | 1 << 3 | 1 << 4)
#define SPACE_IO              1

struct table_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct generic_address {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t address;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

struct xsdt {
	struct table_header header;
	uint64_t entries[3];
} __attribute__((packed));

/* Hardware-reduced ACPI leaves all chipset fields zero. */
struct fadt {
	struct table_header header;
	uint8_t chipset[109 - 36];
	uint16_t boot_flags;
	uint8_t reserved;
	uint32_t flags;
	struct generic_address reset_register;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_revision;
	uint64_t x_facs;
	uint64_t x_dsdt;
	struct generic_address x_chipset[8];
	struct generic_address sleep_control;
	struct generic_address sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));

_Static_assert(sizeof(struct fadt) == 276, "ACPI 6.5, table 5.9");

struct madt_lapic {
	uint8_t type, length, processor, apic;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address;
	uint32_t gsi_base;
} __attribute__((packed));

struct madt {
	struct table_header header;
	uint32_t lapic_address;
	uint32_t flags;
	struct madt_ioapic ioapic;
	struct madt_lapic lapics[CPUS_MAX];
} __attribute__((packed));

/* The NFIT (ACPI 6.5, 5.2.26) with one SPA range structure. */
struct nfit {
	struct table_header header;
	uint32_t reserved;
	uint16_t type, length, range_index, flags;
	uint32_t range_reserved;
	uint32_t proximity_domain;
	uint8_t range_type[16];
	uint64_t address;
	uint64_t size;
	uint64_t attributes;
} __attribute__((packed));

_Static_assert(sizeof(struct nfit) == 96, "ACPI 6.5, tables 5.135 and 5.137");

/* Byte-addressable persistent memory: 66f0d379-b4f3-4074-ac43-0d3318b78cdb */
static const uint8_t persistent_range[16] = {0x79, 0xd3, 0xf0, 0x66, 0xf3, 0xb4, 0x74, 0x40,
					     0xac, 0x43, 0x0d, 0x33, 0x18, 0xb7, 0x8c, 0xdb};
#define ATTRIBUTES_WRITE_BACK_NON_VOLATILE 0x8008

static uint8_t checksum(const void *data, size_t length)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	while (length--)
		sum += *bytes++;
	return (uint8_t)-sum;
}

static void fill_header(struct table_header *header, const char *signature, uint8_t revision,
			size_t length)
{
	memcpy(header->signature, signature, 4);
	memcpy(header->oem_id, "HVHOST", 6);
	memcpy(header->oem_table_id, "HVHOST  ", 8);
	memcpy(header->creator_id, "HVHO", 4);
	header->length = (uint32_t)length;
	header->revision = revision;
	header->oem_revision = 1;
	header->creator_revision = 1;
	header->checksum = checksum(header, length);
}

static uint64_t place(struct vm *vm, uint64_t *next, const void *table, size_t length)
{
	uint64_t address = *next;

	memcpy(vm->ram + address, table, length);
	*next = (address + length + 15) & ~15ULL;
	return address;
}

static struct generic_address io_byte(uint16_t port)
{
	return (struct generic_address){
		.space = SPACE_IO, .bit_width = 8, .access_size = 1, .address = port};
}

static uint64_t place_fadt(struct vm *vm, uint64_t *next, uint64_t dsdt)
{
	struct fadt fadt = {.boot_flags = FADT_NO_VGA_MSI_ASPM,
			    .flags = FADT_RESET_REGISTER | FADT_HARDWARE_REDUCED,
			    .reset_register = io_byte(PORT_RESET),
			    .reset_value = RESET_VALUE,
			    .minor_revision = 5,
			    .x_dsdt = dsdt,
			    .sleep_control = io_byte(PORT_SLEEP_CONTROL),
			    .sleep_status = io_byte(PORT_SLEEP_STATUS)};

	fill_header(&fadt.header, "FACP", 6, sizeof(fadt));
	return place(vm, next, &fadt, sizeof(fadt));
}

static uint64_t place_madt(struct vm *vm, uint64_t *next)
{
	struct madt madt = {
		.lapic_address = LAPIC_ADDRESS,
		.ioapic = {.type = 1, .length = sizeof(madt.ioapic), .address = IOAPIC_ADDRESS}};
	size_t length = offsetof(struct madt, lapics) + vm->config->cpus * sizeof(madt.lapics[0]);

	for (unsigned int i = 0; i < vm->config->cpus; i++)
		madt.lapics[i] = (struct madt_lapic){.length = sizeof(madt.lapics[0]),
						     .processor = (uint8_t)i,
						     .apic = (uint8_t)i,
						     .flags = 1};
	fill_header(&madt.header, "APIC", 5, length);
	return place(vm, next, &madt, length);
}

static uint64_t place_nfit(struct vm *vm, uint64_t *next)
{
	struct nfit nfit = {.length = sizeof(nfit) - offsetof(struct nfit, type),
			    .range_index = 1,
			    .address = PERSISTENT_ADDRESS,
			    .size = (uint64_t)vm->config->persistent << 20,
			    .attributes = ATTRIBUTES_WRITE_BACK_NON_VOLATILE};

	memcpy(nfit.range_type, persistent_range, sizeof(persistent_range));
	fill_header(&nfit.header, "NFIT", 1, sizeof(nfit));
	return place(vm, next, &nfit, sizeof(nfit));
}

uint64_t acpi_build(struct vm *vm)
{
	uint64_t next = TABLES + PAGE;
	uint64_t dsdt = place(vm, &next, dsdt_aml_code, sizeof(dsdt_aml_code));
	struct xsdt xsdt = {.entries = {place_fadt(vm, &next, dsdt), place_madt(vm, &next)}};
	struct rsdp rsdp = {.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
			    .oem_id = {'H', 'V', 'H', 'O', 'S', 'T'},
			    .revision = 2,
			    .length = sizeof(rsdp)};
	size_t size = sizeof(xsdt);

	if (vm->persistent)
		xsdt.entries[2] = place_nfit(vm, &next);
	else
		size -= sizeof(xsdt.entries[2]);
	fill_header(&xsdt.header, "XSDT", 1, size);
	rsdp.xsdt = place(vm, &next, &xsdt, size);
	rsdp.checksum = checksum(&rsdp, 20);
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(vm->ram + TABLES, &rsdp, sizeof(rsdp));
	return TABLES;
}
