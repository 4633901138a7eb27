package org.stateferry.stream;

/**
 * A device section as the vmdescription describes it.
 *
 * @param name the device's id string, for example {@code 0000:00:01.0/virtio-blk}
 * @param instanceId tells devices of the same name apart; an unsigned 32-bit number
 * @param versionId the version of the payload's layout, or {@link #NO_VERSION} for a device without a VMStateDescription
 * @param payloadSize bytes of payload in the stream, between the section's header and its footer
 * @param exact whether that size can be relied on. It cannot if there is an array of structures, because QEMU describes
 *     its first element only ({@code migration/vmstate.c}, {@code vmsd_can_compress}), and others may have another size
 */
public record DeviceState(String name, long instanceId, long versionId, long payloadSize, boolean exact) {
    /** The version of a device for which the vmdescription has none. */
    public static final long NO_VERSION = -1;
}
