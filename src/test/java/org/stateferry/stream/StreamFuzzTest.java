package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.Effort;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Sampled;

/** Spoils streams at random; {@code -Dstateferry.seed} repeats one run. */
class StreamFuzzTest {
    private static final int ROUNDS = Effort.times(100);

    static LongStream seeds() {
        Long given = Long.getLong("stateferry.seed");
        return given != null ? LongStream.of(given) : LongStream.range(0, 20);
    }

    @Sampled
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void spoiledStreamsPassOrAreRefusedButNothingElse(long seed) {
        Random random = new Random(seed);
        Assertions.assertTimeoutPreemptively(Duration.ofSeconds(120), () -> {
            for (int round = 0; round < ROUNDS; round++) {
                byte[] spoiled = spoil(random);
                String whole = outcome(spoiled, spoiled.length);
                assertThat(outcome(spoiled, 1 + random.nextInt(50)))
                        .as("seed " + seed + ", round " + round)
                        .isEqualTo(whole);
            }
        });
    }

    /** Flips up to eight bits outside the pages' contents, and cuts one stream in eight. */
    private static byte[] spoil(Random random) {
        byte[] stream = MigrationStreamBuilder.valid().build();
        int flips = 1 + random.nextInt(8);
        for (int done = 0; done < flips; ) {
            int at = random.nextInt(stream.length);
            if (stream[at] != (byte) 0xa5 && stream[at] != 0x5a) {
                stream[at] ^= (byte) (1 << random.nextInt(8));
                done++;
            }
        }
        return random.nextInt(8) == 0 ? Arrays.copyOf(stream, 1 + random.nextInt(stream.length)) : stream;
    }

    private static String outcome(byte[] stream, int pieceSize) {
        try {
            return "unchecked " + Streams.check(stream, pieceSize);
        } catch (StateferryException e) {
            assertThat(e.kind()).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
            assertThatCode(e::toString).doesNotThrowAnyException();
            return e.getMessage();
        }
    }
}
