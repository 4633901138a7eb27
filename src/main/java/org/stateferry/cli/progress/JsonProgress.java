package org.stateferry.cli.progress;

import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.stateferry.importer.TransferMeter;
import org.stateferry.repository.JsonText;

/** Prints one JSON object a line for a program; during the transfer at most one a second, and the last one always. */
final class JsonProgress implements ProgressDisplay {
    private static final long LINE_NANOS = 1_000_000_000L;

    private final PrintStream err;
    private final LongSupplier nanoClock;
    private final TransferMeter meter;
    private boolean printed;
    private long lineNanos;

    /**
     * @param err where the objects go
     * @param nanoClock a monotonic clock in nanoseconds
     */
    JsonProgress(PrintStream err, LongSupplier nanoClock) {
        this.err = err;
        this.nanoClock = nanoClock;
        this.meter = new TransferMeter(nanoClock);
    }

    @Override
    public void stepStarted(String step) {
        print(Map.of("step", step), "step");
    }

    @Override
    public void transferred(long bytesDone, long bytesTotal) {
        meter.update(bytesDone, bytesTotal);
        long now = nanoClock.getAsLong();
        boolean last = meter.isTotalKnown() && bytesDone >= bytesTotal;
        if (printed && !last && now - lineNanos < LINE_NANOS) {
            return;
        }
        printed = true;
        lineNanos = now;
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("bytesDone", bytesDone);
        fields.put("bytesTotal", meter.isTotalKnown() ? bytesTotal : null);
        fields.put("bytesPerSecond", meter.bytesPerSecond());
        print(fields, "transferred");
    }

    @Override
    public void notice(String line) {
        print(Map.of("message", line), "notice");
    }

    @Override
    public void warning(String line) {
        print(Map.of("message", line), "warning");
    }

    private void print(Map<String, ?> fields, String event) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("event", event);
        object.putAll(fields);
        err.println(JsonText.line(object));
    }
}
