package org.stateferry.source.mapped;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.ComposedStream;
import org.stateferry.stream.MappedBlock;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.RamBlock;
import org.stateferry.stream.SectionType;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamListener;
import org.stateferry.stream.StreamMeasure;
import org.stateferry.stream.VmDescription;
import org.stateferry.stream.VmDescriptionEdit;

/**
 * A plain stream, whose RAM is in records, laid out with RAM at fixed places: the way from which {@link MappedRam#plain} is the way
 * back. The stream is read through once, to learn where the last record of each page is ({@link PageIndex}, which tells the memory); what
 * comes of it is a {@link StreamFile} of known length that can be read from any offset, and the same stream gives the same bytes.
 *
 * <p>The sections that RAM comes in lose their records, and all but the first and the last go. A page of zeros, and one that no record
 * speaks of, has no bit in the bitmap and nothing at its place.
 */
public final class PlainRam {
    private static final int SECTION_ID_SIZE = 1 + Integer.BYTES;
    private static final String RAM = "ram";
    /** The head of the RAM section and the record that begins the list of blocks. */
    private static final int LIST_HEAD_SIZE = SECTION_ID_SIZE + 1 + RAM.length() + 2 * Integer.BYTES + Long.BYTES;

    private static final String CAPABILITIES = "configuration/capabilities";
    private static final long NOWHERE = -1;

    private final StreamFile file;
    private final MigrationStream stream;
    private final int pageSize;
    private final List<RamBlock> blocks;
    private final List<PageIndex> indexes = new ArrayList<>();
    /** All RAM sections in their order, with their footers. */
    private final List<StreamFacts.Extent> ramSections = new ArrayList<>();

    private long configurationEnd = NOWHERE;
    private int lastBlock = -1;

    private PlainRam(StreamFile file, MigrationStream stream) {
        this.file = file;
        this.stream = stream;
        this.pageSize = stream.facts().targetPageSize();
        this.blocks = stream.facts().ramBlocks();
    }

    /**
     * The stream in the mapped-ram layout, as QEMU's {@code migrate file:} would write it from offset 0 of a file on.
     *
     * @param file the file; what is returned reads from it
     * @param watched the same file, from which the stream is read through
     * @param stream the plain stream in it
     * @throws StateferryException {@code DUMP_INVALID} if the stream is damaged; {@code DUMP_UNFIT} if it cannot be laid out so: its
     *     machine type is too old to say how RAM lies, sections cannot be followed, a page is not whole, or its pages are strewn
     *     so widely that the index would become too large
     */
    public static StreamFile mapped(StreamFile file, StreamFile watched, MigrationStream stream)
            throws StateferryException {
        PlainRam ram = new PlainRam(file, stream);
        ram.walk(watched);
        return ram.composed();
    }

    private void walk(StreamFile watched) throws StateferryException {
        PageIndex.Budget budget = new PageIndex.Budget();
        long pages = 0;
        for (RamBlock block : blocks) {
            pages += block.usedLength() / pageSize;
            if (pages > MappedRam.PAGES_MAX || block.usedLength() % pageSize != 0) {
                throw unfit("the RAM blocks have more than " + MappedRam.PAGES_MAX + " pages, or parts of pages");
            }
            indexes.add(new PageIndex(file.path(), pageSize, block.usedLength() / pageSize, budget));
        }
        StreamCheck.Unchecked unchecked = StreamMeasure.follow(watched, stream, new Listener());
        if (unchecked != null) {
            throw StateferryException.at(
                            FailureKind.DUMP_UNFIT,
                            file.path(),
                            unchecked.offset(),
                            "RAM cannot be laid out in another way, because the sections cannot be followed: "
                                    + unchecked.reason())
                    .advise("leave RAM in the plain layout");
        }
        for (PageIndex index : indexes) {
            index.close();
        }
        if (configurationEnd == NOWHERE) {
            throw unfit(
                    "the stream has no configuration section (machine types before 2.4), so it cannot say that RAM lies at fixed"
                            + " places");
        }
    }

    private StateferryException unfit(String problem) {
        return StateferryException.in(FailureKind.DUMP_UNFIT, file.path(), problem)
                .advise("leave RAM in the plain layout");
    }

    private final class Listener implements StreamListener {
        @Override
        public void configured(long offset) {
            configurationEnd = offset;
        }

        @Override
        public void passed(SectionType type, long sectionId, String name, StreamFacts.Extent extent) {
            if (type != SectionType.FULL && name.equals(RAM)) {
                ramSections.add(extent);
            }
        }

        @Override
        public void page(int block, long pageOffset, int kind, long contentOffset) throws StateferryException {
            if (block != lastBlock && lastBlock >= 0) {
                indexes.get(lastBlock).close();
            }
            lastBlock = block;
            indexes.get(block).record(pageOffset / pageSize, kind, contentOffset);
        }
    }

    private StreamFile composed() throws StateferryException {
        StreamFacts.Extent first = ramSections.get(0);
        StreamFacts.Extent last = ramSections.get(ramSections.size() - 1);
        byte[] capability = capability();
        List<ComposedStream.Part> parts = new ArrayList<>();
        parts.add(range(0, configurationEnd));
        parts.add(new ComposedStream.Bytes(capability));
        parts.add(range(configurationEnd, first.offset() + LIST_HEAD_SIZE));
        long at = first.offset() + LIST_HEAD_SIZE + capability.length;
        for (int block = 0; block < blocks.size(); block++) {
            MappedBlock place = MappedBlock.placed(blocks.get(block), pageSize, at);
            parts.add(new ComposedStream.Bytes(place.entry()));
            parts.add(new IndexedBitmap(indexes.get(block)));
            parts.add(new ComposedStream.Zeros(place.pagesOffset() - place.bitmapOffset() - place.bitmapSize()));
            parts.add(new IndexedPages(file, stream.fileOffset(), pageSize, indexes.get(block)));
            at = place.end();
        }
        byte[] end = sectionEnd(last);
        parts.add(new ComposedStream.Bytes(end));
        for (int index = 1; index < ramSections.size(); index++) {
            parts.add(range(
                    ramSections.get(index - 1).end(), ramSections.get(index).offset()));
        }
        if (ramSections.size() > 1) {
            parts.add(range(last.offset(), last.offset() + SECTION_ID_SIZE));
            parts.add(new ComposedStream.Bytes(end));
        }
        addRest(parts, last.end());
        return new ComposedStream(file.path(), parts);
    }

    /** The record that ends a section of RAM, and its footer if sections have one; it is the same for all of them. */
    private byte[] sectionEnd(StreamFacts.Extent section) throws StateferryException {
        ByteBuffer end = file.read(
                stream.fileOffset() + section.end() - SECTION_ID_SIZE - Long.BYTES, SECTION_ID_SIZE + Long.BYTES);
        boolean hasFooter = end.get(Long.BYTES) == SectionType.FOOTER.code();
        byte[] bytes = new byte[hasFooter ? end.remaining() : Long.BYTES];
        end.get(end.limit() - bytes.length, bytes);
        return bytes;
    }

    private void addRest(List<ComposedStream.Part> parts, long from) throws StateferryException {
        VmDescription description = stream.vmDescription();
        if (description == null) {
            parts.add(range(from, stream.length()));
        } else {
            parts.add(range(from, description.recordOffset()));
            parts.addAll(
                    VmDescriptionEdit.withCapability(file, stream.fileOffset(), description, StreamFacts.MAPPED_RAM));
        }
    }

    /** The subsection of the configuration that lists the one capability. */
    private static byte[] capability() {
        byte[] subsection = CAPABILITIES.getBytes(StandardCharsets.US_ASCII);
        byte[] capability = StreamFacts.MAPPED_RAM.getBytes(StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(2 + subsection.length + 2 * Integer.BYTES + 1 + capability.length)
                .put((byte) SectionType.SUBSECTION.code())
                .put((byte) subsection.length)
                .put(subsection)
                .putInt(1)
                .putInt(1)
                .put((byte) capability.length)
                .put(capability)
                .array();
    }

    /** Bytes of the stream as they are. */
    private ComposedStream.Range range(long from, long to) {
        return new ComposedStream.Range(file, stream.fileOffset() + from, to - from);
    }
}
