package org.stateferry.stream;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What is known about a migration stream before it is read from end to end.
 *
 * @param file the dump that holds it, for messages
 * @param fileOffset where in the file the stream begins, in bytes
 * @param length the stream's length in bytes, with its vmdescription and without padding behind it
 * @param surplus how many bytes follow the stream in the file that are neither part of it nor all zeros
 * @param facts what the stream says about its machine
 * @param vmDescription its vmdescription, or null if it has none
 */
public record MigrationStream(
        Path file,
        long fileOffset,
        long length,
        long surplus,
        StreamFacts facts,
        @Nullable VmDescription vmDescription) {}
