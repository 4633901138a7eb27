package org.stateferry.importer.step;

/** What an import still has to do. The images alone decide: a job repository may be lost, behind or ahead. */
public enum RemainingWork {
    /** The image holds this very vmstate under the name, and every other disk a snapshot of that name. */
    NOTHING,
    /** The image holds this very vmstate under the name; at least one of the other disks lacks its snapshot. */
    OTHER_DISKS,
    /** The image does not hold this vmstate under the name. */
    EVERYTHING
}
