package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** Formats of files that are no migration stream, recognised by their first bytes, and what the user can do with them. */
enum ForeignFormat {
    LIBVIRT_SAVE(
            text("LibvirtQemudSave"),
            FailureKind.DUMP_UNFIT,
            "a libvirt save file",
            "Leave out --format to have the form recognised."),
    LIBVIRT_PARTIAL(
            text("LibvirtQemudPart"),
            FailureKind.DUMP_INVALID,
            "a libvirt save file that was never finished",
            "save the state again"),
    GZIP(hex("1f8b"), "compressed with gzip", "decompress it first (gzip -d)"),
    XZ(hex("fd377a585a00"), "compressed with xz", "decompress it first (xz -d)"),
    ZSTD(hex("28b52ffd"), "compressed with zstd", "decompress it first (zstd -d)"),
    BZIP2(text("BZh"), "compressed with bzip2", "decompress it first (bzip2 -d)"),
    LZOP(hex("894c5a4f000d0a1a0a"), "compressed with lzop", "decompress it first (lzop -d)"),
    LZ4(hex("04224d18"), "compressed with lz4", "decompress it first (lz4 -d)"),
    LZ4_LEGACY(hex("02214c18"), "compressed with lz4", "decompress it first (lz4 -d)"),
    LZIP(text("LZIP"), "compressed with lzip", "decompress it first (lzip -d)"),
    /** As {@code lzma} writes it: properties, and a dictionary of a multiple of 64 KiB (XZ Utils, {@code doc/lzma-file-format.txt}). */
    LZMA(hex("5d0000"), "compressed with lzma", "decompress it first (xz -dc FILE >STATE)"),
    COMPRESS(hex("1f9d"), "compressed with compress", "decompress it first (gzip -dc FILE >STATE)"),
    ZLIB_FASTEST(hex("7801"), "compressed with zlib", zlib()),
    ZLIB_FAST(hex("785e"), "compressed with zlib", zlib()),
    ZLIB_DEFAULT(hex("789c"), "compressed with zlib", zlib()),
    ZLIB_BEST(hex("78da"), "compressed with zlib", zlib()),
    SNAPPY(hex("ff060000734e61507059"), "compressed with snappy", "decompress it first"),
    SEVEN_ZIP(hex("377abcaf271c"), "a 7-Zip archive", "unpack it first (7z x)"),
    ZIP(hex("504b0304"), "a ZIP archive", "unpack it first (unzip)"),
    TAR(257, text("ustar"), "a tar archive", "unpack it first (tar -x)"),
    ELF(hex("7f454c46"), "an ELF file, as virsh dump and dump-guest-memory write it: memory without devices"),
    KDUMP(text("KDUMP   "), "a kdump file, as dump-guest-memory writes it: memory without devices"),
    KDUMP_FLATTENED(
            text("makedumpfile\0\0\0\0"),
            "a flattened kdump file, as dump-guest-memory and makedumpfile write it: memory without devices"),
    DISKDUMP(text("DISKDUMP"), "a diskdump file: memory without devices"),
    WINDOWS_DUMP(text("PAGEDU"), "a Windows crash dump, as dump-guest-memory -w writes it: memory without devices"),
    LIME(text("EMiL"), "a LiME memory image: memory without devices"),
    VIRTUALBOX(text("\u007fVirtualBox SavedState "), otherHypervisor("VirtualBox")),
    VMWARE(hex("d0bed2be"), otherHypervisor("VMware")),
    VMWARE_1(hex("d1bad1ba"), otherHypervisor("VMware")),
    VMWARE_2(hex("d2bed2be"), otherHypervisor("VMware")),
    VMWARE_3(hex("d3bed3be"), otherHypervisor("VMware")),
    HYPER_V(hex("14202801"), otherHypervisor("Hyper-V")),
    XEN_XL(text("Xen saved domain, xl format"), otherHypervisor("Xen")),
    XEN_XAPI(text("XenSavedDom"), otherHypervisor("Xen")),
    XEN_LEGACY(text("LinuxGuestRecord"), otherHypervisor("Xen")),
    XEN_LIBVIRT(text("libvirt-xml\n"), otherHypervisor("Xen, written by libvirt")),
    XEN_LIBXC(hex("ffffffffffffffff58454e46"), otherHypervisor("Xen")),
    FIRECRACKER_X86(2, hex("648684191007"), otherHypervisor("Firecracker")),
    FIRECRACKER_ARM(2, hex("aaaa84191007"), otherHypervisor("Firecracker")),
    JSON(text("{\""), json()),
    JSON_IN_LINES(text("{\n"), json()),
    XML(text("<?xml"), "a text in XML"),
    XML_COMMENT(text("<!--"), "a text in XML"),
    DOMAIN_XML(text("<domain"), "the XML of a libvirt domain"),
    PROXMOX_VMA(hex("564d4100"), "a Proxmox backup archive (VMA)"),
    QCOW2(
            hex("514649fb"),
            "a qcow2 image",
            "give the dump first and the image after it; for the state of one of its snapshots add --from-snapshot NAME"),
    QED(hex("51454400"), diskImage("QED")),
    VMDK(text("KDMV"), diskImage("VMDK")),
    VHDX(text("vhdxfile"), diskImage("VHDX")),
    VHD(text("conectix"), diskImage("VHD")),
    VDI(64, hex("7f10dabe"), diskImage("VDI")),
    ISO9660(0x8001, text("CD001"), "a CD image"),
    RAW_DISK(510, hex("55aa"), "a raw disk image or a boot sector");

    /** How many bytes {@link #of} needs from the beginning of a file. */
    static final int HEAD_SIZE = 0x8001 + 5;

    private static final String SAVE_WITH_QEMU = "save the state with QEMU's migrate to a file instead";

    private final int at;
    private final byte[] magic;
    private final FailureKind kind;
    private final String description;
    private final String advice;

    ForeignFormat(byte[] magic, String description) {
        this(0, magic, description);
    }

    ForeignFormat(int at, byte[] magic, String description) {
        this(at, magic, FailureKind.DUMP_UNFIT, description, SAVE_WITH_QEMU);
    }

    ForeignFormat(byte[] magic, String description, String advice) {
        this(0, magic, description, advice);
    }

    ForeignFormat(int at, byte[] magic, String description, String advice) {
        this(at, magic, FailureKind.DUMP_UNFIT, description, advice);
    }

    ForeignFormat(byte[] magic, FailureKind kind, String description, String advice) {
        this(0, magic, kind, description, advice);
    }

    /**
     * @param at where the magic begins, in bytes from the start of the file
     * @param description what a file of this format is, to follow "it is"
     */
    ForeignFormat(int at, byte[] magic, FailureKind kind, String description, String advice) {
        this.at = at;
        this.magic = magic;
        this.kind = kind;
        this.description = description;
        this.advice = advice;
    }

    private static byte[] text(String magic) {
        return magic.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] hex(String magic) {
        return HexFormat.of().parseHex(magic);
    }

    private static String otherHypervisor(String name) {
        return "a saved state of " + name + ", which QEMU cannot load";
    }

    private static String zlib() {
        return "decompress it first (pigz -dc <FILE >STATE)";
    }

    private static String json() {
        return "a text in JSON, in which Cloud Hypervisor and crosvm keep the devices of a saved guest; QEMU cannot load it";
    }

    private static String diskImage(String format) {
        return "a disk image in the format " + format;
    }

    /** The format of a file that begins with these bytes, or null if it is not one of these formats. */
    static @Nullable ForeignFormat of(ByteBuffer head) {
        for (ForeignFormat format : values()) {
            int size = format.magic.length;
            if (head.remaining() >= format.at + size
                    && head.slice(head.position() + format.at, size).equals(ByteBuffer.wrap(format.magic))) {
                return format;
            }
        }
        return null;
    }

    /** What a file of this format is, to follow "it is". */
    String description() {
        return description;
    }

    /** What the user can do with a file of this format. */
    String advice() {
        return advice;
    }

    /** The failure for a dump of this format. */
    StateferryException refuse(Path file) {
        return StateferryException.at(kind, file, 0, "the dump is " + description)
                .advise(advice);
    }
}
