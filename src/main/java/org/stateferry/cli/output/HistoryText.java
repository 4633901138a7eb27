package org.stateferry.cli.output;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.repository.ImportRecord;
import org.stateferry.repository.ImportRecord.Attempt;
import org.stateferry.repository.ImportRecord.FirstError;

/** The history as a person reads it. Times are in UTC. */
public final class HistoryText {
    /** What there is room for of a first error where imports are listed; in characters. */
    private static final int ERROR_MAX = 160;

    private HistoryText() {}

    /** One line for each import below a line of headings; what is too long is cut, {@link #details} has it whole. */
    public static List<String> list(List<ImportRecord> records) {
        if (records.isEmpty()) {
            return List.of("no imports so far");
        }
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of(
                "ID",
                "JOB",
                "STARTED",
                "STATUS",
                "NAME",
                "IMAGE",
                "BYTES",
                "RATE",
                "ATTEMPTS",
                "UNFINISHED",
                "LAST WRITE",
                "FIRST ERROR"));
        for (ImportRecord record : records) {
            rows.add(List.of(
                    String.valueOf(record.id()),
                    record.job(),
                    time(record.started()),
                    record.status(),
                    record.name(),
                    record.image(),
                    Texts.bytes(record.bytes()),
                    Texts.megabytesPerSecond(record.bytesWritten(), record.transferMillis()),
                    String.valueOf(record.attempts().size()),
                    record.unfinishedBytes() == null ? "-" : Texts.bytes(record.unfinishedBytes()),
                    time(record.lastWrite()),
                    error(record.firstError())));
        }
        List<String> lines = new ArrayList<>();
        TextTable.align(rows, ERROR_MAX, lines::add);
        return lines;
    }

    /** Everything about one import. */
    public static List<String> details(ImportRecord record) {
        List<List<String>> facts = new ArrayList<>();
        facts.add(List.of(record.job(), String.valueOf(record.id())));
        facts.add(List.of(record.describesExport() ? "into" : "dump", record.dump()));
        facts.add(List.of("image", record.image()));
        record.alsoDisks().forEach(disk -> facts.add(List.of("other disk", disk)));
        facts.add(List.of("name", record.name()));
        facts.add(List.of("status", record.status()));
        facts.add(List.of("started", time(record.started())));
        facts.add(List.of("ended", time(record.ended())));
        facts.add(List.of("length", Texts.bytes(record.bytes())));
        facts.add(List.of("written", Texts.bytes(record.bytesWritten())));
        facts.add(List.of("transfer", Texts.seconds(record.transferMillis())));
        facts.add(List.of("publish", Texts.seconds(record.publishMillis())));
        facts.add(List.of("first error", error(record.firstError())));
        if (record.unfinishedBytes() != null) {
            facts.add(List.of(
                    "unfinished",
                    Texts.bytes(record.unfinishedBytes()) + " in the image, the last of it written at "
                            + time(record.lastWrite())));
        }
        record.warnings().forEach(warning -> facts.add(List.of("warning", warning)));
        List<String> lines = new ArrayList<>(TextTable.align(facts));
        lines.add("");
        lines.addAll(TextTable.align(attempts(record.attempts())));
        return lines;
    }

    private static List<List<String>> attempts(List<Attempt> attempts) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("ATTEMPT", "STARTED", "ENDED", "STATUS", "WRITTEN", "RATE", "FIRST ERROR"));
        for (Attempt attempt : attempts) {
            rows.add(List.of(
                    String.valueOf(attempt.id()),
                    time(attempt.started()),
                    time(attempt.ended()),
                    attempt.status(),
                    Texts.bytes(attempt.bytesWritten()),
                    Texts.megabytesPerSecond(attempt.bytesWritten(), attempt.transferMillis()),
                    error(attempt.firstError())));
        }
        return rows;
    }

    private static String time(@Nullable Instant time) {
        return time == null ? "-" : time.truncatedTo(ChronoUnit.SECONDS).toString();
    }

    /** A first error on one line. */
    public static String error(@Nullable FirstError error) {
        if (error == null) {
            return "-";
        }
        String place = error.file() == null ? "" : ": " + error.file();
        String offset = error.offset() == null ? "" : " at byte " + error.offset();
        return error.kind() + place + offset + ": " + error.message();
    }
}
