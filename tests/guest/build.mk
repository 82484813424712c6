# SPDX-License-Identifier: GPL-2.0-or-later

$(BUILD)/tests/guest/agent: $(BUILD)/tests/guest/agent.o
	$(CC) $(LDFLAGS) -static -o $@ $^

$(BUILD)/tests/guest/open-session: $(BUILD)/tests/guest/open-session.o
	$(CC) $(LDFLAGS) -o $@ $^ -lpam -lpam_misc -lutil $(shell pkg-config --libs libsystemd)

$(BUILD)/tests/guest/hold-lock: $(BUILD)/tests/guest/hold-lock.o
	$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/tests/guest/vsock-peer: $(BUILD)/tests/guest/vsock-peer.o
	$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/tests/guest/fail-nth: $(BUILD)/tests/guest/fail-nth.o
	$(CC) $(LDFLAGS) -o $@ $^

GUEST_FILES := $(addprefix tests/guest/,base.sh pack-base.sh image.sh agent.service open-session.pam persistent persistent.service) \
	$(wildcard $(addprefix userspace/guest/*.,conf policy rules service socket) userspace/guest/ctl/*.bash-completion)

GUEST_PROGRAMS := $(addprefix $(BUILD)/,hv-logoffd hv-logoffctl) $(addprefix $(BUILD)/tests/guest/,agent open-session fail-nth hold-lock vsock-peer)

$(BUILD)/guest-%.img: $(BUILD)/driver-%/driver/hv_logoff.ko $(GUEST_PROGRAMS) $(GUEST_FILES) | \
		$(BUILD)/kernel-%
	tests/guest/image.sh $(BUILD)/kernel-$*/modules $< $(BUILD) $@

# make uses the rule with the shortest stem.
define guest-image
$(BUILD)/guest-%-$(1).img: $(BUILD)/driver-%/driver/hv_logoff.ko $(GUEST_PROGRAMS) $(GUEST_FILES) | \
		$(BUILD)/kernel-%
	$(2)tests/guest/image.sh $(BUILD)/kernel-$$*/modules $$< $(BUILD)$(3) $$@ $(1)
endef
$(eval $(call guest-image,trixie))
$(eval $(call guest-image,sid))
# Its libraries are older than those of this system.
$(eval $(call guest-image,bullseye,tests/kernel/bullseye.sh $(BUILD)/bullseye \
	$(GUEST_PROGRAMS:$(BUILD)/%=/build/%) && ,/bullseye))

$(BUILD)/tests/guest/vmbus-init: $(BUILD)/tests/guest/vmbus-init.o
	$(CC) $(LDFLAGS) -static -o $@ $^

$(BUILD)/vmbus-%.img: $(BUILD)/tests/guest/vmbus-init tests/guest/vmbus-image.sh | $(BUILD)/kernel-%
	tests/guest/vmbus-image.sh $(BUILD)/kernel-$*/modules $< $@
