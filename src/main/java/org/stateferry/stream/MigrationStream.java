package org.stateferry.stream;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What is known about a migration stream before it is read from end to end.
 *
 * @param file the dump that holds it, for messages
 * @param fileOffset where in the file the stream begins, in bytes
 * @param length the stream's length in bytes, with its vmdescription and without padding behind it
 * @param facts what its head says
 * @param vmDescription its vmdescription, or null if it has none
 */
public record MigrationStream(
        Path file,
        long fileOffset,
        long length,
        StreamFacts facts,
        @Nullable VmDescription vmDescription) {}
