/** From pieces to the image: pooled cluster-aligned buffers, aggregation, bounded asynchronous writes, and their rate. */
@NullMarked
package org.stateferry.transfer;

import org.jspecify.annotations.NullMarked;
