package org.stateferry.stream;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the parts of a stream lie that the capability mapped-ram changes. Offsets in extents are in bytes from the start of
 * the stream.
 *
 * @param capabilities the subsection of the configuration that lists the capabilities
 * @param ramSection the section that the list of RAM blocks is in, with its pages and its footer
 * @param sectionId the number of the RAM section
 * @param hasFooter whether sections end with footers
 * @param blocks the RAM blocks in the order of the list
 */
public record MappedLayout(
        StreamFacts.Extent capabilities,
        StreamFacts.Extent ramSection,
        long sectionId,
        boolean hasFooter,
        List<MappedBlock> blocks) {
    public MappedLayout {
        blocks = List.copyOf(blocks);
    }

    /** Notes the layout while a stream is walked. Not thread-safe. */
    static final class Finder {
        private final SectionWalker walker;
        private @Nullable MappedLayout found;

        /** @param walker at the beginning of the stream; it gets no other listener */
        Finder(SectionWalker walker) {
            this.walker = walker;
            walker.listen(new StreamListener() {
                @Override
                public void passed(SectionType type, long sectionId, String name, StreamFacts.Extent extent) {
                    Finder.this.passed(type, sectionId, name, extent);
                }
            });
        }

        private void passed(SectionType type, long sectionId, String name, StreamFacts.Extent extent) {
            StreamFacts.Extent capabilities = walker.configuration().capabilitiesExtent();
            if (type == SectionType.START
                    && SectionWalker.RAM.equals(name)
                    && capabilities != null
                    && walker.configuration().isMapped()) {
                found = new MappedLayout(
                        capabilities,
                        extent,
                        sectionId,
                        walker.hasFooters(),
                        walker.ram().mappedBlocks());
            }
        }

        /** The layout; null if RAM is not mapped, or the section with the list has not been passed. */
        @Nullable
        MappedLayout found() {
            return found;
        }
    }
}
