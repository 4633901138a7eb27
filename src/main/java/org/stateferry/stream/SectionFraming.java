package org.stateferry.stream;

import org.stateferry.error.StateferryException;

/**
 * Where the payload of a section ends that begins with {@link SectionType#START}. The vmdescription does not list these
 * sections: each device marks the end in its own way (QEMU: all users of {@code register_savevm_live} that have the
 * handler {@code save_setup}, or {@code save_live_state} up to version 1.1). RAM is not among them; see {@link
 * RamWalker}.
 *
 * <p>The constants have no state; between two elements of a payload there is nothing to remember but whether the first
 * one has been passed.
 */
enum SectionFraming {
    /**
     * Contents of disks, up to QEMU 9.0: words whose low 9 bits are flags, of which 0x02 ends the payload (QEMU
     * {@code migration/block.c}). Up to version 1.1 every stream had the section, empty unless {@code migrate -b} was
     * used.
     */
    BLOCK("block", SectionFraming.ANY_VERSION) {
        @Override
        Step pass(ElementInput in, boolean begun) throws StateferryException {
            if (!in.has(Long.BYTES)) {
                return Step.INCOMPLETE;
            }
            long flags = in.peekI64(0) & 0x1ff;
            if (flags == 0x02) {
                return ended(in, Long.BYTES);
            }
            if ((flags & ~0x0dL) == 0 && flags != 0) {
                throw in.unfit("the stream carries the disks' contents too (migrate -b), which a snapshot cannot take")
                        .advise("save the state again without -b");
            }
            throw in.invalid("a record of section 'block' with unknown flags 0x" + Long.toHexString(flags));
        }
    },
    /** Dirty bitmaps of disks; present only if there are any (QEMU {@code migration/block-dirty-bitmap.c}). */
    DIRTY_BITMAP("dirty-bitmap", SectionFraming.ANY_VERSION) {
        @Override
        Step pass(ElementInput in, boolean begun) throws StateferryException {
            throw in.unfit("the stream carries dirty bitmaps, which a snapshot cannot take")
                    .advise("save the state again with the migration capability dirty-bitmaps off");
        }
    },
    /**
     * The page table of a POWER guest (QEMU {@code hw/ppc/spapr.c}, {@code htab_load}): be32, which is the binary
     * logarithm of the table's size, or -1 if there is none, and then all of the payload; or 0, and then chunks of
     * {@code be32 index, be16 valid, be16 invalid, valid * 16 bytes}, the last of which is all zeros.
     */
    HASH_TABLE("spapr/htab", 1) {
        @Override
        Step pass(ElementInput in, boolean begun) throws StateferryException {
            if (begun) {
                return chunk(in);
            }
            if (!in.has(Integer.BYTES)) {
                return Step.INCOMPLETE;
            }
            long shift = in.peekU32(0);
            if (shift > 64 && shift != 0xffff_ffffL) {
                throw in.invalid("a hash page table of 2^" + shift + " bytes");
            }
            in.advance(Integer.BYTES);
            return shift == 0 ? Step.PASSED : Step.ENDED;
        }

        private Step chunk(ElementInput in) {
            if (!in.has(Long.BYTES)) {
                return Step.INCOMPLETE;
            }
            boolean last = in.peekI64(0) == 0;
            int validCount = in.peekU16(Integer.BYTES);
            in.advance(Long.BYTES);
            in.skip((long) validCount * HASH_TABLE_ENTRY_SIZE);
            return last ? Step.ENDED : Step.PASSED;
        }
    },
    /**
     * Storage attributes of an s390 guest (QEMU {@code hw/s390x/s390-stattrib.c}, {@code cmma_load}): words whose low
     * 12 bits are flags; 0x02 is followed by be64 count and so many bytes, 0x08 stands alone, 0x01 ends the payload,
     * 0x04 means that the sender failed.
     */
    STORAGE_ATTRIBUTES("s390-storage_attributes", 0) {
        @Override
        Step pass(ElementInput in, boolean begun) throws StateferryException {
            if (!in.has(Long.BYTES)) {
                return Step.INCOMPLETE;
            }
            int flags = (int) in.peekI64(0) & 0xfff;
            switch (flags) {
                case 0x01 -> {
                    return ended(in, Long.BYTES);
                }
                case 0x02 -> {
                    return sized(in, Long.BYTES);
                }
                case 0x08 -> {
                    in.advance(Long.BYTES);
                    return Step.PASSED;
                }
                case 0x04 ->
                    throw in.invalid("QEMU could not save all storage attributes")
                            .advise("save the state again");
                default ->
                    throw in.invalid(
                            "a record of storage attributes with unknown flags 0x" + Integer.toHexString(flags));
            }
        }
    },
    /**
     * State of a device of the host (QEMU {@code hw/vfio/migration.c}, {@code vfio_load_state}; the name begins with the
     * device's path): words 0xffffffffef1000NN, where 01 ends the payload, 03 stands alone, 04 is followed by be64 size
     * and so many bytes, and 05 ends the payload too. After 02 comes a layout that only the device knows, up to QEMU
     * 5.2.
     */
    VFIO("vfio", 1) {
        @Override
        Step pass(ElementInput in, boolean begun) throws StateferryException {
            if (!in.has(Long.BYTES)) {
                return Step.INCOMPLETE;
            }
            long tag = in.peekI64(0);
            long kind = tag ^ 0xffff_ffff_ef10_0000L;
            switch (kind == (int) kind ? (int) kind : 0) {
                case 0x01, 0x05 -> {
                    return ended(in, Long.BYTES);
                }
                case 0x02 -> {
                    return Step.UNKNOWN;
                }
                case 0x03 -> {
                    in.advance(Long.BYTES);
                    return Step.PASSED;
                }
                case 0x04 -> {
                    return sized(in, Long.BYTES);
                }
                default -> throw in.invalid("a record of a VFIO device with unknown tag 0x" + Long.toHexString(tag));
            }
        }
    },
    /** Proxmox's state of a running backup: be64 size and so many bytes (pve-qemu {@code migration/pbs-state.c}). */
    PBS_STATE("pbs-state", 1) {
        @Override
        Step pass(ElementInput in, boolean begun) throws StateferryException {
            Step step = sized(in, 0);
            return step == Step.PASSED ? Step.ENDED : step;
        }
    },
    /** Of a device, or of a version, that is not known here: the section's footer tells where the payload ends. */
    FOOTER("", SectionFraming.ANY_VERSION) {
        @Override
        Step pass(ElementInput in, boolean begun) {
            return Step.UNKNOWN;
        }
    };

    private static final int HASH_TABLE_ENTRY_SIZE = 16;
    private static final long ANY_VERSION = -1;

    private final String name;
    private final long versionId;

    SectionFraming(String name, long versionId) {
        this.name = name;
        this.versionId = versionId;
    }

    /** What became of the next element of a payload. */
    enum Step {
        /** More bytes are needed. */
        INCOMPLETE,
        /** It was passed, and another one follows. */
        PASSED,
        /** It was passed, and was the last one. */
        ENDED,
        /** It was not passed: only the footer tells where the payload ends. */
        UNKNOWN
    }

    /**
     * The framing of a section other than RAM.
     *
     * @param idString QEMU's name of the section, which may begin with a device's path
     */
    static SectionFraming of(String idString, long versionId) {
        for (SectionFraming framing : values()) {
            boolean sameVersion = framing.versionId == versionId || framing.versionId == ANY_VERSION;
            if (sameVersion && framing.isNamed(idString)) {
                return framing;
            }
        }
        return FOOTER;
    }

    private boolean isNamed(String idString) {
        return idString.equals(name) || this == VFIO && idString.endsWith("/vfio");
    }

    /**
     * Passes the next element of a payload.
     *
     * @param begun whether an element of this payload has been passed before
     */
    abstract Step pass(ElementInput in, boolean begun) throws StateferryException;

    private static Step ended(ElementInput in, int size) {
        in.advance(size);
        return Step.ENDED;
    }

    /** Passes {@code headSize} bytes, a be64 size, and so many bytes. */
    private static Step sized(ElementInput in, int headSize) throws StateferryException {
        if (!in.has(headSize + Long.BYTES)) {
            return Step.INCOMPLETE;
        }
        long size = in.peekI64(headSize);
        if (size < 0) {
            throw in.invalid("a record of " + Long.toUnsignedString(size) + " bytes");
        }
        in.advance(headSize + Long.BYTES);
        in.skip(size);
        return Step.PASSED;
    }
}
