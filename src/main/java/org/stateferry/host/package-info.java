/** What the machine offers that Java has no call for: the size of its memory, and what Linux can do with an open file. */
@NullMarked
package org.stateferry.host;

import org.jspecify.annotations.NullMarked;
