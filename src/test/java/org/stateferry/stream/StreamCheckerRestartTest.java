package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.MigrationStreamBuilder;

class StreamCheckerRestartTest {
    private static final byte[] VALID = MigrationStreamBuilder.valid().build();

    static Stream<byte[]> streams() {
        MigrationStreamBuilder configured = new MigrationStreamBuilder()
                .header(3)
                .machineType("virt-9.0")
                .targetPageBits(12)
                .ram(pages -> pages.page("pc.rom", 0));
        return Stream.of(
                VALID,
                configured.devices().vmDescription().build(),
                new MigrationStreamBuilder()
                        .withoutFooters()
                        .header(3)
                        .ram(pages -> pages.page("pc.ram", 1))
                        .devices()
                        .eof()
                        .build(),
                MigrationStreamBuilder.withPages(
                                pages -> pages.page("pc.ram", 0).pageOn(9))
                        .build());
    }

    @ParameterizedTest
    @MethodSource("streams")
    void aCheckRestoredAtAnyOffsetEndsAsOneThatWasNotDisturbed(byte[] bytes) throws Exception {
        MigrationStream stream = Streams.open(bytes);
        String undisturbed = outcome(new StreamChecker(stream), bytes, 0);
        for (int offset = 0; offset <= bytes.length; offset++) {
            int from = offset;
            StreamChecker first = new StreamChecker(stream);
            ByteBuffer before = ByteBuffer.wrap(bytes, 0, from);
            if (catchThrowableOfType(StateferryException.class, () -> first.accept(before)) == null) {
                byte[] state = first.save();
                assertThat(state).hasSizeLessThan(64 * 1024);
                StreamChecker second = StreamChecker.restore(stream, state);
                assertThat(outcome(second, bytes, from))
                        .as("restored at " + from)
                        .isEqualTo(undisturbed);
            }
        }
    }

    private static String outcome(StreamChecker checker, byte[] bytes, int from) {
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> {
            Streams.feed(checker, bytes, from, 1000);
            checker.finish();
        });
        return (failure == null ? "passed" : failure.getMessage()) + ", unchecked " + checker.unchecked();
    }

    @Test
    void aDamagedStateIsRefused() throws Exception {
        MigrationStream stream = Streams.open(VALID);
        StreamChecker checker = new StreamChecker(stream);
        checker.accept(ByteBuffer.wrap(VALID, 0, 300));
        byte[] state = checker.save();
        for (int at = 0; at < state.length; at++) {
            byte[] damaged = state.clone();
            damaged[at] ^= 4;
            assertUnusable(stream, damaged);
            assertUnusable(stream, Arrays.copyOf(state, at));
        }
        byte[] other = MigrationStreamBuilder.withPages(pages -> {}).build();
        assertUnusable(Streams.open(other), state);
    }

    private static void assertUnusable(MigrationStream stream, byte[] state) {
        StateferryException failure =
                catchThrowableOfType(StateferryException.class, () -> StreamChecker.restore(stream, state));
        assertThat(failure.kind()).isEqualTo(FailureKind.REPOSITORY);
    }
}
