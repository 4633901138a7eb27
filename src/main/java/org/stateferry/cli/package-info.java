/** The command line: commands, progress, exit codes. */
@NullMarked
package org.stateferry.cli;

import org.jspecify.annotations.NullMarked;
