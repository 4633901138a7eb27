/**
 * What the machine offers that Java has no call for: the size of its memory, opening files safely, what Linux can do with an
 * open file, and who else has it open.
 */
@NullMarked
package org.stateferry.host;

import org.jspecify.annotations.NullMarked;
