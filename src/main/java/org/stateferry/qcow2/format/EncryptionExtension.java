package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;

/**
 * The encryption header extension (qcow2 specification, "Full disk encryption header pointer"): be64 offset, be64 length of
 * the LUKS header, whose clusters count as used.
 *
 * @param offset host offset of the LUKS header, a cluster's start
 * @param length its bytes
 */
public record EncryptionExtension(long offset, long length) {
    static final int SIZE = 16;

    /** Reads the extension's data, of which {@link OpenRules} has nothing to say. */
    public static EncryptionExtension of(HeaderExtension extension) {
        ByteBuffer data = ByteBuffer.wrap(extension.data());
        return new EncryptionExtension(data.getLong(0), data.getLong(8));
    }
}
