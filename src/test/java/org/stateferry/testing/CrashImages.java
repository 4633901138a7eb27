package org.stateferry.testing;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.stateferry.testing.RecordingImageFile.Event;
import org.stateferry.testing.RecordingImageFile.Write;

/**
 * The images that a power cut could leave behind: what was forced is there, and of what was written since then any part,
 * in units of 512-byte sectors. (That one such sector is old or new but never mixed is what QEMU assumes too.)
 */
public final class CrashImages {
    private static final int SECTOR_SIZE = 512;

    private final MemoryImageFile before;
    private final List<Event> events;

    /** Judges one image; it must not change it. */
    public interface Judge {
        void judge(MemoryImageFile image, String crashPoint) throws IOException;
    }

    /**
     * @param before the image before the first of the events
     * @param events what was then done to it
     */
    public CrashImages(MemoryImageFile before, List<Event> events) {
        this.before = before;
        this.events = events;
    }

    /** The image after each prefix of the writes, from none to all of them. */
    public void forEachPrefix(Judge judge) throws IOException {
        MemoryImageFile image = before.copy();
        int count = 0;
        judge.judge(image, "no write");
        for (Event event : events) {
            if (event instanceof Write write) {
                apply(image, write);
                judge.judge(image, "the first " + ++count + " writes");
            }
        }
    }

    /**
     * Between each force and the next, {@code perInterval} random choices: each write since the force is there, is not, or
     * is torn.
     */
    public void forEachSubset(Random random, int perInterval, Judge judge) throws IOException {
        MemoryImageFile forced = before.copy();
        List<List<Write>> intervals = intervals();
        for (int interval = 0; interval < intervals.size(); interval++) {
            List<Write> writes = intervals.get(interval);
            for (int choice = 0; choice < perInterval; choice++) {
                MemoryImageFile image = forced.copy();
                writes.forEach(write -> applySome(image, write, random));
                judge.judge(image, "choice " + choice + " of the writes after force " + interval);
            }
            writes.forEach(write -> apply(forced, write));
        }
    }

    private List<List<Write>> intervals() {
        List<List<Write>> intervals = new ArrayList<>();
        intervals.add(new ArrayList<>());
        for (Event event : events) {
            if (event instanceof Write write) {
                intervals.get(intervals.size() - 1).add(write);
            } else {
                intervals.add(new ArrayList<>());
            }
        }
        return intervals;
    }

    private static void apply(MemoryImageFile image, Write write) {
        image.write(ByteBuffer.wrap(write.bytes()), write.offset());
    }

    private static void applySome(MemoryImageFile image, Write write, Random random) {
        switch (random.nextInt(3)) {
            case 0 -> apply(image, write);
            case 1 -> {
                // lost
            }
            default -> applyTorn(image, write, random);
        }
    }

    private static void applyTorn(MemoryImageFile image, Write write, Random random) {
        int length = write.bytes().length;
        int at = 0;
        while (at < length) {
            int inSector = (int) ((write.offset() + at) % SECTOR_SIZE);
            int count = Math.min(length - at, SECTOR_SIZE - inSector);
            if (random.nextBoolean()) {
                image.write(ByteBuffer.wrap(write.bytes(), at, count), write.offset() + at);
            }
            at += count;
        }
    }
}
