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
 * <p>The payload of a device does not state its length; the vmdescription does. Where nothing tells the length, the rest of
 * the stream is passed without a check, which {@link #unchecked} then reports. Not thread-safe.
 */
final class SectionWalker {
    private static final int ID_SIZE = 1 + Integer.BYTES;
    private static final int RAM_VERSION = 4;
    private static final int DEFAULT_PAGE_SIZE = 4096;

    /** What the next byte is part of. */
    private enum Position {
        HEADER,
        CONFIGURATION,
        SUBSECTION,
        SECTION,
        RAM,
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

    private final ElementInput in;
    private final DescribedSections description;
    private final ConfigurationWalker configuration;
    private final RamWalker ram;

    private Position position = Position.HEADER;
    private Phase ramPhase = Phase.AWAITED;
    private Footers footers = Footers.UNKNOWN;
    private long ramSectionId;
    private long sectionId;
    private StreamCheck.@Nullable Unchecked unchecked;

    SectionWalker(ElementInput in, long streamLength, @Nullable VmDescription vmDescription) {
        this.in = in;
        description = new DescribedSections(in, streamLength, vmDescription);
        configuration = new ConfigurationWalker(in);
        ram = new RamWalker(in, vmDescription == null ? DEFAULT_PAGE_SIZE : vmDescription.pageSize());
    }

    ConfigurationWalker configuration() {
        return configuration;
    }

    RamWalker ram() {
        return ram;
    }

    StreamCheck.@Nullable Unchecked unchecked() {
        return unchecked;
    }

    /** Whether the list of RAM blocks has been read, or cannot be reached any more. */
    boolean isHeadRead() {
        return ram.hasBlocks() || position == Position.UNCHECKED || position == Position.END;
    }

    /**
     * Passes one element, or as much of a RAM section as is at hand.
     *
     * @return false if more bytes are needed
     */
    boolean step() throws StateferryException {
        return switch (position) {
            case HEADER -> configuration.header() && goTo(Position.CONFIGURATION);
            case CONFIGURATION -> beginConfiguration();
            case SUBSECTION -> subsection();
            case SECTION -> in.has(1) && section();
            case RAM -> ram.walk() && goTo(Position.FOOTER);
            case FOOTER -> footer();
            case VMDESCRIPTION -> description.passText() && goTo(Position.END);
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
        return in.peekU8(0) == SectionType.SUBSECTION.code()
                ? configuration.subsection() && takePageSize()
                : goTo(Position.SECTION);
    }

    private boolean takePageSize() throws StateferryException {
        int stated = configuration.pageSize();
        if (stated != 0) {
            description.requirePageSize(stated);
            ram.pageSize(stated);
        }
        return true;
    }

    private boolean section() throws StateferryException {
        int code = in.peekU8(0);
        SectionType type = SectionType.of(code);
        if (type == null) {
            throw in.invalid("unknown section type 0x" + Integer.toHexString(code));
        }
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
        if (type == SectionType.FULL) {
            return device(head);
        }
        return switch (head.name()) {
            case "ram" -> startRam(head);
            case "block" ->
                throw in.unfit("the stream carries the disks' contents too (migrate -b), which a snapshot cannot take")
                        .advise("save the state again without -b");
            case "dirty-bitmap" ->
                throw in.unfit("the stream carries dirty bitmaps, which a snapshot cannot take")
                        .advise("save the state again with the migration capability dirty-bitmaps off");
            default -> leaveUnchecked("only the device itself knows the length of section '" + head.name() + "'");
        };
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

    private boolean device(SectionHead head) throws StateferryException {
        if (!description.isPresent()) {
            return leaveUnchecked(
                    "the stream has no vmdescription that tells the length of device section '" + head.name() + "'");
        }
        description.passDevice(head);
        return goTo(Position.FOOTER);
    }

    private boolean part(SectionType type) throws StateferryException {
        if (!in.has(ID_SIZE)) {
            return false;
        }
        sectionId = in.peekU32(1);
        if (ramPhase != Phase.RUNNING || sectionId != ramSectionId) {
            throw in.invalid("section " + sectionId + " continues, but it has not begun or has already ended");
        }
        in.advance(ID_SIZE);
        if (type == SectionType.END) {
            ramPhase = Phase.DONE;
        }
        return goTo(Position.RAM);
    }

    private boolean footer() throws StateferryException {
        if (!in.has(1)) {
            return false;
        }
        boolean present = in.peekU8(0) == SectionType.FOOTER.code();
        if (footers == Footers.UNKNOWN) {
            footers = present ? Footers.PRESENT : Footers.ABSENT;
        }
        if (footers == Footers.ABSENT) {
            return goTo(Position.SECTION);
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
        return goTo(Position.SECTION);
    }

    private boolean eof() throws StateferryException {
        if (ramPhase != Phase.DONE) {
            throw in.invalid("the stream ends before its RAM is complete");
        }
        description.passEof();
        return goTo(description.isPresent() ? Position.VMDESCRIPTION : Position.END);
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
    void finish() throws StateferryException {
        if (position == Position.UNCHECKED) {
            return;
        }
        if (position != Position.END || in.pendingSkip() > 0) {
            String where = switch (position) {
                case HEADER, CONFIGURATION, SUBSECTION -> "before its first section";
                case RAM -> ram.position();
                case VMDESCRIPTION, END -> "inside its vmdescription";
                case FOOTER -> "inside section " + sectionId;
                default -> "between its sections";
            };
            throw in.invalid("the stream is cut off " + where).advise("save the state again");
        }
    }

    void save(DataOutputStream out) throws IOException {
        out.writeByte(position.ordinal());
        out.writeByte(ramPhase.ordinal());
        out.writeByte(footers.ordinal());
        out.writeLong(ramSectionId);
        out.writeLong(sectionId);
        description.save(out);
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
        ramSectionId = saved.readLong();
        sectionId = saved.readLong();
        description.restore(saved);
        if (saved.readBoolean()) {
            unchecked = new StreamCheck.Unchecked(saved.readLong(), saved.readUTF());
        }
        ram.restore(saved, known);
    }
}
