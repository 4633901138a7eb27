package org.stateferry.testing;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds QEMU migration streams part by part. {@link #valid} is a small complete one; tests replace one of its parts, or
 * write the parts themselves.
 */
public final class MigrationStreamBuilder {
    /** The page size in bytes, unless a stream has another one. */
    public static final int PAGE_SIZE = 4096;

    private static final int PAGE = 0x08;
    private static final int ZERO = 0x02;
    private static final int MEM_SIZE = 0x04;
    private static final int END_OF_SECTION = 0x10;
    private static final int CONTINUE = 0x20;
    private static final int XBZRLE = 0x40;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final DataOutputStream out = new DataOutputStream(bytes);
    private final List<String> descriptions = new ArrayList<>();
    private boolean footers = true;
    private int pageSize = PAGE_SIZE;

    /** A part of a stream that a test writes. */
    @FunctionalInterface
    public interface Part {
        void writeTo(MigrationStreamBuilder stream);
    }

    /** A complete small stream: two RAM blocks, pages of every kind, two devices, a vmdescription. */
    public static MigrationStreamBuilder valid() {
        return withPages(MigrationStreamBuilder::somePages);
    }

    /** A complete small stream with other records in its RAM part section. */
    public static MigrationStreamBuilder withPages(Part pages) {
        return new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-7.2")
                .ram(pages)
                .devices()
                .vmDescription();
    }

    /** Without footers, as streams of machine types before 2.4. */
    public MigrationStreamBuilder withoutFooters() {
        footers = false;
        return this;
    }

    /** With pages of so many bytes. */
    public MigrationStreamBuilder pageSize(int size) {
        pageSize = size;
        return this;
    }

    public MigrationStreamBuilder header(int version) {
        return ascii("QEVM").u32(version);
    }

    public MigrationStreamBuilder machineType(String name) {
        return u8(0x07).u32(name.length()).ascii(name);
    }

    public MigrationStreamBuilder targetPageBits(int bits) {
        return subsection("configuration/target-page-bits").u32(bits);
    }

    public MigrationStreamBuilder capability(String name) {
        return subsection("configuration/capabilities").u32(1).name(name);
    }

    public MigrationStreamBuilder subsection(String name) {
        return u8(0x05).name(name).u32(1);
    }

    /** The three RAM sections: start with the block list, one part, end. */
    public MigrationStreamBuilder ram(Part pages) {
        return ramStart().ramPart(pages).ramEnd();
    }

    public MigrationStreamBuilder ramStart() {
        return sectionHead(0x01, 2, "ram", 0, 4)
                .i64(5L * pageSize | MEM_SIZE)
                .name("pc.ram")
                .i64(4L * pageSize)
                .name("pc.rom")
                .i64(pageSize)
                .i64(END_OF_SECTION)
                .footer(2);
    }

    public MigrationStreamBuilder ramPart(Part pages) {
        u8(0x02).u32(2);
        pages.writeTo(this);
        return i64(END_OF_SECTION).footer(2);
    }

    public MigrationStreamBuilder ramEnd() {
        return u8(0x03).u32(2).i64(END_OF_SECTION).footer(2);
    }

    private static void somePages(MigrationStreamBuilder stream) {
        stream.page("pc.ram", 0)
                .zeroPage(1)
                .pageOn(2)
                .zeroPage(3)
                .page("pc.rom", 0)
                .xbzrle("pc.ram", 0);
    }

    /** A page in a block that is named. */
    public MigrationStreamBuilder page(String block, int index) {
        return i64((long) index * pageSize | PAGE).name(block).fill(0xa5, pageSize);
    }

    /** A page in the block of the record before. */
    public MigrationStreamBuilder pageOn(int index) {
        return i64((long) index * pageSize | PAGE | CONTINUE).fill(0x5a, pageSize);
    }

    /** A page of zeros in the block of the record before. */
    public MigrationStreamBuilder zeroPage(int index) {
        return i64((long) index * pageSize | ZERO | CONTINUE).u8(0);
    }

    /** Changes to a page: leave 300 bytes, replace 3, leave 5, replace 1. */
    public MigrationStreamBuilder xbzrle(String block, int index) {
        return i64((long) index * pageSize | XBZRLE)
                .name(block)
                .u8(1)
                .u16(9)
                .u8(0xac)
                .u8(0x02)
                .u8(3)
                .ascii("abc")
                .u8(5)
                .u8(1)
                .ascii("d");
    }

    /** Two devices; the second has an array, a nested structure and a subsection. */
    public MigrationStreamBuilder devices() {
        device(3, "timer", 0, 2, 24, "{\"name\": \"a\", \"size\": 8, \"array_len\": 3}", "");
        return device(
                4,
                "0000:00:01.0/virtio-blk",
                1,
                1,
                7 + 6 + 4 + 2,
                "{\"name\": \"s\", \"struct\": {\"fields\": [{\"size\": 99}]}, \"type\": \"struct\", \"size\": 7}",
                "{\"vmsd_name\": \"more\", \"version\": 1, \"fields\": [{\"name\": \"b\", \"size\": 2}]}");
    }

    /** A device section with a payload of zeros. */
    public MigrationStreamBuilder device(
            int id, String name, int instanceId, int version, int payloadSize, String fields, String subsections) {
        descriptions.add("{\"name\": \"" + name + "\", \"instance_id\": " + instanceId + ", \"vmsd_name\": \"" + name
                + "\", \"version\": " + version + ", \"fields\": [" + fields + "]"
                + (subsections.isEmpty() ? "" : ", \"subsections\": [" + subsections + "]") + "}");
        return sectionHead(0x04, id, name, instanceId, version)
                .fill(0, payloadSize)
                .footer(id);
    }

    /** The device that QEMU saves last. */
    public MigrationStreamBuilder globalState() {
        return device(9, "globalstate", 0, 1, 104, "{\"name\": \"size\", \"size\": 104}", "");
    }

    public MigrationStreamBuilder sectionHead(int type, int id, String name, int instanceId, int version) {
        return u8(type).u32(id).name(name).u32(instanceId).u32(version);
    }

    public MigrationStreamBuilder footer(int id) {
        return footers ? u8(0x7e).u32(id) : this;
    }

    public MigrationStreamBuilder command(int code, int length) {
        return u8(0x08).u16(code).u16(length).fill(0, length);
    }

    public MigrationStreamBuilder eof() {
        return u8(0);
    }

    /** The end mark and the vmdescription of the devices written so far. */
    public MigrationStreamBuilder vmDescription() {
        return vmDescription(
                "{\"page_size\": " + pageSize + ", \"devices\": [" + String.join(", ", descriptions) + "]}");
    }

    /** The end mark and any text as the vmdescription. */
    public MigrationStreamBuilder vmDescription(String json) {
        return eof().u8(0x06).u32(json.length()).ascii(json);
    }

    public MigrationStreamBuilder name(String name) {
        return u8(name.length()).ascii(name);
    }

    public MigrationStreamBuilder ascii(String text) {
        return write(() -> out.write(text.getBytes(StandardCharsets.US_ASCII)));
    }

    public MigrationStreamBuilder u8(int value) {
        return write(() -> out.writeByte(value));
    }

    public MigrationStreamBuilder u16(int value) {
        return write(() -> out.writeShort(value));
    }

    public MigrationStreamBuilder u32(int value) {
        return write(() -> out.writeInt(value));
    }

    public MigrationStreamBuilder i64(long value) {
        return write(() -> out.writeLong(value));
    }

    public MigrationStreamBuilder fill(int value, int count) {
        for (int i = 0; i < count; i++) {
            u8(value);
        }
        return this;
    }

    public MigrationStreamBuilder bytes(byte[] values) {
        return write(() -> out.write(values));
    }

    /** How many bytes the stream has so far. */
    public int size() {
        return bytes.size();
    }

    public byte[] build() {
        return bytes.toByteArray();
    }

    private MigrationStreamBuilder write(Write write) {
        try {
            write.run();
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @FunctionalInterface
    private interface Write {
        void run() throws IOException;
    }
}
