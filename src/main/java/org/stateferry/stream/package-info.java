/** The QEMU migration stream: header, configuration, RAM records, sections, vmdescription. */
@NullMarked
package org.stateferry.stream;

import org.jspecify.annotations.NullMarked;
