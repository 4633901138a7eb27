/**
 * Looks into a stream from its first byte to its last and tells what is in it: sections, pages with their checksums, fields of
 * devices, and the content of the guest's RAM. Walks by the rules of {@link org.stateferry.stream}, which knows nothing of it.
 */
@NullMarked
package org.stateferry.stream.inspection;

import org.jspecify.annotations.NullMarked;
