package org.stateferry.repository;

import java.time.Instant;
import java.util.Locale;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.TransferMeter;

/** A running attempt of an import or export in this process, with its progress. Thread-safe. */
public final class RunningImport {
    private final long id;
    private final long attempt;
    private final Subject subject;
    private final Instant started;
    private final TransferMeter meter = new TransferMeter(System::nanoTime);
    private String step = "start";
    private boolean transferring;

    /**
     * What it is about, as {@link ImportRecord} has it.
     *
     * @param job {@code import} or {@code export}
     * @param dump the path of the dump or, of an export, of the file that is made, as it was given
     * @param image the image's path, likewise
     * @param name the snapshot's name
     */
    public record Subject(String job, String dump, String image, String name) {
        /** An import. */
        public static Subject of(ImportRequest request) {
            return new Subject(
                    ImportParameters.JOB,
                    request.dump().toString(),
                    request.image().toString(),
                    request.name());
        }

        /**
         * An export.
         *
         * @param request one into a file
         * @param name the snapshot's name
         */
        public static Subject of(ExportRequest request, String name) {
            return new Subject(
                    ExportParameters.JOB,
                    String.valueOf(request.out()),
                    request.image().toString(),
                    name);
        }

        /** The same for people. */
        public String line() {
            return job.equals(ExportParameters.JOB)
                    ? name + " of " + image + " into " + dump
                    : dump + " into " + image + " as " + name;
        }
    }

    /**
     * How far an import or export is.
     *
     * @param id its ID
     * @param attempt the attempt's ID
     * @param dump the path of the dump or, of an export, of the file that is made, as it was given
     * @param image the image's path, likewise
     * @param name the snapshot's name
     * @param started when the attempt began
     * @param step {@code start}, {@code prepare}, {@code transfer} or {@code publish}, of an export {@code complete}
     * @param bytesDone stream bytes handed to the write path, those of earlier attempts included; null before the transfer
     * @param bytesTotal length of the stream, or null while that is not known
     * @param bytesPerSecond how fast it is of late, or null while that is not known
     * @param secondsLeft how long the transfer still takes at that rate, or null while that is not known
     * @param job {@code import} or {@code export}
     */
    public record State(
            long id,
            long attempt,
            String dump,
            String image,
            String name,
            Instant started,
            String step,
            @Nullable Long bytesDone,
            @Nullable Long bytesTotal,
            @Nullable Long bytesPerSecond,
            @Nullable Long secondsLeft,
            String job) {
        private static final double MIB = 1 << 20;

        /** The same for people, on one line. */
        public String line() {
            StringBuilder line = new StringBuilder(job)
                    .append(' ')
                    .append(id)
                    .append(" is in phase ")
                    .append(step);
            if (bytesDone != null) {
                line.append(", ").append(mebibytes(bytesDone));
                if (bytesTotal != null) {
                    int percent = bytesTotal <= 0 ? 100 : (int) Math.min(100, bytesDone * 100.0 / bytesTotal);
                    line.append(" of ")
                            .append(mebibytes(bytesTotal))
                            .append(" (")
                            .append(percent)
                            .append(" %)");
                }
            }
            if (bytesPerSecond != null) {
                line.append(", ").append(mebibytes(bytesPerSecond)).append("/s");
            }
            if (secondsLeft != null) {
                line.append(", ").append(secondsLeft).append(" s left");
            }
            return line.append(": ")
                    .append(new Subject(job, dump, image, name).line())
                    .toString();
        }

        private static String mebibytes(long bytes) {
            return String.format(Locale.ROOT, "%.1f MiB", bytes / MIB);
        }
    }

    /**
     * @param id the ID of the import or export
     * @param attempt the attempt's ID
     * @param subject what was asked for
     * @param started when the attempt began
     */
    public RunningImport(long id, long attempt, Subject subject, Instant started) {
        this.id = id;
        this.attempt = attempt;
        this.subject = subject;
        this.started = started;
    }

    /** A step has begun. */
    public synchronized void stepStarted(String name) {
        step = name;
    }

    /** Bytes as {@link org.stateferry.importer.ImportProgress#transferred} has them. */
    public synchronized void transferred(long bytesDone, long bytesTotal) {
        transferring = true;
        meter.update(bytesDone, bytesTotal);
    }

    /** How far it is now. */
    public synchronized State state() {
        long rate = meter.bytesPerSecond();
        OptionalLong left = meter.secondsLeft();
        return new State(
                id,
                attempt,
                subject.dump,
                subject.image,
                subject.name,
                started,
                step,
                transferring ? meter.done() : null,
                transferring && meter.isTotalKnown() ? meter.total() : null,
                rate > 0 ? rate : null,
                left.isPresent() ? left.getAsLong() : null,
                subject.job);
    }
}
