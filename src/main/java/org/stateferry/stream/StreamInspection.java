package org.stateferry.stream;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Reads a stream from its first byte to its last and tells what is in it: its sections, what the records of RAM are, and, if
 * that is wanted, the payloads of its devices. Where it is damaged, all that comes before is told.
 *
 * <p>Memory is 1 MiB, a bit for each page of RAM, 100 bytes for each section, and at most {@link #PAYLOADS_SIZE_MAX} of
 * payloads. Not thread-safe.
 */
public final class StreamInspection {
    /** How many bytes of devices' payloads are kept; those of a large machine come to a few megabytes. */
    public static final int PAYLOADS_SIZE_MAX = 8 * 1024 * 1024;

    private static final int PIECE_SIZE = 1024 * 1024;
    private static final int SECTIONS_MAX = 1 << 17;
    private static final int HASHED_BLOCKS_MAX = 4096;

    private final StreamFile file;
    private final MigrationStream stream;
    private final boolean pages;
    private final boolean payloads;
    private final ElementInput in;
    private final SectionWalker walker;
    private final Map<Long, Section> open = new HashMap<>();
    private final List<Section> sections = new ArrayList<>();
    private final List<PageCounts> blocks = new ArrayList<>();
    private @Nullable Section current;
    private @Nullable PageCounts currentPage;
    private long payloadsSize;

    /**
     * What was found.
     *
     * @param sections in the order in which they begin
     * @param blocks the RAM blocks in the order of their list, as far as records of them were met; empty if not wanted
     * @param damage what the reading ended with, or null if the stream was read to its end
     */
    public record Result(
            List<Section> sections,
            List<PageCounts> blocks,
            @Nullable StateferryException damage) {
        /** The device sections. */
        public List<Section> devices() {
            return sections.stream().filter(Section::isDevice).toList();
        }

        /**
         * The run state of the guest when it was saved, {@code running} or {@code paused} for example; null if the stream does
         * not tell (QEMU {@code migration/global_state.c}: be32 size, text with a NUL).
         */
        public @Nullable String runState() {
            for (Section section : sections) {
                byte[] payload = section.payload();
                if (section.name().equals(SectionWalker.GLOBAL_STATE) && payload != null) {
                    int end = Integer.BYTES;
                    while (end < payload.length && payload[end] >= ' ' && payload[end] <= '~') {
                        end++;
                    }
                    return end <= Integer.BYTES
                            ? null
                            : new String(payload, Integer.BYTES, end - Integer.BYTES, StandardCharsets.US_ASCII);
                }
            }
            return null;
        }
    }

    private StreamInspection(StreamFile file, MigrationStream stream, boolean pages, boolean payloads) {
        this.file = file;
        this.stream = stream;
        this.pages = pages;
        this.payloads = payloads;
        this.in = new ElementInput(file.path(), stream.fileOffset());
        VmDescription description = stream.vmDescription();
        this.walker = new SectionWalker(
                in,
                stream.facts().targetPageSize(),
                description == null ? null : new DescribedSections(in, description),
                offset -> offset == stream.length() - 1);
        walker.listen(new Listener());
    }

    /**
     * Reads a stream.
     *
     * @param pages whether pages are counted, and their contents hashed
     * @param payloads whether the devices' payloads are kept
     */
    public static Result run(StreamFile file, MigrationStream stream, boolean pages, boolean payloads) {
        return new StreamInspection(file, stream, pages, payloads).run();
    }

    private Result run() {
        StateferryException damage = null;
        try {
            read();
            walker.finish();
            StreamCheck.Unchecked unchecked = walker.unchecked();
            if (unchecked != null) {
                damage = StateferryException.at(
                        FailureKind.DUMP_UNFIT,
                        file.path(),
                        unchecked.offset(),
                        "what follows cannot be read, because " + unchecked.reason());
            }
        } catch (StateferryException e) {
            damage = e;
        }
        blocks.forEach(PageCounts::finish);
        return new Result(sections, blocks, damage);
    }

    /** What was not passed stays in the buffer, so that a payload begins and ends in one that is at hand. */
    private void read() throws StateferryException {
        ByteBuffer piece = ByteBuffer.allocate(PIECE_SIZE);
        long position = 0;
        while (position < stream.length()) {
            int start = piece.position();
            piece.limit((int) Math.min(piece.capacity(), start + stream.length() - position));
            file.readFully(piece, stream.fileOffset() + position);
            position += piece.position() - start;
            piece.flip();
            long from = in.offset();
            in.offer(piece);
            boolean moved = true;
            while (moved) {
                moved = walker.step();
                keep(piece, from);
            }
            piece.compact();
        }
    }

    /** Keeps what was passed of a device's payload; offset {@code from} of the stream lies at the buffer's start. */
    private void keep(ByteBuffer piece, long from) {
        Section section = current;
        if (section == null || section.payload == null) {
            return;
        }
        long end = section.end < 0 ? in.offset() : section.end;
        long start = section.payloadOffset + section.payload.size();
        if (start >= from && end > start) {
            if (payloadsSize + end - start > PAYLOADS_SIZE_MAX) {
                section.payload = null;
                return;
            }
            section.payload.write(piece.array(), (int) (start - from), (int) (end - start));
            payloadsSize += end - start;
        }
    }

    /** A section, with all its parts. */
    public static final class Section {
        private final SectionHead head;
        private final boolean device;
        private final long offset;
        private final long payloadOffset;
        private long partOffset;
        private long end = -1;
        private long size;
        private int parts = 1;
        private @Nullable ByteArrayOutputStream payload;

        private Section(SectionHead head, boolean device, long offset) {
            this.head = head;
            this.device = device;
            this.offset = offset;
            this.payloadOffset = offset + head.size();
            this.partOffset = payloadOffset;
        }

        /** Whether it is that of a device, which has one part; the others send theirs while the guest may run. */
        public boolean isDevice() {
            return device;
        }

        /** The number by which its parts and footers name it. */
        public long id() {
            return head.sectionId();
        }

        /** The device's name. */
        public String name() {
            return head.name();
        }

        /** Tells devices of the same name apart. */
        public long instance() {
            return head.instanceId();
        }

        /** The version of its layout. */
        public long version() {
            return head.versionId();
        }

        /** Where its head begins, in bytes from the start of the stream. */
        public long offset() {
            return offset;
        }

        /** How many parts it has. */
        public int parts() {
            return parts;
        }

        /** Bytes of all its payloads. */
        public long size() {
            return size;
        }

        /** Its payload, if it was to be kept and there was room for it. */
        public byte @Nullable [] payload() {
            return payload == null ? null : payload.toByteArray();
        }
    }

    /** The records of the pages of a RAM block. */
    public static final class PageCounts {
        private final RamBlock block;
        private final int pageSize;
        private final byte[] zeros;
        private final BitSet seen = new BitSet();
        private long normal;
        private long zero;
        private long delta;
        private long repeated;
        private long hashedTo;
        private int left;
        private @Nullable MessageDigest digest;
        private @Nullable String hash;

        private PageCounts(RamBlock block, int pageSize, boolean hashed) {
            this.block = block;
            this.pageSize = pageSize;
            this.zeros = new byte[pageSize];
            try {
                this.digest = hashed ? MessageDigest.getInstance("SHA-256") : null;
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every Java has SHA-256", e);
            }
        }

        private void page(long pageOffset, int kind) {
            int index = (int) Math.min(Integer.MAX_VALUE - 1, pageOffset / pageSize);
            boolean again = seen.get(index);
            seen.set(index);
            repeated += again ? 1 : 0;
            switch (kind) {
                case RamFlag.PAGE -> normal++;
                case RamFlag.ZERO -> zero++;
                default -> delta++;
            }
            if (again || pageOffset < hashedTo || kind == RamFlag.XBZRLE) {
                digest = null;
            }
            fillTo(pageOffset);
            if (kind == RamFlag.PAGE) {
                left = pageSize;
            }
        }

        /** Pages that no record speaks of hold zeros, as the loader begins with such. */
        private void fillTo(long offset) {
            while (digest != null && hashedTo < offset) {
                digest.update(zeros);
                hashedTo += pageSize;
            }
        }

        private void content(ByteBuffer bytes) {
            int count = Math.min(left, bytes.remaining());
            left -= count;
            if (digest != null) {
                digest.update(bytes.slice(bytes.position(), count));
                hashedTo += left == 0 ? pageSize : 0;
            }
        }

        private void finish() {
            fillTo(block.usedLength());
            hash = digest == null || hashedTo != block.usedLength()
                    ? null
                    : HexFormat.of().formatHex(digest.digest());
        }

        /** The block. */
        public RamBlock block() {
            return block;
        }

        /** Records with a page's content. */
        public long normal() {
            return normal;
        }

        /** Records of a page that holds zeros. */
        public long zero() {
            return zero;
        }

        /** Records of what has changed in a page (XBZRLE). */
        public long delta() {
            return delta;
        }

        /** Records of a page of which there was one before. */
        public long repeated() {
            return repeated;
        }

        /** SHA-256 of the block's content; null if its pages come more than once or in no order, or are cut off. */
        public @Nullable String sha256() {
            return hash;
        }
    }

    private final class Listener implements StreamListener {
        @Override
        public void begins(SectionType type, SectionHead head, long offset) throws StateferryException {
            if (sections.size() == SECTIONS_MAX) {
                throw in.invalid("more than " + SECTIONS_MAX + " sections");
            }
            Section section = new Section(head, type == SectionType.FULL, offset);
            boolean kept = payloads || head.name().equals(SectionWalker.GLOBAL_STATE);
            if (kept && section.device && payloadsSize < PAYLOADS_SIZE_MAX) {
                section.payload = new ByteArrayOutputStream();
            }
            if (type == SectionType.START) {
                open.put(head.sectionId(), section);
            }
            sections.add(section);
            current = section;
            currentPage = null;
        }

        @Override
        public void goesOn(SectionType type, long sectionId, long offset) {
            Section section = open.get(sectionId);
            current = section;
            if (section != null) {
                section.parts++;
                section.partOffset = offset + 1 + Integer.BYTES;
                section.end = -1;
            }
        }

        @Override
        public void payloadEnds(long offset) {
            Section section = current;
            if (section != null && section.end < 0) {
                section.end = offset;
                section.size += offset - section.partOffset;
            }
            currentPage = null;
        }

        @Override
        public void page(int block, long pageOffset, int kind, long contentOffset) {
            if (!pages) {
                return;
            }
            while (blocks.size() <= block) {
                RamBlock next = walker.ram().blocks().get(blocks.size());
                blocks.add(new PageCounts(next, walker.ram().pageSize(), blocks.size() < HASHED_BLOCKS_MAX));
            }
            PageCounts counts = blocks.get(block);
            counts.page(pageOffset, kind);
            currentPage = kind == RamFlag.PAGE ? counts : null;
        }

        @Override
        public void skipped(ByteBuffer bytes) {
            if (currentPage != null) {
                currentPage.content(bytes);
            }
        }
    }
}
