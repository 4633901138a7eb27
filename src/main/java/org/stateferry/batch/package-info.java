/** The import as a Spring Batch job: session, identity, steps, recovery, repository. */
@NullMarked
package org.stateferry.batch;

import org.jspecify.annotations.NullMarked;
