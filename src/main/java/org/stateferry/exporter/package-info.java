/** The way back: the state that a snapshot holds as a file of its own. */
@NullMarked
package org.stateferry.exporter;

import org.jspecify.annotations.NullMarked;
