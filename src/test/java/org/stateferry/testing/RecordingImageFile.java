package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ForwardingImageFile;
import org.stateferry.storage.ImageFile;

/** Records what is done to an image file, in order, with a copy of all written bytes. For one thread. */
public final class RecordingImageFile extends ForwardingImageFile {
    private final List<Event> events = new ArrayList<>();

    /** A change of the file, or a barrier. */
    public sealed interface Event {}

    /** Bytes written at an offset; not to be changed. */
    public record Write(long offset, byte[] bytes) implements Event {}

    /** Everything before was forced to stable storage. */
    public record Force() implements Event {}

    public RecordingImageFile(ImageFile below) {
        super(below);
    }

    /** What was done so far. */
    public List<Event> events() {
        return List.copyOf(events);
    }

    /** The writes among {@link #events()}. */
    public List<Write> writes() {
        return events.stream()
                .filter(Write.class::isInstance)
                .map(Write.class::cast)
                .toList();
    }

    @Override
    public void write(ByteBuffer source, long offset) throws StateferryException {
        byte[] bytes = new byte[source.remaining()];
        source.duplicate().get(bytes);
        below.write(source, offset);
        events.add(new Write(offset, bytes));
    }

    @Override
    public void force() throws StateferryException {
        below.force();
        events.add(new Force());
    }

    @Override
    public void truncate(long size) {
        throw new UnsupportedOperationException("a recording cannot replay a cut");
    }
}
