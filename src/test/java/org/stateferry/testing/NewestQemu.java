package org.stateferry.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.opentest4j.TestAbortedException;

/**
 * Has the tests of a class judged by the QEMU in the folder that the system property {@value #FOLDER} names, which is meant
 * to be the newest there is; all other tests use the one on the path. Without the property the tests are skipped and say so.
 *
 * <p>What programs are used is known to the whole JVM, so its tests run one after the other.
 */
public final class NewestQemu implements BeforeEachCallback, AfterEachCallback {
    /** The system property. */
    public static final String FOLDER = "stateferry.newestQemu";

    private static @Nullable Path folder;

    /** What comes of something in which the QEMU on the path is used after all. */
    public static <T> T aside(Supplier<T> judged) {
        Path inUse = folder;
        folder = null;
        try {
            return judged.get();
        } finally {
            folder = inUse;
        }
    }

    /** How to start one of QEMU's programs. */
    static String program(String name) {
        Path inUse = folder;
        return inUse == null ? name : inUse.resolve(name).toString();
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        String named = System.getProperty(FOLDER, "");
        if (named.isEmpty()) {
            throw new TestAbortedException("no second QEMU: set -D" + FOLDER + "=FOLDER");
        }
        if (!Files.isExecutable(Path.of(named, "qemu-img"))) {
            throw new AssertionError("no qemu-img in " + named);
        }
        folder = Path.of(named);
    }

    @Override
    public void afterEach(ExtensionContext context) {
        folder = null;
    }
}
