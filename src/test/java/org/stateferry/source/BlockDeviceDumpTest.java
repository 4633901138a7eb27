package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;

/** States on a block device, which keeps what was there before. Needs root for a loop device, or is skipped. */
class BlockDeviceDumpTest {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int DEVICE_SIZE = 1024 * 1024;
    private static final byte[] STREAM = MigrationStreamBuilder.valid().build();

    @TempDir
    Path folder;

    private Path device;

    @BeforeEach
    void makeADevice() throws Exception {
        Assumptions.assumeTrue(QemuTools.isOnPath("losetup"), "losetup is not installed");
        Path file = Files.write(folder.resolve("file"), new byte[DEVICE_SIZE]);
        CommandResult loop = RunningCommand.run(LIMIT, List.of("losetup", "--find", "--show", file.toString()));
        Assumptions.assumeTrue(loop.exitCode() == 0, () -> "no loop device here: " + loop.stderr());
        device = Path.of(loop.stdout().strip());
    }

    @AfterEach
    void removeTheDevice() {
        if (device != null) {
            RunningCommand.run(LIMIT, List.of("losetup", "--detach", device.toString()))
                    .requireSuccess();
        }
    }

    private void write(byte[] content) throws Exception {
        Files.write(device, content, StandardOpenOption.WRITE);
    }

    private static byte[] longerStream() {
        return MigrationStreamBuilder.withPages(pages -> {
                    for (int page = 0; page < 50; page++) {
                        pages.page("pc.ram", page % 4);
                    }
                })
                .build();
    }

    @Test
    void isReadToTheEndOfItsStream() throws Exception {
        write(STREAM);
        try (DumpSource source = DumpSources.open(device, DumpFormat.AUTO)) {
            assertThat(source.streamLength()).hasValue(STREAM.length);
            assertThat(source.warnings()).isEmpty();
        }
        assertThat(Dumps.readThrough(device)).isNull();
        assertThat(DumpInspection.inspect(device))
                .isInstanceOfSatisfying(
                        DumpContent.Stream.class,
                        stream -> assertThat(stream.length()).hasValue(STREAM.length));
    }

    @Test
    void keepsAnOlderStateBehindIt() throws Exception {
        byte[] junk = new byte[DEVICE_SIZE];
        new Random(1).nextBytes(junk);
        write(junk);
        write(longerStream());
        write(STREAM);
        try (DumpSource source = DumpSources.open(device, DumpFormat.AUTO)) {
            assertThat(source.streamLength()).hasValue(STREAM.length);
            assertThat(source.warnings())
                    .singleElement()
                    .asString()
                    .contains("the " + (DEVICE_SIZE - STREAM.length) + " bytes behind it");
        }
    }

    @Test
    void isKnownByItsContent() throws Exception {
        write(STREAM);
        DumpFingerprint first = fingerprint();
        assertThat(fingerprint()).isEqualTo(first);
        write(longerStream());
        assertThat(fingerprint()).isNotEqualTo(first);
    }

    private DumpFingerprint fingerprint() throws Exception {
        try (DumpSource source = DumpSources.open(device, DumpFormat.AUTO)) {
            return source.fingerprint();
        }
    }

    /** All RAM of both is in use, so they have one size; what they begin and end with never changes. */
    @Test
    void twoStatesOfOneGuestAreTwoThoughTheyBeginAndEndAlike() throws Exception {
        write(stateOfGuestAt((byte) 1));
        DumpFingerprint first = fingerprint();
        write(stateOfGuestAt((byte) 2));
        assertThat(fingerprint()).isNotEqualTo(first);
    }

    private static byte[] stateOfGuestAt(byte time) {
        byte[] state = longerStream();
        // A byte in each page, but for those near the beginning and the end.
        for (int at = 70_000; at < state.length - 70_000; at++) {
            state[at] = state[at] == (byte) 0xa5 ? time : state[at];
        }
        return state;
    }

    @Test
    void aChangeOfACompressedStateWhileItIsReadIsNoticed() throws Exception {
        byte[] content = new byte[DEVICE_SIZE];
        new Random(1).nextBytes(content);
        byte[] compressed = Compressed.with(Codec.GZIP, STREAM);
        System.arraycopy(compressed, 0, content, 0, compressed.length);
        write(content);
        try (DumpSource source = DumpSources.open(device, DumpFormat.AUTO)) {
            source.requireUnchanged();
            content[DEVICE_SIZE / 2]++;
            write(content);
            assertThatThrownBy(source::requireUnchanged).hasMessageContaining("changed");
        }
    }

    @Test
    void aChangeWhileItIsReadIsNoticed() throws Exception {
        write(STREAM);
        try (DumpSource source = DumpSources.open(device, DumpFormat.AUTO)) {
            source.requireUnchanged();
            byte[] changed = Arrays.copyOf(STREAM, STREAM.length);
            changed[STREAM.length - 1] = ' ';
            write(changed);
            assertThatThrownBy(source::requireUnchanged).hasMessageContaining("changed");
        }
    }
}
