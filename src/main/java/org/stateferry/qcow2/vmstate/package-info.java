/** The vmstate of a snapshot: its clusters are written, plain or compressed, and read back. */
@NullMarked
package org.stateferry.qcow2.vmstate;

import org.jspecify.annotations.NullMarked;
