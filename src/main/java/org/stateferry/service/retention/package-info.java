/** The snapshots that definitions have made: which of them are kept, and whether they still read back as they were written. */
@NullMarked
package org.stateferry.service.retention;

import org.jspecify.annotations.NullMarked;
