/** Bounds-checked big-endian access and alignment arithmetic. */
@NullMarked
package org.stateferry.bytes;

import org.jspecify.annotations.NullMarked;
