package org.stateferry.home;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;
import org.stateferry.host.PrivateFile;

/**
 * The request of one process to another to stop an import. It is an empty file with the import's ID for a name, in a
 * folder of the home, so it needs neither the job repository, which the other one owns, nor a port.
 *
 * <p>It concerns the attempt that is running: {@link StopRequestWatch} takes back what is left from before, and what came too
 * late.
 *
 * @param home the home that both processes use
 * @param importId the import's ID
 */
public record StopRequest(StateferryHome home, long importId) {
    /** Asks; asking again changes nothing. */
    public void make() throws StateferryException {
        try {
            PrivateFile.openOrCreate(file()).close();
        } catch (IOException e) {
            throw StateferryHome.unusable(file(), e);
        }
    }

    /** Takes the request back, if there is one. */
    public void withdraw() throws StateferryException {
        try {
            Files.deleteIfExists(file());
        } catch (IOException e) {
            throw StateferryHome.unusable(file(), e);
        }
    }

    /** Whether somebody has asked. */
    boolean isMade() {
        return Files.exists(file(), LinkOption.NOFOLLOW_LINKS);
    }

    private Path file() {
        return home.stopFolder().resolve(Long.toString(importId));
    }
}
