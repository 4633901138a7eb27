package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The header of a libvirt save file (libvirt {@code src/qemu/qemu_saveimage.h}, {@code struct _virQEMUSaveHeader}). Its
 * numbers are in the byte order of the host that wrote it:
 *
 * <pre>
 *   0 magic, 16 bytes: LibvirtQemudSave, or LibvirtQemudPart until the file is complete
 *  16 u32 version     20 u32 data_len   24 u32 was_running
 *  28 u32 format      32 u32 cookieOffset                    36 unused, 14 * u32
 *  92 text: XML of the domain, NUL; from cookieOffset on another XML, NUL; zeros
 *  92 + data_len: the payload, without any alignment
 * </pre>
 *
 * @param complete whether libvirt finished the file
 * @param byteOrder the byte order of the host that wrote the file
 * @param version 1 or 2; in version 1 the payload is never compressed, whatever the format field says
 * @param textSize the size of the text in bytes, with the spare room behind it ({@code data_len})
 * @param wasRunning whether the guest was running when it was saved; if so, libvirt lets it run when it restores it
 * @param format how the payload is stored
 * @param cookieOffset the offset in the text of the save cookie, in bytes; 0 if there is none
 */
public record LibvirtSaveHeader(
        boolean complete,
        ByteOrder byteOrder,
        int version,
        int textSize,
        boolean wasRunning,
        SaveFormat format,
        int cookieOffset) {

    /** The size of the header in bytes. */
    public static final int SIZE = 92;

    /**
     * The largest text that is accepted, in bytes. libvirt accepts at most 4 MiB as the XML of a domain
     * ({@code src/remote/remote_protocol.x}, {@code REMOTE_STRING_MAX}).
     */
    public static final int TEXT_SIZE_MAX = 8 * 1024 * 1024;

    private static final byte[] COMPLETE = "LibvirtQemudSave".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] PARTIAL = "LibvirtQemudPart".getBytes(StandardCharsets.US_ASCII);
    private static final int VERSION_AT = 16;
    private static final int TEXT_SIZE_AT = 20;
    private static final int WAS_RUNNING_AT = 24;
    private static final int FORMAT_AT = 28;
    private static final int COOKIE_OFFSET_AT = 32;
    private static final int VERSION_MAX = 2;

    /** Whether these first bytes of a file are those of a save file, complete or not. */
    public static boolean isAt(ByteBuffer start) {
        return begins(start, COMPLETE) || begins(start, PARTIAL);
    }

    private static boolean begins(ByteBuffer start, byte[] magic) {
        return start.remaining() >= magic.length
                && start.slice(start.position(), magic.length).equals(ByteBuffer.wrap(magic));
    }

    /**
     * Reads the header and checks its numbers against each other and against the size of the file.
     *
     * @param start the first {@link #SIZE} bytes of the file, or all of it if it is shorter
     * @param file for messages
     * @param fileSize the size of the file in bytes
     */
    public static LibvirtSaveHeader parse(ByteBuffer start, Path file, long fileSize) throws StateferryException {
        if (!isAt(start)) {
            throw StateferryException.at(FailureKind.DUMP_INVALID, file, 0, "not a libvirt save file")
                    .advise("leave out --format libvirt");
        }
        if (start.remaining() < SIZE) {
            throw invalid(file, start.remaining(), "the header of the libvirt save file is cut off");
        }
        ByteBuffer fields = start.slice();
        ByteOrder order = byteOrder(fields, file);
        fields.order(order);
        int version = fields.getInt(VERSION_AT);
        long textSize = Integer.toUnsignedLong(fields.getInt(TEXT_SIZE_AT));
        if (textSize == 0 || textSize > TEXT_SIZE_MAX || SIZE + textSize > fileSize) {
            throw invalid(
                    file,
                    TEXT_SIZE_AT,
                    "a text of " + textSize + " bytes does not fit the file, or is more than " + TEXT_SIZE_MAX);
        }
        long cookieOffset = Integer.toUnsignedLong(fields.getInt(COOKIE_OFFSET_AT));
        if (cookieOffset >= textSize) {
            throw invalid(file, COOKIE_OFFSET_AT, "the cookie at " + cookieOffset + " lies outside the text");
        }
        return new LibvirtSaveHeader(
                begins(start, COMPLETE),
                order,
                version,
                (int) textSize,
                fields.getInt(WAS_RUNNING_AT) != 0,
                version == 1 ? SaveFormat.RAW : format(fields, file),
                (int) cookieOffset);
    }

    /** The byte order in which the version is a known one, as libvirt finds it ({@code qemuSaveImageReadHeader}). */
    private static ByteOrder byteOrder(ByteBuffer fields, Path file) throws StateferryException {
        for (ByteOrder order : new ByteOrder[] {ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN}) {
            int version = fields.order(order).getInt(VERSION_AT);
            if (version >= 1 && version <= VERSION_MAX) {
                return order;
            }
        }
        byte[] version = new byte[Integer.BYTES];
        fields.get(VERSION_AT, version);
        throw StateferryException.at(
                        FailureKind.DUMP_UNFIT,
                        file,
                        VERSION_AT,
                        "libvirt save file of an unknown version: bytes " + Arrays.toString(version))
                .advise("it needs a newer Stateferry");
    }

    private static SaveFormat format(ByteBuffer fields, Path file) throws StateferryException {
        long number = Integer.toUnsignedLong(fields.getInt(FORMAT_AT));
        SaveFormat format = SaveFormat.of(number);
        if (format == null) {
            throw StateferryException.at(
                            FailureKind.DUMP_UNFIT, file, FORMAT_AT, "libvirt save file of unknown format " + number)
                    .advise("it needs a newer Stateferry");
        }
        return format;
    }

    private static StateferryException invalid(Path file, long offset, String problem) {
        return StateferryException.at(FailureKind.DUMP_INVALID, file, offset, problem)
                .advise("save the state again");
    }

    /** The size in bytes of the domain's XML, with its NUL and anything that follows up to the cookie. */
    public int domainXmlSize() {
        return cookieOffset == 0 ? textSize : cookieOffset;
    }

    /** Where in the file the payload begins, in bytes. */
    public long payloadOffset() {
        return (long) SIZE + textSize;
    }
}
