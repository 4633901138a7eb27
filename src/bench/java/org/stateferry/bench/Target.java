package org.stateferry.bench;

import static org.stateferry.bench.ImportContender.CACHED;
import static org.stateferry.bench.ImportContender.DIRECT;

import java.util.ArrayList;
import java.util.List;
import org.stateferry.bench.PieceContender.Pieces;

/**
 * A ratio of two rows' times that is printed, and what it should be. It is reported against, never asserted.
 *
 * @param row the upper one
 * @param other the lower one
 * @param atMost the aim, as a share of the other's time
 */
record Target(String row, String other, double atMost) {
    /** Nine tenths of the disk's bandwidth take ten ninths of the time. */
    private static final double NINE_TENTHS_OF_BANDWIDTH = 1 / 0.9;
    /** The series' own figures for 2 GiB: 1.27 s instead of 1.79 s cached, 0.81 s instead of 3.29 s direct. */
    private static final double SERIES_CACHED = 1.27 / 1.79;

    private static final double SERIES_DIRECT = 0.81 / 3.29;

    /** The ratios of whole imports. */
    static List<Target> ofImports() {
        return List.of(
                new Target(ImportContender.transferAndPublish(DIRECT), FioContender.ROW, NINE_TENTHS_OF_BANDWIDTH),
                new Target(ImportContender.transferAndPublish(DIRECT), CommandContender.CONVERT_DIRECT, 0.6),
                new Target(ImportContender.transferAndPublish(DIRECT), CommandContender.CONVERT_TARGET_DIRECT, 0.6),
                new Target(ImportContender.transferAndPublish(CACHED), CommandContender.COPY, 0.9),
                new Target(ImportContender.wholeProcess(CACHED), SavevmContender.total(SavevmContender.WRITEBACK), 0.3),
                new Target(ImportContender.wholeProcess(DIRECT), SavevmContender.total(SavevmContender.NONE), 0.2));
    }

    /** The ratios of the write path alone. */
    static List<Target> ofPieces() {
        List<Target> targets = new ArrayList<>();
        for (Pieces pieces : Pieces.values()) {
            targets.add(ofPieces(pieces, false, SERIES_CACHED));
            targets.add(ofPieces(pieces, true, SERIES_DIRECT));
        }
        return targets;
    }

    private static Target ofPieces(Pieces pieces, boolean direct, double atMost) {
        return new Target(PieceContender.row(pieces, true, direct), PieceContender.row(pieces, false, direct), atMost);
    }
}
