/** The import as a Spring Batch job, and nothing else: job, steps, reader, writer, listener, context. */
@NullMarked
package org.stateferry.batch;

import org.jspecify.annotations.NullMarked;
