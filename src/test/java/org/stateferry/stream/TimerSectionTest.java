package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.stateferry.stream.StreamFacts.VmClock;
import org.stateferry.testing.MigrationStreamBuilder;

class TimerSectionTest {
    private static MigrationStreamBuilder payload() {
        return new MigrationStreamBuilder().i64(7).i64(0).i64(5_000);
    }

    private static MigrationStreamBuilder counting() {
        return payload()
                .u8(5)
                .name("timer/icount")
                .u32(1)
                .i64(100)
                .i64(3)
                .u8(5)
                .name("timer/icount/warp_timer")
                .u32(1)
                .i64(-1)
                .i64(-1);
    }

    private static VmClock parse(MigrationStreamBuilder payload) {
        return TimerSection.parse(ByteBuffer.wrap(payload.u8(0x7e).u32(0).build()), 2);
    }

    @Test
    void theClockIsThatOfTheHostUnlessInstructionsAreCounted() {
        assertThat(parse(payload())).isEqualTo(new VmClock(5_000, VmClock.Icount.OFF));
        assertThat(parse(counting())).isEqualTo(new VmClock(5_000, VmClock.Icount.FIXED_SHIFT));
    }

    @Test
    void anAdaptiveCountIsTurnedIntoNanoseconds() {
        MigrationStreamBuilder timers =
                counting().u8(5).name("timer/icount/timers").u32(1).i64(1).i64(2);
        assertThat(parse(timers.u8(5).name("timer/icount/shift").u32(2).u16(4).i64(9)))
                .isEqualTo(new VmClock(100 + (3 << 4), VmClock.Icount.ADAPTIVE));
    }

    @Test
    void thereIsNoneInOldOrShortPayloads() {
        ByteBuffer bytes = ByteBuffer.wrap(payload().build());
        assertThat(TimerSection.parse(bytes, 1)).isNull();
        assertThat(TimerSection.parse(bytes.slice(0, 23), 2)).isNull();
    }

    @Test
    void aPayloadThatIsCutOffGivesWhatItCan() {
        byte[] whole = counting().build();
        for (int length = 24; length < whole.length; length++) {
            assertThat(TimerSection.parse(ByteBuffer.wrap(whole, 0, length), 2).nanos())
                    .isEqualTo(5_000);
        }
    }
}
