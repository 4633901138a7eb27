package org.stateferry.stream;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Leaves sections out of a stream, such as the state of a device that the loading QEMU does not have. The stream is
 * read once to find them; what remains keeps its bytes, apart from the vmdescription, which loses the devices too, so
 * that it still tells what the stream has.
 */
public final class SectionCut {
    private final Set<String> names;
    /** Ids of the wanted sections that have begun. */
    private final Set<Long> open = new HashSet<>();

    private final List<StreamFacts.Extent> cuts = new ArrayList<>();
    private final Map<String, Long> sizes = new LinkedHashMap<>();

    private SectionCut(Set<String> names) {
        this.names = names;
    }

    /**
     * A stream without some sections.
     *
     * @param content the stream, without anything behind it
     * @param sizes how many bytes each section had, with all its parts
     */
    public record Result(StreamFile content, Map<String, Long> sizes) {}

    /**
     * Makes a stream without some sections, which reads from {@code file}.
     *
     * @param watched the same file, from which the stream is read through
     * @param stream the stream in the file
     * @param names the id strings of the sections, all of which must be there
     * @throws StateferryException {@code USAGE} for the section of the guest's memory; {@code DUMP_UNFIT} if one is not there
     *     or its end cannot be known
     */
    public static Result run(StreamFile file, StreamFile watched, MigrationStream stream, List<String> names)
            throws StateferryException {
        if (names.contains(SectionWalker.RAM)) {
            throw StateferryException.of(FailureKind.USAGE, "the section 'ram' is the guest's memory")
                    .advise("name another section");
        }
        SectionCut cut = new SectionCut(new HashSet<>(names));
        cut.walk(watched, stream);
        return new Result(cut.rest(file, stream), cut.sizes);
    }

    private void walk(StreamFile file, MigrationStream stream) throws StateferryException {
        StreamCheck.Unchecked unchecked = StreamMeasure.follow(file, stream, new StreamListener() {
            @Override
            public void passed(SectionType type, long sectionId, String name, StreamFacts.Extent extent) {
                SectionCut.this.passed(type, sectionId, name, extent);
            }
        });
        for (String name : names) {
            if (!sizes.containsKey(name)) {
                throw unchecked == null
                        ? StateferryException.in(
                                        FailureKind.DUMP_UNFIT, file.path(), "the stream has no section '" + name + "'")
                                .advise("leave out --drop-section " + name)
                        : StateferryException.at(
                                        FailureKind.DUMP_UNFIT,
                                        file.path(),
                                        unchecked.offset(),
                                        "section '" + name + "' cannot be left out, as its end cannot be known: "
                                                + unchecked.reason())
                                .advise("leave out --drop-section " + name);
            }
        }
    }

    private void passed(SectionType type, long sectionId, String name, StreamFacts.Extent extent) {
        boolean begins = type == SectionType.START || type == SectionType.FULL;
        if (begins ? !names.contains(name) : !open.contains(sectionId)) {
            return;
        }
        if (type == SectionType.START) {
            open.add(sectionId);
        } else if (type == SectionType.END) {
            open.remove(sectionId);
        }
        cuts.add(extent);
        sizes.merge(name, extent.length(), Long::sum);
    }

    private StreamFile rest(StreamFile file, MigrationStream stream) throws StateferryException {
        VmDescription description = stream.vmDescription();
        List<ComposedStream.Part> parts = new ArrayList<>();
        long at = 0;
        for (StreamFacts.Extent cut : cuts) {
            parts.add(range(file, stream, at, cut.offset()));
            at = cut.end();
        }
        parts.add(range(file, stream, at, description == null ? stream.length() : description.recordOffset()));
        if (description != null) {
            parts.addAll(VmDescriptionEdit.withoutDevices(file, stream.fileOffset(), description, sizes::containsKey));
        }
        return new ComposedStream(file.path(), parts);
    }

    private static ComposedStream.Part range(StreamFile file, MigrationStream stream, long from, long to) {
        return new ComposedStream.Range(file, stream.fileOffset() + from, to - from);
    }
}
