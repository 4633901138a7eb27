package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;

/**
 * The header (qcow2 specification, "Header"). Offsets of the fields, all big-endian:
 *
 * <pre>
 *   0 magic               4 version              8 backing_file_offset   16 backing_file_size
 *  20 cluster_bits       24 size                32 crypt_method          36 l1_size
 *  40 l1_table_offset    48 refcount_table_offset                        56 refcount_table_clusters
 *  60 nb_snapshots       64 snapshots_offset
 *  version 3:            72 incompatible_features                        80 compatible_features
 *  88 autoclear_features 96 refcount_order     100 header_length        104 compression_type
 * </pre>
 *
 * <p>Immutable. {@link Qcow2HeaderParser} reads one from a file; another is made field by field, by name, with a {@link Builder}.
 */
public final class Qcow2Header {
    /** {@code 'Q' 'F' 'I' 0xfb}. */
    public static final int MAGIC = 0x5146_49fb;
    /** Bytes of a version 2 header. */
    public static final int VERSION_2_LENGTH = 72;
    /** Least bytes of a version 3 header. */
    public static final int VERSION_3_MIN_LENGTH = 104;
    /** How many bytes have fields that are known. */
    public static final int MAX_PARSED_LENGTH = 112;

    static final int L1_SIZE_AT = 36;
    static final int AUTOCLEAR_FEATURES_AT = 88;

    private static final int VERSION_2_REFCOUNT_ORDER = 4;
    /** Refcounts of 64 bits. */
    public static final int MAX_REFCOUNT_ORDER = 6;

    private static final long LAZY_REFCOUNTS = 1;

    private final int version;
    private final long backingFileOffset;
    private final long backingFileSize;
    private final int clusterBits;
    private final long size;
    private final int cryptMethod;
    private final int l1Size;
    private final long l1TableOffset;
    private final long refcountTableOffset;
    private final int refcountTableClusters;
    private final int snapshotCount;
    private final long snapshotsOffset;
    private final long incompatibleFeatures;
    private final long compatibleFeatures;
    private final long autoclearFeatures;
    private final int refcountOrder;
    private final int headerLength;
    private final int compressionType;

    private Qcow2Header(Builder builder) {
        this.version = builder.version;
        this.backingFileOffset = builder.backingFileOffset;
        this.backingFileSize = builder.backingFileSize;
        this.clusterBits = builder.clusterBits;
        this.size = builder.size;
        this.cryptMethod = builder.cryptMethod;
        this.l1Size = builder.l1Size;
        this.l1TableOffset = builder.l1TableOffset;
        this.refcountTableOffset = builder.refcountTableOffset;
        this.refcountTableClusters = builder.refcountTableClusters;
        this.snapshotCount = builder.snapshotCount;
        this.snapshotsOffset = builder.snapshotsOffset;
        this.incompatibleFeatures = builder.incompatibleFeatures;
        this.compatibleFeatures = builder.compatibleFeatures;
        this.autoclearFeatures = builder.autoclearFeatures;
        this.refcountOrder = builder.refcountOrder;
        this.headerLength = builder.headerLength;
        this.compressionType = builder.compressionType;
    }

    /**
     * A header in the making. What is not set is 0; the fields that only version 3 has are those of version 2 until they are
     * set. Nothing is checked. Not thread-safe.
     */
    public static final class Builder {
        private int version;
        private long backingFileOffset;
        private long backingFileSize;
        private int clusterBits;
        private long size;
        private int cryptMethod;
        private int l1Size;
        private long l1TableOffset;
        private long refcountTableOffset;
        private int refcountTableClusters;
        private int snapshotCount;
        private long snapshotsOffset;
        private long incompatibleFeatures;
        private long compatibleFeatures;
        private long autoclearFeatures;
        private int refcountOrder = VERSION_2_REFCOUNT_ORDER;
        private int headerLength = VERSION_2_LENGTH;
        private int compressionType;

        /** Sets {@link Qcow2Header#version}. */
        public Builder version(int value) {
            version = value;
            return this;
        }

        /** Sets {@link Qcow2Header#backingFileOffset}. */
        public Builder backingFileOffset(long value) {
            backingFileOffset = value;
            return this;
        }

        /** Sets {@link Qcow2Header#backingFileSize}. */
        public Builder backingFileSize(long value) {
            backingFileSize = value;
            return this;
        }

        /** Sets {@link Qcow2Header#clusterBits}. */
        public Builder clusterBits(int value) {
            clusterBits = value;
            return this;
        }

        /** Sets {@link Qcow2Header#size}. */
        public Builder size(long value) {
            size = value;
            return this;
        }

        /** Sets {@link Qcow2Header#cryptMethod}. */
        public Builder cryptMethod(int value) {
            cryptMethod = value;
            return this;
        }

        /** Sets {@link Qcow2Header#l1Size}. */
        public Builder l1Size(int value) {
            l1Size = value;
            return this;
        }

        /** Sets {@link Qcow2Header#l1TableOffset}. */
        public Builder l1TableOffset(long value) {
            l1TableOffset = value;
            return this;
        }

        /** Sets {@link Qcow2Header#refcountTableOffset}. */
        public Builder refcountTableOffset(long value) {
            refcountTableOffset = value;
            return this;
        }

        /** Sets {@link Qcow2Header#refcountTableClusters}. */
        public Builder refcountTableClusters(int value) {
            refcountTableClusters = value;
            return this;
        }

        /** Sets {@link Qcow2Header#snapshotCount}. */
        public Builder snapshotCount(int value) {
            snapshotCount = value;
            return this;
        }

        /** Sets {@link Qcow2Header#snapshotsOffset}. */
        public Builder snapshotsOffset(long value) {
            snapshotsOffset = value;
            return this;
        }

        /** Sets {@link Qcow2Header#incompatibleFeatures}. */
        public Builder incompatibleFeatures(long value) {
            incompatibleFeatures = value;
            return this;
        }

        /** Sets {@link Qcow2Header#compatibleFeatures}. */
        public Builder compatibleFeatures(long value) {
            compatibleFeatures = value;
            return this;
        }

        /** Sets {@link Qcow2Header#autoclearFeatures}. */
        public Builder autoclearFeatures(long value) {
            autoclearFeatures = value;
            return this;
        }

        /** Sets {@link Qcow2Header#refcountOrder}. */
        public Builder refcountOrder(int value) {
            refcountOrder = value;
            return this;
        }

        /** Sets {@link Qcow2Header#headerLength}. */
        public Builder headerLength(int value) {
            headerLength = value;
            return this;
        }

        /** Sets {@link Qcow2Header#compressionType}. */
        public Builder compressionType(int value) {
            compressionType = value;
            return this;
        }

        /** The header with what was set so far. */
        public Qcow2Header build() {
            return new Qcow2Header(this);
        }
    }

    /**
     * Writes the header at the start of a buffer; what the buffer holds behind it stays.
     *
     * @param target the file's first bytes; its position is left alone
     */
    public void putTo(ByteBuffer target) {
        if (version != 3 || headerLength != MAX_PARSED_LENGTH) {
            throw new IllegalStateException("only a header of version 3 with all its known fields is ever written");
        }
        target.duplicate()
                .position(0)
                .putInt(MAGIC)
                .putInt(version)
                .putLong(backingFileOffset)
                .putInt((int) backingFileSize)
                .putInt(clusterBits)
                .putLong(size)
                .putInt(cryptMethod)
                .putInt(l1Size)
                .putLong(l1TableOffset)
                .putLong(refcountTableOffset)
                .putInt(refcountTableClusters)
                .putInt(snapshotCount)
                .putLong(snapshotsOffset)
                .putLong(incompatibleFeatures)
                .putLong(compatibleFeatures)
                .putLong(autoclearFeatures)
                .putInt(refcountOrder)
                .putInt(headerLength)
                .put((byte) compressionType);
    }

    /** 2 or 3. */
    public int version() {
        return version;
    }

    /** Where the backing file's name lies in the file, or 0 if there is none. */
    public long backingFileOffset() {
        return backingFileOffset;
    }

    /** Length of that name in bytes. */
    public long backingFileSize() {
        return backingFileSize;
    }

    /** Log2 of the cluster size. */
    public int clusterBits() {
        return clusterBits;
    }

    /** Virtual disk size in bytes. */
    public long size() {
        return size;
    }

    /** {@code crypt_method}: 0 none, 1 AES, 2 LUKS. */
    public int cryptMethod() {
        return cryptMethod;
    }

    /** Entries of the active L1 table. */
    public int l1Size() {
        return l1Size;
    }

    /** Host offset of the active L1 table. */
    public long l1TableOffset() {
        return l1TableOffset;
    }

    /** Host offset of the refcount table. */
    public long refcountTableOffset() {
        return refcountTableOffset;
    }

    /** Length of the refcount table in clusters. */
    public int refcountTableClusters() {
        return refcountTableClusters;
    }

    /** {@code nb_snapshots}: the number of internal snapshots. */
    public int snapshotCount() {
        return snapshotCount;
    }

    /** Host offset of the snapshot table; without meaning if there is none. */
    public long snapshotsOffset() {
        return snapshotsOffset;
    }

    /** See {@link IncompatibleFeature}; 0 in version 2. */
    public long incompatibleFeatures() {
        return incompatibleFeatures;
    }

    /** {@code compatible_features}; 0 in version 2. */
    public long compatibleFeatures() {
        return compatibleFeatures;
    }

    /** See {@link AutoclearFeatures}; 0 in version 2. */
    public long autoclearFeatures() {
        return autoclearFeatures;
    }

    /** Log2 of the refcount width in bits; 4 in version 2. */
    public int refcountOrder() {
        return refcountOrder;
    }

    /** Bytes of the header; 72 in version 2. */
    public int headerLength() {
        return headerLength;
    }

    /** 0 deflate, 1 zstd. */
    public int compressionType() {
        return compressionType;
    }

    /** The image's index arithmetic. */
    public ClusterGeometry geometry() {
        return new ClusterGeometry(clusterBits, hasFeature(IncompatibleFeature.EXTENDED_L2), refcountOrder);
    }

    /** Whether an incompatible feature is on. */
    public boolean hasFeature(IncompatibleFeature feature) {
        return feature.isIn(incompatibleFeatures);
    }

    /** Whether QEMU writes the refcounts late (bit 0 of {@code compatible_features}). */
    public boolean hasLazyRefcounts() {
        return (compatibleFeatures & LAZY_REFCOUNTS) != 0;
    }

    /** Whether the image has a backing file. */
    public boolean hasBackingFile() {
        return backingFileOffset != 0;
    }

    /**
     * Whether a cluster of zeros has to be stored: version 2 has no entry that reads as zeros, and what is unallocated
     * shows the backing file.
     */
    public boolean zerosNeedSpace() {
        return version < 3 && hasBackingFile();
    }

    /** Bytes of the refcount table. */
    public int refcountTableSize() {
        return refcountTableClusters << clusterBits;
    }
}
