package org.stateferry.host;

import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Recognises system errors by their message text, because Java passes on nothing else. The text is that of strerror(3),
 * which is in the language of the process's locale where the C library knows it.
 */
public final class SystemTexts {
    private static final int EFBIG = 27;
    private static final int ENOSPC = 28;
    private static final int EDQUOT = 122;

    private static final List<String> NO_SPACE = Stream.concat(
                    Stream.of("no space left on device", "disk quota exceeded", "file too large"),
                    Libc.isAvailable() ? Stream.of(ENOSPC, EDQUOT, EFBIG).map(Libc::strerror) : Stream.empty())
            .map(SystemTexts::fold)
            .toList();

    private SystemTexts() {}

    /** Whether a file system, a quota or a file size limit has no room. */
    public static boolean isNoSpace(String text) {
        return NO_SPACE.contains(fold(text));
    }

    private static String fold(String text) {
        return text.toLowerCase(Locale.ROOT);
    }
}
