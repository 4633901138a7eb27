package org.stateferry.stream;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * Reads the stream's header and its configuration section (QEMU {@code migration/savevm.c}, {@code
 * vmstate_configuration}).
 *
 * <pre>
 * be32 magic, be32 version
 * [0x07, be32 length, machine type, subsections]        absent in streams of machine types before 2.4
 * subsection: 0x05, u8 length, name, be32 version, then
 *   configuration/target-page-bits   be32 bits
 *   configuration/capabilities       be32 count, count * (u8 length, name)
 *   configuration/uuid               16 bytes
 * </pre>
 *
 * <p>Not thread-safe.
 */
final class ConfigurationWalker {
    /** The first four bytes of a stream: {@code QEVM}. */
    static final int MAGIC = 0x5145564d;

    /** The only version that current QEMUs write and load. */
    static final int VERSION = 3;

    private static final int MACHINE_TYPE_SIZE_MAX = 255;
    /** QEMU lists two at most ({@code migration/savevm.c}, {@code should_validate_capability}). */
    private static final int CAPABILITIES_MAX = 2;

    private static final int UUID_SIZE = 16;

    private final ElementInput in;
    private final List<String> capabilities = new ArrayList<>();
    private int version = VERSION;
    private boolean present;
    private @Nullable String machineType;
    private int pageSize;
    private StreamFacts.@Nullable Extent capabilitiesExtent;

    ConfigurationWalker(ElementInput in) {
        this.in = in;
    }

    /** The stream's version; {@link #VERSION} until it is read. */
    int version() {
        return version;
    }

    /** The machine type, or null if none has been read. */
    @Nullable
    String machineType() {
        return machineType;
    }

    /** Whether the stream has a configuration section. */
    boolean isPresent() {
        return present;
    }

    /** Restores what {@link #isPresent} was when a check was saved. */
    void restorePresence(boolean saved) {
        present = saved;
    }

    /** The target page size in bytes that the configuration states, or 0 if it states none. */
    int pageSize() {
        return pageSize;
    }

    /** The migration capabilities that the configuration lists, as far as it was read. */
    List<String> capabilities() {
        return List.copyOf(capabilities);
    }

    /** Whether RAM lies at fixed places of the file. */
    boolean isMapped() {
        return capabilities.contains(StreamFacts.MAPPED_RAM);
    }

    /** Where the subsection lies that lists the capabilities; null if none has been read. */
    StreamFacts.@Nullable Extent capabilitiesExtent() {
        return capabilitiesExtent;
    }

    /** Passes the header; false if more bytes are needed. */
    boolean header() throws StateferryException {
        if (!in.has(2 * Integer.BYTES)) {
            return false;
        }
        if (in.peekU32(0) != MAGIC) {
            throw in.invalid("not a QEMU migration stream: the magic QEVM is missing");
        }
        version = (int) in.peekU32(Integer.BYTES);
        if (version != VERSION) {
            throw in.unfit("migration stream of version " + Integer.toUnsignedString(version)
                            + (version == 2 ? ", which is obsolete" : "") + "; QEMU loads version " + VERSION)
                    .advise("save the state again with a current QEMU");
        }
        in.advance(2 * Integer.BYTES);
        return true;
    }

    /** Passes the configuration section's machine type; false if more bytes are needed. */
    boolean machineTypeName() throws StateferryException {
        if (!in.has(1 + Integer.BYTES)) {
            return false;
        }
        long length = in.peekU32(1);
        if (length == 0 || length > MACHINE_TYPE_SIZE_MAX) {
            throw in.invalid("machine type with a name of " + length + " bytes; at most " + MACHINE_TYPE_SIZE_MAX
                    + " are expected");
        }
        int size = 1 + Integer.BYTES + (int) length;
        if (!in.has(size)) {
            return false;
        }
        machineType = in.peekName(1 + Integer.BYTES, (int) length);
        present = true;
        in.advance(size);
        return true;
    }

    /** Passes a whole subsection of the configuration; false if more bytes are needed. */
    boolean subsection() throws StateferryException {
        if (!in.has(2) || !in.has(2 + in.peekU8(1) + Integer.BYTES)) {
            return false;
        }
        int nameLength = in.peekU8(1);
        int headSize = 2 + nameLength + Integer.BYTES;
        String name = in.peekName(2, nameLength);
        long version = in.peekU32(2 + nameLength);
        if (version != 1) {
            throw in.unfit("configuration subsection '" + name + "' of version " + version + " is not known");
        }
        return switch (name) {
            case "configuration/target-page-bits" -> targetPageBits(headSize);
            case "configuration/capabilities" -> capabilities(headSize);
            case "configuration/uuid" -> {
                in.advance(headSize);
                in.skip(UUID_SIZE);
                yield true;
            }
            default -> throw in.unfit("configuration subsection '" + name + "' is not known");
        };
    }

    private boolean targetPageBits(int headSize) throws StateferryException {
        if (!in.has(headSize + Integer.BYTES)) {
            return false;
        }
        long bits = in.peekU32(headSize);
        if (bits >= Integer.SIZE - 1 || !RamWalker.isPageSize(1 << bits)) {
            throw in.invalid("target pages of 2^" + bits + " bytes");
        }
        in.advance(headSize + Integer.BYTES);
        pageSize = 1 << bits;
        return true;
    }

    /**
     * Refuses every capability but mapped-ram: QEMU lists only those that a loader must have too. What mapped-ram changes is
     * known; the others leave something out.
     */
    private boolean capabilities(int headSize) throws StateferryException {
        if (!in.has(headSize + Integer.BYTES)) {
            return false;
        }
        long count = in.peekU32(headSize);
        if (count > CAPABILITIES_MAX) {
            throw in.unfit("the stream needs " + count + " migration capabilities");
        }
        int size = headSize + Integer.BYTES;
        capabilities.clear();
        for (int index = 0; index < count; index++) {
            if (!in.has(size + 1) || !in.has(size + 1 + in.peekU8(size))) {
                return false;
            }
            int nameLength = in.peekU8(size);
            capabilities.add(in.peekName(size + 1, nameLength));
            size += 1 + nameLength;
        }
        for (String capability : capabilities) {
            requireKnown(capability);
        }
        capabilitiesExtent = new StreamFacts.Extent(in.offset(), size);
        in.advance(size);
        return true;
    }

    private void requireKnown(String capability) throws StateferryException {
        switch (capability) {
            case StreamFacts.MAPPED_RAM -> {
                if (capabilities.size() > 1 && capabilities.get(0).equals(capabilities.get(1))) {
                    throw in.invalid("the migration capability mapped-ram is listed twice");
                }
            }
            case "x-ignore-shared" ->
                throw in.unfit("shared RAM was left out of the stream (migration capability x-ignore-shared)")
                        .advise("save the state again with the capability off");
            default ->
                throw in.unfit("the stream needs the migration capability '" + capability + "', which is not known");
        }
    }
}
