/** The image engine: opens and validates a qcow2 image, walks its references, allocates free clusters, publishes a snapshot with one header write, and checks. */
@NullMarked
package org.stateferry.qcow2;

import org.jspecify.annotations.NullMarked;
