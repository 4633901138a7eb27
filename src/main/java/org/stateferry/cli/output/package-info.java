/** What commands print. */
@NullMarked
package org.stateferry.cli.output;

import org.jspecify.annotations.NullMarked;
