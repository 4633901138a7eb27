package org.stateferry.stream;

/**
 * One device section as the vmdescription gives it.
 *
 * @param name the device's id string, for example {@code 0000:00:01.0/virtio-blk}
 * @param instanceId which of several devices of this name, as an unsigned 32-bit number
 * @param versionId the layout's version, or {@link #NO_VERSION} for a device of the old style, which gives none
 * @param payloadSize bytes of payload in the stream, between the section's header and its footer
 */
public record DeviceState(String name, long instanceId, long versionId, long payloadSize) {
    /** The version of a device whose vmdescription gives none. */
    public static final long NO_VERSION = -1;
}
