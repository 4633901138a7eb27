package org.stateferry.cli;

import org.stateferry.cli.output.Console;
import org.stateferry.storage.OpenImages.Locking;
import picocli.CommandLine.Option;

/** The option to read an image that somebody else may be writing to, as {@code qemu-img -U} does. */
final class ForceShareOption {
    @Option(
            names = {"-U", "--force-share"},
            description =
                    "Read an image that is in use, or whose file system has no locks. Somebody may be writing to it, so"
                            + " the result may be inconsistent: an error that it reports need not be one.")
    private boolean forced;

    /** How the image is locked while it is read; warns if it is not. */
    Locking locking(Console console) {
        if (!forced) {
            return Locking.EXCLUSIVE;
        }
        console.say("warning: the image is not locked; if somebody writes to it, the result may be inconsistent");
        return Locking.NONE;
    }

    /** Whether the result may be inconsistent. */
    boolean isForced() {
        return forced;
    }
}
