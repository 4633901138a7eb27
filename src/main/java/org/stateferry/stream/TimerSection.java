package org.stateferry.stream;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.stateferry.stream.StreamFacts.VmClock;

/**
 * The payload of the device {@code timer} (QEMU {@code system/cpu-timers.c}, {@code vmstate_timers}):
 *
 * <pre>
 * be64 cpu_ticks_offset, 8 bytes, be64 cpu_clock_offset (from version 2 on)
 * subsections: 0x05, u8 length, name, be32 version, then
 *   timer/icount             be64 qemu_icount_bias, be64 qemu_icount; with the following inside
 *   timer/icount/warp_timer  16 bytes
 *   timer/icount/timers      16 bytes
 *   timer/icount/shift       be16 icount_time_shift, and 8 bytes from version 2 on
 * </pre>
 */
final class TimerSection {
    /** The device's id string. */
    static final String NAME = "timer";
    /** More than the payload has, in bytes. */
    static final int PAYLOAD_SIZE_MAX = 256;

    private static final int VERSION_WITH_CLOCK = 2;
    private static final int FIRST_FIELDS_SIZE = 2 * Long.BYTES;
    private static final int TIMERS_SIZE = 2 * Long.BYTES;
    private static final int SHIFT_MAX = 10;

    private TimerSection() {}

    /**
     * Reads a payload.
     *
     * @param payload the payload from its first byte on, and what may follow it
     * @param versionId the version of its layout
     * @return null if it has no clock
     */
    static @Nullable VmClock parse(ByteBuffer payload, long versionId) {
        if (versionId < VERSION_WITH_CLOCK || payload.remaining() < FIRST_FIELDS_SIZE + Long.BYTES) {
            return null;
        }
        ByteBuffer bytes = payload.slice();
        long clock = bytes.position(FIRST_FIELDS_SIZE).getLong();
        try {
            return withIcount(bytes, clock);
        } catch (BufferUnderflowException e) {
            return new VmClock(clock, VmClock.Icount.OFF);
        }
    }

    private static VmClock withIcount(ByteBuffer bytes, long clock) {
        if (!"timer/icount".equals(subsection(bytes))) {
            return new VmClock(clock, VmClock.Icount.OFF);
        }
        long bias = bytes.getLong();
        long count = bytes.getLong();
        String name = subsection(bytes);
        while ("timer/icount/warp_timer".equals(name) || "timer/icount/timers".equals(name)) {
            bytes.position(Math.min(bytes.limit(), bytes.position() + TIMERS_SIZE));
            name = subsection(bytes);
        }
        if (!"timer/icount/shift".equals(name)) {
            return new VmClock(clock, VmClock.Icount.FIXED_SHIFT);
        }
        int shift = Math.max(0, Math.min(SHIFT_MAX, bytes.getShort()));
        return new VmClock(bias + (count << shift), VmClock.Icount.ADAPTIVE);
    }

    /** Passes the head of a subsection and returns its name; empty if none begins here. */
    private static String subsection(ByteBuffer bytes) {
        if (!bytes.hasRemaining() || bytes.get() != SectionType.SUBSECTION.code()) {
            return "";
        }
        byte[] name = new byte[Byte.toUnsignedInt(bytes.get())];
        bytes.get(name).getInt();
        return new String(name, StandardCharsets.ISO_8859_1);
    }
}
