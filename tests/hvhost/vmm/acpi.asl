// SPDX-License-Identifier: GPL-2.0-or-later
// The devices that Linux cannot probe for, and S5.
DefinitionBlock ("", "DSDT", 2, "HVHOST", "HVHOST", 1)
{
	Name (\_S5, Package () { 5, 0, 0, 0 })	// SLEEP_S5 in ports.h

	Scope (\_SB)
	{
		// A parent of the VMBus has the MMIO range for the devices on the bus. No device uses MMIO
		// here, but Linux 5.10 walks up from the bus until it finds such a range, and does not stop
		// otherwise.
		Device (VMOD)
		{
			Name (_HID, "ACPI0004")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
					ReadWrite, 0, 0xf8000000, 0xfbffffff, 0, 0x04000000)
			})

			// iasl warns (6033) that the _HID has lower-case letters and no digits: Hyper-V uses it.
			Device (VMBS)
			{
				Name (_HID, "VMBus")
				Name (_UID, 0)
				Name (_DDN, "VMBUS")
				Method (_STA) { Return (0x0f) }
				Name (_CRS, ResourceTemplate () {})
			}
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x70, 0x70, 1, 2)
			})
		}

		// Root device for persistent memory; the NFIT, if present, describes the memory.
		Device (NVDR)
		{
			Name (_HID, "ACPI0012")
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x3f8, 0x3f8, 1, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
			})
		}

		Device (COM2)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 2)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x2f8, 0x2f8, 1, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 3 }
			})
		}
	}
}
