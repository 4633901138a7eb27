package org.stateferry.stream;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;

/**
 * Offers pieces of a stream to an {@link ElementInput} one after the other, and keeps the beginning of an element that
 * continues in the next piece. Not thread-safe.
 */
final class PieceElements {
    private static final int CARRY_SIZE = 2 * ElementInput.ELEMENT_SIZE_MAX;

    private final ElementInput in;
    /** What is kept, from 0 to the position. */
    private final ByteBuffer carry = ByteBuffer.allocate(CARRY_SIZE);

    /** Takes as many elements as are at hand. */
    @FunctionalInterface
    interface Walk {
        void run() throws StateferryException;
    }

    PieceElements(ElementInput in) {
        this.in = in;
    }

    /** Takes the next piece, whose position and limit stay as they are; {@code walk} is called as often as necessary. */
    void accept(ByteBuffer piece, Walk walk) throws StateferryException {
        ByteBuffer view = piece.slice();
        while (carry.position() > 0 && view.hasRemaining()) {
            completeCarried(view, walk);
        }
        if (view.hasRemaining()) {
            in.offer(view);
            walk.run();
            carry.put(view);
        }
    }

    /** Reads the carried bytes and as many new ones as their element may need. */
    private void completeCarried(ByteBuffer view, Walk walk) throws StateferryException {
        int held = carry.position();
        int borrowed = Math.min(carry.remaining(), view.remaining());
        carry.put(view.slice(view.position(), borrowed)).flip();
        in.offer(carry);
        walk.run();
        if (carry.position() < held) {
            // What is left of the carried bytes is still incomplete: all borrowed bytes belong to it.
            view.position(view.position() + borrowed);
            carry.compact();
        } else {
            view.position(view.position() + carry.position() - held);
            carry.clear();
        }
    }

    /** Lets {@code walk} see what is kept once more, as all that will ever come. */
    void end(Walk walk) throws StateferryException {
        in.setLast();
        in.offer(carry.flip());
        walk.run();
        carry.compact();
    }

    /** How many bytes of the stream were accepted, those kept included. */
    long accepted() {
        return in.offset() + carry.position();
    }

    void save(DataOutputStream out) throws IOException {
        out.writeShort(carry.position());
        out.write(carry.array(), 0, carry.position());
    }

    void restore(DataInputStream saved) throws IOException {
        carry.put(saved.readNBytes(saved.readShort()));
    }
}
