package org.stateferry.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

class ChannelImageFileTest {
    @TempDir
    Path folder;

    private Path path;
    private FileChannel channel;
    private ChannelImageFile file;

    @BeforeEach
    void open() throws Exception {
        path = Files.write(folder.resolve("image.qcow2"), new byte[] {1, 2, 3, 4, 5});
        channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
        file = new ChannelImageFile(path, channel, null, false);
    }

    @AfterEach
    void close() throws Exception {
        channel.close();
    }

    @Test
    void readsZerosPastTheEnd() throws Exception {
        ByteBuffer target =
                ByteBuffer.wrap(new byte[] {9, 9, 9, 9, 9, 9}).position(1).limit(5);

        assertThat(file.read(target, 3)).isEqualTo(2);

        assertThat(target.hasRemaining()).isFalse();
        assertThat(target.array()).containsExactly(9, 4, 5, 0, 0, 9);
        assertThat(file.read(ByteBuffer.allocate(3), 1L << 50)).isZero();
    }

    @Test
    void writesWhatIsBetweenPositionAndLimitAndGrows() throws Exception {
        ByteBuffer source = ByteBuffer.wrap(new byte[] {6, 7, 8, 9}).position(1).limit(3);

        file.write(source, 7);

        assertThat(source.hasRemaining()).isFalse();
        assertThat(Files.readAllBytes(path)).containsExactly(1, 2, 3, 4, 5, 0, 0, 7, 8);
        assertThat(file.size()).isEqualTo(9);
    }

    @Test
    void cutsButNeverGrowsByTruncating() throws Exception {
        file.truncate(100);
        assertThat(file.size()).isEqualTo(5);
        file.truncate(2);
        assertThat(Files.readAllBytes(path)).containsExactly(1, 2);
    }

    @Test
    void saysThatAForceFailed() throws Exception {
        file.force();
        channel.close();

        assertThatThrownBy(file::force).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(FailureKind.INTERNAL);
            assertThat(failure.problem()).contains("the file was closed");
        });
    }

    @Test
    void saysThatAFullDeviceHasNoSpaceAndWhere() throws Exception {
        Path full = Path.of("/dev/full");
        assumeTrue(Files.exists(full), "this system has no " + full);
        try (FileChannel fullChannel = FileChannel.open(full, StandardOpenOption.WRITE)) {
            ImageFile fullFile = new ChannelImageFile(full, fullChannel, null, false);

            assertThatThrownBy(() -> fullFile.write(ByteBuffer.allocate(512), 4096))
                    .isInstanceOfSatisfying(StateferryException.class, failure -> {
                        assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE);
                        assertThat(failure.file()).isEqualTo(full);
                        assertThat(failure.offset()).isEqualTo(4096);
                        assertThat(failure.advice()).contains("Make room");
                    });
        }
    }
}
