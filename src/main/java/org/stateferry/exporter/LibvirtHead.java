package org.stateferry.exporter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.host.SmallFile;
import org.stateferry.source.LibvirtDomain;
import org.stateferry.source.LibvirtSaveHeader;
import org.stateferry.source.SaveFormat;
import org.stateferry.storage.FileFailures;

/** The header and the XML texts at the beginning of a libvirt save file; {@link LibvirtSaveHeader} gives the layout. */
final class LibvirtHead {
    private static final byte[] COMPLETE = "LibvirtQemudSave".getBytes(StandardCharsets.US_ASCII);
    private static final int VERSION = 2;
    private static final int FORMAT_AT = 28;
    private static final int VERSION_AT = 16;
    private static final int XML_SIZE_MAX = 4 * 1024 * 1024;
    /** libvirt leaves so much room behind the texts, for a longer domain (qemuSaveImageCreate: 64 KiB). */
    private static final int SPARE_SIZE = 64 * 1024;

    private LibvirtHead() {}

    /**
     * What an existing save file begins with, told to be followed by a state that is compressed in some way. Everything else of it
     * stays: domain, cookie, byte order, and whether the guest ran.
     */
    static ByteBuffer like(Path saveFile, Compression compression) throws StateferryException {
        try (LinuxFile found = LinuxFile.locateRegular(saveFile, Links.FOLLOW);
                FileChannel channel = found.channel(StandardOpenOption.READ)) {
            ByteBuffer header = read(channel, 0, (int) Math.min(LibvirtSaveHeader.SIZE, channel.size()));
            LibvirtSaveHeader parsed = LibvirtSaveHeader.parse(header, saveFile, channel.size());
            ByteBuffer head = read(channel, 0, LibvirtSaveHeader.SIZE + parsed.textSize());
            head.put(0, COMPLETE).order(parsed.byteOrder());
            head.putInt(VERSION_AT, VERSION);
            head.putInt(FORMAT_AT, format(compression).ordinal());
            return head;
        } catch (IOException e) {
            throw missing(saveFile, e);
        }
    }

    /**
     * What a save file says beside its state.
     *
     * @param domainXml up to its NUL
     */
    record Saved(byte[] domainXml, boolean wasRunning) {}

    /** What the save file says, or null if it is none. */
    static @Nullable Saved savedIn(Path file) throws StateferryException {
        try (LinuxFile found = LinuxFile.locateRegular(file, Links.FOLLOW);
                FileChannel channel = found.channel(StandardOpenOption.READ)) {
            ByteBuffer header = read(channel, 0, (int) Math.min(LibvirtSaveHeader.SIZE, channel.size()));
            if (!LibvirtSaveHeader.isAt(header)) {
                return null;
            }
            LibvirtSaveHeader parsed = LibvirtSaveHeader.parse(header, file, channel.size());
            byte[] text = read(channel, LibvirtSaveHeader.SIZE, parsed.domainXmlSize())
                    .array();
            int size = 0;
            while (size < text.length && text[size] != 0) {
                size++;
            }
            return new Saved(Arrays.copyOf(text, size), parsed.wasRunning());
        } catch (IOException e) {
            throw missing(file, e);
        }
    }

    private static ByteBuffer read(FileChannel channel, long offset, int size) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(size);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, offset + bytes.position()) < 0) {
                throw new IOException("the file has become shorter while it was read");
            }
        }
        return bytes.flip();
    }

    /** A head for a domain, as this machine's libvirt writes it of a guest that ran when it was saved. */
    static ByteBuffer ofDomain(Path xmlFile, Compression compression) throws StateferryException {
        byte[] xml;
        try {
            xml = SmallFile.read(xmlFile, Links.FOLLOW, XML_SIZE_MAX);
        } catch (IOException e) {
            throw missing(xmlFile, e);
        }
        requireDomain(xml, xmlFile);
        int textSize = xml.length + 1 + SPARE_SIZE;
        ByteBuffer head = ByteBuffer.allocate(LibvirtSaveHeader.SIZE + textSize).order(ByteOrder.nativeOrder());
        head.put(COMPLETE).putInt(VERSION).putInt(textSize).putInt(1);
        head.putInt(format(compression).ordinal());
        head.put(LibvirtSaveHeader.SIZE, xml);
        return head.clear();
    }

    private static void requireDomain(byte[] xml, Path file) throws StateferryException {
        boolean hasNul = false;
        for (byte value : xml) {
            hasNul |= value == 0;
        }
        LibvirtDomain domain = LibvirtDomain.parse(xml, file, 0);
        if (hasNul || domain.name() == null) {
            throw StateferryException.in(FailureKind.DUMP_INVALID, file, "it is not the XML of a libvirt domain")
                    .advise("Give a file with the output of virsh dumpxml DOMAIN or virsh save-image-dumpxml FILE.");
        }
    }

    private static SaveFormat format(Compression compression) {
        return switch (compression) {
            case NONE -> SaveFormat.RAW;
            case GZIP -> SaveFormat.GZIP;
            case ZSTD -> SaveFormat.ZSTD;
            case XZ -> SaveFormat.XZ;
        };
    }

    static StateferryException missing(Path file, IOException e) {
        if (e instanceof StateferryException known) {
            return known;
        }
        if (e instanceof NoSuchFileException) {
            return StateferryException.in(FailureKind.DUMP_MISSING, file, "no such file");
        }
        return StateferryException.in(
                        FailureKind.DUMP_MISSING,
                        file,
                        FileFailures.translate(e, file, StateferryException.NO_OFFSET, "reading the file")
                                .problem())
                .causedBy(e);
    }
}
