package org.stateferry.storage;

import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.stateferry.host.FileOwner;
import org.stateferry.host.FileStatus;
import org.stateferry.host.Umask;

/**
 * Who may do what with an image that an import makes.
 *
 * @param mode its permissions, a subset of 0666; or null for those of the dump, as far as {@link #modeFor} grants them
 * @param owner whom it belongs to, as {@link FileOwner} reads it; or null for the user who runs the import
 */
public record ImageRights(@Nullable Integer mode, @Nullable String owner) {
    /** Nothing is asked for. */
    public static final ImageRights OF_DUMP = new ImageRights(null, null);

    private static final int READ_AND_WRITE = 0666;
    private static final int OWNERS = 0600;
    private static final int GROUPS = 060;
    private static final int OTHERS = 06;
    private static final int BITS = 3;
    private static final Pattern OCTAL = Pattern.compile("0?[0-7]{3}");

    /** @throws IllegalArgumentException if the mode is none that an image can have; its message is fit for an operator */
    public ImageRights {
        if (mode != null) {
            requireForImage(mode);
        }
    }

    private static void requireForImage(int mode) {
        if ((mode & ~READ_AND_WRITE) != 0 || (mode & OWNERS) != OWNERS) {
            throw new IllegalArgumentException("a mode of " + String.format(Locale.ROOT, "%03o", mode)
                    + " is not one for an image, which its owner reads and writes and nobody executes: 600 to 666");
        }
    }

    /**
     * Reads the permissions as chmod(1) takes them.
     *
     * @throws IllegalArgumentException if they are not for an image; its message is fit for an operator
     */
    public static int parseMode(String text) {
        if (!OCTAL.matcher(text).matches()) {
            throw new IllegalArgumentException("'" + text + "' is not a mode of three octal digits, such as 0640");
        }
        int mode = Integer.parseInt(text, 8);
        requireForImage(mode);
        return mode;
    }

    /**
     * Checks that there are such a user and group.
     *
     * @return the same text
     * @throws IllegalArgumentException if not; its message is fit for an operator
     */
    public static String parseOwner(String text) {
        return FileOwner.parse(text).toString();
    }

    /**
     * The permissions of an image that is made of a dump, or of a file that is made of an image: only those may read or write it
     * who may do so with the dump, less what the user's umask takes away. The image's owner may always do both.
     *
     * @param group whom the image belongs to
     */
    public int modeFor(FileStatus dump, int group) {
        return mode != null ? mode : modeFor(dump, group, Umask.atStart());
    }

    static int modeFor(FileStatus dump, int group, int umask) {
        if (!dump.isRegular()) {
            return OWNERS;
        }
        if (dump.hasAcl()) {
            // With an access control list, the group bits are its mask: the most that it grants to anybody.
            return OWNERS;
        }
        int ofGroup = dump.permissions() & GROUPS;
        int ofOthers = dump.permissions() & OTHERS;
        // What only others may do is denied to the dump's group, whose members are among the others here.
        int ofAll = ofGroup >> BITS & ofOthers;
        // If the image has another group, its members are known to have no more rights than everybody.
        int granted = dump.group() == group ? ofGroup | ofAll : ofAll << BITS | ofAll;
        return OWNERS | (granted & ~umask);
    }
}
