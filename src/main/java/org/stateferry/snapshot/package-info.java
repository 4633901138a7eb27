/** An image's snapshots, managed offline: found as an operator names them, deleted and renamed with one header write. */
@NullMarked
package org.stateferry.snapshot;

import org.jspecify.annotations.NullMarked;
