/** What is proven to be on disk, and what is intended, in a file beside the image. */
@NullMarked
package org.stateferry.journal;

import org.jspecify.annotations.NullMarked;
