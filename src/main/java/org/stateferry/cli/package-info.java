/** The command line: commands, how they run, exit codes. */
@NullMarked
package org.stateferry.cli;

import org.jspecify.annotations.NullMarked;
