package org.stateferry.stream;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * Walks a stream section by section (QEMU {@code migration/savevm.c}, {@code qemu_loadvm_state_main}).
 *
 * <p>Device payloads carry no length; the vmdescription tells it. Where nothing tells it, the walk passes the rest of the
 * stream unseen and says so. Not thread-safe.
 */
final class SectionWalker {
    private static final int ID_SIZE = 1 + Integer.BYTES;
    private static final int RAM_VERSION = 4;
    private static final int DEFAULT_PAGE_SIZE = 4096;

    /** What the next byte belongs to. */
    private enum Place {
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
    private final long streamLength;
    private final @Nullable VmDescription vmDescription;
    private final ConfigurationWalker configuration;
    private final RamWalker ram;

    private Place place = Place.HEADER;
    private Phase ramPhase = Phase.AWAITED;
    private Footers footers = Footers.UNKNOWN;
    private long ramSectionId;
    private long sectionId;
    private int deviceIndex;
    private StreamCheck.@Nullable Unchecked unchecked;

    SectionWalker(ElementInput in, long streamLength, @Nullable VmDescription vmDescription) {
        this.in = in;
        this.streamLength = streamLength;
        this.vmDescription = vmDescription;
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

    /** Whether all that the head of a stream tells has been read, or will never be. */
    boolean isHeadRead() {
        return ram.hasBlocks() || place == Place.UNCHECKED || place == Place.END;
    }

    /**
     * Goes one element further, or through as much of a RAM section as is at hand.
     *
     * @return false if more bytes are needed
     */
    boolean step() throws StateferryException {
        return switch (place) {
            case HEADER -> configuration.header() && goTo(Place.CONFIGURATION);
            case CONFIGURATION -> beginConfiguration();
            case SUBSECTION -> subsection();
            case SECTION -> in.has(1) && section();
            case RAM -> ram.walk() && goTo(Place.FOOTER);
            case FOOTER -> footer();
            case VMDESCRIPTION -> vmDescription();
            case END -> end();
            case UNCHECKED -> {
                in.skipAll();
                yield false;
            }
        };
    }

    private boolean goTo(Place next) {
        place = next;
        return true;
    }

    private boolean beginConfiguration() throws StateferryException {
        if (!in.has(1)) {
            return false;
        }
        if (in.peekU8(0) != SectionType.CONFIGURATION.code()) {
            return goTo(Place.SECTION);
        }
        return configuration.machineTypeName() && goTo(Place.SUBSECTION);
    }

    private boolean subsection() throws StateferryException {
        if (!in.has(1)) {
            return false;
        }
        return in.peekU8(0) == SectionType.SUBSECTION.code()
                ? configuration.subsection() && takePageSize()
                : goTo(Place.SECTION);
    }

    private boolean takePageSize() throws StateferryException {
        int stated = configuration.pageSize();
        if (stated == 0) {
            return true;
        }
        if (vmDescription != null && vmDescription.pageSize() != stated) {
            throw in.invalid("target pages of " + stated + " bytes by the configuration, of " + vmDescription.pageSize()
                    + " by the vmdescription");
        }
        ram.pageSize(stated);
        return true;
    }

    private boolean section() throws StateferryException {
        int code = in.peekU8(0);
        SectionType type = SectionType.of(code);
        if (type == null) {
            throw in.invalid("section of unknown type 0x" + Integer.toHexString(code));
        }
        return switch (type) {
            case START, FULL -> start(type);
            case PART, END -> part(type);
            case COMMAND -> command();
            case EOF -> eof();
            case SUBSECTION, VMDESCRIPTION, CONFIGURATION, FOOTER ->
                throw in.invalid("a " + type + " stands where a section should begin");
        };
    }

    private boolean start(SectionType type) throws StateferryException {
        if (!in.has(ID_SIZE + 1)) {
            return false;
        }
        int nameLength = in.peekU8(ID_SIZE);
        int headSize = ID_SIZE + 1 + nameLength + 2 * Integer.BYTES;
        if (!in.has(headSize)) {
            return false;
        }
        sectionId = in.peekU32(1);
        String name = in.peekName(ID_SIZE + 1, nameLength);
        long instanceId = in.peekU32(headSize - 2 * Integer.BYTES);
        long versionId = in.peekU32(headSize - Integer.BYTES);
        if (type == SectionType.FULL) {
            return device(headSize, name, instanceId, versionId);
        }
        return switch (name) {
            case "ram" -> startRam(headSize, instanceId, versionId);
            case "block" ->
                throw in.unfit("the stream carries the disks' contents too (migrate -b), which a snapshot cannot take")
                        .advise("save the state again without -b");
            case "dirty-bitmap" ->
                throw in.unfit("the stream carries dirty bitmaps, which a snapshot cannot take")
                        .advise("save the state again with the migration capability dirty-bitmaps off");
            default -> leaveUnchecked("section '" + name + "' has a length that only its own device can tell");
        };
    }

    private boolean startRam(int headSize, long instanceId, long versionId) throws StateferryException {
        if (ramPhase != Phase.AWAITED || instanceId != 0) {
            throw in.invalid("a second RAM section begins");
        }
        if (versionId != RAM_VERSION) {
            throw in.unfit("RAM section of version " + versionId + "; QEMU loads version " + RAM_VERSION);
        }
        in.advance(headSize);
        ramSectionId = sectionId;
        ramPhase = Phase.RUNNING;
        return goTo(Place.RAM);
    }

    private boolean device(int headSize, String name, long instanceId, long versionId) throws StateferryException {
        if (vmDescription == null) {
            return leaveUnchecked(
                    "the stream has no vmdescription that tells the length of device section '" + name + "'");
        }
        long payloadSize = ExpectedDevice.payloadSize(
                vmDescription, deviceIndex, new DeviceState(name, instanceId, versionId, 0), in);
        if (payloadSize > streamLength - in.offset() - headSize) {
            throw in.invalid(
                    "device section '" + name + "' of " + payloadSize + " bytes runs past the end of the stream");
        }
        deviceIndex++;
        in.advance(headSize);
        in.skip(payloadSize);
        return goTo(Place.FOOTER);
    }

    private boolean part(SectionType type) throws StateferryException {
        if (!in.has(ID_SIZE)) {
            return false;
        }
        sectionId = in.peekU32(1);
        if (ramPhase != Phase.RUNNING || sectionId != ramSectionId) {
            throw in.invalid("section " + sectionId + " goes on although it has not begun or has ended");
        }
        in.advance(ID_SIZE);
        if (type == SectionType.END) {
            ramPhase = Phase.DONE;
        }
        return goTo(Place.RAM);
    }

    private boolean command() throws StateferryException {
        if (!in.has(1 + 2 * Short.BYTES)) {
            return false;
        }
        int code = in.peekU16(1);
        int length = in.peekU16(1 + Short.BYTES);
        StreamCommand command = StreamCommand.of(code);
        if (command == null) {
            throw in.invalid("command " + code + " is not known");
        }
        if (!command.isLoadable()) {
            throw in.unfit("the stream holds command " + command + ": it was meant for a QEMU that answers")
                    .advise("save the state again with the migration capabilities return-path, postcopy-ram, "
                            + "dirty-bitmaps and x-colo off");
        }
        if (length != 0) {
            throw in.invalid("command " + command + " with " + length + " bytes of data; it has none");
        }
        in.advance(1 + 2 * Short.BYTES);
        return true;
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
            return goTo(Place.SECTION);
        }
        if (!present) {
            throw in.invalid("section " + sectionId + " does not end where it should: its footer is missing");
        }
        if (!in.has(ID_SIZE)) {
            return false;
        }
        if (in.peekU32(1) != sectionId) {
            throw in.invalid("the footer of section " + sectionId + " names section " + in.peekU32(1));
        }
        in.advance(ID_SIZE);
        return goTo(Place.SECTION);
    }

    private boolean eof() throws StateferryException {
        if (ramPhase != Phase.DONE) {
            throw in.invalid("the stream ends before its RAM is complete");
        }
        long end = vmDescription == null ? streamLength : vmDescription.recordOffset();
        if (in.offset() + 1 != end) {
            throw in.invalid("the stream ends here, but " + (end - in.offset() - 1) + " bytes follow"
                            + (vmDescription == null ? "" : " before the vmdescription"))
                    .advise("if the file is to be stored as it is, give --format opaque");
        }
        if (vmDescription != null && deviceIndex != vmDescription.devices().size()) {
            throw in.invalid("the stream ends without device section '"
                    + vmDescription.devices().get(deviceIndex).name() + "' of the vmdescription");
        }
        in.advance(1);
        return goTo(vmDescription == null ? Place.END : Place.VMDESCRIPTION);
    }

    private boolean vmDescription() throws StateferryException {
        VmDescription expected = Objects.requireNonNull(vmDescription);
        if (!in.has(ID_SIZE)) {
            return false;
        }
        if (in.peekU8(0) != SectionType.VMDESCRIPTION.code()
                || in.peekU32(1) != expected.extent().length()) {
            throw in.invalid("the vmdescription is not what it was when the dump was opened");
        }
        in.advance(ID_SIZE);
        in.skip(expected.extent().length());
        return goTo(Place.END);
    }

    private boolean end() throws StateferryException {
        if (in.has(1)) {
            throw in.invalid("bytes follow the end of the stream");
        }
        return false;
    }

    private boolean leaveUnchecked(String reason) {
        unchecked = new StreamCheck.Unchecked(in.fileOffset(), reason);
        return goTo(Place.UNCHECKED);
    }

    /** Fails unless the walk has come to the stream's end, or has left off checking. */
    void finish() throws StateferryException {
        if (place == Place.UNCHECKED) {
            return;
        }
        if (place != Place.END || in.pendingSkip() > 0) {
            String where = switch (place) {
                case HEADER, CONFIGURATION, SUBSECTION -> "before its first section";
                case RAM -> ram.place();
                case VMDESCRIPTION, END -> "inside its vmdescription";
                case FOOTER -> "inside section " + sectionId;
                default -> "between its sections";
            };
            throw in.invalid("the stream is cut off " + where).advise("save the state again");
        }
    }

    void save(DataOutputStream out) throws IOException {
        out.writeByte(place.ordinal());
        out.writeByte(ramPhase.ordinal());
        out.writeByte(footers.ordinal());
        out.writeLong(ramSectionId);
        out.writeLong(sectionId);
        out.writeInt(deviceIndex);
        out.writeBoolean(unchecked != null);
        if (unchecked != null) {
            out.writeLong(unchecked.offset());
            out.writeUTF(unchecked.reason());
        }
        ram.save(out);
    }

    void restore(DataInputStream saved, List<RamBlock> known) throws IOException {
        place = Place.values()[saved.readByte()];
        ramPhase = Phase.values()[saved.readByte()];
        footers = Footers.values()[saved.readByte()];
        ramSectionId = saved.readLong();
        sectionId = saved.readLong();
        deviceIndex = saved.readInt();
        if (saved.readBoolean()) {
            unchecked = new StreamCheck.Unchecked(saved.readLong(), saved.readUTF());
        }
        ram.restore(saved, known);
    }
}
