package org.stateferry.host;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/** When the machine was started. */
public final class HostBoot {
    private static final long ID = read(Path.of("/proc/sys/kernel/random/boot_id"));

    private HostBoot() {}

    /** A number that differs from one start of the machine to the next; 0 on a system that does not tell (proc(5)). */
    public static long id() {
        return ID;
    }

    static long read(Path file) {
        try {
            UUID id = UUID.fromString(
                    Files.readString(file, StandardCharsets.US_ASCII).strip());
            return id.getMostSignificantBits() ^ id.getLeastSignificantBits();
        } catch (IOException | IllegalArgumentException e) {
            return 0;
        }
    }
}
