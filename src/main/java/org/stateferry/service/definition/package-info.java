/** What a definition says beyond the import itself: where dumps come from, when imports may run, and what is kept of them. */
@NullMarked
package org.stateferry.service.definition;

import org.jspecify.annotations.NullMarked;
