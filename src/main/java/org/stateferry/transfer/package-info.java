/** From pieces to the image: pooled cluster-aligned buffers, aggregation, bounded asynchronous writes, and the journal. */
@NullMarked
package org.stateferry.transfer;

import org.jspecify.annotations.NullMarked;
