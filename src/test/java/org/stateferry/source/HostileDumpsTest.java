package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.Effort;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.Seeds;
import org.stateferry.testing.StreamKinds;

/**
 * Streams and save files that somebody has spoiled on purpose: cut, with flipped bits, with numbers that claim too much, with
 * parts doubled, swapped or left out. Whatever they hold, they are taken or refused with a place, and nothing else happens.
 * {@code -Dstateferry.seed} repeats one run.
 */
class HostileDumpsTest {
    private static final int ROUNDS = Effort.times(12);
    /** Far above what a seed takes; a hang is a failure. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    private static final long[] CLAIMS = {
        0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL, 0x7fff_ffff_ffff_ffffL, -1, -2
    };

    private static final List<BiFunction<byte[], Random, byte[]>> SPOILS = List.of(
            HostileDumpsTest::cut,
            HostileDumpsTest::flipped,
            HostileDumpsTest::claiming,
            HostileDumpsTest::doubled,
            HostileDumpsTest::without,
            HostileDumpsTest::withText,
            HostileDumpsTest::followedByAnother);

    private static final List<StreamKinds.Kind> KINDS = StreamKinds.all().toList();

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.of(10);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void areTakenOrRefusedWithAPlace(long seed) {
        Random random = new Random(seed);
        Assertions.assertTimeoutPreemptively(LIMIT, () -> {
            for (int round = 0; round < ROUNDS; round++) {
                byte[] content = sound(random);
                for (int step = random.nextInt(3); step >= 0; step--) {
                    content = SPOILS.get(random.nextInt(SPOILS.size())).apply(content, random);
                }
                Path dump = Dumps.write(folder, content);
                judge(() -> DumpInspection.inspect(dump), content, seed, round);
                judge(() -> Dumps.readThrough(dump), content, seed, round);
                judge(() -> DumpSources.open(dump, DumpFormat.OPAQUE).close(), content, seed, round);
            }
        });
    }

    @FunctionalInterface
    private interface Use {
        void run() throws StateferryException;
    }

    private void judge(Use use, byte[] content, long seed, int round) {
        try {
            use.run();
        } catch (StateferryException e) {
            String description = "seed " + seed + ", round " + round + ": " + e.getMessage();
            boolean empty = content.length == 0;
            assertThat(e.kind()).as(description).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
            assertThat(e.offset()).as(description).isBetween(empty ? -1L : 0L, (long) content.length);
            assertThat(e.problem().chars()).as(description).noneMatch(Character::isISOControl);
        } catch (RuntimeException | Error e) {
            fail("seed " + seed + ", round " + round, e);
        }
    }

    private static byte[] sound(Random random) {
        byte[] stream = KINDS.get(random.nextInt(KINDS.size())).bytes();
        return switch (random.nextInt(4)) {
            case 0 -> LibvirtSaveBuilder.valid().payload(stream).build();
            case 1 ->
                LibvirtSaveBuilder.valid()
                        .format(random.nextInt(7))
                        .payload(stream)
                        .build();
            default -> stream;
        };
    }

    /** Spoils the beginning and the end more often than the middle, which is mostly pages. */
    private static int place(byte[] content, Random random) {
        int length = Math.max(1, content.length);
        int reach = Math.min(length, 400);
        return switch (random.nextInt(3)) {
            case 0 -> random.nextInt(reach);
            case 1 -> length - 1 - random.nextInt(Math.min(length, 3000));
            default -> random.nextInt(length);
        };
    }

    private static byte[] cut(byte[] content, Random random) {
        return Arrays.copyOf(content, place(content, random));
    }

    private static byte[] flipped(byte[] content, Random random) {
        byte[] result = content.clone();
        for (int flip = random.nextInt(8); flip >= 0 && result.length > 0; flip--) {
            result[place(result, random)] ^= (byte) (1 << random.nextInt(8));
        }
        return result;
    }

    private static byte[] claiming(byte[] content, Random random) {
        byte[] result = content.clone();
        long claim = CLAIMS[random.nextInt(CLAIMS.length)];
        int size = 1 << random.nextInt(4);
        int at = place(result, random);
        byte[] number = ByteBuffer.allocate(Long.BYTES).putLong(claim).array();
        for (int index = 0; index < size && at + index < result.length; index++) {
            result[at + index] = number[Long.BYTES - size + index];
        }
        return result;
    }

    private static byte[] doubled(byte[] content, Random random) {
        int from = place(content, random);
        int to = Math.min(content.length, from + 1 + random.nextInt(5000));
        return joined(
                Arrays.copyOf(content, Math.max(from, to)),
                Arrays.copyOfRange(content, Math.min(from, to), content.length));
    }

    private static byte[] without(byte[] content, Random random) {
        int from = Math.min(content.length, place(content, random));
        int to = Math.min(content.length, from + 1 + random.nextInt(5000));
        return joined(Arrays.copyOf(content, from), Arrays.copyOfRange(content, to, content.length));
    }

    private static byte[] withText(byte[] content, Random random) {
        List<String> texts = List.of(
                "\0\6\0\0\0\2{}",
                "\0\6\177\377\377\377{",
                "\176\0\0\0\3\0",
                "QEVM\0\0\0\3",
                "\u001b]0;owned\7",
                "{".repeat(500),
                "\4\0\0\0\11\377" + "n".repeat(255));
        byte[] text = texts.get(random.nextInt(texts.size())).getBytes(StandardCharsets.ISO_8859_1);
        int at = Math.min(content.length, place(content, random));
        byte[] before = Arrays.copyOf(content, at);
        return joined(joined(before, text), Arrays.copyOfRange(content, at, content.length));
    }

    private static byte[] followedByAnother(byte[] content, Random random) {
        byte[] other = sound(random);
        return joined(content, Arrays.copyOfRange(other, random.nextInt(other.length), other.length));
    }

    private static byte[] joined(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    /** Heads of other programs' files with anything behind them. */
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void filesOfOtherProgramsAreNamedOrRefused(long seed) {
        Random random = new Random(seed);
        for (int round = 0; round < ROUNDS; round++) {
            byte[] content = new byte[random.nextInt(40_000)];
            random.nextBytes(content);
            List<String> heads =
                    new ArrayList<>(List.of("QEVM", "LibvirtQemudSave", "KDUMP   ", "{\"", "BZh", "<domain", ""));
            byte[] head = heads.get(random.nextInt(heads.size())).getBytes(StandardCharsets.US_ASCII);
            System.arraycopy(head, 0, content, 0, Math.min(head.length, content.length));
            Path dump = Dumps.write(folder, content);
            judge(() -> DumpInspection.inspect(dump), content, seed, round);
            judge(() -> DumpSources.open(dump, DumpFormat.AUTO).close(), content, seed, round);
            assertThat(Files.exists(dump)).isTrue();
        }
    }
}
