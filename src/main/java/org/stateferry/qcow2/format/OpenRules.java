package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What QEMU demands of a header and its extensions before it opens an image, besides what it takes to parse them (QEMU
 * {@code block/qcow2.c}, {@code qcow2_do_open}, {@code validate_compression_type} and {@code qcow2_read_extensions}). Such an
 * image can be looked at, but it is not sound, and nobody can use it.
 */
public final class OpenRules {
    private static final int NO_ENCRYPTION = 0;
    private static final int LUKS = 2;
    private static final int ZSTD = 1;
    private static final int INCOMPATIBLE_FEATURES_AT = 72;
    private static final int CRYPT_METHOD_AT = 32;
    private static final int COMPRESSION_TYPE_AT = 104;

    private OpenRules() {}

    /**
     * The rules that an image breaks.
     *
     * @param encryption the image's encryption extension, if it has one
     */
    public static List<Violation> violations(Qcow2Header header, @Nullable HeaderExtension encryption) {
        List<Violation> violations = new ArrayList<>();
        boolean typeIsSet = header.hasFeature(IncompatibleFeature.COMPRESSION_TYPE);
        if (header.compressionType() > ZSTD) {
            violations.add(new Violation(
                    COMPRESSION_TYPE_AT, "header: compression type " + header.compressionType() + " is unknown"));
        } else if (typeIsSet != (header.compressionType() != 0)) {
            violations.add(new Violation(
                    INCOMPATIBLE_FEATURES_AT,
                    "header: compression type " + header.compressionType()
                            + " and the feature bit for it contradict each other"));
        }
        if (!header.hasFeature(IncompatibleFeature.EXTERNAL_DATA_FILE)
                && (header.autoclearFeatures() & AutoclearFeatures.RAW_EXTERNAL_DATA) != 0) {
            violations.add(new Violation(
                    Qcow2Header.AUTOCLEAR_FEATURES_AT,
                    "header: it says that the external data file is raw, but there is no such file"));
        }
        if (Integer.compareUnsigned(header.cryptMethod(), LUKS) > 0) {
            violations.add(new Violation(
                    CRYPT_METHOD_AT,
                    "header: encryption method " + Integer.toUnsignedString(header.cryptMethod()) + " is unknown"));
        } else if (header.cryptMethod() == LUKS && encryption == null) {
            violations.add(new Violation(CRYPT_METHOD_AT, "header: LUKS encryption without a LUKS header"));
        }
        return violations;
    }

    /** Which rule an extension breaks, or null if none. */
    public static @Nullable Violation violation(HeaderExtension extension, Qcow2Header header) {
        String problem = switch (extension.type()) {
            case HeaderExtension.ENCRYPTION -> encryptionProblem(extension, header);
            case HeaderExtension.BITMAPS ->
                extension.data().length == BitmapsExtension.SIZE
                        ? null
                        : "bitmaps extension has " + extension.data().length + " bytes instead of 24";
            default -> null;
        };
        return problem == null ? null : new Violation(extension.offset(), problem);
    }

    private static @Nullable String encryptionProblem(HeaderExtension extension, Qcow2Header header) {
        if (header.cryptMethod() != LUKS) {
            return header.cryptMethod() == NO_ENCRYPTION
                    ? "encryption extension in an image that is not encrypted"
                    : "encryption extension in an image that is not encrypted with LUKS";
        }
        if (extension.data().length != EncryptionExtension.SIZE) {
            return "encryption extension has " + extension.data().length + " bytes instead of 16";
        }
        long offset = ByteBuffer.wrap(extension.data()).getLong(0);
        return offset < 0
                        || offset >= Qcow2Limits.MAX_HOST_OFFSET
                        || !header.geometry().isClusterAligned(offset)
                ? "LUKS header at 0x%x is not at a cluster's start".formatted(offset)
                : null;
    }
}
