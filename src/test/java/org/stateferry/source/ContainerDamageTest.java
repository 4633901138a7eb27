package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.Effort;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Sampled;

/**
 * Containers that are cut wherever one of their structures begins or ends, or have a byte changed in a header, a length or a
 * checksum: each time that is refused with its place, or what comes out is what was put in.
 */
class ContainerDamageTest {
    /** A hang is a failure; how long it takes is not. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    private static final long SEED = 20_260_711;
    private static final int PAGE_SIZE = 4096;
    private static final String FIRST_BLOCK = "pc.ram";
    private static final String SECOND_BLOCK = "vga.vram";
    private static final byte[] STREAM = MigrationStreamBuilder.valid().build();

    @TempDir
    Path folder;

    enum Container {
        GZIP(Compressed.with(Codec.GZIP, STREAM), file -> List.of(10, file.length - 8)),
        BGZF(Compressed.bgzf(STREAM), file -> List.of(10, 12, 16, 18, file.length - 28 - 8, file.length - 28)),
        ZSTD(Compressed.with(Codec.ZSTD, STREAM), ContainerDamageTest::zstdBlocks),
        XZ(Compressed.with(Codec.XZ, STREAM), ContainerDamageTest::xzIndex),
        BZIP2(Compressed.with(Codec.BZIP2, STREAM), file -> List.of(4, 10, 14, file.length - 10)),
        LZ4(Compressed.with(Codec.LZ4, STREAM), ContainerDamageTest::lz4Blocks),
        LIBVIRT_RAW(LibvirtSaveBuilder.valid().payload(STREAM).build(), ContainerDamageTest::libvirtParts),
        LIBVIRT_ZSTD(
                LibvirtSaveBuilder.valid()
                        .format(SaveFormat.ZSTD.ordinal())
                        .payload(Compressed.with(Codec.ZSTD, STREAM))
                        .build(),
                ContainerDamageTest::libvirtParts),
        MAPPED(mapped(0), file -> mappedParts(file, 0)),
        LIBVIRT_SPARSE(sparse(), file -> {
            List<Integer> parts = new ArrayList<>(libvirtParts(file));
            parts.addAll(mappedParts(file, parts.get(2)));
            return parts;
        }),
        LZOP(Compressed.with(Codec.LZOP, STREAM), ContainerDamageTest::lzopBlocks);

        private final byte[] file;
        private final Function<byte[], List<Integer>> boundaries;

        Container(byte[] file, Function<byte[], List<Integer>> boundaries) {
            this.file = file;
            this.boundaries = boundaries;
        }

        /** Whether a checksum of the container, not only the stream's own structure, tells that a byte was changed. */
        private boolean hasChecksum() {
            return this != LIBVIRT_RAW && this != MAPPED && this != LIBVIRT_SPARSE;
        }

        /** Both ends, where one structure ends and another begins, and some places in between. */
        List<Integer> places(Random random) {
            TreeSet<Integer> places = new TreeSet<>();
            IntStream.range(0, 40).forEach(places::add);
            IntStream.range(file.length - 30, file.length).forEach(places::add);
            for (int boundary : boundaries.apply(file)) {
                for (int near = -1; near <= 8; near++) {
                    places.add(boundary + near);
                }
            }
            for (int count = Effort.times(20); count > 0; count--) {
                places.add(random.nextInt(file.length));
            }
            return places.stream().filter(at -> at > 0 && at < file.length).toList();
        }
    }

    private static ByteBuffer littleEndian(byte[] file) {
        return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Behind the frame's head: u24 last, type, size; the data. At the end the checksum. */
    private static List<Integer> zstdBlocks(byte[] file) {
        List<Integer> boundaries = new ArrayList<>(List.of(4, file.length - 4));
        int descriptor = file[4];
        boolean single = (descriptor & 0x20) != 0;
        int sizeField = (descriptor >> 6 & 3) == 0 ? (single ? 1 : 0) : 1 << (descriptor >> 6 & 3);
        int at = 5 + (single ? 0 : 1) + sizeField;
        boolean last = false;
        while (!last) {
            boundaries.add(at);
            int head = littleEndian(file).getInt(at) & 0xffffff;
            last = (head & 1) != 0;
            at += 3 + ((head >> 1 & 3) == 1 ? 1 : head >> 3);
        }
        assertThat(at).isEqualTo(file.length - 4);
        return boundaries;
    }

    /** The footer has the size of the index before it. */
    private static List<Integer> xzIndex(byte[] file) {
        int index = (littleEndian(file).getInt(file.length - 8) + 1) * 4;
        int head = (Byte.toUnsignedInt(file[12]) + 1) * 4;
        return List.of(12, 12 + head, file.length - 12 - index - 8, file.length - 12 - index, file.length - 12);
    }

    private static List<Integer> lz4Blocks(byte[] file) {
        List<Integer> boundaries = new ArrayList<>(List.of(4, 6, 7));
        int at = 7;
        int size;
        do {
            size = littleEndian(file).getInt(at) & 0x7fff_ffff;
            at += 4 + size;
            boundaries.add(at);
        } while (size > 0);
        assertThat(at + 4).isEqualTo(file.length);
        return boundaries;
    }

    private static List<Integer> lzopBlocks(byte[] file) {
        ByteBuffer fields = ByteBuffer.wrap(file);
        List<Integer> boundaries = new ArrayList<>();
        int at = 9 + 25 + 4 + 4;
        boundaries.add(at - 4);
        while (fields.getInt(at) != 0) {
            boundaries.add(at);
            int stored = fields.getInt(at + 4);
            at += 12 + (stored < fields.getInt(at) ? 4 : 0) + stored;
        }
        assertThat(at + 4).isEqualTo(file.length);
        return boundaries;
    }

    private static List<Integer> libvirtParts(byte[] file) {
        int payload = 92 + littleEndian(file).getInt(20);
        int cookie = 92 + littleEndian(file).getInt(32);
        return List.of(92, cookie, payload);
    }

    /** Two blocks, with a page of zeros in each. */
    private static byte[] mapped(int start) {
        byte[] page = new byte[PAGE_SIZE];
        Arrays.fill(page, (byte) 7);
        return new MappedStateBuilder(PAGE_SIZE)
                .block(FIRST_BLOCK, Arrays.asList(page, null, page), (byte) 0)
                .block(SECOND_BLOCK, Arrays.asList(null, page), (byte) 0)
                .from(start)
                .build();
    }

    /** The offsets in a mapped-ram stream count from the file's first byte, so libvirt's header takes the place of other bytes. */
    private static byte[] sparse() {
        byte[] head =
                new LibvirtSaveBuilder().format(SaveFormat.SPARSE.ordinal()).build();
        byte[] file = mapped(head.length);
        System.arraycopy(head, 0, file, 0, head.length);
        return file;
    }

    /** The stream's start, and of each block its name, the fields behind it, the bitmap, the pages and what follows them. */
    private static List<Integer> mappedParts(byte[] file, int start) {
        List<Integer> parts = new ArrayList<>(List.of(start, start + 8));
        String text = new String(file, StandardCharsets.ISO_8859_1);
        for (String block : List.of(FIRST_BLOCK, SECOND_BLOCK)) {
            int name = text.indexOf(block, start);
            int fields = name + block.length() + Long.BYTES;
            ByteBuffer places = ByteBuffer.wrap(file, fields + 12, 16);
            long bitmap = places.getLong();
            long pages = places.getLong();
            parts.addAll(List.of(name - 1, fields, fields + 4, fields + 12, fields + 20, (int) bitmap, (int) pages));
            parts.add((int) pages + PAGE_SIZE);
            parts.add((int) pages + (block.equals(FIRST_BLOCK) ? 3 : 2) * PAGE_SIZE);
        }
        parts.add(text.lastIndexOf("{\"configuration\"") - 1);
        return parts;
    }

    @Sampled
    @ParameterizedTest
    @EnumSource
    void cutAnywhereItIsRefusedWithItsPlace(Container container) {
        Assertions.assertTimeoutPreemptively(LIMIT, () -> {
            for (int size : container.places(new Random(SEED))) {
                StateferryException refusal = read(container, Arrays.copyOf(container.file, size), "cut at " + size);
                if (refusal == null && isComplete(container, size)) {
                    continue;
                }
                assertThat(refusal)
                        .as("%s cut at %d of %d", container, size, container.file.length)
                        .isNotNull();
            }
        });
    }

    /**
     * Without the empty member that bgzip ends a file with, and that only says that it is the end, nothing is missing; and of
     * its first bytes nobody can tell what they are.
     */
    private static boolean isComplete(Container container, int size) {
        int behind = size - (container.file.length - 28);
        return container == Container.BGZF && behind >= 0 && behind < 3;
    }

    @Sampled
    @ParameterizedTest
    @EnumSource
    void aByteThatIsChangedIsRefusedWithItsPlaceOrMakesNoDifference(Container container) {
        Random random = new Random(SEED);
        Assertions.assertTimeoutPreemptively(LIMIT, () -> {
            int refused = 0;
            List<Integer> places = container.places(random);
            for (int at : places) {
                byte[] changed = container.file.clone();
                changed[at] ^= (byte) (random.nextBoolean() ? 0xff : 1 << random.nextInt(8));
                StateferryException refusal = read(container, changed, "byte " + at + " changed");
                refused += refusal == null ? 0 : 1;
            }
            assertThat(refused).as("%d places", places.size()).isGreaterThan(places.size() / 5);
        });
    }

    /** Reads all; returns the refusal, whose kind and place are right, or null if all came out as it was. */
    private StateferryException read(Container container, byte[] file, String what) {
        String description = container + ", " + what;
        Path dump = Dumps.write(folder, file);
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO)) {
            ByteArrayOutputStream content = new ByteArrayOutputStream();
            Dumps.readThrough(source, piece -> content.write(piece.array(), 0, piece.limit()));
            if (container.hasChecksum()) {
                assertThat(Arrays.equals(content.toByteArray(), STREAM))
                        .as(description)
                        .isTrue();
            }
            return null;
        } catch (StateferryException e) {
            assertThat(e.kind()).as("%s: %s", description, e).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
            assertThat(e.offset()).as("%s: %s", description, e).isBetween(0L, (long)
                    Math.max(file.length, STREAM.length));
            assertThat(e.nextStep()).as("%s: %s", description, e).isNotBlank();
            return e;
        } catch (RuntimeException | Error e) {
            return fail(description, e);
        }
    }
}
