/** States whose RAM lies at fixed places of the file (migration capability mapped-ram), and what can be made of them. */
@NullMarked
package org.stateferry.source.mapped;

import org.jspecify.annotations.NullMarked;
