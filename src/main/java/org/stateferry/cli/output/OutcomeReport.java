package org.stateferry.cli.output;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportRequest;
import org.stateferry.storage.IoMode;
import org.stateferry.stream.StreamFacts;

/**
 * Reports an import that ended well.
 *
 * @param request what was asked for
 * @param outcome how it ended
 */
public record OutcomeReport(ImportRequest request, ImportOutcome outcome) {
    /** One line about what was done, then how to go on from there. */
    public void print(Console console) {
        console.say(summary());
        StreamFacts facts = outcome.facts();
        if (facts == null) {
            console.sayMore("it does not begin as a migration stream: whether QEMU can load it is not known");
        } else {
            console.sayMore("resume with: " + ResumeHint.command(request.name(), facts));
            ResumeHint.details(facts).forEach(console::sayMore);
        }
        console.sayMore(ResumeHint.driveOrder(request.image(), request.otherDisks()));
        if (request.newImage() != null && request.otherDisks().isEmpty()) {
            ResumeHint.otherDisks(request.name(), request.image()).forEach(console::sayMore);
        }
    }

    private String summary() {
        if (outcome.state() == ImportOutcome.State.ALREADY_IMPORTED) {
            return "already imported: snapshot " + outcome.snapshotId() + " '" + request.name() + "' of "
                    + request.image() + " holds this dump, nothing was written";
        }
        if (outcome.state() == ImportOutcome.State.DISKS_COMPLETED) {
            return "snapshot " + outcome.snapshotId() + " '" + request.name() + "' of " + request.image()
                    + " held this dump already; now the other disks have theirs as well";
        }
        long millis = outcome.transferMillis() + outcome.publishMillis();
        return "imported " + (request.into() ? "into" : "as") + " snapshot " + outcome.snapshotId() + " '"
                + request.name() + "' of " + request.image() + ": "
                + Texts.bytes(outcome.vmStateSize()) + " in " + Texts.seconds(millis) + " ("
                + Texts.megabytesPerSecond(outcome.bytesWritten(), outcome.transferMillis()) + ", "
                + how(Objects.requireNonNull(outcome.io(), "an import that wrote has a mode")) + ")";
    }

    private String how(IoMode io) {
        return switch (io) {
            case DIRECT -> "direct";
            case REFLINK -> "sharing the dump's blocks";
            case AUTO, CACHED -> throughThePageCache();
        };
    }

    private String throughThePageCache() {
        if (outcome.bytesShared() > 0) {
            return "sharing the dump's blocks";
        }
        return outcome.bytesCopied() > 0
                ? "copied by the kernel through the page cache"
                : "written through the page cache";
    }

    private Map<String, Object> load() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("inFlightShare", Math.round(outcome.load().inFlightShare() * 1000) / 1000.0);
        fields.put("readCalls", outcome.load().readCalls());
        fields.put("writeCalls", outcome.load().writeCalls());
        fields.put("bytesRead", outcome.load().bytesRead());
        fields.put("bytesWritten", outcome.load().bytesWritten());
        return fields;
    }

    /** Adds what was asked for. */
    static void putRequest(Map<String, Object> fields, ImportRequest request) {
        fields.put("dump", request.dump().toString());
        fields.put("image", request.image().toString());
        fields.put(
                "alsoDisks", request.otherDisks().stream().map(Path::toString).toList());
        fields.put("name", request.name());
        fields.put("into", request.into());
    }

    /** The same as data; the names are those of the history. */
    public Map<String, Object> fields() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("state", outcome.state().name().toLowerCase(Locale.ROOT).replace('_', '-'));
        fields.put("id", outcome.importId());
        putRequest(fields, request);
        fields.put("snapshotId", outcome.snapshotId());
        fields.put("bytes", outcome.vmStateSize());
        fields.put("bytesWritten", outcome.bytesWritten());
        fields.put("bytesShared", outcome.bytesShared());
        fields.put("bytesCopiedByKernel", outcome.bytesCopied());
        fields.put("transferLoad", load());
        fields.put("transferMillis", outcome.transferMillis());
        fields.put("publishMillis", outcome.publishMillis());
        IoMode io = outcome.io();
        fields.put("io", io == null ? null : io.name().toLowerCase(Locale.ROOT));
        StreamFacts facts = outcome.facts();
        if (facts != null) {
            fields.put("machineType", facts.machineType());
            OptionalLong memory = facts.mainMemorySize();
            fields.put("memorySize", memory.isPresent() ? memory.getAsLong() : null);
        }
        fields.put("warnings", outcome.warnings());
        return fields;
    }
}
