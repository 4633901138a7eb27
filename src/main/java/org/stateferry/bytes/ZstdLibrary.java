package org.stateferry.bytes;

import com.github.luben.zstd.util.Native;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** The native code for zstd, which is unpacked to the folder for temporary files when it is first needed. */
public final class ZstdLibrary {
    private ZstdLibrary() {}

    /**
     * To be called before the library's classes are used: without its code they fail with an {@link Error}, which would leave
     * the process in doubt.
     *
     * @throws StateferryException {@code CONFIGURATION} if the code cannot be loaded, as from a folder mounted noexec
     */
    public static void require() throws StateferryException {
        try {
            Native.load();
        } catch (LinkageError e) {
            throw StateferryException.of(
                            FailureKind.CONFIGURATION,
                            "the code for zstd cannot be loaded from " + System.getProperty("java.io.tmpdir")
                                    + ", which is full or mounted noexec")
                    .advise(
                            "Name another folder, for example STATEFERRY_JAVA_OPTS=-Djava.io.tmpdir=/var/tmp, then run again.")
                    .causedBy(e);
        }
    }
}
