# SPDX-License-Identifier: GPL-2.0-or-later
# A guest of QEMU on KVM with a virtio socket device. The host is the machine that hvhost also uses
# where KVM is unusable.
e2e-virtio: $(BUILD)/guest-6.12.img $(BUILD)/vmlogoff $(BUILD)/tests/guest/vsock-peer
	$(outer-root) tests/virtio/run.sh $(BUILD)

.PHONY: e2e-virtio
