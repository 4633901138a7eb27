package org.stateferry.stream;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * What the head of a stream tells, up to its list of RAM blocks or to the first thing there that no snapshot can load.
 *
 * @param facts what was read; version 3 and a page size of 4096 where the stream did not come to tell
 * @param obstacle why the reading ended before the list of RAM blocks was complete, or null
 */
public record StreamGlance(StreamFacts facts, @Nullable StateferryException obstacle) {}
