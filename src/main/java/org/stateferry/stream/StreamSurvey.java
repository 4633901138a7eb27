package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.StreamFacts.VmClock;

/**
 * Finds out what a file holds that begins as a migration stream: where the stream ends, and what it says about its
 * machine.
 *
 * <p>A stream ends with its vmdescription. If that is also the end of the file, up to padding, only the file's
 * beginning and end have to be read. But the end of a file, and all the more that of a block device, may be left from
 * an older and longer stream, or be anything else. To be sure, the sections are followed from the beginning ({@link
 * StreamMeasure}).
 */
public final class StreamSurvey {
    private static final int DEFAULT_PAGE_SIZE = 4096;

    private final FileTail tail;
    private final StreamFile file;
    private final long fileOffset;
    private final ByteBuffer prefix;

    private long length;
    private boolean measured;
    private @Nullable VmDescription description;
    private int pageSize;
    private @Nullable VmClock clock;
    private @Nullable StateferryException obstacle;
    private @Nullable StateferryException damage;
    private @Nullable MappedLayout mapped;
    private boolean guestRanOn;

    /**
     * How much of a file is read.
     *
     * @param trustsEnd whether a vmdescription at the end of the file is taken for that of the stream, so that the
     *     sections are not followed
     * @param measureMax how far into the stream they are followed at most, in bytes
     */
    public record Effort(boolean trustsEnd, long measureMax) {}

    /**
     * What was found.
     *
     * @param stream the stream, as far as it could be read
     * @param obstacle why it cannot be loaded from a snapshot, or null if that is not known
     * @param damage where it is damaged, as far as it was read, or null
     * @param mapped where RAM lies if it has fixed places in the file; null otherwise, or if that could not be read
     * @param guestRanOn whether the guest is known to have run on while it was saved, see {@link StreamCheck#guestRanOn}
     */
    public record Result(
            MigrationStream stream,
            @Nullable StateferryException obstacle,
            @Nullable StateferryException damage,
            @Nullable MappedLayout mapped,
            boolean guestRanOn) {}

    private StreamSurvey(StreamFile file, long fileOffset) throws StateferryException {
        this.file = file;
        this.fileOffset = fileOffset;
        tail = new FileTail(file, fileOffset);
        prefix = file.read(fileOffset, (int) Math.min(tail.size(), StreamHead.SIZE_MAX));
    }

    /**
     * Surveys the stream that begins at an offset of a file.
     *
     * @throws StateferryException if the file cannot be read. A stream that is damaged, or that cannot be loaded, is no
     *     failure
     */
    public static Result run(StreamFile file, long fileOffset, Effort effort) throws StateferryException {
        return new StreamSurvey(file, fileOffset).run(effort);
    }

    private Result run(Effort effort) throws StateferryException {
        StreamHead head = head();
        length = tail.size();
        try {
            description = tail.vmDescription();
            length = description == null ? length : description.end();
        } catch (StateferryException e) {
            damage = requireDamage(e);
        }
        // Where RAM is mapped, following the sections means to pass it over.
        boolean trusted = effort.trustsEnd() && description != null && !head.isMapped();
        if (head.obstacle() == null && !trusted) {
            measure(head, head.isMapped() ? Long.MAX_VALUE : effort.measureMax());
            if (damage != null && description != null) {
                damage = damageInside(description, effort.measureMax());
            }
        }
        if (description != null) {
            head = head();
            clock = clock == null ? clock(description) : clock;
        }
        obstacle = head.obstacle();
        long surplus = measured && tail.hasContent(length) ? tail.size() - length : 0;
        return new Result(
                new MigrationStream(file.path(), fileOffset, length, surplus, facts(head), description),
                obstacle,
                damage,
                mapped,
                guestRanOn);
    }

    private StreamHead head() throws StateferryException {
        return StreamHead.read(
                file, fileOffset, prefix, description == null ? tail.size() : description.end(), description);
    }

    private static StateferryException requireDamage(StateferryException e) throws StateferryException {
        if (e.kind() != FailureKind.DUMP_INVALID && e.kind() != FailureKind.DUMP_UNFIT) {
            throw e;
        }
        return e;
    }

    /** Follows the sections to the end of the stream, and takes that for its end, wherever the file ends. */
    private void measure(StreamHead head, long limit) throws StateferryException {
        ByteBuffer piece = StreamMeasure.newPiece(tail.size());
        pageSize = head.pageSize();
        if (pageSize == RamWalker.PAGE_SIZE_UNKNOWN && description != null) {
            pageSize = description.pageSize();
            measure(piece, limit);
        }
        if (!measured && head.pageSize() == RamWalker.PAGE_SIZE_UNKNOWN) {
            // What the file ends with may be the vmdescription of another machine's stream.
            int tried = pageSize;
            pageSize = StreamMeasure.findPageSize(file, fileOffset, piece);
            if (pageSize == tried) {
                return;
            }
        }
        if (!measured) {
            measure(piece, limit);
        }
    }

    private void measure(ByteBuffer piece, long limit) throws StateferryException {
        try {
            StreamMeasure measure = new StreamMeasure(file, fileOffset, pageSize, piece, null);
            MappedLayout.Finder layout = new MappedLayout.Finder(measure.walker());
            StreamMeasure.Outcome outcome = measure.run(limit);
            mapped = layout.found();
            switch (outcome) {
                case ENDED -> {
                    VmDescription found = VmDescription.at(file, fileOffset, measure.offset());
                    if (found == null) {
                        requireLastDevice(measure);
                    }
                    end(found, measure);
                }
                case LOST -> endWithoutFooters(measure);
                case CUT -> measure.walker().finish();
                case STOPPED -> {
                    if (description == null) {
                        throw at(
                                tail.contentEnd(),
                                "the file does not end with a vmdescription: the stream is cut off, or something else"
                                        + " follows it");
                    }
                }
            }
        } catch (StateferryException e) {
            damage = requireDamage(e);
        }
    }

    /**
     * Follows the sections by the vmdescription that the file ends with: without it they did not lead to an end, be it
     * because of damage, or because something in a device's payload looks like the end of it.
     *
     * @return the damage, or null if there is none
     */
    private @Nullable StateferryException damageInside(VmDescription described, long limit) throws StateferryException {
        try {
            StreamMeasure measure = new StreamMeasure(
                    file, fileOffset, described.pageSize(), StreamMeasure.newPiece(tail.size()), described);
            if (measure.run(limit) == StreamMeasure.Outcome.CUT) {
                measure.walker().finish();
            }
            return null;
        } catch (StateferryException e) {
            return requireDamage(e);
        }
    }

    /** A stream without a vmdescription whose last device is missing is cut off, and zeros behind it look like its end mark. */
    private void requireLastDevice(StreamMeasure measure) throws StateferryException {
        SectionWalker walker = measure.walker();
        if (walker.configuration().isPresent() && !walker.hasGlobalState()) {
            throw at(
                    measure.offset() - 1,
                    "the stream is cut off: it ends without the section '" + SectionWalker.GLOBAL_STATE + "'");
        }
    }

    private void end(@Nullable VmDescription found, StreamMeasure measure) throws StateferryException {
        description = found;
        length = found == null ? measure.offset() : found.end();
        measured = true;
        damage = null;
        guestRanOn = measure.walker().guestRanOn();
        long timer = measure.walker().timerOffset();
        if (timer != SectionWalker.NONE) {
            clock = TimerSection.parse(timerPayload(timer), measure.walker().timerVersion());
        }
    }

    /** Without footers the vmdescription is searched behind the last section that could be passed. */
    private void endWithoutFooters(StreamMeasure measure) throws StateferryException {
        VmDescription found = tail.vmDescriptionBehind(measure.offset());
        if (found != null) {
            end(found, measure);
        } else if (description == null && measure.walker().configuration().isPresent()) {
            throw at(
                    tail.contentEnd(),
                    "the stream is cut off: it has no vmdescription, and its sections have no footers");
        } else if (description == null && tail.contentEnd() == tail.size()) {
            throw at(tail.size() - 1, "the stream is cut off: its last byte is not the end mark");
        }
    }

    private StateferryException at(long offset, String problem) {
        return StateferryException.at(FailureKind.DUMP_INVALID, file.path(), fileOffset + offset, problem)
                .advise("save the state again");
    }

    /** The clock in the section of the device {@code timer}, which is found from the end on. */
    private @Nullable VmClock clock(VmDescription described) throws StateferryException {
        long offset = new DeviceSearch(file, fileOffset, described).payloadOffset(TimerSection.NAME);
        if (offset < 0) {
            return null;
        }
        for (DeviceState device : described.devices()) {
            if (device.name().equals(TimerSection.NAME)) {
                return TimerSection.parse(timerPayload(offset), device.versionId());
            }
        }
        return null;
    }

    private ByteBuffer timerPayload(long offset) throws StateferryException {
        return file.read(fileOffset + offset, (int) Math.min(TimerSection.PAYLOAD_SIZE_MAX, tail.size() - offset));
    }

    private StreamFacts facts(StreamHead head) {
        VmDescription known = description;
        int foundSize = pageSize == RamWalker.PAGE_SIZE_UNKNOWN ? DEFAULT_PAGE_SIZE : pageSize;
        return new StreamFacts(
                head.version(),
                head.machineType(),
                head.pageSize() == RamWalker.PAGE_SIZE_UNKNOWN ? foundSize : head.pageSize(),
                head.capabilities(),
                head.ramBlocks(),
                known == null ? null : known.extent(),
                known == null ? Map.of() : instanceCounts(known),
                clock);
    }

    private static Map<String, Integer> instanceCounts(VmDescription described) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (DeviceState device : described.devices()) {
            counts.merge(device.name(), 1, Integer::sum);
        }
        return counts;
    }
}
