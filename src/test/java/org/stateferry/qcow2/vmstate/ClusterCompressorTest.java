package org.stateferry.qcow2.vmstate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.testing.ClusterContent;

class ClusterCompressorTest {
    private static final int CLUSTER_SIZE = 65536;
    /** QEMU inflates with a window of this size. */
    private static final int WINDOW_SIZE = 4096;

    private static final int DEFLATE = 0;
    private static final byte[] FLUSH_MARK = {0, 0, (byte) 0xff, (byte) 0xff};

    /** Repeats itself at a distance that is larger than the window, and at none that is smaller. */
    private static byte[] repeatingFarApart() {
        byte[] period = ClusterContent.stream(WINDOW_SIZE + 1000, 1);
        byte[] cluster = new byte[CLUSTER_SIZE];
        for (int at = 0; at < cluster.length; at++) {
            // Half of the values are missing, so that there is something to be saved without any match.
            cluster[at] = (byte) (period[at % period.length] & 0x0f);
        }
        return cluster;
    }

    @Test
    void noDeflatedDataReachesBackFurtherThanQemusWindow() throws Exception {
        byte[] cluster = repeatingFarApart();
        byte[] packed = compressed(DEFLATE, cluster);

        assertThat(inflatedPieceByPiece(packed)).isEqualTo(cluster);
    }

    @Test
    void theCheckOfTheWindowNoticesWhatReachesBackFurther() {
        Deflater deflater = new Deflater(Deflater.BEST_SPEED, true);
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        byte[] cluster = repeatingFarApart();
        byte[] part = new byte[CLUSTER_SIZE];
        for (int at = 0; at < cluster.length; at += WINDOW_SIZE) {
            deflater.setInput(cluster, at, WINDOW_SIZE);
            // A sync flush ends a piece as well, but forgets nothing.
            packed.write(part, 0, deflater.deflate(part, 0, part.length, Deflater.SYNC_FLUSH));
        }
        deflater.end();

        assertThatThrownBy(() ->
                        assertThat(inflatedPieceByPiece(packed.toByteArray())).isEqualTo(cluster))
                .isInstanceOfAny(DataFormatException.class, AssertionError.class);
    }

    /** Inflates each piece by itself, as if nothing had come before it. */
    private static byte[] inflatedPieceByPiece(byte[] packed) throws DataFormatException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int start = 0;
        while (out.size() < CLUSTER_SIZE) {
            Inflater inflater = new Inflater(true);
            inflater.setInput(packed, start, packed.length - start);
            byte[] piece = new byte[WINDOW_SIZE];
            int size = inflater.inflate(piece);
            assertThat(size).as("piece at byte %d", start).isEqualTo(WINDOW_SIZE);
            out.write(piece, 0, size);
            start = endOfFlush(packed, start);
            inflater.end();
        }
        return out.toByteArray();
    }

    /** The mark could stand within a piece as well, but one in four thousand million bytes is not met here. */
    private static int endOfFlush(byte[] packed, int from) {
        int at = from;
        while (at + FLUSH_MARK.length <= packed.length
                && !Arrays.equals(packed, at, at + FLUSH_MARK.length, FLUSH_MARK, 0, FLUSH_MARK.length)) {
            at++;
        }
        return Math.min(packed.length, at + FLUSH_MARK.length);
    }

    private static byte[] compressed(int type, byte[] cluster) {
        try (ClusterCompressor compressor = new ClusterCompressor(type, cluster.length, 1)) {
            ByteBuffer source =
                    ByteBuffer.allocateDirect(cluster.length).put(cluster).flip();
            int size = compressor.compress(source, 0);
            byte[] packed = new byte[size];
            compressor.packed().flip().get(packed);
            return packed;
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 512", "0, 65536", "0, 2097152", "1, 512", "1, 65536", "1, 2097152"})
    void whatSavesLessThanAnEighthIsNotKept(int type, int clusterSize) {
        byte[] mostlyRandom = new byte[clusterSize];
        new Random(1).nextBytes(mostlyRandom);
        Arrays.fill(mostlyRandom, 0, clusterSize / 10, (byte) 'x');
        byte[] partlyRandom = mostlyRandom.clone();
        Arrays.fill(partlyRandom, 0, clusterSize / 4, (byte) 'x');

        assertThat(compressed(type, mostlyRandom)).isEmpty();
        assertThat(compressed(type, partlyRandom)).hasSizeBetween(1, clusterSize - clusterSize / 8);
    }
}
