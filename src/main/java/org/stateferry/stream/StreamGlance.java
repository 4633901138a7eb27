package org.stateferry.stream;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * The head of a stream, up to its list of RAM blocks or to the first thing that no snapshot can load.
 *
 * @param facts what was read; version 3 and a page size of 4096 bytes if the stream ended before it told
 * @param obstacle why the list of RAM blocks could not be read to its end, or null
 */
public record StreamGlance(StreamFacts facts, @Nullable StateferryException obstacle) {}
