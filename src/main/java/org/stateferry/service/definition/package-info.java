/**
 * What a definition says beyond the import itself: where dumps come from, when imports may run, and what is kept of them; and the queue
 * in which all imports of a service wait for their turn.
 */
@NullMarked
package org.stateferry.service.definition;

import org.jspecify.annotations.NullMarked;
