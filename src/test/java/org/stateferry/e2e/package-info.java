/** End to end: the built program, run as an operator runs it, judged by QEMU's own tools and by guests that go on. */
@NullMarked
package org.stateferry.e2e;

import org.jspecify.annotations.NullMarked;
