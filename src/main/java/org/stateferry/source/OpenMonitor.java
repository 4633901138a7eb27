package org.stateferry.source;

import java.nio.file.Path;
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

    /** A folder with room for a dump that has to be unpacked; nothing in it gets a name. */
    default Path unpackFolder() {
        return Path.of(System.getProperty("java.io.tmpdir"));
    }

    /** Something the operator wants to know; one line without a full stop. */
    default void notice(String line) {}
}
