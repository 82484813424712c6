// SPDX-License-Identifier: GPL-2.0-or-later
/* KVM's own count of a vCPU's exits, from its statistics file. */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util.h"
#include "vm.h"

int stats_open(struct vcpu *vcpu)
{
	vcpu->stats_fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
	return vcpu->stats_fd < 0 ? -errno : 0;
}

static bool read_at(int fd, void *data, size_t length, uint64_t offset)
{
	return pread(fd, data, length, (off_t)offset) == (ssize_t)length;
}

/* 0 if this KVM doesn't count them. */
uint64_t stats_exits(const struct vcpu *vcpu)
{
	struct kvm_stats_header header;
	struct {
		struct kvm_stats_desc fixed;
		char name[64];
	} desc;
	size_t size;
	uint64_t exits;

	if (!read_at(vcpu->stats_fd, &header, sizeof(header), 0))
		return 0;
	size = sizeof(desc.fixed) + header.name_size;
	if (size > sizeof(desc))
		return 0;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		if (!read_at(vcpu->stats_fd, &desc, size, header.desc_offset + i * size))
			return 0;
		if (strncmp(desc.name, "exits", header.name_size) == 0 &&
		    read_at(vcpu->stats_fd, &exits, sizeof(exits),
			    header.data_offset + desc.fixed.offset))
			return exits;
	}
	return 0;
}
