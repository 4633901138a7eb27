/**
 * End to end: the whole program on real files, judged by QEMU's own tools and by guests that go on. The built program runs,
 * as an operator runs it, where a process makes a difference: kills, signals, locks, limits, services, and each way to
 * end. Elsewhere the same command lines run in this JVM.
 */
@NullMarked
package org.stateferry.e2e;

import org.jspecify.annotations.NullMarked;
