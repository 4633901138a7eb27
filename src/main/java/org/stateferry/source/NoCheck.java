package org.stateferry.source;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.stream.StreamCheck;

/** A check that accepts everything: for opaque dumps, and for dumps that their reader checks. */
enum NoCheck implements StreamCheck {
    /** The only instance; it has no state. */
    INSTANCE;

    @Override
    public void accept(ByteBuffer piece) {}

    @Override
    public void finish() {}

    @Override
    public byte[] save() {
        return new byte[0];
    }

    @Override
    public boolean guestRanOn() {
        return false;
    }

    @Override
    public @Nullable Unchecked unchecked() {
        return null;
    }
}
