// SPDX-License-Identifier: GPL-2.0-or-later
/* The number of a vCPU's VM exits, from KVM's binary statistics. */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/hvhost/util.h"
#include "tests/hvhost/vmm/vm.h"

int stats_open(struct vcpu *vcpu)
{
	vcpu->stats_fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
	return vcpu->stats_fd < 0 ? -errno : 0;
}

static bool read_at(int fd, void *data, size_t length, uint64_t offset)
{
	return pread(fd, data, length, (off_t)offset) == (ssize_t)length;
}

uint64_t stats_exits(const struct vcpu *vcpu)
{
	struct kvm_stats_header header;
	struct kvm_stats_desc desc;
	char name[64] = "";
	uint64_t exits, offset;

	if (!read_at(vcpu->stats_fd, &header, sizeof(header), 0) || header.name_size > sizeof(name))
		return 0;
	offset = header.desc_offset;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		if (!read_at(vcpu->stats_fd, &desc, sizeof(desc), offset) ||
		    !read_at(vcpu->stats_fd, name, header.name_size, offset + sizeof(desc)))
			return 0;
		if (strncmp(name, "exits", sizeof(name)) == 0 &&
		    read_at(vcpu->stats_fd, &exits, sizeof(exits),
			    (uint64_t)header.data_offset + desc.offset))
			return exits;
		offset += sizeof(desc) + header.name_size;
	}
	return 0;
}
