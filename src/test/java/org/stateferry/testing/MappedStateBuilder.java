package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Builds files as QEMU writes them with the migration capability mapped-ram: bitmap and pages of each block at places of their
 * own, counted from the first byte of the file. It remembers the pages, so that a test knows what must come out.
 */
public final class MappedStateBuilder {
    private static final int ALIGNMENT = 1 << 20;
    private static final int SECTION_ID = 2;
    private static final String DEVICES = "\"devices\": ["
            + "{\"name\": \"timer\", \"instance_id\": 0, \"version\": 2, \"fields\": [{\"name\": \"a\", \"size\": 24}]},"
            + " {\"name\": \"globalstate\", \"instance_id\": 0, \"version\": 1,"
            + " \"fields\": [{\"name\": \"size\", \"size\": 104}]}]}";

    private final int pageSize;
    private final List<Block> blocks = new ArrayList<>();
    private ByteOrder order = ByteOrder.LITTLE_ENDIAN;
    private int start;
    private boolean described = true;
    private boolean hasEmptyPart = true;

    /**
     * A block.
     *
     * @param pages of which null stands for a page of zeros
     * @param stale what lies at the place of each page of zeros
     */
    public record Block(String name, List<byte @Nullable []> pages, byte stale) {}

    public MappedStateBuilder(int pageSize) {
        this.pageSize = pageSize;
    }

    /** A state with up to four blocks of random pages, in random order of zeros and content. */
    public static MappedStateBuilder random(Random random) {
        MappedStateBuilder state = new MappedStateBuilder(256 << random.nextInt(6));
        int blockCount = 1 + random.nextInt(3);
        for (int index = 0; index < blockCount; index++) {
            state.randomBlock("block" + index + "/" + "x".repeat(random.nextInt(20)), random);
        }
        return state;
    }

    private void randomBlock(String name, Random random) {
        List<byte @Nullable []> pages = new ArrayList<>();
        int count = random.nextInt(400);
        while (pages.size() < count) {
            boolean zero = random.nextBoolean();
            for (int run = random.nextInt(100); run >= 0 && pages.size() < count; run--) {
                pages.add(zero ? null : page(random));
            }
        }
        block(name, pages, (byte) random.nextInt(2));
    }

    private byte[] page(Random random) {
        byte[] page = new byte[pageSize];
        random.nextBytes(page);
        page[random.nextInt(pageSize)] = 1;
        return page;
    }

    public MappedStateBuilder block(String name, List<byte @Nullable []> pages, byte stale) {
        blocks.add(new Block(name, pages, stale));
        return this;
    }

    /** As a host with this byte order saves it. */
    public MappedStateBuilder savedBy(ByteOrder host) {
        order = host;
        return this;
    }

    /** With so many other bytes before the stream. */
    public MappedStateBuilder from(int offset) {
        start = offset;
        return this;
    }

    public MappedStateBuilder withoutVmDescription() {
        described = false;
        return this;
    }

    /** With no section of RAM between that of the blocks, or of the pages, and the last. */
    public MappedStateBuilder withoutEmptyPart() {
        hasEmptyPart = false;
        return this;
    }

    public int pageSize() {
        return pageSize;
    }

    public List<Block> blocks() {
        return blocks;
    }

    /** The plain stream of the same state, as QEMU writes one of a stopped guest, with its pages in one section. */
    public byte[] plain() {
        MigrationStreamBuilder stream = beginning(new MigrationStreamBuilder());
        for (Block block : blocks) {
            stream.name(block.name()).i64((long) block.pages().size() * pageSize);
        }
        stream.i64(0x10).footer(SECTION_ID).u8(2).u32(SECTION_ID);
        for (Block block : blocks) {
            for (int index = 0; index < block.pages().size(); index++) {
                byte @Nullable [] page = block.pages().get(index);
                stream.i64((long) index * pageSize | (page == null ? 0x02 : 0x08) | (index == 0 ? 0 : 0x20));
                if (index == 0) {
                    stream.name(block.name());
                }
                stream.bytes(page == null ? new byte[1] : page);
            }
        }
        stream.i64(0x10).footer(SECTION_ID);
        return rest(stream, "{\"configuration\": {\"vmsd_name\": \"configuration\", \"subsections\": []}, ");
    }

    /**
     * The plain stream of the same state, as QEMU may write one of a guest that runs: in several sections, with another device's and a
     * command between them, pages sent in any order and again with other content.
     */
    public byte[] live(Random random) {
        MigrationStreamBuilder stream = beginning(new MigrationStreamBuilder());
        for (Block block : blocks) {
            stream.name(block.name()).i64((long) block.pages().size() * pageSize);
        }
        stream.i64(0x10).footer(SECTION_ID);
        for (int round = random.nextInt(3); round >= 0; round--) {
            boolean last = round == 0;
            stream.u8(2).u32(SECTION_ID);
            for (Block block : blocks) {
                List<Integer> order = new ArrayList<>();
                for (int index = 0; index < block.pages().size(); index++) {
                    order.add(index);
                }
                if (random.nextBoolean()) {
                    Collections.shuffle(order, random);
                }
                boolean sent = false;
                for (int index : order) {
                    byte @Nullable [] content = block.pages().get(index);
                    byte @Nullable [] page = last ? content : random.nextBoolean() ? page(random) : null;
                    if (last || random.nextBoolean() || content == null) {
                        sendPage(stream, block, index, page, sent && random.nextInt(10) > 0);
                        sent = true;
                    }
                }
            }
            stream.i64(0x10).footer(SECTION_ID).command(11, 0);
        }
        return rest(stream, "{\"configuration\": {\"vmsd_name\": \"configuration\", \"subsections\": []}, ");
    }

    private void sendPage(
            MigrationStreamBuilder stream, Block block, int index, byte @Nullable [] page, boolean goesOn) {
        stream.i64((long) index * pageSize | (page == null ? 0x02 : 0x08) | (goesOn ? 0x20 : 0));
        if (!goesOn) {
            stream.name(block.name());
        }
        stream.bytes(page == null ? new byte[1] : page);
    }

    /** The file. */
    public byte[] build() {
        MigrationStreamBuilder stream = new MigrationStreamBuilder().fill(0xee, start);
        beginning(stream, true);
        for (Block block : blocks) {
            long bitmapAt = stream.size() + 1 + block.name().length() + 8 + 28;
            byte[] bitmap = bitmap(block);
            long pagesAt = (bitmapAt + bitmap.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            stream.name(block.name())
                    .i64((long) block.pages().size() * pageSize)
                    .u32(1)
                    .i64(pageSize)
                    .i64(bitmapAt)
                    .i64(pagesAt)
                    .bytes(bitmap)
                    .bytes(new byte[(int) (pagesAt - stream.size())]);
            for (byte @Nullable [] page : block.pages()) {
                if (page == null) {
                    stream.fill(block.stale(), pageSize);
                } else {
                    stream.bytes(page);
                }
            }
        }
        stream.i64(0x10).footer(SECTION_ID);
        return rest(
                stream,
                "{\"configuration\": {\"vmsd_name\": \"configuration\", \"subsections\": [{\"vmsd_name\":"
                        + " \"configuration/capabilities\", \"version\": 1, \"fields\": [{\"name\": \"caps_count\","
                        + " \"type\": \"uint32\", \"size\": 4}, {\"name\": \"capabilities\", \"type\": \"capability\","
                        + " \"size\": 11}]}]}, ");
    }

    private MigrationStreamBuilder beginning(MigrationStreamBuilder stream) {
        return beginning(stream, false);
    }

    private MigrationStreamBuilder beginning(MigrationStreamBuilder stream, boolean mapped) {
        stream.header(3).machineType("pc-q35-10.0").targetPageBits(Integer.numberOfTrailingZeros(pageSize));
        if (mapped) {
            stream.capability("mapped-ram");
        }
        long total = blocks.stream()
                .mapToLong(block -> (long) block.pages().size() * pageSize)
                .sum();
        return stream.sectionHead(1, SECTION_ID, "ram", 0, 4).i64(total | 0x04);
    }

    private byte[] rest(MigrationStreamBuilder stream, String configuration) {
        if (hasEmptyPart) {
            stream.ramPart(pages -> {});
        }
        stream.ramEnd().device(3, "timer", 0, 2, 24, "", "").device(9, "globalstate", 0, 1, 104, "", "");
        return described
                ? stream.vmDescription(configuration + "\"page_size\": " + pageSize + ", " + DEVICES)
                        .build()
                : stream.eof().build();
    }

    private byte[] bitmap(Block block) {
        int words = (block.pages().size() + Long.SIZE - 1) / Long.SIZE;
        ByteBuffer bitmap = ByteBuffer.allocate(words * Long.BYTES).order(order);
        for (int page = 0; page < block.pages().size(); page++) {
            if (block.pages().get(page) != null) {
                int at = page / Long.SIZE * Long.BYTES;
                bitmap.putLong(at, bitmap.getLong(at) | 1L << page % Long.SIZE);
            }
        }
        return bitmap.array();
    }
}
