package org.stateferry.testing;

import java.util.stream.Stream;
import org.stateferry.testing.MigrationStreamBuilder.Part;

/**
 * Small streams of every kind that QEMU writes: of machines whose devices keep a framing of their own, with pages of every
 * size, with and without a vmdescription. All have a configuration section and footers.
 */
public final class StreamKinds {
    private static final long VFIO = 0xffff_ffff_ef10_0000L;
    /** QEMU tells the size of the first element of an array only, as if the others had the same. */
    private static final String UNEQUAL_ELEMENTS =
            "{\"name\": \"css\", \"array_len\": 4, \"type\": \"struct\", \"struct\": {}, \"size\": 1}";

    private StreamKinds() {}

    /**
     * A stream.
     *
     * @param name what is special about it
     * @param bytes the stream
     * @param described whether it has a vmdescription
     */
    public record Kind(String name, byte[] bytes, boolean described) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** One stream of each kind. */
    public static Stream<Kind> all() {
        return Stream.of(
                kind("plain", 4096, start -> {}, parts -> {}),
                kind("s390x", 4096, StreamKinds::attributesStart, StreamKinds::attributes),
                kind("pseries", 4096, StreamKinds::hashTableStart, StreamKinds::hashTable),
                kind(
                        "pseries with a radix page table",
                        4096,
                        start -> start.sectionHead(1, 7, "spapr/htab", 0, 1)
                                .u32(-1)
                                .footer(7),
                        parts -> parts.u8(2)
                                .u32(7)
                                .u32(-1)
                                .footer(7)
                                .u8(3)
                                .u32(7)
                                .u32(-1)
                                .footer(7)),
                kind("vfio", 4096, StreamKinds::vfioStart, StreamKinds::vfio),
                kind("Proxmox", 4096, StreamKinds::backup, parts -> {}),
                kind("QEMU 1.1", 4096, StreamKinds::noDisks, StreamKinds::noDisksPart),
                kind("a device of tomorrow", 4096, StreamKinds::unheardOfStart, StreamKinds::unheardOf),
                kind("AVR", 256, start -> {}, parts -> {}),
                kind("old ARM", 1024, start -> {}, parts -> {}),
                kind("SPARC", 8192, start -> {}, parts -> {}),
                kind("LoongArch", 16384, start -> {}, parts -> {}),
                kind("Hexagon", 65536, start -> {}, parts -> {}),
                early(),
                undescribed("no vmdescription", 4096, start -> {}, parts -> {}),
                undescribed("no vmdescription, AVR", 256, start -> {}, parts -> {}),
                undescribed("no vmdescription, old ARM", 1024, start -> {}, parts -> {}),
                undescribed("no vmdescription, SPARC", 8192, start -> {}, parts -> {}),
                undescribed("no vmdescription, LoongArch", 16384, start -> {}, parts -> {}),
                undescribed("no vmdescription, Hexagon", 65536, start -> {}, parts -> {}),
                undescribed("no vmdescription, s390x", 4096, StreamKinds::attributesStart, StreamKinds::attributes),
                undescribed("no vmdescription, pseries", 4096, StreamKinds::hashTableStart, StreamKinds::hashTable),
                withoutRam());
    }

    private static Kind kind(String name, int pageSize, Part start, Part parts) {
        return new Kind(name, sections(pageSize, start, parts).vmDescription().build(), true);
    }

    private static Kind undescribed(String name, int pageSize, Part start, Part parts) {
        return new Kind(name, sections(pageSize, start, parts).eof().build(), false);
    }

    /** In the order in which QEMU writes them: all starts, then the parts of each, all ends, all devices. */
    private static MigrationStreamBuilder sections(int pageSize, Part start, Part parts) {
        MigrationStreamBuilder stream =
                new MigrationStreamBuilder().pageSize(pageSize).header(3).machineType("machine-7.2");
        stream.ramStart();
        start.writeTo(stream);
        stream.ramPart(StreamKinds::pages);
        parts.writeTo(stream);
        return stream.ramEnd()
                .devices()
                .device(8, "s390_css", 0, 1, 50, UNEQUAL_ELEMENTS, "")
                .globalState();
    }

    /** Pages of both blocks, as a guest that was stopped sends them. */
    public static void pages(MigrationStreamBuilder stream) {
        stream.page("pc.ram", 0).zeroPage(1).pageOn(2).zeroPage(3).page("pc.rom", 0);
    }

    private static void attributesStart(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "s390-storage_attributes", 0, 0).i64(1).footer(7);
    }

    private static void attributes(MigrationStreamBuilder stream) {
        stream.u8(2).u32(7).i64(0x5000 | 2).i64(300).fill(7, 300).i64(1).footer(7);
        stream.u8(3).u32(7).i64(2).i64(5).fill(8, 5).i64(8).i64(1).footer(7);
    }

    private static void hashTableStart(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "spapr/htab", 0, 1).u32(24).footer(7);
    }

    private static void hashTable(MigrationStreamBuilder stream) {
        stream.u8(2)
                .u32(7)
                .u32(0)
                .u32(1000)
                .u16(3)
                .u16(9)
                .fill(5, 3 * 16)
                .u32(0)
                .u32(0)
                .footer(7);
        stream.u8(3)
                .u32(7)
                .u32(0)
                .u32(0)
                .u16(0)
                .u16(2)
                .u32(0)
                .u16(1)
                .u16(0)
                .fill(6, 16)
                .i64(0)
                .footer(7);
    }

    private static void vfioStart(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "0000:00:05.0/vfio", 0, 1)
                .i64(VFIO | 3)
                .i64(VFIO | 1)
                .footer(7);
    }

    private static void vfio(MigrationStreamBuilder stream) {
        stream.u8(2).u32(7).i64(VFIO | 4).i64(500).fill(9, 500).i64(VFIO | 1).footer(7);
        stream.u8(2).u32(7).i64(VFIO | 5).footer(7);
        stream.u8(2).u32(7).i64(VFIO | 4).i64(0).i64(VFIO | 1).footer(7);
        stream.u8(3)
                .u32(7)
                .i64(VFIO | 2)
                .fill(0x7e, 40)
                .i64(VFIO | 1)
                .i64(VFIO | 1)
                .footer(7);
    }

    private static void backup(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "pbs-state", 0, 1).i64(20).fill(3, 20).footer(7);
    }

    private static void noDisks(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 1, "block", 0, 1).i64(2).footer(1);
    }

    private static void noDisksPart(MigrationStreamBuilder stream) {
        stream.u8(3).u32(1).i64(2).footer(1);
    }

    private static void unheardOfStart(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "unheard/of", 0, 5)
                .fill(0x7e, 10)
                .u8(0x7e)
                .u32(8)
                .footer(7);
    }

    private static void unheardOf(MigrationStreamBuilder stream) {
        stream.u8(2).u32(7).fill(0, 30).footer(7);
        stream.u8(3).u32(7).u8(0x7e).u32(7).u8(0x33).footer(7);
    }

    /** Some devices come before the RAM, and a command in between. */
    private static Kind early() {
        MigrationStreamBuilder stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-10.0")
                .device(1, "virtio-mem-early", 0, 1, 9, "{\"size\": 9}", "")
                .ramStart()
                .ramPart(StreamKinds::pages)
                .command(11, 0)
                .ramEnd();
        return new Kind("early", stream.devices().globalState().vmDescription().build(), true);
    }

    private static Kind withoutRam() {
        MigrationStreamBuilder stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("none")
                .sectionHead(1, 2, "ram", 0, 4)
                .i64(4)
                .i64(0x10)
                .footer(2);
        return new Kind(
                "a machine without RAM",
                stream.ramEnd().devices().globalState().vmDescription().build(),
                true);
    }
}
