package org.stateferry.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** What the kernel keeps of a file, asked of the tools that Linux has for it. */
public final class PageCache {
    private PageCache() {}

    /** Bytes of the file that are in the page cache; fincore(1). Without it the test is skipped. */
    public static long residentBytes(Path file) {
        assumeTrue(QemuTools.isOnPath("fincore"), "fincore is not installed");
        return number(run("fincore", "--bytes", "--noheadings", "--output", "RES", file.toString()));
    }

    /** Bytes of the blocks that the file has on its file system; stat(1). */
    public static long blockBytes(Path file) {
        return 512 * number(run("stat", "--format=%b", file.toString()));
    }

    private static CommandResult run(String... command) {
        return RunningCommand.run(Duration.ofSeconds(30), List.of(command));
    }

    private static long number(CommandResult result) {
        if (result.exitCode() != 0) {
            throw new AssertionError(result.toString());
        }
        return Long.parseLong(result.stdout().strip());
    }
}
