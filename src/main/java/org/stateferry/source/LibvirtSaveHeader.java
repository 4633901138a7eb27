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
 * @param complete whether libvirt came to the end of writing
 * @param byteOrder of the host that wrote the file
 * @param version 1 or 2; in version 1 the payload is never compressed and {@code format} has no meaning
 * @param textSize bytes of the text, spare room included ({@code data_len})
 * @param wasRunning whether the guest ran when it was saved, and so will when libvirt restores it
 * @param format how the payload is stored
 * @param cookieOffset where in the text libvirt's own notes begin, in bytes; 0 if there are none
 */
public record LibvirtSaveHeader(
        boolean complete,
        ByteOrder byteOrder,
        int version,
        int textSize,
        boolean wasRunning,
        SaveFormat format,
        int cookieOffset) {

    /** Bytes of the header. */
    public static final int SIZE = 92;

    /**
     * The most text that is accepted, in bytes. What libvirt takes as the XML of a domain is at most 4 MiB
     * ({@code src/remote/remote_protocol.x}, {@code REMOTE_STRING_MAX}).
     */
    static final int TEXT_SIZE_MAX = 8 * 1024 * 1024;

    private static final byte[] COMPLETE = "LibvirtQemudSave".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] PARTIAL = "LibvirtQemudPart".getBytes(StandardCharsets.US_ASCII);
    private static final int VERSION_AT = 16;
    private static final int TEXT_SIZE_AT = 20;
    private static final int WAS_RUNNING_AT = 24;
    private static final int FORMAT_AT = 28;
    private static final int COOKIE_OFFSET_AT = 32;
    private static final int VERSION_MAX = 2;

    /** Whether a file that begins with these bytes is a save file, complete or not. */
    static boolean isAt(ByteBuffer start) {
        return begins(start, COMPLETE) || begins(start, PARTIAL);
    }

    private static boolean begins(ByteBuffer start, byte[] magic) {
        return start.remaining() >= magic.length
                && start.slice(start.position(), magic.length).equals(ByteBuffer.wrap(magic));
    }

    /**
     * Reads the header and checks that its numbers fit each other and the file.
     *
     * @param start the file's first {@link #SIZE} bytes, or all of a shorter file
     * @param file for messages
     * @param fileSize bytes of the file
     */
    static LibvirtSaveHeader parse(ByteBuffer start, Path file, long fileSize) throws StateferryException {
        if (!isAt(start)) {
            throw StateferryException.at(FailureKind.DUMP_INVALID, file, 0, "not a libvirt save file");
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

    /** As libvirt does: the order in which the version is one that is known ({@code qemuSaveImageReadHeader}). */
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
                        "libvirt save file of a version that is not known: bytes " + Arrays.toString(version))
                .advise("it needs a newer Stateferry");
    }

    private static SaveFormat format(ByteBuffer fields, Path file) throws StateferryException {
        long number = Integer.toUnsignedLong(fields.getInt(FORMAT_AT));
        SaveFormat format = SaveFormat.of(number);
        if (format == null) {
            throw StateferryException.at(
                            FailureKind.DUMP_UNFIT, file, FORMAT_AT, "save image format " + number + " is not known")
                    .advise("it needs a newer Stateferry");
        }
        return format;
    }

    private static StateferryException invalid(Path file, long offset, String problem) {
        return StateferryException.at(FailureKind.DUMP_INVALID, file, offset, problem)
                .advise("save the state again");
    }

    /** Bytes of the domain's XML, its NUL and what follows that included. */
    public int domainXmlSize() {
        return cookieOffset == 0 ? textSize : cookieOffset;
    }

    /** Where in the file the payload begins. */
    public long payloadOffset() {
        return (long) SIZE + textSize;
    }
}
