package org.stateferry.service;

import java.util.Locale;

/** How a firing of a definition ended. */
enum Ending {
    /** The snapshot was written. */
    IMPORTED,
    /** The image held it already. */
    ALREADY_IMPORTED,
    /** There was no dump to import. */
    NO_DUMP,
    /** It was stopped, or the service ended first; the import goes on at the next firing. */
    STOPPED,
    /** Its window is closed; the import goes on when that opens. */
    WINDOW_CLOSED,
    /** The import failed; it is tried again at a later firing. */
    FAILED,
    /** It has failed before, and it is too early to try again. */
    HELD_BACK;

    /** The value of the metric tag {@code outcome}. */
    String tag() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
