package org.stateferry.stream;

import java.util.List;
import org.stateferry.error.StateferryException;

/** Holds a device section's header against the vmdescription, which lists the devices in the order of the stream. */
final class ExpectedDevice {
    private ExpectedDevice() {}

    /**
     * The payload size in bytes of the device section whose header is at hand.
     *
     * @param index how many device sections came before
     * @param found the device that the header names; its payload size is not known yet
     */
    static long payloadSize(VmDescription vmDescription, int index, DeviceState found, ElementInput in)
            throws StateferryException {
        List<DeviceState> devices = vmDescription.devices();
        if (index == devices.size()) {
            throw in.invalid("device section '" + found.name() + "' is not in the vmdescription");
        }
        DeviceState expected = devices.get(index);
        boolean sameVersion =
                expected.versionId() == DeviceState.NO_VERSION || expected.versionId() == found.versionId();
        if (!sameVersion || !expected.name().equals(found.name()) || expected.instanceId() != found.instanceId()) {
            throw in.invalid(
                    "device section " + identity(found) + " stands where the vmdescription has " + identity(expected));
        }
        return expected.payloadSize();
    }

    private static String identity(DeviceState device) {
        return "'" + device.name() + "' (instance " + device.instanceId() + ", version " + device.versionId() + ")";
    }
}
