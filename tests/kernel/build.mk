# SPDX-License-Identifier: GPL-2.0-or-later
# BUILD/kernel-K has three symbolic links for kernel K: vmlinuz, modules (the directory of its
# modules), and build (what modules are built against).

link-kernel = mkdir -p $@; $(call link,$(1),vmlinuz); $(call link,$(2),modules); $(call link,$(3),build)
# Another make may use the link: do not replace one that is right.
link = [ $@/$(2) -ef $(1) ] || ln -sfn $(1) $@/$(2)

$(KERNELS:%=$(BUILD)/kernel-%): $(BUILD)/kernel-%: FORCE
	@[[ -n "$(call kernel-release,$*)" ]] || \
		{ echo "no headers of a $* cloud kernel are installed: run 'sudo make deps'" >&2; exit 1; }
	@root=$$(tests/kernel/stock.sh $(call kernel-release,$*)); \
	$(call link-kernel,$$root/boot/vmlinuz-$(call kernel-release,$*), \
		$$root/lib/modules/$(call kernel-release,$*),/lib/modules/$(call kernel-release,$*)/build)

# These need the compiler and libraries of a Debian system of their own.
$(OTHER_KERNELS:%=$(BUILD)/kernel-%): $(BUILD)/kernel-%: FORCE
	@root=$$(tests/kernel/debian.sh $*); \
	$(call link-kernel,$$root/boot/vmlinuz-*,$$root/lib/modules/*,$$root/lib/modules/*/build); \
	ln -sfn $$root $@/root

$(BUILD)/kernel-sanitizer: FORCE
	@tree=$$(tests/kernel/build.sh); \
	$(call link-kernel,$$tree/arch/x86/boot/bzImage,$$tree/installed/lib/modules/*,$$tree)

# Two at a time: unpacking a Debian system keeps one processor busy.
matrix:
	@$(MAKE) -j2 $(MATRIX:%=$(BUILD)/kernel-%)
	@failed=; tests/kernel/matrix.sh $(BUILD) $(MATRIX) || failed=1; \
	tests/kernel/userspace.sh $(BUILD) || failed=1; [[ -z $$failed ]]

arm64:
	@tests/kernel/arm64.sh $(BUILD)

size: $(BUILD)/driver-6.12/driver/hv_logoff.ko
	@tests/kernel/size.sh $(BUILD)

FORCE:

.PHONY: matrix arm64 size FORCE
