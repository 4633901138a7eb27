package org.stateferry.batch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.springframework.util.FileSystemUtils;
import org.stateferry.home.StateferryHome;

/**
 * A home with a running repository for all tests of one class, in a temporary folder that goes when they are done. The
 * class registers it in a static field; what the tests do to each other's images and records is kept apart by giving each
 * a {@link #bench()} of its own.
 */
public final class ImportHome implements BeforeAllCallback, AfterAllCallback {
    // Set before the first test.
    private Path folder;
    private StateferryHome home;
    private BatchContext context;

    @Override
    public void beforeAll(ExtensionContext testClass) throws Exception {
        folder = Files.createTempDirectory("stateferry-home");
        home = StateferryHome.open(folder.resolve("home"));
        context = BatchContext.start(home, Map.of());
    }

    /** Also runs when the start has failed. */
    @Override
    public void afterAll(ExtensionContext testClass) throws IOException {
        try {
            if (context != null) {
                context.close();
            }
        } finally {
            FileSystemUtils.deleteRecursively(folder);
        }
    }

    /** The temporary folder, in which the home lies. */
    Path folder() {
        return folder;
    }

    public StateferryHome home() {
        return home;
    }

    public BatchContext context() {
        return context;
    }

    /** A new image and a new dump in a folder of their own, to be imported by way of this home. */
    ImportBench bench() throws IOException {
        return new ImportBench(home, context, folder);
    }
}
