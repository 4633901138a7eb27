package org.stateferry.stream.inspection;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.DescribedSections;
import org.stateferry.stream.ElementInput;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.SectionHead;
import org.stateferry.stream.SectionType;
import org.stateferry.stream.SectionWalker;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamListener;
import org.stateferry.stream.VmDescription;
import org.stateferry.stream.inspection.PageInspection.PageCounts;

/**
 * Reads a stream from its first byte to its last and tells what is in it: its sections, what the records of RAM are, and, if
 * that is wanted, the payloads of its devices. Where it is damaged, all that comes before is told.
 *
 * <p>Memory is 1 MiB, 100 bytes for each section, at most {@link #PAYLOADS_SIZE_MAX} of payloads and, if pages are counted, that of
 * {@link PageInspection}. Not thread-safe.
 */
public final class StreamInspection {
    /** How many bytes of devices' payloads are kept; those of a large machine come to a few megabytes. */
    public static final int PAYLOADS_SIZE_MAX = 8 * 1024 * 1024;

    private static final int PIECE_SIZE = 1024 * 1024;
    private static final int SECTIONS_MAX = 1 << 17;
    private final StreamFile file;
    private final MigrationStream stream;
    private final @Nullable PageInspection pages;
    private final @Nullable RamFeed ram;
    private final boolean payloads;
    private final ElementInput in;
    private final SectionWalker walker;
    private final Map<Long, Section> open = new HashMap<>();
    private final List<Section> sections = new ArrayList<>();
    private @Nullable Section current;
    private long payloadsSize;
    private boolean ramEnded;

    /**
     * What was found.
     *
     * @param sections in the order in which they begin
     * @param blocks the RAM blocks in the order of their list, as far as records of them were met; empty if not wanted, and of
     *     pages that lie at fixed places of the file
     * @param ramEnded whether all that the stream says of RAM has been read
     * @param damage what the reading ended with, or null if the stream was read to its end
     */
    public record Result(
            List<Section> sections,
            List<PageCounts> blocks,
            boolean ramEnded,
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

    private StreamInspection(
            StreamFile file, MigrationStream stream, boolean pages, boolean payloads, @Nullable RamContent ram) {
        this.file = file;
        this.stream = stream;
        this.pages = pages ? new PageInspection(file, stream.fileOffset()) : null;
        this.ram = ram == null ? null : new RamFeed(ram);
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
     * @param ram takes what is in RAM, or null; what it fails with ends the reading as damage does
     */
    public static Result run(
            StreamFile file, MigrationStream stream, boolean pages, boolean payloads, @Nullable RamContent ram) {
        return new StreamInspection(file, stream, pages, payloads, ram).run();
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
        for (PageInspection.Block block : pages == null ? List.<PageInspection.Block>of() : pages.blocks()) {
            try {
                counts.add(block.finish(damage == null));
            } catch (StateferryException e) {
                damage = damage == null ? e : damage;
            }
        }
        return new Result(sections, counts, ramEnded, damage);
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
                if (ram != null) {
                    ram.requireTaken();
                }
                keep(piece, from);
            }
            piece.compact();
            position += piece.position() == 0 ? jump(stream.length() - position) : 0;
        }
    }

    /** Passes what nobody looks at without reading it: pages at fixed places of the file may be many, and holes. */
    private long jump(long max) {
        Section section = current;
        boolean wanted = pages != null && pages.wantsContent()
                || ram != null && ram.wantsContent()
                || section != null && section.payload != null;
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
            endPages();
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
            endPages();
        }

        @Override
        public void passed(SectionType type, long sectionId, String name, StreamFacts.Extent extent) {
            ramEnded |= type == SectionType.END && name.equals(SectionWalker.RAM);
        }

        private void endPages() {
            if (pages != null) {
                pages.partEnds();
            }
        }

        @Override
        public void page(int block, long pageOffset, int kind, long contentOffset) throws StateferryException {
            if (ram != null) {
                ram.page(walker.ram(), block, pageOffset, kind);
            }
            if (pages != null) {
                pages.page(walker.ram(), block, pageOffset, kind);
            }
        }

        @Override
        public void changes(int offset, int size) {
            if (ram != null) {
                ram.changes(offset, size);
            }
        }

        @Override
        public void skipped(ByteBuffer bytes) {
            if (ram != null) {
                ram.content(bytes);
            }
            if (pages != null) {
                pages.content(bytes, in.offset());
            }
        }
    }
}
