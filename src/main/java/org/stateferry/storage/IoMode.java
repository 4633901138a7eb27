package org.stateferry.storage;

/** How the vmstate's data reaches the image file. Metadata always goes through the page cache. */
public enum IoMode {
    /** Chosen by a rule that the program states in one line when it starts. */
    AUTO,
    /** Through the operating system's page cache. */
    CACHED,
    /** Past the page cache ({@code O_DIRECT}). */
    DIRECT,
    /** Not at all where it can be avoided: the file system lets the image have the dump's blocks as well. */
    REFLINK
}
