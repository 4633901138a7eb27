package org.stateferry.source;

import org.jspecify.annotations.Nullable;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFacts;

/**
 * The facts about a stream that are known only after reading it to its end.
 *
 * @param length its length in bytes
 * @param facts what it says about its machine, or null for opaque bytes
 * @param surplus how many bytes follow it that are not part of it, padding of zeros not counted; not all may have been counted
 * @param unchecked the part of it that could not be checked, or null if all of it was
 * @param guestRanOn whether the guest ran on while it was saved
 */
public record StreamEnd(
        long length,
        @Nullable StreamFacts facts,
        long surplus,
        StreamCheck.@Nullable Unchecked unchecked,
        boolean guestRanOn) {}
