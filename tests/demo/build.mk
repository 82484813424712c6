# SPDX-License-Identifier: GPL-2.0-or-later

demo-command = tests/demo/demo.sh $(BUILD) $(BUILD)/kernel-6.12/vmlinuz $(BUILD)/guest-6.12.img

demo demo-picture: $(BUILD)/hvhost $(BUILD)/guest-6.12.img

demo:
	$(outer-root) $(demo-command)

# The picture in README.md, of a run of the demo on a terminal.
demo-picture:
	$(outer-root) script --quiet --return --command '$(demo-command)' $(BUILD)/demo.typescript
	tests/demo/picture.py '== Alice logs in' HRESULT <$(BUILD)/demo.typescript >docs/demo.svg

.PHONY: demo demo-picture
