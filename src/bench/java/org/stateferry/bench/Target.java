package org.stateferry.bench;

import static org.stateferry.bench.ImportContender.Mode.CACHED;
import static org.stateferry.bench.ImportContender.Mode.DIRECT;
import static org.stateferry.bench.ImportContender.Mode.ZLIB;
import static org.stateferry.bench.ImportContender.Mode.ZSTD;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.stateferry.bench.PieceContender.Pieces;

/**
 * A ratio of two rows' times that is printed, and what it should be, if anything. It is reported against, never asserted.
 *
 * @param row the upper one
 * @param other the lower one
 * @param atMost the aim, as a share of the other's time, or {@link #NO_AIM}
 */
record Target(String row, String other, double atMost) {
    static final double NO_AIM = Double.POSITIVE_INFINITY;
    /** How much of each processor shall go into compressing; the rest is for reading, writing and switching over. */
    private static final double SHARE_OF_PROCESSOR = 0.7;
    /** The series' own figures for 2 GiB: 1.27 s instead of 1.79 s cached, 0.81 s instead of 3.29 s direct. */
    private static final double SERIES_CACHED = 1.27 / 1.79;

    private static final double SERIES_DIRECT = 0.81 / 3.29;

    /** The ratios of whole imports. */
    static List<Target> ofImports() {
        return List.of(
                new Target(ImportContender.transferAndPublish(DIRECT), FioContender.ROW, 1.05),
                new Target(ImportContender.transferAndPublish(DIRECT), CommandContender.CONVERT_DIRECT, 0.6),
                new Target(ImportContender.transferAndPublish(DIRECT), CommandContender.CONVERT_TARGET_DIRECT, 0.6),
                new Target(ImportContender.transferAndPublish(CACHED), CommandContender.COPY, 1.1),
                new Target(
                        ImportContender.wholeProcess(CACHED), SavevmContender.total(SavevmContender.WRITEBACK), 0.25),
                new Target(ImportContender.wholeProcess(DIRECT), SavevmContender.total(SavevmContender.NONE), 0.18));
    }

    /** The ratios of imports that compress, on so many processors, to compressors that use one. */
    static List<Target> ofCompression(int processors) {
        return List.of(
                new Target(
                        ImportContender.transferAndPublish(ZSTD),
                        CommandContender.ZSTD,
                        1 / (SHARE_OF_PROCESSOR * processors)),
                new Target(ImportContender.transferAndPublish(ZLIB), CommandContender.GZIP, NO_AIM));
    }

    /** Direct against cached, until the guest is back. */
    static List<Target> ofResumes() {
        return List.of(
                new Target(
                        ResumeContender.row(DIRECT, SavevmContender.WRITEBACK),
                        ResumeContender.row(CACHED, SavevmContender.WRITEBACK),
                        NO_AIM),
                new Target(
                        ResumeContender.row(DIRECT, SavevmContender.NONE),
                        ResumeContender.row(CACHED, SavevmContender.NONE),
                        NO_AIM));
    }

    /** Four fifths of the speed take five quarters of the time. */
    static List<Target> ofVerification() {
        return List.of(new Target(VerifyContender.VERIFY, VerifyContender.CMP, 1 / 0.8));
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

    /** The aim and whether a ratio meets it, in words; nothing if there is none. */
    String judge(double ratio) {
        return atMost == NO_AIM
                ? ""
                : String.format(Locale.ROOT, "<= %.2f %s", atMost, ratio <= atMost ? "met" : "missed");
    }

    private static Target ofPieces(Pieces pieces, boolean direct, double atMost) {
        return new Target(PieceContender.row(pieces, true, direct), PieceContender.row(pieces, false, direct), atMost);
    }
}
