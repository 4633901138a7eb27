package org.stateferry.importer.image;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/** Closes a group of resources, each of them even if another one fails to close; locks usually come last. */
public final class Resources {
    private Resources() {}

    /**
     * Closes one resource after the other.
     *
     * @throws StateferryException the first failure, with the later ones added to it; so for unchecked exceptions and errors
     */
    public static void closeAll(Iterable<? extends AutoCloseable> resources) throws StateferryException {
        @Nullable Throwable first = null;
        for (AutoCloseable resource : resources) {
            if (first == null) {
                first = failureOf(resource);
            } else {
                closeAfter(first, resource);
            }
        }
        if (first instanceof StateferryException failure) {
            throw failure;
        }
        if (first instanceof RuntimeException failure) {
            throw failure;
        }
        if (first instanceof Error failure) {
            throw failure;
        }
        if (first != null) {
            throw new IllegalStateException("closing failed", first);
        }
    }

    /** Closes what a failure leaves behind; what goes wrong then is added to the failure. */
    public static void closeAfter(Throwable failure, AutoCloseable resource) {
        @Nullable Throwable second = failureOf(resource);
        if (second != null) {
            failure.addSuppressed(second);
        }
    }

    private static @Nullable Throwable failureOf(AutoCloseable resource) {
        try {
            resource.close();
            return null;
        } catch (Exception | Error e) {
            return e;
        }
    }
}
