/** The formats of dumps: detects them, and reads the migration stream that a dump holds. */
@NullMarked
package org.stateferry.source;

import org.jspecify.annotations.NullMarked;
