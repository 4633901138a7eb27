package org.stateferry.source;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.stream.StreamCheck;

/** The check of an opaque dump, and of one that whoever reads it checks: it accepts everything. */
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
