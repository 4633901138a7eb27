/** What tests are built from: QEMU's own tools as judges, small guests, and the launcher as an operator runs it. */
@NullMarked
package org.stateferry.testing;

import org.jspecify.annotations.NullMarked;
