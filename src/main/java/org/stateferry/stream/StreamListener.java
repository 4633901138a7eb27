package org.stateferry.stream;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;

/** Is told of the parts of a stream as they are passed. Offsets are in bytes from the start of the stream. */
public interface StreamListener {
    /** Hears nothing. */
    StreamListener NONE = new StreamListener() {};

    /**
     * The configuration section ends; not told of a stream that has none.
     *
     * @param offset behind it
     */
    default void configured(long offset) {}

    /**
     * A section with a head begins.
     *
     * @param offset of its head
     */
    default void begins(SectionType type, SectionHead head, long offset) throws StateferryException {}

    /** A section that has begun before goes on. */
    default void goesOn(SectionType type, long sectionId, long offset) throws StateferryException {}

    /** The payload of the section ends; it may be told twice. */
    default void payloadEnds(long offset) throws StateferryException {}

    /**
     * A section has been passed.
     *
     * @param type START, PART, END or FULL
     * @param name the device's id string
     * @param extent the section with its footer, if it has one
     */
    default void passed(SectionType type, long sectionId, String name, StreamFacts.Extent extent) {}

    /**
     * A record of a RAM page.
     *
     * @param block the index of its block in the list of RAM blocks
     * @param kind one of {@link RamFlag}
     * @param contentOffset where what follows the record's head lies: the bytes of the page, if it is a {@link RamFlag#PAGE}
     */
    default void page(int block, long pageOffset, int kind, long contentOffset) throws StateferryException {}

    /**
     * A part of the page whose record came last changes (a record of {@link RamFlag#XBZRLE} may have several); its bytes come next.
     *
     * @param offset in the page, in bytes
     */
    default void changes(int offset, int size) {}

    /** Bytes were passed without being looked at: those of a page, or of another payload of known length. */
    default void skipped(ByteBuffer bytes) {}
}
