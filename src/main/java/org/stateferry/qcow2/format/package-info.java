/** One type for each on-disk structure of qcow2, named as the specification names it. No input or output. */
@NullMarked
package org.stateferry.qcow2.format;

import org.jspecify.annotations.NullMarked;
