/** The only place that opens image files: the image-file seam, the registry of open files, and the image lock. */
@NullMarked
package org.stateferry.storage;

import org.jspecify.annotations.NullMarked;
