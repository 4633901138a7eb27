/** Bounds-checked big-endian access, alignment arithmetic, and the library for zstd. */
@NullMarked
package org.stateferry.bytes;

import org.jspecify.annotations.NullMarked;
