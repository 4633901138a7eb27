package org.stateferry.source;

/**
 * What is to be taken from a dump's file.
 *
 * @param format the format, or {@link DumpFormat#AUTO} to recognise it
 * @param offset where in the file the saved state begins, in bytes; of a pipe, how many bytes are passed over
 */
public record DumpChoice(DumpFormat format, long offset) {
    /** A state that begins with the file, in a format that is recognised. */
    public static final DumpChoice ANY = new DumpChoice(DumpFormat.AUTO, 0);

    public DumpChoice {
        if (offset < 0) {
            throw new IllegalArgumentException("offset " + offset);
        }
    }
}
