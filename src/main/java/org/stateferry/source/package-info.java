/** The forms a dump can come in: detection, and the pieces of the migration stream it holds. */
@NullMarked
package org.stateferry.source;

import org.jspecify.annotations.NullMarked;
