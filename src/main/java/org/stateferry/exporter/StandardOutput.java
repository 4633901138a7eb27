package org.stateferry.exporter;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** A pipe, or whatever standard output leads to. What was written cannot be taken back. */
final class StandardOutput implements ExportTarget {
    private final OutputStream stream;
    private final WritableByteChannel channel;

    StandardOutput(OutputStream stream) {
        this.stream = stream;
        this.channel = Channels.newChannel(stream);
    }

    @Override
    public boolean takesHoles() {
        return false;
    }

    @Override
    public Progress begin(ByteBuffer head) throws StateferryException {
        int size = head.remaining();
        write(head);
        return new Progress(0, size);
    }

    @Override
    public void write(ExportPiece piece, long position) throws StateferryException {
        write(piece.bytes());
    }

    private void write(ByteBuffer bytes) throws StateferryException {
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw failed(e);
        }
    }

    @Override
    public void complete(long length) throws StateferryException {
        try {
            stream.flush();
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private static StateferryException failed(IOException e) {
        return StateferryException.of(FailureKind.IO, "writing to standard output failed: " + e.getMessage())
                .advise(
                        "The program that reads it has ended, or its disk is full. Discard its output, and run the same command again.")
                .causedBy(e);
    }

    @Override
    public @Nullable Path keep() {
        return null;
    }

    @Override
    public void close() {
        // it is not ours
    }
}
