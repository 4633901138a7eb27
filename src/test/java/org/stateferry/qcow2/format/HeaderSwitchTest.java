package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HeaderSwitchTest {
    private static final Path FILE = Path.of("/disk.qcow2");
    private static final HeaderSwitch SWITCH = new HeaderSwitch(0x11_0000, 0x22_0000, 3, 4, 0x55_0000);

    /** A valid header among random bytes, which a switch has to keep. */
    private static byte[] sector(int version, long autoclear) {
        byte[] sector = new byte[512];
        new Random(version).nextBytes(sector);
        ByteBuffer.wrap(sector)
                .putInt(0x5146_49fb)
                .putInt(version)
                .putLong(0)
                .putInt(0)
                .putInt(16)
                .putLong(1 << 20)
                .putInt(0)
                .putInt(9)
                .putLong(0x3_0000)
                .putLong(0x1_0000)
                .putInt(1)
                .putInt(0)
                .putLong(0);
        if (version == 3) {
            ByteBuffer.wrap(sector, 72, 32)
                    .putLong(0)
                    .putLong(0x7777)
                    .putLong(autoclear)
                    .putInt(4)
                    .putInt(104);
        }
        return sector;
    }

    private static byte[] apply(byte[] before) throws Exception {
        return SWITCH.apply(before, Qcow2HeaderParser.parse(ByteBuffer.wrap(before), FILE));
    }

    @ParameterizedTest
    @CsvSource({"2, 0", "3, 0", "3, 1", "3, 3"})
    void changesExactlyTheFieldsItNames(int version, long autoclear) throws Exception {
        byte[] before = sector(version, autoclear);

        byte[] after = apply(before);

        byte[] expected = before.clone();
        ByteBuffer.wrap(expected)
                .putLong(40, 0x11_0000)
                .putLong(48, 0x22_0000)
                .putInt(56, 3)
                .putInt(60, 4)
                .putLong(64, 0x55_0000);
        assertThat(after).isEqualTo(expected);
    }

    @Test
    void clearsUnknownAutoclearBitsInVersion3() throws Exception {
        byte[] before = sector(3, -1);

        byte[] after = apply(before);

        assertThat(ByteBuffer.wrap(after).getLong(88)).isEqualTo(3);
        assertThat(Arrays.copyOfRange(after, 96, 512)).isEqualTo(Arrays.copyOfRange(before, 96, 512));
        assertThat(Arrays.copyOf(after, 40)).isEqualTo(Arrays.copyOf(before, 40));
    }

    @Test
    void leavesWhatFollowsAVersion2HeaderAlone() throws Exception {
        byte[] before = sector(2, 0);

        assertThat(Arrays.copyOfRange(apply(before), 72, 512)).isEqualTo(Arrays.copyOfRange(before, 72, 512));
    }

    @Test
    void leavesTheGivenSectorAsItIs() throws Exception {
        byte[] before = sector(3, -1);
        byte[] copy = before.clone();

        apply(before);

        assertThat(before).isEqualTo(copy);
    }

    @Test
    void makesAHeaderThatParsesToTheNewFields() throws Exception {
        Qcow2Header header = Qcow2HeaderParser.parse(ByteBuffer.wrap(apply(sector(3, 0))), FILE);

        assertThat(header.l1Size()).isEqualTo(9);
        assertThat(header.l1TableOffset()).isEqualTo(SWITCH.l1TableOffset());
        assertThat(header.refcountTableOffset()).isEqualTo(SWITCH.refcountTableOffset());
        assertThat(header.refcountTableClusters()).isEqualTo(SWITCH.refcountTableClusters());
        assertThat(header.snapshotCount()).isEqualTo(SWITCH.snapshotCount());
        assertThat(header.snapshotsOffset()).isEqualTo(SWITCH.snapshotsOffset());
    }

    @Test
    void takesAWholeSectorOnly() throws Exception {
        Qcow2Header header = Qcow2HeaderParser.parse(ByteBuffer.wrap(sector(3, 0)), FILE);

        assertThatThrownBy(() -> SWITCH.apply(new byte[511], header)).isInstanceOf(IllegalArgumentException.class);
    }
}
