package org.stateferry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.DumpSource;
import org.stateferry.source.DumpSources;
import org.stateferry.source.PieceStream;
import org.stateferry.stream.StreamCheck;

/** Writes dumps to files and reads them through as an import does. */
public final class Dumps {
    private Dumps() {}

    /** Writes a dump into a folder, over one that is there. */
    public static Path write(Path folder, byte[] content) {
        try {
            return Files.write(folder.resolve("dump"), content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Opens a dump, reads and checks all of it, and tells from where on it could not be checked (null: nowhere). */
    public static StreamCheck.@Nullable Unchecked readThrough(Path dump) throws StateferryException {
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO)) {
            return readThrough(source, piece -> {});
        }
    }

    /** Reads and checks all of a dump, and shows what it yields piece by piece. */
    public static StreamCheck.@Nullable Unchecked readThrough(DumpSource source, Consumer<ByteBuffer> content)
            throws StateferryException {
        try (PieceStream pieces = source.pieces(0)) {
            source.requireSound();
            StreamCheck check = source.checker();
            ByteBuffer piece = ByteBuffer.allocate(1024 * 1024);
            while (pieces.read(piece.clear()) > 0) {
                check.accept(piece.flip());
                content.accept(piece.duplicate());
            }
            check.finish();
            source.requireUnchanged();
            return check.unchecked();
        }
    }
}
