/**
 * The benchmark of the import: real migration streams, written by Stateferry and by everything else that could be used
 * in its place, in turn, on one machine. Started by {@code src/bench/run.sh}. Nothing here is asserted; it measures.
 */
@NullMarked
package org.stateferry.bench;

import org.jspecify.annotations.NullMarked;
