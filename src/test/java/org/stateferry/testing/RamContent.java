package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** The guest's memory in a plain stream with pages of 4 KiB and with footers, read as simply as can be. */
public final class RamContent {
    private static final int PAGE_SIZE = 4096;

    private RamContent() {}

    /** The content of each RAM block after all records, by its name. */
    public static Map<String, ByteBuffer> of(byte[] stream) {
        byte[] start = {3, 'r', 'a', 'm'};
        int at = 0;
        while (!Arrays.equals(Arrays.copyOfRange(stream, at, at + 4), start)) {
            at++;
        }
        ByteBuffer in = ByteBuffer.wrap(stream).position(at - 4);
        int id = in.getInt();
        in.position(in.position() + 4 + 8);
        Map<String, ByteBuffer> blocks = new LinkedHashMap<>();
        for (long left = in.getLong() & -PAGE_SIZE; left > 0; ) {
            String name = name(in);
            int size = (int) in.getLong();
            blocks.put(name, ByteBuffer.allocate(size));
            left -= size;
        }
        in.getLong();
        in.position(in.position() + 5);
        for (int type = in.get(); type == 2 || type == 3 || type == 8; type = in.get()) {
            if (type == 8) {
                in.getShort();
                in.position(in.position() + in.getShort());
            } else if (in.getInt() == id) {
                records(in, blocks);
                in.position(in.position() + 5);
            } else {
                throw new AssertionError("another section in between");
            }
        }
        return blocks;
    }

    private static void records(ByteBuffer in, Map<String, ByteBuffer> blocks) {
        String name = "";
        for (long word = in.getLong(); (word & 0x10) == 0; word = in.getLong()) {
            if ((word & 0x20) == 0) {
                name = name(in);
            }
            byte[] page = new byte[PAGE_SIZE];
            if ((word & 0x08) != 0) {
                in.get(page);
            } else if (in.get() != 0 || (word & 0x02) == 0) {
                throw new AssertionError("record 0x" + Long.toHexString(word));
            }
            blocks.get(name).put((int) (word & -PAGE_SIZE), page);
        }
    }

    private static String name(ByteBuffer in) {
        byte[] name = new byte[in.get()];
        in.get(name);
        return new String(name, StandardCharsets.US_ASCII);
    }
}
