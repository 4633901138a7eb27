/** How a running import is shown. */
@NullMarked
package org.stateferry.cli.progress;

import org.jspecify.annotations.NullMarked;
