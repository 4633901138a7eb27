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
 * <p>Memory is 1 MiB, 100 bytes for each section, at most {@link #PAYLOADS_SIZE_MAX} of payloads and, if pages are counted, 8
 * bytes for each page up to {@link #PLACES_MAX} and 16 MiB to know which have come. Not thread-safe.
 */
public final class StreamInspection {
    /** How many bytes of devices' payloads are kept; those of a large machine come to a few megabytes. */
    public static final int PAYLOADS_SIZE_MAX = 8 * 1024 * 1024;

    private static final int PIECE_SIZE = 1024 * 1024;
    private static final int SECTIONS_MAX = 1 << 17;
    private static final int HASHED_BLOCKS_MAX = 4096;
    /** Of so many pages it is kept where the record lies that comes last: 32 MiB of memory, for 16 GiB of 4 KiB pages. */
    static final int PLACES_MAX = 4 * 1024 * 1024;
    /** Chunks of 64 Ki pages of which it is known which have come: all of 512 GiB of 4 KiB pages. */
    private static final int SEEN_CHUNKS_MAX = 2048;

    private static final long UNRECORDED_MIN = 256L << 20;
    private static final int UNRECORDED_PER_BYTE = 64;

    private final StreamFile file;
    private final MigrationStream stream;
    private final boolean pages;
    private final boolean payloads;
    private final ElementInput in;
    private final SectionWalker walker;
    private final Map<Long, Section> open = new HashMap<>();
    private final List<Section> sections = new ArrayList<>();
    private final List<Pages> blocks = new ArrayList<>();
    private @Nullable Section current;
    private @Nullable Pages currentPage;
    private long payloadsSize;
    private int placesLeft = PLACES_MAX;
    private int seenChunksLeft = SEEN_CHUNKS_MAX;

    /**
     * What was found.
     *
     * @param sections in the order in which they begin
     * @param blocks the RAM blocks in the order of their list, as far as records of them were met; empty if not wanted, and of
     *     pages that lie at fixed places of the file
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
                                "what follows cannot be read, because " + unchecked.reason())
                        .advise("stateferry import --dry-run tells whether it can be imported all the same");
            }
        } catch (StateferryException e) {
            damage = e;
        }
        List<PageCounts> counts = new ArrayList<>();
        for (Pages block : blocks) {
            try {
                counts.add(block.finish(damage == null));
            } catch (StateferryException e) {
                damage = damage == null ? e : damage;
            }
        }
        return new Result(sections, counts, damage);
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
            position += piece.position() == 0 ? jump(stream.length() - position) : 0;
        }
    }

    /** Passes what nobody looks at without reading it: pages at fixed places of the file may be many, and holes. */
    private long jump(long max) {
        Section section = current;
        boolean wanted = currentPage != null || section != null && section.payload != null;
        long pending = in.pendingSkip();
        if (wanted || pending < PIECE_SIZE) {
            return 0;
        }
        long passed = Math.min(pending, max);
        in.resume(in.offset() + passed, pending - passed);
        return passed;
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

    /**
     * The pages of a RAM block.
     *
     * @param block the block
     * @param normal records with a page's content
     * @param zero records of a page that holds zeros
     * @param delta records of what has changed in a page (XBZRLE)
     * @param repeated records of a page of which there was one before
     * @param sha256 SHA-256 of the block's content, each page as the last record of it has it; null if that cannot be told
     * @param unknown why it cannot be told, or null
     */
    public record PageCounts(
            RamBlock block,
            long normal,
            long zero,
            long delta,
            long repeated,
            @Nullable String sha256,
            @Nullable String unknown) {}

    /** Why the hash of a block is not made that is not {@link #isWorthIt}. */
    public static final String NOT_WORTH_IT = "most of its pages are not in the stream";

    /**
     * Whether to make the hash of a block of which so many bytes are zeros that nothing in the stream takes room for: time must
     * grow with what is there, and not with what is claimed.
     */
    public static boolean isWorthIt(long zeros, long content) {
        return zeros <= Math.max(UNRECORDED_MIN, UNRECORDED_PER_BYTE * content);
    }

    /** A SHA-256 to be fed. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** The records of the pages of a RAM block, as they come. */
    private final class Pages {
        /** Instead of a place: the page is zero, or there was no record of it. */
        private static final long ZERO_PAGE = 0;
        /** Instead of a place: only what has changed is there. */
        private static final long CHANGED = -1;

        private static final int CHUNK = 64 * 1024;

        private final RamBlock block;
        private final int pageSize;
        private final byte[] zeros;
        private final Map<Long, BitSet> seen = new HashMap<>();
        private boolean isAllSeen = true;
        /** Where the content of each page lies in the stream, plus 1; null if that is not kept. */
        private long @Nullable [] @Nullable [] places;

        private long normal;
        private long zero;
        private long delta;
        private long repeated;
        /** Of pages that have come in their order, each once, the hash is made on the way. */
        private @Nullable MessageDigest digest;

        private long hashedTo;
        private long unrecorded;
        private long pageOffset;
        private int left;

        private Pages(RamBlock block, int pageSize, boolean hashed) {
            this.block = block;
            this.pageSize = pageSize;
            this.zeros = new byte[pageSize];
            this.digest = hashed ? sha256() : null;
            long pageCount = block.usedLength() / pageSize;
            if (hashed && file.isReadAnywhere() && pageCount <= placesLeft) {
                placesLeft -= (int) pageCount;
                places = new long[(int) ((pageCount + CHUNK - 1) / CHUNK)][];
            }
        }

        private void page(long offset, int kind) {
            boolean again = hasCome(offset / pageSize);
            repeated += again ? 1 : 0;
            switch (kind) {
                case RamFlag.PAGE -> normal++;
                case RamFlag.ZERO -> zero++;
                default -> delta++;
            }
            if (again || offset < hashedTo || kind == RamFlag.XBZRLE) {
                digest = null;
            }
            fillTo(offset);
            pageOffset = offset;
            left = kind == RamFlag.PAGE ? pageSize : 0;
            if (kind != RamFlag.PAGE) {
                place(kind == RamFlag.ZERO ? ZERO_PAGE : CHANGED);
            }
        }

        /** Whether there was a record of the page before; there is one now. */
        private boolean hasCome(long index) {
            BitSet chunk = seen.get(index / CHUNK);
            if (chunk == null) {
                if (seenChunksLeft == 0) {
                    isAllSeen = false;
                    digest = null;
                    places = null;
                    return false;
                }
                seenChunksLeft--;
                chunk = new BitSet(CHUNK);
                seen.put(index / CHUNK, chunk);
            }
            boolean before = chunk.get((int) (index % CHUNK));
            chunk.set((int) (index % CHUNK));
            return before;
        }

        private void place(long at) {
            if (places == null) {
                return;
            }
            int index = (int) (pageOffset / pageSize);
            long[] chunk = places[index / CHUNK];
            if (chunk == null && at != ZERO_PAGE) {
                chunk = new long[CHUNK];
                places[index / CHUNK] = chunk;
            }
            if (chunk != null) {
                chunk[index % CHUNK] = at;
            }
        }

        /** Pages that no record speaks of hold zeros, as the loader begins with such. */
        private void fillTo(long offset) {
            unrecorded += Math.max(0, offset - hashedTo);
            if (!isWorthIt(unrecorded, normal * pageSize)) {
                digest = null;
            }
            while (digest != null && hashedTo < offset) {
                digest.update(zeros);
                hashedTo += pageSize;
            }
        }

        /** @param at where in the stream the bytes lie */
        private void content(ByteBuffer bytes, long at) {
            if (left == pageSize) {
                place(at + 1);
            }
            int count = Math.min(left, bytes.remaining());
            left -= count;
            if (digest != null) {
                digest.update(bytes.slice(bytes.position(), count));
                hashedTo += left == 0 ? pageSize : 0;
            }
        }

        private PageCounts finish(boolean whole) throws StateferryException {
            fillTo(block.usedLength());
            String hash = null;
            String unknown = null;
            long without = block.usedLength() - (normal + zero + delta - repeated) * pageSize;
            if (!whole) {
                unknown = "the stream is not whole";
            } else if (!isAllSeen) {
                unknown = "its pages are more than could be kept account of";
            } else if (!isWorthIt(without, normal * pageSize)) {
                unknown = NOT_WORTH_IT;
            } else if (digest != null) {
                hash = HexFormat.of().formatHex(digest.digest());
            } else if (places == null) {
                unknown = file.isReadAnywhere()
                        ? "pages come again or in no order, and are more than could be kept account of"
                        : "pages come again or in no order, and what is compressed is read only in its order";
            } else {
                MessageDigest reread = hashOfLast(places);
                hash = reread == null ? null : HexFormat.of().formatHex(reread.digest());
                unknown = reread == null ? "of some pages only what has changed came last (XBZRLE)" : null;
            }
            places = null;
            return new PageCounts(block, normal, zero, delta, repeated, hash, unknown);
        }

        /** Reads each page where it came last; null if not all of one is there. */
        private @Nullable MessageDigest hashOfLast(long[] @Nullable [] chunks) throws StateferryException {
            MessageDigest sum = sha256();
            ByteBuffer page = ByteBuffer.allocate(pageSize);
            long pageCount = block.usedLength() / pageSize;
            for (int index = 0; index < pageCount; index++) {
                long[] chunk = chunks[index / CHUNK];
                long place = chunk == null ? ZERO_PAGE : chunk[index % CHUNK];
                if (place == CHANGED) {
                    return null;
                }
                if (place == ZERO_PAGE) {
                    sum.update(zeros);
                } else {
                    file.readFully(page.clear(), stream.fileOffset() + place - 1);
                    sum.update(page.flip());
                }
            }
            return sum;
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
                blocks.add(new Pages(next, walker.ram().pageSize(), blocks.size() < HASHED_BLOCKS_MAX));
            }
            Pages counts = blocks.get(block);
            counts.page(pageOffset, kind);
            currentPage = kind == RamFlag.PAGE ? counts : null;
        }

        @Override
        public void skipped(ByteBuffer bytes) {
            if (currentPage != null) {
                currentPage.content(bytes, in.offset());
            }
        }
    }
}
