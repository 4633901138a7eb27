package org.stateferry.stream;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * Reads a stream section by section (QEMU {@code migration/savevm.c}, {@code qemu_loadvm_state_main}).
 *
 * <p>The payload of a device does not state its length. The vmdescription does; in a stream without one, or where it is
 * not exact, the footer behind the payload is searched. Where there are no footers either, the rest of the stream is
 * passed without a check, which {@link #unchecked} then reports. Not thread-safe.
 */
public final class SectionWalker {
    /** No offset. */
    static final long NONE = -1;

    private static final int ID_SIZE = 1 + Integer.BYTES;
    private static final int COMMAND_HEAD_SIZE = 1 + 2 * Short.BYTES;
    private static final int RAM_VERSION = 4;
    /**
     * The device that QEMU saves behind all those that the machine starts with (QEMU {@code migration/global_state.c}).
     * Every machine type that has a configuration section has it.
     */
    public static final String GLOBAL_STATE = "globalstate";

    /** The section that holds the guest's memory. */
    public static final String RAM = "ram";

    private static final String RESAVE = "save the state again";

    /** What the next byte is part of. */
    private enum Position {
        HEADER,
        CONFIGURATION,
        SUBSECTION,
        SECTION,
        RAM,
        PAYLOAD,
        SEARCH,
        FOOTER,
        VMDESCRIPTION,
        END,
        UNCHECKED
    }

    private enum Phase {
        AWAITED,
        RUNNING,
        DONE
    }

    private enum Footers {
        UNKNOWN,
        PRESENT,
        ABSENT
    }

    /** Whether a footer is where it could be. */
    private enum Match {
        YES,
        NO,
        /** More bytes are needed. */
        OPEN
    }

    /** Tells of a zero byte behind a footer, in a stream without a vmdescription, whether it is the end mark. */
    public interface EndMark {
        /** How many bytes behind the byte must be at hand, unless the input ends before them. */
        default int lookAhead() {
            return 0;
        }

        /** @param offset of the byte, from the start of the stream */
        boolean isAt(long offset) throws StateferryException;
    }

    private final ElementInput in;
    private final @Nullable DescribedSections described;
    private final EndMark endMark;
    private final ConfigurationWalker configuration;
    private final RamWalker ram;
    private final OpenSections sections = new OpenSections();

    private Position position = Position.HEADER;
    private Phase ramPhase = Phase.AWAITED;
    private Footers footers = Footers.UNKNOWN;
    private long ramSectionId;
    private long sectionId;
    private String sectionName = "";
    private SectionFraming framing = SectionFraming.FOOTER;
    private boolean payloadBegun;
    private boolean hasGlobalState;
    private long timerOffset = NONE;
    private long timerVersion;
    private StreamCheck.@Nullable Unchecked unchecked;
    private StreamListener listener = StreamListener.NONE;
    /** The type and the start of the section that is being passed; only the listener needs them, so they are not saved. */
    private SectionType sectionType = SectionType.EOF;

    private long sectionStart = NONE;

    /**
     * @param pageSize the target page size in bytes, or {@link RamWalker#PAGE_SIZE_UNKNOWN} if no more than the list of
     *     RAM blocks is to be read
     * @param described the sections by the stream's vmdescription, or null if it has none
     * @param endMark asked only if there is no vmdescription
     */
    public SectionWalker(ElementInput in, int pageSize, @Nullable DescribedSections described, EndMark endMark) {
        this.in = in;
        this.described = described;
        this.endMark = endMark;
        configuration = new ConfigurationWalker(in);
        ram = new RamWalker(in, pageSize);
    }

    /** Sets who is told of what is passed; for a walker that is not restored. */
    public void listen(StreamListener newListener) {
        listener = newListener;
        in.listen(newListener);
        ram.listen(newListener);
    }

    ConfigurationWalker configuration() {
        return configuration;
    }

    /** The walker of the RAM sections. */
    public RamWalker ram() {
        return ram;
    }

    /** Why the rest of the stream is passed without a check, or null if nothing has been so far. */
    public StreamCheck.@Nullable Unchecked unchecked() {
        return unchecked;
    }

    /** Whether the list of RAM blocks has been read, or cannot be reached any more. */
    boolean isHeadRead() {
        return ram.hasBlocks() || position == Position.UNCHECKED || position == Position.END;
    }

    /** Whether the end of the stream has been reached. */
    boolean isAtEnd() {
        return position == Position.END;
    }

    /** Whether the device {@link #GLOBAL_STATE} has been passed. */
    boolean hasGlobalState() {
        return hasGlobalState;
    }

    /**
     * Whether the guest ran on while it was saved, as known at the end of the stream: with the migration capability
     * background-snapshot QEMU writes what the pages were when the save began, then the devices of that moment, and no END
     * of the RAM section (QEMU {@code migration/migration.c}, {@code bg_migration_completion}).
     */
    boolean guestRanOn() {
        return position == Position.END && ramPhase == Phase.RUNNING;
    }

    /** Whether no more of RAM is to come: it has ended, or the last of the devices, which follow it, has begun. */
    private boolean isRamOver() {
        return ramPhase == Phase.DONE || ramPhase == Phase.RUNNING && hasGlobalState;
    }

    /** Whether the end of a payload is being searched. */
    boolean isSearching() {
        return position == Position.SEARCH;
    }

    /** Where in the stream the payload of the device {@code timer} begins, in bytes; {@link #NONE} if it was not passed. */
    long timerOffset() {
        return timerOffset;
    }

    /** The version of the payload at {@link #timerOffset}. */
    long timerVersion() {
        return timerVersion;
    }

    /**
     * Passes one element, or as much of a RAM section as is at hand.
     *
     * @return false if more bytes are needed
     */
    public boolean step() throws StateferryException {
        return switch (position) {
            case HEADER -> configuration.header() && goTo(Position.CONFIGURATION);
            case CONFIGURATION -> beginConfiguration();
            case SUBSECTION -> subsection();
            case SECTION -> in.has(1) && section();
            case RAM -> ram.walk() && goTo(Position.FOOTER);
            case PAYLOAD -> payload();
            case SEARCH -> search() && goTo(Position.FOOTER);
            case FOOTER -> footer();
            case VMDESCRIPTION -> described != null && described.passText() && goTo(Position.END);
            case END -> end();
            case UNCHECKED -> {
                in.skipAll();
                yield false;
            }
        };
    }

    private boolean goTo(Position next) {
        position = next;
        return true;
    }

    private boolean beginConfiguration() throws StateferryException {
        if (!in.has(1)) {
            return false;
        }
        if (in.peekU8(0) != SectionType.CONFIGURATION.code()) {
            return goTo(Position.SECTION);
        }
        return configuration.machineTypeName() && goTo(Position.SUBSECTION);
    }

    private boolean subsection() throws StateferryException {
        if (!in.has(1)) {
            return false;
        }
        if (in.peekU8(0) == SectionType.SUBSECTION.code()) {
            return configuration.subsection() && takePageSize();
        }
        listener.configured(in.offset());
        return goTo(Position.SECTION);
    }

    private boolean takePageSize() throws StateferryException {
        int stated = configuration.pageSize();
        if (stated != 0) {
            if (described != null) {
                described.requirePageSize(stated);
            }
            ram.pageSize(stated);
        }
        ram.mapped(configuration.isMapped());
        return true;
    }

    private boolean section() throws StateferryException {
        int code = in.peekU8(0);
        SectionType type = SectionType.of(code);
        if (type == null) {
            throw in.invalid("unknown section type 0x" + Integer.toHexString(code))
                    .advise(ElementInput.IMPORT_UNSEEN);
        }
        sectionType = type;
        sectionStart = in.offset();
        return switch (type) {
            case START, FULL -> start(type);
            case PART, END -> part(type);
            case COMMAND -> StreamCommand.pass(in);
            case EOF -> eof();
            case SUBSECTION, VMDESCRIPTION, CONFIGURATION, FOOTER ->
                throw in.invalid("found " + type + " where a section should begin");
        };
    }

    private boolean start(SectionType type) throws StateferryException {
        SectionHead head = SectionHead.peek(in);
        if (head == null) {
            return false;
        }
        sectionId = head.sectionId();
        sectionName = head.name();
        listener.begins(type, head, in.offset());
        if (type == SectionType.FULL) {
            return device(head);
        }
        return head.name().equals(RAM) ? startRam(head) : startIterative(head);
    }

    private boolean startRam(SectionHead head) throws StateferryException {
        if (ramPhase != Phase.AWAITED || head.instanceId() != 0) {
            throw in.invalid("a second RAM section begins");
        }
        if (head.versionId() != RAM_VERSION) {
            throw in.unfit("RAM section of version " + head.versionId() + "; QEMU loads version " + RAM_VERSION);
        }
        in.advance(head.size());
        ramSectionId = sectionId;
        ramPhase = Phase.RUNNING;
        return goTo(Position.RAM);
    }

    private boolean startIterative(SectionHead head) throws StateferryException {
        if (sections.has(sectionId) || ramPhase != Phase.AWAITED && sectionId == ramSectionId) {
            throw in.invalid("section " + sectionId + " begins a second time");
        }
        if (sections.isFull()) {
            throw in.invalid("more than " + OpenSections.COUNT_MAX + " sections have begun and not ended");
        }
        framing = SectionFraming.of(head.name(), head.versionId());
        if (framing == SectionFraming.FOOTER && !hasFooters()) {
            return leaveUnchecked("only the device itself knows the length of section '" + head.name() + "'");
        }
        sections.begin(sectionId, new OpenSections.Open(head.name(), framing));
        return beginPayload(head.size());
    }

    private boolean device(SectionHead head) throws StateferryException {
        hasGlobalState |= head.name().equals(GLOBAL_STATE);
        if (described != null) {
            return goTo(described.passDevice(head, hasFooters()) ? Position.FOOTER : Position.SEARCH);
        }
        if (!hasFooters()) {
            return leaveUnchecked(
                    "the stream has no vmdescription that tells the length of device section '" + head.name() + "'");
        }
        in.advance(head.size());
        if (head.name().equals(TimerSection.NAME)) {
            timerOffset = in.offset();
            timerVersion = head.versionId();
        }
        return goTo(Position.SEARCH);
    }

    /** Whether sections end with footers; as long as none has ended, what QEMU does by itself counts. */
    boolean hasFooters() {
        return footers == Footers.UNKNOWN ? configuration.isPresent() : footers == Footers.PRESENT;
    }

    private boolean part(SectionType type) throws StateferryException {
        if (!in.has(ID_SIZE)) {
            return false;
        }
        sectionId = in.peekU32(1);
        listener.goesOn(type, sectionId, in.offset());
        if (ramPhase == Phase.RUNNING && sectionId == ramSectionId) {
            sectionName = RAM;
            in.advance(ID_SIZE);
            if (type == SectionType.END) {
                ramPhase = Phase.DONE;
            }
            return goTo(Position.RAM);
        }
        OpenSections.Open section = sections.get(sectionId);
        if (section == null) {
            throw in.invalid("section " + sectionId + " continues, but it has not begun or has already ended");
        }
        sectionName = section.name();
        framing = section.framing();
        if (type == SectionType.END) {
            sections.end(sectionId);
        }
        return beginPayload(ID_SIZE);
    }

    private boolean beginPayload(int headSize) {
        in.advance(headSize);
        payloadBegun = false;
        return goTo(Position.PAYLOAD);
    }

    private boolean payload() throws StateferryException {
        SectionFraming.Step step = framing.pass(in, payloadBegun);
        payloadBegun |= step == SectionFraming.Step.PASSED;
        return switch (step) {
            case INCOMPLETE -> false;
            case PASSED -> true;
            case ENDED -> goTo(Position.FOOTER);
            case UNKNOWN ->
                hasFooters()
                        ? goTo(Position.SEARCH)
                        : leaveUnchecked("only the device itself knows the length of section '" + sectionName + "'");
        };
    }

    /** Passes a payload of unknown length up to its footer; false if more bytes are needed. */
    private boolean search() throws StateferryException {
        while (in.advanceTo((byte) SectionType.FOOTER.code())) {
            Match match = footerAtHand();
            if (match != Match.NO) {
                return match == Match.YES;
            }
            in.advance(1);
        }
        return false;
    }

    /** Whether the next byte begins the footer of this section: what follows must be something that can follow it. */
    private Match footerAtHand() throws StateferryException {
        if (!in.has(ID_SIZE + 1)) {
            return Match.OPEN;
        }
        SectionType next = SectionType.of(in.peekU8(ID_SIZE));
        if (in.peekU32(1) != sectionId || next == null) {
            return Match.NO;
        }
        return switch (next) {
            case EOF -> {
                if (!isRamOver()) {
                    yield Match.NO;
                }
                if (!in.has(ID_SIZE + 1 + endMark.lookAhead()) && !in.isLast()) {
                    yield Match.OPEN;
                }
                yield isEndMark(in.offset() + ID_SIZE) ? Match.YES : Match.NO;
            }
            case START, FULL -> {
                if (!SectionHead.isWhole(in, ID_SIZE)) {
                    yield Match.OPEN;
                }
                yield SectionHead.isPlausible(in, ID_SIZE) ? Match.YES : Match.NO;
            }
            case PART, END -> {
                if (!in.has(2 * ID_SIZE)) {
                    yield Match.OPEN;
                }
                long following = in.peekU32(ID_SIZE + 1);
                boolean open = sections.has(following) || ramPhase == Phase.RUNNING && following == ramSectionId;
                yield open ? Match.YES : Match.NO;
            }
            case COMMAND -> {
                if (!in.has(ID_SIZE + COMMAND_HEAD_SIZE)) {
                    yield Match.OPEN;
                }
                yield StreamCommand.of(in.peekU16(ID_SIZE + 1)) != null ? Match.YES : Match.NO;
            }
            case SUBSECTION, VMDESCRIPTION, CONFIGURATION, FOOTER -> Match.NO;
        };
    }

    private boolean isEndMark(long offset) throws StateferryException {
        return described == null ? sectionName.equals(GLOBAL_STATE) || endMark.isAt(offset) : described.endsAt(offset);
    }

    private boolean footer() throws StateferryException {
        if (!in.has(1)) {
            return false;
        }
        boolean present = in.peekU8(0) == SectionType.FOOTER.code();
        listener.payloadEnds(in.offset());
        if (footers == Footers.UNKNOWN) {
            footers = present ? Footers.PRESENT : Footers.ABSENT;
        }
        if (footers == Footers.ABSENT) {
            return endSection();
        }
        if (!present) {
            throw in.invalid("section " + sectionId + " does not end here as it should: its footer is missing");
        }
        if (!in.has(ID_SIZE)) {
            return false;
        }
        if (in.peekU32(1) != sectionId) {
            throw in.invalid("the footer of section " + sectionId + " names section " + in.peekU32(1));
        }
        in.advance(ID_SIZE);
        return endSection();
    }

    private boolean endSection() {
        listener.passed(
                sectionType, sectionId, sectionName, new StreamFacts.Extent(sectionStart, in.offset() - sectionStart));
        return goTo(Position.SECTION);
    }

    private boolean eof() throws StateferryException {
        if (!isRamOver()) {
            throw in.invalid("the stream ends before its RAM is complete");
        }
        if (described != null) {
            return described.passEof() && goTo(Position.VMDESCRIPTION);
        }
        in.advance(1);
        return goTo(Position.END);
    }

    private boolean end() throws StateferryException {
        if (in.has(1)) {
            throw in.invalid("bytes follow the end of the stream");
        }
        return false;
    }

    private boolean leaveUnchecked(String reason) {
        unchecked = new StreamCheck.Unchecked(in.fileOffset(), reason);
        return goTo(Position.UNCHECKED);
    }

    /** Fails unless the end of the stream has been reached, or the rest cannot be checked. */
    public void finish() throws StateferryException {
        if (position == Position.UNCHECKED) {
            return;
        }
        if (position != Position.END || in.pendingSkip() > 0) {
            String where = switch (position) {
                case HEADER, CONFIGURATION, SUBSECTION -> "before its first section";
                case RAM -> ram.position();
                case VMDESCRIPTION, END -> "inside its vmdescription";
                case PAYLOAD, SEARCH, FOOTER -> "inside section " + sectionId + " ('" + sectionName + "')";
                default -> "between its sections";
            };
            throw in.invalid("the stream is cut off " + where).advise(RESAVE);
        }
    }

    void save(DataOutputStream out) throws IOException {
        out.writeByte(position.ordinal());
        out.writeByte(ramPhase.ordinal());
        out.writeByte(footers.ordinal());
        out.writeByte(framing.ordinal());
        out.writeBoolean(payloadBegun);
        out.writeBoolean(hasGlobalState);
        out.writeBoolean(configuration.isPresent());
        out.writeLong(ramSectionId);
        out.writeLong(sectionId);
        out.writeUTF(sectionName);
        sections.save(out);
        if (described != null) {
            described.save(out);
        }
        out.writeBoolean(unchecked != null);
        if (unchecked != null) {
            out.writeLong(unchecked.offset());
            out.writeUTF(unchecked.reason());
        }
        ram.save(out);
    }

    void restore(DataInputStream saved, List<RamBlock> known) throws IOException {
        position = Position.values()[saved.readByte()];
        ramPhase = Phase.values()[saved.readByte()];
        footers = Footers.values()[saved.readByte()];
        framing = SectionFraming.values()[saved.readByte()];
        payloadBegun = saved.readBoolean();
        hasGlobalState = saved.readBoolean();
        configuration.restorePresence(saved.readBoolean());
        ramSectionId = saved.readLong();
        sectionId = saved.readLong();
        sectionName = saved.readUTF();
        sections.restore(saved);
        if (described != null) {
            described.restore(saved);
        }
        if (saved.readBoolean()) {
            unchecked = new StreamCheck.Unchecked(saved.readLong(), saved.readUTF());
        }
        ram.restore(saved, known);
    }
}
