/** What is proven to be on disk, and what is intended, in one file for each image under the home. */
@NullMarked
package org.stateferry.journal;

import org.jspecify.annotations.NullMarked;
