package org.stateferry.qcow2.vmstate;

import java.util.SplittableRandom;

/**
 * Chooses a share of pieces that come one after the other: evenly spread, because every run of 100 pieces gives as many as
 * the percentage says (of the last run, its share), and by chance inside a run, so that another seed takes others. The same
 * seed takes the same. The first piece is always taken, so even of a short state something is read. Not thread-safe.
 */
public final class Sample {
    private static final int RUN = 100;

    private final int percent;
    private final SplittableRandom random;
    private boolean begun;
    /** Pieces of the present run that were asked for. */
    private int asked;
    /** Pieces of the present run that were taken. */
    private int taken;

    /**
     * @param percent of the pieces to take, 1 to 100
     * @param seed decides which
     */
    public Sample(int percent, long seed) {
        if (percent < 1 || percent > RUN) {
            throw new IllegalArgumentException("percent is " + percent);
        }
        this.percent = percent;
        this.random = new SplittableRandom(seed);
    }

    /** Whether the next piece is one of the share. */
    public boolean takesNext() {
        boolean takes = random.nextInt(RUN - asked) < percent - taken || !begun;
        begun = true;
        taken += takes ? 1 : 0;
        asked++;
        if (asked == RUN) {
            asked = 0;
            taken = 0;
        }
        return takes;
    }
}
