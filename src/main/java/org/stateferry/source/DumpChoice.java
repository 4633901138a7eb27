package org.stateferry.source;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which part of a dump's file to read, and in which format. Another layout, or another section left out, makes other
 * bytes of the same dump, which then have another fingerprint.
 *
 * @param format the format, or {@link DumpFormat#AUTO} to recognise it
 * @param offset where in the file the saved state begins, in bytes; of a pipe, how many bytes are passed over
 * @param ramLayout how the guest's memory is to lie in the stream; of no meaning for opaque dumps
 * @param dropSections the id strings of sections that are to be left out
 * @param fromSnapshot the name of a snapshot whose state is the dump, and the file is its qcow2 image; null for a dump that is
 *     the file
 */
public record DumpChoice(
        DumpFormat format,
        long offset,
        RamLayout ramLayout,
        List<String> dropSections,
        @Nullable String fromSnapshot) {
    /** A state that begins with the file, in a format that is recognised. */
    public static final DumpChoice ANY = new DumpChoice(DumpFormat.AUTO, 0);

    public DumpChoice {
        if (offset < 0) {
            throw new IllegalArgumentException("offset " + offset);
        }
        dropSections = List.copyOf(dropSections);
    }

    /** A state with all its sections, as a plain stream. */
    public DumpChoice(DumpFormat format, long offset) {
        this(format, offset, RamLayout.PLAIN, List.of());
    }

    /** What is taken from a file that is the dump. */
    public DumpChoice(DumpFormat format, long offset, RamLayout ramLayout, List<String> dropSections) {
        this(format, offset, ramLayout, dropSections, null);
    }

    /** The same of a state that begins elsewhere in the file. */
    DumpChoice at(long otherOffset) {
        return new DumpChoice(format, otherOffset, ramLayout, dropSections, fromSnapshot);
    }

    /** Whether the stream is to be changed on its way, or may have to be. */
    boolean wantsChange() {
        return ramLayout != RamLayout.PLAIN || !dropSections.isEmpty();
    }
}
