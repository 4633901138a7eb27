package org.stateferry.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.storage.GrowingImageFile.BlockAllocation;
import org.stateferry.testing.FailingImageFile;
import org.stateferry.testing.FailingImageFile.Call;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Seeds;

class GrowingImageFileTest {
    private static final int LENGTH = 1000;
    private static final int STEP = 256;
    private static final int LENGTH_MAX = 2000;

    private final MemoryImageFile memory = MemoryImageFile.of(new byte[LENGTH]);
    private final List<Range> allocated = new ArrayList<>();

    private record Range(long start, long end) {}

    static LongStream seeds() {
        return Seeds.of(20);
    }

    @Test
    void allocatesAStepAheadOfWritesPastTheEnd() throws Exception {
        GrowingImageFile file = growing(this::allocate);

        write(file, LENGTH, 10);

        assertThat(allocated).containsExactly(new Range(LENGTH, LENGTH + 10 + STEP));
    }

    @Test
    void asksForNothingWhereBlocksAreThere() throws Exception {
        GrowingImageFile file = growing(this::allocate);

        write(file, 0, LENGTH - STEP / 2);

        assertThat(allocated).isEmpty();
    }

    @Test
    void asksNoMoreAfterItWasRefused() throws Exception {
        List<Long> asked = new ArrayList<>();
        GrowingImageFile file = growing((offset, length) -> !asked.add(offset));

        write(file, LENGTH, 10);
        write(file, LENGTH + 10, 700);

        assertThat(asked).containsExactly((long) LENGTH);
        assertThat(memory.size()).isEqualTo(LENGTH + 710);
    }

    @Test
    void asksNoMoreAtTheGreatestLength() throws Exception {
        GrowingImageFile file = growing(this::allocate);

        write(file, LENGTH_MAX - 10, 10);
        write(file, LENGTH_MAX, 10);

        assertThat(allocated).containsExactly(new Range(LENGTH, LENGTH_MAX));
    }

    @Test
    void aHoleBehindTheFilesEndThatNobodyWritesToGetsNoBlocks() throws Exception {
        int hole = 500;
        GrowingImageFile file = new GrowingImageFile(memory, this::allocate, LENGTH + hole, LENGTH_MAX, STEP);

        write(file, LENGTH + hole, 10);

        assertThat(allocated).containsExactly(new Range(LENGTH + hole, LENGTH + hole + 10 + STEP));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void everyWriteFindsItsBlocksAndNoneAreAllocatedTwice(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        GrowingImageFile file = growing(this::allocate);
        long position = LENGTH / 2;
        while (position < LENGTH_MAX) {
            int size = (int) Math.min(random.nextInt(1, 300), LENGTH_MAX - position);
            write(file, position, size);
            position += size;
            long end = allocated.isEmpty()
                    ? LENGTH
                    : allocated.get(allocated.size() - 1).end();
            assertThat(position).isLessThanOrEqualTo(end);
        }
        long last = LENGTH;
        for (Range range : allocated) {
            assertThat(range.start()).isEqualTo(last);
            last = range.end();
        }
        assertThat(last).isEqualTo(LENGTH_MAX);
    }

    @Test
    void theRestGoesToTheFileItself() throws Exception {
        FailingImageFile below = FailingImageFile.never(memory);
        GrowingImageFile file = new GrowingImageFile(below, this::allocate, 0, LENGTH_MAX, STEP);

        file.read(ByteBuffer.allocate(1), 0);
        file.force();
        file.truncate(500);

        assertThat(below.calls()).containsExactly(Call.SIZE, Call.READ, Call.FORCE, Call.TRUNCATE);
        assertThat(file.size()).isEqualTo(500);
    }

    private GrowingImageFile growing(BlockAllocation blocks) throws Exception {
        return new GrowingImageFile(memory, blocks, 0, LENGTH_MAX, STEP);
    }

    private boolean allocate(long offset, long length) {
        return allocated.add(new Range(offset, offset + length));
    }

    private static void write(ImageFile file, long offset, int size) throws Exception {
        file.write(ByteBuffer.allocate(size), offset);
    }
}
