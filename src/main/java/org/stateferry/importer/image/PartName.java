package org.stateferry.importer.image;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.host.FileStatus;

/**
 * The name under which a new image lies until it is complete. It follows from the image's own, so that a later run finds
 * it, and lies in the same folder, so that nothing has to be copied in the end.
 */
public final class PartName {
    private static final String SUFFIX = ".stateferry-part";
    /** Linux's {@code NAME_MAX}, in bytes. */
    private static final int SIZE_MAX = 255;

    private static final int DIGEST_DIGITS = 32;

    private PartName() {}

    /** Where an image is made. */
    public static Path of(Path image) {
        String name = image.getFileName().toString();
        String part = "." + name + SUFFIX;
        return image.resolveSibling(
                part.getBytes(StandardCharsets.UTF_8).length <= SIZE_MAX
                        ? part
                        : "." + JournalFiles.digest(name).substring(0, DIGEST_DIGITS) + SUFFIX);
    }

    /**
     * Why a file with a part's name is not to be trusted, in words; null if this user has made it and nobody else could write to
     * it since. In a folder that others may write to, anything can have that name.
     */
    public static @Nullable String objection(FileStatus found) throws IOException {
        if (!found.isRegular()) {
            return "it is " + found.type().words();
        }
        if (!found.isOurs()) {
            return "it belongs to another user (" + found.owner() + ")";
        }
        return found.isWritableByOthers() ? "others may write to it (mode " + found.mode() + ")" : null;
    }

    /** How a part is called that lies beside the image that it was to become. */
    static String leftOver(Path part) {
        return "the file " + part + ", left by an import that was making the image,";
    }
}
