package org.stateferry.source;

import org.jspecify.annotations.Nullable;
import org.stateferry.source.codec.Codec;

/**
 * The form that a dump comes in.
 *
 * @param container what the stream lies in
 * @param codec what it is compressed with, or null if it is not
 * @param pipe whether it comes through a pipe, so that it can be read only once
 */
public record DumpForm(Container container, @Nullable Codec codec, boolean pipe) {
    /** What a stream can lie in. */
    public enum Container {
        /** Nothing but the stream. */
        STREAM,
        /** Any bytes, of which nothing is known. */
        OPAQUE,
        /** A libvirt save file. */
        LIBVIRT
    }

    /** The form of a file that holds a container which is not compressed. */
    static DumpForm of(Container container) {
        return new DumpForm(container, null, false);
    }
}
