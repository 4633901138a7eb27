package org.stateferry.importer.step;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A point where a test can hold a transfer, to inspect it, kill it or fill its disk without depending on timing. When
 * so many bytes are in the image, the transfer makes a file to say so, and goes on when that file is gone. All else
 * goes on meanwhile: a stop is heard, the journal is forced.
 *
 * <p>Only tests set the system property {@value #PROPERTY}: {@code BYTES:FILE}, where {@value #IMAGE} in the file's path stands for the
 * name of the image's file. Without it the gate is open and costs nothing.
 * For one thread.
 */
public final class TransferGate {
    /** Says where the gate stands, and its file. */
    public static final String PROPERTY = "stateferry.test.transfer-gate";

    private static final String IMAGE = "{image}";

    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private final long position;
    private final @Nullable String pattern;
    private @Nullable Path file;
    private boolean reached;

    private TransferGate(long position, @Nullable String pattern) {
        this.position = position;
        this.pattern = pattern;
    }

    /** The gate that the system property describes; open if there is none. */
    public static TransferGate ofProperty() {
        String text = System.getProperty(PROPERTY);
        if (text == null) {
            return new TransferGate(Long.MAX_VALUE, null);
        }
        int colon = text.indexOf(':');
        return new TransferGate(Long.parseLong(text.substring(0, colon)), text.substring(colon + 1));
    }

    /** Whether the transfer may go on; if not, a moment has passed and it asks again. */
    public boolean isOpen(TransferRun run) {
        if (pattern == null || run.position() < position) {
            return true;
        }
        if (file == null) {
            file = Path.of(pattern.replace(IMAGE, run.imagePath().getFileName().toString()));
        }
        if (reached && !Files.exists(file)) {
            return true;
        }
        // What was handed over but not yet written would be lost to whoever kills the process now.
        if (!reached && run.boundary() >= position) {
            tell(file);
            reached = true;
        }
        LockSupport.parkNanos(POLL_NANOS);
        return false;
    }

    private static void tell(Path file) {
        try {
            Files.createFile(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
