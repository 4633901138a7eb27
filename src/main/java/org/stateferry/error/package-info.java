/** What can go wrong: the failure kinds and the one exception family. Depends on the JDK only. */
@NullMarked
package org.stateferry.error;

import org.jspecify.annotations.NullMarked;
