package org.stateferry.source;

import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;

/** Hears while a dump is opened, which can take as long as reading it once. */
public interface OpenMonitor {
    /** Hears nothing and never ends anything. */
    OpenMonitor NONE = new OpenMonitor() {};

    /**
     * Called before each read of the file.
     *
     * @throws StateferryException with kind INTERRUPTED if the opening is to end
     */
    default void requireNotStopped() throws StateferryException {}

    /**
     * The dump was found and is not open yet: the last moment to refuse it.
     *
     * @throws StateferryException if it is not to be opened
     */
    default void found(LinuxFile file) throws StateferryException {}

    /** Something the operator wants to know; one line without a full stop. */
    default void notice(String line) {}
}
